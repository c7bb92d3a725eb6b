// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <md_platform.h>

#include "md_region.h"
#include "slot.h"
#include "table.h"

static bool range_is_valid(const struct md_table *table,
			   const struct md_region *region)
{
	if (region->virt == 0)
		return false;
	if (region->size == 0 || region->size % MD_REGION_ALIGN != 0)
		return false;
	return md_table_reaches(table, region->virt, region->size) &&
	       md_table_reaches(table, region->phys, region->size);
}

/* Whether the core file can end behind so many bytes at that offset. */
static bool file_has_room(const struct md_table *table, __u64 offset,
			  __u64 size)
{
	return md_table_reaches(table, offset, size + 1);
}

static void slot_fill(struct md_slot *slot, const struct md_region *region)
{
	slot->virt = region->virt;
	slot->phys = region->phys;
	slot->size = region->size;
}

static void slot_name(struct md_slot *slot, const struct md_region *region)
{
	memset(slot->name, 0, MD_NAME_SIZE);
	memcpy(slot->name, region->name, strlen(region->name));
	slot->seq = region->seq;
}

int md_region_register(struct md_table *table, const struct md_region *region,
		       __u64 *handle)
{
	char full[MD_NAME_SIZE];
	struct md_slot *slot;
	int error = md_name_compose(region->name, region->seq, full);

	if (error)
		return error;
	if (!range_is_valid(table, region))
		return -EINVAL;
	if (md_slot_find(table, full))
		return -EEXIST;
	if (table->count == table->capacity ||
	    !file_has_room(table, table->file_size, region->size))
		return -ENOSPC;
	slot = md_slot_take(table, full);
	slot_name(slot, region);
	slot_fill(slot, region);
	slot->offset = table->file_size;
	table->file_size += region->size;
	md_table_change(table, table->count - 1, slot->index, table->count);
	*handle = md_slot_handle(table, slot);
	return 0;
}

int md_region_update(struct md_table *table, __u64 handle,
		     const struct md_region *region)
{
	struct md_slot *slot = md_slot_of(table, handle);
	__u64 offset;

	if (!slot)
		return -ENOENT;
	if (!range_is_valid(table, region))
		return -EINVAL;
	offset = slot->offset;
	if (region->size != slot->size &&
	    offset + slot->size != table->file_size)
		offset = table->file_size;
	if (!file_has_room(table, offset, region->size))
		return -ENOSPC;
	/* Only at the end of the file can the end have moved. */
	if (region->size != slot->size)
		table->file_size = offset + region->size;
	slot_fill(slot, region);
	slot->offset = offset;
	md_table_change(table, table->count, slot->index, slot->index + 1);
	return 0;
}

int md_region_unregister(struct md_table *table, __u64 handle)
{
	struct md_slot *slot = md_slot_of(table, handle);
	__u32 index;
	__u32 moved;

	if (!slot)
		return -ENOENT;
	index = slot->index;
	md_slot_release(table, slot);
	moved = md_table_pack(table);
	md_table_change(table, table->count + 1, moved < index ? moved : index,
			table->count);
	return 0;
}

void md_table_compact(struct md_table *table)
{
	__u32 moved = md_table_pack(table);

	if (moved < table->count)
		md_table_change(table, table->count, moved, table->count);
}

int md_region_find(const struct md_table *table, const char *name,
		   __u64 *handle)
{
	char full[MD_NAME_SIZE];
	const struct md_slot *slot;

	if (md_name_compose(name, 0, full))
		return -ENOENT;
	slot = md_slot_find(table, full);
	if (!slot)
		return -ENOENT;
	*handle = md_slot_handle(table, slot);
	return 0;
}

int md_region_get(const struct md_table *table, __u64 handle,
		  struct md_region *region)
{
	const struct md_slot *slot = md_slot_of(table, handle);

	if (!slot)
		return -ENOENT;
	*region = (struct md_region){
		.name = slot->name,
		.seq = slot->seq,
		.virt = slot->virt,
		.phys = slot->phys,
		.size = slot->size,
	};
	return 0;
}

int md_region_at(const struct md_table *table, __u32 index, __u64 *handle)
{
	if (index >= table->count)
		return -ENOENT;
	*handle = md_slot_handle(table, &table->slots[table->order[index]]);
	return 0;
}
