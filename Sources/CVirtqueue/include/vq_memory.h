/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The memory table: which guest-physical addresses are where in our own
 * address space, and what the device may do there.
 */
#ifndef VQ_MEMORY_H
#define VQ_MEMORY_H

#include <linux/types.h>

/* Access rights of a region, and the access that a translation asks for. */
#define VQ_ACCESS_READ	1
#define VQ_ACCESS_WRITE 2

/**
 * struct vq_region - a run of guest-physical memory that we have mapped
 * @guest: guest-physical address of its first byte
 * @size: bytes, not 0
 * @host: where the first byte is mapped
 * @access: VQ_ACCESS_READ, VQ_ACCESS_WRITE or both
 *
 * The counterpart of struct vhost_memory_region.
 */
struct vq_region {
	__u64 guest;
	__u64 size;
	void *host;
	__u32 access;
};

/* Equal parts of the address space, from the first region to the last. */
#define VQ_MEMORY_BUCKETS 64

/**
 * struct vq_bucket - the region that has most of a bucket
 * @guest: private; as in struct vq_region
 * @size: private; as in struct vq_region, 0 for none
 * @host: private; as in struct vq_region
 * @unused: private; makes the size a power of two
 */
struct vq_bucket {
	__u64 guest;
	__u64 size;
	void *host;
	__aligned_u64 unused;
};

/**
 * struct vq_memory - a memory table
 * @regions: regions by ascending guest address, none overlapping another
 * @count: how many, at least 1
 * @shift: private; makes an address the place of its bucket, in bytes
 * @readable: private; the readable region that has most of each bucket
 * @writable: private; the writable region that has most of each bucket
 *
 * Set up by vq_memory_init(). Queues point to it and share it; it must not
 * change while one uses it.
 */
struct vq_memory {
	const struct vq_region *regions;
	__u32 count;
	__u32 shift;
	struct vq_bucket readable[VQ_MEMORY_BUCKETS];
	struct vq_bucket writable[VQ_MEMORY_BUCKETS];
};

/**
 * vq_memory_init() - make a memory table of regions
 * @regions: the regions in any order; sorted in place, and in use from now on
 * @count: how many
 * @memory: the table to set up
 *
 * The counterpart of VHOST_SET_MEM_TABLE, which takes overlapping regions.
 *
 * Return: 0; -EFAULT for a region that is empty or wraps around; -EINVAL for
 * no region at all, or regions that overlap.
 */
int vq_memory_init(struct vq_region *regions, __u32 count,
		   struct vq_memory *memory);

/**
 * vq_memory_translate() - find guest memory that must be in one piece
 * @memory: the table
 * @addr: guest-physical address
 * @len: bytes from there
 * @access: the rights needed, VQ_ACCESS_*
 * @host: where the first byte is mapped
 *
 * Return: 0; -EFAULT if one region does not hold it all; -EPERM if the
 * region lacks a right.
 */
int vq_memory_translate(const struct vq_memory *memory, __u64 addr, __u64 len,
			__u32 access, void **host);

#endif
