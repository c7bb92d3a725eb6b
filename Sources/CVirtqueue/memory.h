/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef VQ_MEMORY_PRIVATE_H
#define VQ_MEMORY_PRIVATE_H

#include "vq_memory.h"
#include "vq_platform.h"

/* The region that holds @addr, or NULL. */
const struct vq_region *memory_find(const struct vq_memory *memory, __u64 addr);

/*
 * What of a region that probably holds @addr, and surely allows @access, found
 * without a branch; its size may be 0. @shift is that of @memory.
 */
static __always_inline const struct vq_bucket *
memory_guess(const struct vq_memory *memory, __u32 shift, __u64 addr,
	     __u32 access)
{
	const __u64 last = VQ_MEMORY_BUCKETS - 1;
	const struct vq_bucket *buckets =
		access == VQ_ACCESS_WRITE ? memory->writable : memory->readable;

	/* In bytes, which saves the shift that an index would need. */
	return (const void *)((const char *)buckets +
			      (addr >> shift & last * sizeof(*buckets)));
}

#endif
