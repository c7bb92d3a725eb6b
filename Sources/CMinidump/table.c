// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <md_platform.h>

#include "md_elf.h"
#include "header.h"
#include "slot.h"
#include "table.h"

static bool is_aligned(const void *at)
{
	return at && (unsigned long)at % sizeof(__u64) == 0;
}

bool md_table_reaches(const struct md_table *table, __u64 start, __u64 size)
{
	__u64 last = start + size - 1;

	if (last < start)
		return false;
	return table->elf_class == MD_ELF_CLASS64 || last <= 0xffffffffu;
}

static bool copy_is_valid(const struct md_table *table,
			  const struct md_copy *copy)
{
	__u64 bytes = table->layout.header_size;

	return is_aligned(copy->regions) && is_aligned(copy->header) &&
	       md_table_reaches(table, copy->header_phys, bytes) &&
	       md_table_reaches(table, copy->header_virt, bytes) &&
	       copy->regions_phys != 0;
}

static void region_put(struct minidump_region *to, const char *name, __u32 seq,
		       __u64 phys, __u64 size)
{
	struct minidump_region region = {
		.seq_num = cpu_to_le32(seq),
		.valid = cpu_to_le32(MD_REGION_VALID),
		.address = cpu_to_le64(phys),
		.size = cpu_to_le64(size),
	};

	memcpy(region.name, name, MD_NAME_SIZE);
	md_store_bytes(to, &region, sizeof(region));
	md_clean(to, sizeof(region));
}

static void copy_init(const struct md_table *table, const struct md_copy *copy,
		      const struct md_format *format)
{
	static const char name[MD_NAME_SIZE] = MD_NAME_HEADER;

	md_clear_bytes(copy->regions, table->layout.table_size);
	md_clean(copy->regions, table->layout.table_size);
	region_put(&copy->regions[0], name, 0, copy->header_phys,
		   table->layout.header_size);
	md_header_init(table, copy, format);
}

static void copy_change(const struct md_table *table,
			const struct md_copy *copy, __u32 first, __u32 end)
{
	const struct md_slot *slot;
	__u32 i;

	for (i = first; i < end; i++) {
		slot = &table->slots[table->order[i]];
		region_put(&copy->regions[1 + i], slot->name, slot->seq,
			   slot->phys, slot->size);
		md_header_put(table, copy, slot);
	}
	md_header_count(table, copy);
}

/* Leave nothing of the region that was the last one. */
static void copy_shrink(const struct md_table *table,
			const struct md_copy *copy)
{
	struct minidump_region *last = &copy->regions[1 + table->count];

	md_clear_bytes(last, sizeof(*last));
	md_clean(last, sizeof(*last));
	md_header_clear(table, copy, table->count);
}

/* The one store that counts is that of regions_baseptr. */
static void table_turn(struct md_table *table, __u32 before)
{
	struct minidump_subsystem *subsystem = table->subsystem;
	__u64 phys;

	table->shown ^= 1;
	if (!subsystem)
		return;
	phys = table->copies[table->shown].regions_phys;
	if (table->count > before)
		md_publish32(&subsystem->region_count, 1 + table->count);
	md_publish64(&subsystem->regions_baseptr, phys);
	if (table->count < before)
		md_publish32(&subsystem->region_count, 1 + table->count);
}

void md_table_change(struct md_table *table, __u32 before, __u32 first,
		     __u32 end)
{
	__u32 pass;

	for (pass = 0; pass < 2; pass++) {
		const struct md_copy *hidden = &table->copies[!table->shown];

		copy_change(table, hidden, first, end);
		if (table->count < before)
			copy_shrink(table, hidden);
		if (pass == 0)
			table_turn(table, before);
	}
}

__u32 md_table_pack(struct md_table *table)
{
	__u64 offset = table->layout.header_size;
	__u32 first = table->count;
	__u32 i;

	for (i = 0; i < table->count; i++) {
		struct md_slot *slot = &table->slots[table->order[i]];

		if (slot->offset != offset && first == table->count)
			first = i;
		slot->offset = offset;
		offset += slot->size;
	}
	table->file_size = offset;
	return first;
}

int md_table_init(struct md_table *table, const struct md_format *format,
		  const struct md_memory *memory)
{
	struct md_table fresh = {
		.capacity = format->capacity,
		.elf_class = format->elf_class,
		.copies = {memory->copies[0], memory->copies[1]},
	};
	int error = md_layout_init(format, &fresh.layout);

	if (error)
		return error;
	if (!copy_is_valid(&fresh, &fresh.copies[0]) ||
	    !copy_is_valid(&fresh, &fresh.copies[1]) ||
	    !is_aligned(memory->storage))
		return -EINVAL;
	fresh.file_size = fresh.layout.header_size;
	*table = fresh;
	md_slots_init(table, memory->storage);
	copy_init(table, &table->copies[0], format);
	copy_init(table, &table->copies[1], format);
	return 0;
}

int md_table_show(struct md_table *table, struct minidump_subsystem *subsystem)
{
	if (table->subsystem)
		return -EEXIST;
	md_publish32(&subsystem->enabled, MD_DISABLED);
	md_store32(&subsystem->status, 0);
	md_store32(&subsystem->encryption_required, MD_ENCRYPTION_NOT_REQUIRED);
	md_store32(&subsystem->encryption_status, MD_ENCRYPTION_DONE);
	md_store64(&subsystem->regions_baseptr,
		   table->copies[table->shown].regions_phys);
	md_store32(&subsystem->region_count, 1 + table->count);
	md_store32(&subsystem->status, MD_STATUS_READY);
	md_publish32(&subsystem->enabled, MD_ENABLED);
	table->subsystem = subsystem;
	return 0;
}

void md_table_withdraw(struct md_table *table)
{
	struct minidump_subsystem *subsystem = table->subsystem;

	if (!subsystem)
		return;
	md_publish32(&subsystem->enabled, MD_DISABLED);
	md_store32(&subsystem->status, 0);
	md_store32(&subsystem->region_count, 0);
	md_store64(&subsystem->regions_baseptr, 0);
	md_store32(&subsystem->encryption_required, 0);
	md_store32(&subsystem->encryption_status, 0);
	md_publish32(&subsystem->enabled, 0);
	table->subsystem = NULL;
}
