/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Collecting the segments of one chain.
 */
#ifndef VQ_CHAIN_PRIVATE_H
#define VQ_CHAIN_PRIVATE_H

#include <linux/virtio_ring.h>

#include "vq_chain.h"
#include "vq_memory.h"
#include "vq_platform.h"

/* What was in a descriptor when it was read, in our byte order. */
struct chain_desc {
	__u64 addr;
	__u32 len;
	__u16 flags;
	__u16 next;
};

/*
 * A chain while it is walked. @count segments are in use, the first @readable
 * of them readable. @entries bounds the indirect entries of the whole chain.
 */
struct chain_walk {
	const struct vq_memory *memory;
	const struct vq_region *hint;
	struct vq_segment *segments;
	__u64 readable_bytes;
	__u64 writable_bytes;
	__u32 capacity;
	__u32 count;
	__u32 readable;
	__u32 entries;
};

/* The halves of a descriptor, wherever an indirect table puts it. */
struct chain_word {
	__u64 value;
} __attribute__((packed));

/* Reads each half once: the driver may rewrite a descriptor at any time. */
static __always_inline void chain_desc_read(const void *at,
					    struct chain_desc *desc)
{
	const volatile struct chain_word *word = at;
	__u64 addr = word[0].value;
	__u64 rest = word[1].value;

	desc->addr = le64_to_cpu((__force __le64)addr);
	rest = le64_to_cpu((__force __le64)rest);
	desc->len = (__u32)rest;
	desc->flags = (__u16)(rest >> 32);
	desc->next = (__u16)(rest >> 48);
}

/* The buffer of one descriptor that is not indirect. */
int chain_add(struct chain_walk *walk, const struct chain_desc *desc);

/* The buffers of an indirect table. */
int chain_add_indirect(struct chain_walk *walk, const struct chain_desc *desc);

static __always_inline __u32 chain_desc_access(const struct chain_desc *desc)
{
	return desc->flags & VRING_DESC_F_WRITE ? VQ_ACCESS_WRITE
						: VQ_ACCESS_READ;
}

#endif
