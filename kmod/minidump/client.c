// SPDX-License-Identifier: GPL-2.0-only
#include <linux/export.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "minidump.h"
#include "qcom_minidump.h"

/**
 * struct qcom_minidump_handle - a client's region
 * @list: in minidump.handles
 * @count: pieces in the table; 0 once the device is gone
 * @pieces: the core's handles of them
 */
struct qcom_minidump_handle {
	struct list_head list;
	unsigned int count;
	u64 pieces[];
};

int qcom_minidump_ready(void)
{
	int error;

	mutex_lock(&minidump.lock);
	error = minidump.ready;
	mutex_unlock(&minidump.lock);
	return error;
}
EXPORT_SYMBOL_GPL(qcom_minidump_ready);

int qcom_minidump_subsystem_desc(unsigned int index,
				 struct minidump_subsystem **desc)
{
	int error;

	mutex_lock(&minidump.lock);
	error = minidump.ready;
	if (!error)
		error = md_toc_subsystem(&minidump.toc, index, desc);
	mutex_unlock(&minidump.lock);
	return error;
}
EXPORT_SYMBOL_GPL(qcom_minidump_subsystem_desc);

/* Last first: what follows in the table has then not to move. */
static void pieces_unregister(struct qcom_minidump_handle *handle)
{
	while (handle->count > 0)
		md_region_unregister(&minidump.table,
				     handle->pieces[--handle->count]);
}

static int pieces_register(const char *name,
			   const struct minidump_extent *extents,
			   unsigned int count,
			   struct qcom_minidump_handle *handle)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		const struct md_region piece = {
			.name = name,
			.seq = i,
			.virt = extents[i].virt,
			.phys = extents[i].phys,
			.size = extents[i].size,
		};
		int error = md_region_register(&minidump.table, &piece,
					       &handle->pieces[i]);

		if (error) {
			pieces_unregister(handle);
			return error;
		}
		handle->count++;
	}
	return 0;
}

/* All pieces or none; the table must have room before any is shown. */
static int handle_register(const char *name,
			   const struct minidump_extent *extents,
			   unsigned int count,
			   struct qcom_minidump_handle *handle)
{
	int error;

	mutex_lock(&minidump.lock);
	error = minidump.ready;
	if (!error && count > minidump.table.capacity - minidump.table.count)
		error = -ENOSPC;
	if (!error)
		error = pieces_register(name, extents, count, handle);
	if (!error)
		list_add_tail(&handle->list, &minidump.handles);
	mutex_unlock(&minidump.lock);
	return error;
}

/* The extents of a region in memory of their own. */
static int extents_collect(const struct qcom_minidump_region *region,
			   struct minidump_extent **extents,
			   unsigned int *count)
{
	int error = minidump_extents(region->virt_addr, region->size, NULL, 0,
				     count);

	if (error)
		return error;
	if (*count > MD_CAPACITY_MAX)
		return -ENOSPC;
	*extents = kvcalloc(*count, sizeof(**extents), GFP_KERNEL);
	if (!*extents)
		return -ENOMEM;
	return minidump_extents(region->virt_addr, region->size, *extents,
				*count, count);
}

int qcom_minidump_region_register(const struct qcom_minidump_region *region,
				  struct qcom_minidump_handle **handle)
{
	struct qcom_minidump_handle *fresh = NULL;
	struct minidump_extent *extents = NULL;
	unsigned int count = 0;
	int error;

	if (!region || !region->name || !handle)
		return -EINVAL;
	error = qcom_minidump_ready();
	if (error)
		return error;
	error = extents_collect(region, &extents, &count);
	if (error)
		goto free;
	fresh = kvzalloc(struct_size(fresh, pieces, count), GFP_KERNEL);
	error = fresh ? handle_register(region->name, extents, count, fresh)
		      : -ENOMEM;
	if (error)
		kvfree(fresh);
	else
		*handle = fresh;
free:
	kvfree(extents);
	return error;
}
EXPORT_SYMBOL_GPL(qcom_minidump_region_register);

static int piece_update(struct qcom_minidump_handle *handle,
			const struct minidump_extent *extent)
{
	const struct md_region piece = {
		.virt = extent->virt,
		.phys = extent->phys,
		.size = extent->size,
	};
	int error;

	if (minidump.ready || handle->count == 0)
		return -ENODEV;
	if (handle->count > 1)
		return -EINVAL;
	error = md_region_update(&minidump.table, handle->pieces[0], &piece);
	/* Old collectors write one region after the other, without holes. */
	if (!error)
		md_table_compact(&minidump.table);
	return error;
}

int qcom_minidump_region_update(struct qcom_minidump_handle *handle,
				const void *virt_addr, size_t size)
{
	struct minidump_extent extent;
	unsigned int count = 0;
	int error;

	if (!handle)
		return -EINVAL;
	error = minidump_extents(virt_addr, size, &extent, 1, &count);
	if (error)
		return error;
	if (count != 1)
		return -EINVAL;
	mutex_lock(&minidump.lock);
	error = piece_update(handle, &extent);
	mutex_unlock(&minidump.lock);
	return error;
}
EXPORT_SYMBOL_GPL(qcom_minidump_region_update);

void qcom_minidump_region_unregister(struct qcom_minidump_handle *handle)
{
	if (!handle)
		return;
	mutex_lock(&minidump.lock);
	pieces_unregister(handle);
	list_del(&handle->list);
	mutex_unlock(&minidump.lock);
	kvfree(handle);
}
EXPORT_SYMBOL_GPL(qcom_minidump_region_unregister);

void minidump_handles_drop(void)
{
	struct qcom_minidump_handle *handle;

	list_for_each_entry(handle, &minidump.handles, list) handle->count = 0;
}
