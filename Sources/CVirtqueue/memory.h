/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef VQ_MEMORY_PRIVATE_H
#define VQ_MEMORY_PRIVATE_H

#include "vq_memory.h"
#include "vq_platform.h"

/* The region that holds @addr, or NULL. */
const struct vq_region *memory_find(const struct vq_memory *memory, __u64 addr);

/*
 * A region that probably holds @addr and surely allows @access, found without
 * a branch; it may be one of size 0. @scale is that of @memory.
 */
static __always_inline const struct vq_region *
memory_guess(const struct vq_memory *memory, __u64 scale, __u64 addr,
	     __u32 access)
{
	/* A shift by a variable would need a certain register. */
	__u64 bucket = addr * scale >> (64 - VQ_MEMORY_BUCKET_BITS);

	return access == VQ_ACCESS_WRITE ? memory->writable[bucket]
					 : memory->readable[bucket];
}

#endif
