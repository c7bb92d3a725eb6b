/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * One subsystem's table: the regions, and the ELF header that names them.
 *
 * Each exists twice. The subsystem's entry points to one copy; a change is
 * made in the other, shown by one 64-bit store to regions_baseptr, and then
 * repeated in the first. The first region of each copy is the ELF header
 * that belongs to it, so a machine that stops at any instruction leaves a
 * reader either everything of a change or nothing. region_count is raised
 * before and lowered after that store: for a moment it covers one more entry,
 * which is all zero and so not valid.
 */
#ifndef MD_TABLE_H
#define MD_TABLE_H

#include <linux/types.h>

#include "md_layout.h"
#include "md_toc.h"

struct md_slot;

/**
 * struct md_copy - one copy of what a reader sees
 * @regions: the region table, md_layout.table_size bytes, 8-aligned
 * @regions_phys: its physical address
 * @header: the header region, md_layout.header_size bytes, 8-aligned
 * @header_phys: its physical address
 * @header_virt: the address that the running kernel has it at
 */
struct md_copy {
	struct minidump_region *regions;
	__u64 regions_phys;
	void *header;
	__u64 header_phys;
	__u64 header_virt;
};

/**
 * struct md_memory - the storage of a table, all of it the caller's
 * @copies: physically contiguous, both of them
 * @storage: md_layout.storage_size bytes, 8-aligned, seen by no reader
 */
struct md_memory {
	struct md_copy copies[2];
	void *storage;
};

/**
 * struct md_table - a table in use; its fields are the core's own
 * @layout: where everything is
 * @capacity: most regions
 * @elf_class: MD_ELF_CLASS32 or MD_ELF_CLASS64
 * @copies: the two copies
 * @shown: which of them the subsystem's entry points to
 * @count: regions registered, the header not counted
 * @file_size: the end of the last region in the core file
 * @subsystem: the entry that shows it, or NULL
 * @slots: what is known of each region, by slot number
 * @order: slot numbers in the order of the tables
 * @buckets: slot numbers by hash of the name
 * @bucket_mask: the number of buckets, less 1
 * @free_slot: first free slot
 */
struct md_table {
	struct md_layout layout;
	__u32 capacity;
	__u32 elf_class;
	struct md_copy copies[2];
	__u32 shown;
	__u32 count;
	__u64 file_size;
	struct minidump_subsystem *subsystem;
	struct md_slot *slots;
	__u32 *order;
	__u32 *buckets;
	__u32 bucket_mask;
	__u32 free_slot;
};

/**
 * md_table_init() - set up a table that holds the header and no region
 * @table: the table
 * @format: as given to md_layout_init()
 * @memory: storage of the sizes that md_layout_init() gave
 *
 * No reader sees it before md_table_show().
 *
 * Return: 0; -EINVAL as md_layout_init(), or for addresses that are NULL,
 * misaligned, or out of the reach of the ELF class.
 */
int md_table_init(struct md_table *table, const struct md_format *format,
		  const struct md_memory *memory);

/**
 * md_table_show() - let the subsystem's entry point to the table
 * @table: the table, not shown yet
 * @subsystem: the entry
 *
 * Whatever the entry showed before is withdrawn first. The regions are
 * declared to need no encryption. enabled is the last field written.
 *
 * Return: 0; -EEXIST if the table is shown already.
 */
int md_table_show(struct md_table *table, struct minidump_subsystem *subsystem);

/**
 * md_table_withdraw() - take the table out of the subsystem's entry
 * @table: the table; one that is not shown stays as it is
 *
 * The entry is disabled first and all zero in the end; then the table's
 * storage may be freed.
 */
void md_table_withdraw(struct md_table *table);

#endif
