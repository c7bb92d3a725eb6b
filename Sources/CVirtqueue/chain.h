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

/* As many entries as 16-bit next fields can tell apart. */
#define CHAIN_INDIRECT_MAX 65536

/* What was in a descriptor when it was read, in our byte order. */
struct chain_desc {
	__u64 addr;
	__u32 len;
	__u16 flags;
	__u16 next;
};

/* Where descriptors are, which decides how one leads to the next. */
enum chain_kind {
	CHAIN_SPLIT,
	CHAIN_SPLIT_TABLE,
	CHAIN_PACKED,
	CHAIN_PACKED_TABLE,
};

/*
 * A chain while it is walked. @count segments are in use, the first @readable
 * of them readable. @entries bounds the indirect entries of the whole chain,
 * and @table_kind says how to read them.
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
	enum chain_kind table_kind;
};

/* What the walk gathered, whether it ended well or not. */
static inline void chain_finish(const struct chain_walk *walk,
				struct vq_chain *chain)
{
	chain->readable_bytes = walk->readable_bytes;
	chain->writable_bytes = walk->writable_bytes;
	chain->readable = walk->readable;
	chain->writable = walk->count - walk->readable;
}

/*
 * A descriptor as it lies in memory, wherever an indirect table puts it. @tail
 * is flags and next of a split ring, id and flags of a packed one.
 */
struct chain_wire {
	__u64 addr;
	__u32 len;
	__u32 tail;
} __attribute__((packed));

/* Where the flags are in the tail. */
static __always_inline __u32 chain_flags_shift(enum chain_kind kind)
{
	return kind >= CHAIN_PACKED ? 16 : 0;
}

/* Reads each field once: the driver may rewrite a descriptor at any time. */
static __always_inline void
chain_wire_read_buffer(const volatile struct chain_wire *at,
		       struct chain_wire *wire)
{
	__u64 addr = at->addr;
	__u32 len = at->len;

	wire->addr = le64_to_cpu((__force __le64)addr);
	wire->len = le32_to_cpu((__force __le32)len);
}

static __always_inline __u32
chain_wire_read_tail(const volatile struct chain_wire *at)
{
	__u32 tail = at->tail;

	return le32_to_cpu((__force __le32)tail);
}

static __always_inline void
chain_desc_read(const void *at, enum chain_kind kind, struct chain_desc *desc)
{
	struct chain_wire wire;

	chain_wire_read_buffer(at, &wire);
	wire.tail = chain_wire_read_tail(at);
	desc->addr = wire.addr;
	desc->len = wire.len;
	desc->flags = (__u16)(wire.tail >> chain_flags_shift(kind));
	desc->next = (__u16)(wire.tail >> (16 - chain_flags_shift(kind)));
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
