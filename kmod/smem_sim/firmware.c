// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plays boot firmware and shared memory (SMEM) where there is no Qualcomm
 * SoC: puts the minidump table into a range of memory that the kernel was
 * told to leave alone (memmap=1M$0x7000000), as item 602 of a global
 * partition, and gives the minidump driver a device with access to it.
 */
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/string.h>

#include <md_toc.h>

#include "qcom_minidump.h"

/* A partition of shared memory: this header, then items one by one. */
struct smem_partition {
	u8 magic[4];
	__le16 hosts[2];
	__le32 size;
	__le32 free_uncached;
	__le32 free_cached;
	__le32 reserved[3];
};

struct smem_entry {
	__le16 canary;
	__le16 item;
	__le32 size;
	__le16 padding_data;
	__le16 padding_header;
	__le32 reserved;
};

#define SMEM_MAGIC  "$PRT"
#define SMEM_CANARY 0xa5a5
#define SMEM_GLOBAL 0xfffe

/* The table starts at a cache line: its address is base + 0x40. */
#define TABLE_OFFSET   0x40
#define HEADER_PADDING 16

static_assert(sizeof(struct smem_partition) + sizeof(struct smem_entry) +
		      HEADER_PADDING ==
	      TABLE_OFFSET);

/* An item too short to hold the header of the table. */
#define SHORT_SIZE 8

enum smem_mode {
	MODE_NORMAL,
	MODE_DEFER,
	MODE_ABSENT,
	MODE_UNINITIALISED,
	MODE_SHORT,
};

static const char *const mode_names[] = {
	[MODE_NORMAL] = "normal", [MODE_DEFER] = "defer",
	[MODE_ABSENT] = "absent", [MODE_UNINITIALISED] = "uninitialised",
	[MODE_SHORT] = "short",
};

static unsigned int mode = MODE_NORMAL;

static int mode_set(const char *value, const struct kernel_param *param)
{
	int found = sysfs_match_string(mode_names, value);

	if (found < 0)
		return found;
	mode = found;
	return 0;
}

static int mode_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n", mode_names[mode]);
}

static const struct kernel_param_ops mode_ops = {
	.set = mode_set,
	.get = mode_get,
};
module_param_cb(mode, &mode_ops, NULL, 0644);
MODULE_PARM_DESC(mode, "normal, defer, absent, uninitialised or short");

static unsigned long long base = 0x7000000;
module_param(base, ullong, 0444);
MODULE_PARM_DESC(base, "Physical address of the reserved range, 8-aligned");

static unsigned long size = 0x100000;
module_param(size, ulong, 0444);
MODULE_PARM_DESC(size, "Bytes of the reserved range");

static unsigned int subsystems = 10;
module_param(subsystems, uint, 0444);
MODULE_PARM_DESC(subsystems, "Entries of the table");

static void *memory;
static struct platform_device *device;

static u64 table_size(void)
{
	return MD_GLOBAL_TOC_BYTES + (u64)subsystems * MD_SUBSYSTEM_BYTES;
}

/* What the driver asks: the item as it is now, or the failure wanted. */
static int item_get(void *context, u32 host, u32 item, void **data, u64 *bytes)
{
	struct minidump_global_toc *toc = memory + TABLE_OFFSET;

	switch (READ_ONCE(mode)) {
	case MODE_DEFER:
		return -EPROBE_DEFER;
	case MODE_ABSENT:
		return -ENODEV;
	}
	if (host != MD_SMEM_HOST_ANY || item != MD_SMEM_ITEM)
		return -ENOENT;
	toc->status = cpu_to_le32(mode != MODE_UNINITIALISED);
	*data = toc;
	*bytes = mode == MODE_SHORT ? SHORT_SIZE : table_size();
	return 0;
}

static const struct md_provider provider = {.get = item_get};

/* What boot firmware leaves behind: all subsystems known, none in use. */
static void table_boot(struct minidump_global_toc *toc)
{
	toc->md_revision = cpu_to_le32(MD_REVISION);
	toc->enabled = cpu_to_le32(MD_ENABLED);
	toc->status = cpu_to_le32(MD_STATUS_READY);
}

static void memory_boot(void)
{
	struct smem_partition *partition = memory;
	struct smem_entry *entry = (struct smem_entry *)(partition + 1);
	u32 end = TABLE_OFFSET + ALIGN(table_size(), 8);

	memset(memory, 0, size);
	memcpy(partition->magic, SMEM_MAGIC, sizeof(partition->magic));
	partition->hosts[0] = cpu_to_le16(SMEM_GLOBAL);
	partition->hosts[1] = cpu_to_le16(SMEM_GLOBAL);
	partition->size = cpu_to_le32(size);
	partition->free_uncached = cpu_to_le32(end);
	partition->free_cached = cpu_to_le32(size);
	entry->canary = cpu_to_le16(SMEM_CANARY);
	entry->item = cpu_to_le16(MD_SMEM_ITEM);
	entry->size = cpu_to_le32(end - TABLE_OFFSET);
	entry->padding_data = cpu_to_le16(end - TABLE_OFFSET - table_size());
	entry->padding_header = cpu_to_le16(HEADER_PADDING);
	table_boot(memory + TABLE_OFFSET);
}

static int range_check(void)
{
	if (base % 8 || size > U32_MAX || subsystems > 1024 ||
	    size < TABLE_OFFSET + ALIGN(table_size(), 8)) {
		pr_err("smem_sim: base, size or subsystems out of range\n");
		return -EINVAL;
	}
	if (region_intersects(base, size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		pr_err("smem_sim: 0x%llx to 0x%llx is in use as memory: boot "
		       "with memmap=%luK$0x%llx\n",
		       base, base + size - 1, DIV_ROUND_UP(size, 1024), base);
		return -EBUSY;
	}
	return 0;
}

static int __init smem_sim_init(void)
{
	int error = range_check();

	if (error)
		return error;
	memory = memremap(base, size, MEMREMAP_WB);
	if (!memory)
		return -ENOMEM;
	memory_boot();
	device = platform_device_register_data(NULL, QCOM_MINIDUMP_DEVICE,
					       PLATFORM_DEVID_NONE, &provider,
					       sizeof(provider));
	if (IS_ERR(device)) {
		memunmap(memory);
		return PTR_ERR(device);
	}
	return 0;
}
module_init(smem_sim_init);

static void __exit smem_sim_exit(void)
{
	platform_device_unregister(device);
	memunmap(memory);
}
module_exit(smem_sim_exit);

MODULE_DESCRIPTION("Simulated shared memory for the minidump driver");
MODULE_LICENSE("GPL");
