/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the core remembers of each region, in storage that no reader sees. */
#ifndef MD_SLOT_H
#define MD_SLOT_H

#include "md_region.h"

/* No slot: the end of the free list, an empty bucket. */
#define MD_SLOT_NONE 0xffffffffu

/**
 * struct md_slot - one region, or a place for one
 * @full: the full name, zero-padded
 * @name: the name as it was given
 * @seq: the number that @full ends with, or 0
 * @generation: odd while the slot is taken; in the handle
 * @index: place in the tables, the header not counted
 * @next_free: the next free slot
 * @virt: address in the running kernel
 * @phys: physical address
 * @size: bytes
 * @offset: place in the core file
 */
struct md_slot {
	char full[MD_NAME_SIZE];
	char name[MD_NAME_SIZE];
	__u32 seq;
	__u32 generation;
	__u32 index;
	__u32 next_free;
	__u64 virt;
	__u64 phys;
	__u64 size;
	__u64 offset;
};

/* Buckets for so many regions: a power of two, at most half of them used. */
__u32 md_bucket_count(__u32 capacity);

/* Bytes of slots, order and buckets for so many regions. */
__u64 md_storage_size(__u32 capacity);

/* Divide the storage among the table's arrays and mark all of it free. */
void md_slots_init(struct md_table *table, void *storage);

/* The slot that a handle names; NULL if the region is gone. */
struct md_slot *md_slot_of(const struct md_table *table, __u64 handle);

/* The handle of a taken slot. */
__u64 md_slot_handle(const struct md_table *table, const struct md_slot *slot);

/* The slot of this full name; NULL if there is none. */
struct md_slot *md_slot_find(const struct md_table *table,
			     const char full[MD_NAME_SIZE]);

/* Take a free slot for this full name, at the end of the order. */
struct md_slot *md_slot_take(struct md_table *table,
			     const char full[MD_NAME_SIZE]);

/* Give a slot back; those behind it in the order move up. */
void md_slot_release(struct md_table *table, struct md_slot *slot);

#endif
