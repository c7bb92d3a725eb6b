// SPDX-License-Identifier: GPL-2.0-only
/* /sys/kernel/debug/qcom_minidump/regions */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "minidump.h"

static struct dentry *directory;

static void region_show(struct seq_file *file, u32 index)
{
	struct md_region region;
	char full[MD_NAME_SIZE];
	u64 handle;

	if (md_region_at(&minidump.table, index, &handle) ||
	    md_region_get(&minidump.table, handle, &region) ||
	    md_name_compose(region.name, region.seq, full))
		return;
	seq_printf(file, "%-12s 0x%016llx 0x%016llx %llu\n", full, region.virt,
		   region.phys, region.size);
}

/* name, virtual address, physical address, bytes */
static int regions_show(struct seq_file *file, void *unused)
{
	const struct md_copy *copy;
	u32 i;

	mutex_lock(&minidump.lock);
	if (!minidump.ready) {
		copy = &minidump.table.copies[minidump.table.shown];
		seq_printf(file, "%-12s 0x%016llx 0x%016llx %u\n",
			   MD_NAME_HEADER, copy->header_virt, copy->header_phys,
			   minidump.table.layout.header_size);
		for (i = 0; i < minidump.table.count; i++)
			region_show(file, i);
	}
	mutex_unlock(&minidump.lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(regions);

void minidump_listing_create(void)
{
	directory = debugfs_create_dir("qcom_minidump", NULL);
	debugfs_create_file("regions", 0400, directory, NULL, &regions_fops);
}

void minidump_listing_remove(void)
{
	debugfs_remove_recursive(directory);
}
