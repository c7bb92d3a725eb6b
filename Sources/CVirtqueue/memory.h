/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef VQ_MEMORY_PRIVATE_H
#define VQ_MEMORY_PRIVATE_H

#include "vq_memory.h"

/* The region that holds @addr, or NULL. */
const struct vq_region *memory_find(const struct vq_memory *memory, __u64 addr);

#endif
