// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <md_platform.h>

#include "slot.h"

__u32 md_bucket_count(__u32 capacity)
{
	__u32 count = 4;

	while (count < 2 * capacity)
		count *= 2;
	return count;
}

__u64 md_storage_size(__u32 capacity)
{
	return (__u64)capacity * (sizeof(struct md_slot) + sizeof(__u32)) +
	       (__u64)md_bucket_count(capacity) * sizeof(__u32);
}

void md_slots_init(struct md_table *table, void *storage)
{
	__u32 buckets = md_bucket_count(table->capacity);
	__u32 i;

	table->slots = storage;
	table->order = (__u32 *)(table->slots + table->capacity);
	table->buckets = table->order + table->capacity;
	table->bucket_mask = buckets - 1;
	memset(storage, 0, md_storage_size(table->capacity));
	memset(table->buckets, 0xff, buckets * sizeof(__u32));
	for (i = 0; i < table->capacity; i++)
		table->slots[i].next_free = i + 1;
	table->slots[table->capacity - 1].next_free = MD_SLOT_NONE;
	table->free_slot = 0;
}

struct md_slot *md_slot_of(const struct md_table *table, __u64 handle)
{
	__u32 number = (__u32)handle;
	__u32 generation = (__u32)(handle >> 32);

	if (number >= table->capacity || generation % 2 == 0 ||
	    table->slots[number].generation != generation)
		return NULL;
	return &table->slots[number];
}

__u64 md_slot_handle(const struct md_table *table, const struct md_slot *slot)
{
	return (__u64)slot->generation << 32 | (__u64)(slot - table->slots);
}

/* Mixes the first 12 bytes, all that a full name has. */
static __u32 name_hash(const char full[MD_NAME_SIZE])
{
	__u64 head;
	__u32 tail;

	memcpy(&head, full, sizeof(head));
	memcpy(&tail, full + sizeof(head), sizeof(tail));
	head = (head ^ (__u64)tail << 17) * 0x9e3779b97f4a7c15ull;
	head = (head ^ head >> 29) * 0xbf58476d1ce4e5b9ull;
	return (__u32)(head >> 32);
}

/* The bucket that holds the name, or the empty one where it would go. */
static __u32 bucket_of(const struct md_table *table,
		       const char full[MD_NAME_SIZE])
{
	__u32 bucket = name_hash(full) & table->bucket_mask;

	while (table->buckets[bucket] != MD_SLOT_NONE &&
	       memcmp(table->slots[table->buckets[bucket]].full, full,
		      MD_NAME_SIZE) != 0)
		bucket = (bucket + 1) & table->bucket_mask;
	return bucket;
}

struct md_slot *md_slot_find(const struct md_table *table,
			     const char full[MD_NAME_SIZE])
{
	__u32 number = table->buckets[bucket_of(table, full)];

	return number == MD_SLOT_NONE ? NULL : &table->slots[number];
}

struct md_slot *md_slot_take(struct md_table *table,
			     const char full[MD_NAME_SIZE])
{
	__u32 number = table->free_slot;
	struct md_slot *slot = &table->slots[number];

	table->free_slot = slot->next_free;
	memcpy(slot->full, full, MD_NAME_SIZE);
	slot->generation++;
	slot->index = table->count;
	table->order[table->count++] = number;
	table->buckets[bucket_of(table, full)] = number;
	return slot;
}

/* Empty a bucket, and move up what was pushed past it. */
static void bucket_clear(struct md_table *table, __u32 hole)
{
	__u32 mask = table->bucket_mask;
	__u32 bucket = hole;

	table->buckets[hole] = MD_SLOT_NONE;
	while (table->buckets[bucket = (bucket + 1) & mask] != MD_SLOT_NONE) {
		__u32 number = table->buckets[bucket];
		__u32 home = name_hash(table->slots[number].full) & mask;

		/* It stays if its home lies behind the hole. */
		if (((bucket - home) & mask) < ((bucket - hole) & mask))
			continue;
		table->buckets[hole] = number;
		table->buckets[bucket] = MD_SLOT_NONE;
		hole = bucket;
	}
}

void md_slot_release(struct md_table *table, struct md_slot *slot)
{
	__u32 i;

	bucket_clear(table, bucket_of(table, slot->full));
	table->count--;
	for (i = slot->index; i < table->count; i++) {
		table->order[i] = table->order[i + 1];
		table->slots[table->order[i]].index = i;
	}
	memset(slot->full, 0, MD_NAME_SIZE);
	slot->generation++;
	slot->next_free = table->free_slot;
	table->free_slot = (__u32)(slot - table->slots);
}
