// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "memory.h"

/* Insertion sort: tables are short and mostly sorted. */
static void memory_sort(struct vq_region *regions, __u32 count)
{
	for (__u32 i = 1; i < count; i++) {
		struct vq_region moving = regions[i];
		__u32 at = i;

		for (; at && regions[at - 1].guest > moving.guest; at--)
			regions[at] = regions[at - 1];
		regions[at] = moving;
	}
}

static __u64 region_last(const struct vq_region *region)
{
	return region->guest + (region->size - 1);
}

int vq_memory_init(struct vq_region *regions, __u32 count,
		   struct vq_memory *memory)
{
	if (!count)
		return -EINVAL;
	for (__u32 i = 0; i < count; i++)
		if (!regions[i].size ||
		    region_last(&regions[i]) < regions[i].guest)
			return -EFAULT;
	memory_sort(regions, count);
	for (__u32 i = 1; i < count; i++)
		if (region_last(&regions[i - 1]) >= regions[i].guest)
			return -EINVAL;
	memory->regions = regions;
	memory->count = count;
	return 0;
}

const struct vq_region *memory_find(const struct vq_memory *memory, __u64 addr)
{
	__u32 low = 0, high = memory->count;
	const struct vq_region *region;

	/* The last region that starts at or below addr is before high. */
	while (high - low > 1) {
		__u32 middle = low + (high - low) / 2;

		if (memory->regions[middle].guest <= addr)
			low = middle;
		else
			high = middle;
	}
	region = &memory->regions[low];
	/* Below the first region this wraps around and is too large. */
	return addr - region->guest < region->size ? region : NULL;
}

int vq_memory_translate(const struct vq_memory *memory, __u64 addr, __u64 len,
			__u32 access, void **host)
{
	const struct vq_region *region = memory_find(memory, addr);
	__u64 offset;

	if (!region)
		return -EFAULT;
	offset = addr - region->guest;
	if (len > region->size - offset)
		return -EFAULT;
	if ((region->access & access) != access)
		return -EPERM;
	*host = (char *)region->host + offset;
	return 0;
}
