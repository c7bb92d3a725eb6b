/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of qcom_minidump.ko know of each other. */
#ifndef KMOD_MINIDUMP_H
#define KMOD_MINIDUMP_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include <minidump.h>

struct device;

/**
 * struct minidump - all state of the driver
 * @lock: protects everything below, and the table in shared memory
 * @ready: 0 while a device is bound, else why there is none
 * @toc: the global table
 * @table: this kernel's table
 * @handles: all that clients hold, also those of a device that is gone
 */
struct minidump {
	struct mutex lock;
	int ready;
	struct md_toc toc;
	struct md_table table;
	struct list_head handles;
};

extern struct minidump minidump;

/**
 * struct minidump_extent - memory in one physical piece
 * @virt: where the kernel has it
 * @phys: where it is
 * @size: bytes
 */
struct minidump_extent {
	u64 virt;
	u64 phys;
	u64 size;
};

/*
 * The physical extents of a range of kernel memory, in order. Gives at most
 * room of them and says in count how many there are. -EINVAL for an address
 * that cannot be translated.
 */
int minidump_extents(const void *start, size_t size,
		     struct minidump_extent *extents, unsigned int room,
		     unsigned int *count);

/* The table's memory, freed with the device. */
int minidump_table_init(struct device *dev, struct md_table *table,
			u32 capacity);

/* Let go of all regions; the handles stay with their owners. Locked. */
void minidump_handles_drop(void);

/* The real shared memory, where the kernel has its driver. */
extern const struct md_provider minidump_smem;

void minidump_listing_create(void);
void minidump_listing_remove(void);

#endif
