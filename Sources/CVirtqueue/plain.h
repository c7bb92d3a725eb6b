/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The chains that nearly all are: readable buffers, then writable ones, none
 * empty, each inside one region; in the ring or in one indirect table. Gives
 * up on any other, and on any fault, having changed nothing but storage: the
 * caller then starts over with the code that knows every rule.
 *
 * All state is in locals, so that it stays in registers, and the kind of a
 * table is a constant wherever this is inlined.
 */
#ifndef VQ_PLAIN_PRIVATE_H
#define VQ_PLAIN_PRIVATE_H

#include "chain.h"
#include "memory.h"

/**
 * struct plain_table - descriptors, and how one leads to the next
 * @desc: the first of them
 * @num: how many, so that an index is below it
 * @kind: the kind of table
 * @search: whether to search for what is in no region that was guessed
 * @memory: where its buffers are
 * @scale: that of @memory, in a register
 */
struct plain_table {
	const void *desc;
	__u32 num;
	enum chain_kind kind;
	bool search;
	const struct vq_memory *memory;
	__u64 scale;
};

/* Whether WRITE and INDIRECT are as in @flags. */
static __always_inline bool plain_flags_are(const struct plain_table *table,
					    __u32 tail, __u32 flags)
{
	__u32 mask = VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT;
	__u32 shift = chain_flags_shift(table->kind);

	return (tail & mask << shift) == flags << shift;
}

static __always_inline bool plain_more(const struct plain_table *table,
				       __u32 at, __u32 tail)
{
	if (table->kind == CHAIN_PACKED_TABLE)
		return at + 1 < table->num;
	return tail & VRING_DESC_F_NEXT << chain_flags_shift(table->kind);
}

static __always_inline __u32 plain_next(const struct plain_table *table,
					__u32 at, __u32 tail)
{
	if (table->kind == CHAIN_SPLIT)
		return tail >> 16;
	if (table->kind == CHAIN_PACKED && unlikely(at + 1 == table->num))
		return 0;
	return at + 1;
}

/*
 * Where a walk is: the descriptor in its hands, and the room that is left. The
 * length is wide so that it is widened when it is read.
 */
struct plain_cursor {
	struct vq_segment *segment;
	const struct vq_segment *end;
	__u64 addr;
	__u64 len;
	__u64 bytes;
	__u32 tail;
	__u32 at;
};

/*
 * Makes a segment of one buffer, if it is that simple. A call would cost the
 * walk its registers, so that only a walk that may @search calls.
 */
static __always_inline bool plain_segment(const struct plain_table *table,
					  const struct plain_cursor *cursor,
					  __u32 access)
{
	const struct vq_region *region =
		memory_guess(table->memory, table->scale, cursor->addr, access);
	__u64 offset = cursor->addr - region->guest;
	/* The last byte; a length of 0 wraps around, one way or another. */
	__u64 last = offset + (cursor->len - 1);

	if (table->search && offset >= region->size) {
		region = memory_find(table->memory, cursor->addr);
		if (!region || !(region->access & access))
			return false;
		offset = cursor->addr - region->guest;
		last = offset + (cursor->len - 1);
	}
	if (unlikely(last < offset))
		return false;
	if (unlikely(last >= region->size || cursor->segment == cursor->end))
		return false;
	cursor->segment->base = (char *)region->host + offset;
	cursor->segment->len = cursor->len;
	return true;
}

static __always_inline void plain_load_buffer(const struct plain_table *table,
					      struct plain_cursor *cursor)
{
	const struct chain_wire *wires = table->desc;
	struct chain_wire wire;

	chain_wire_read_buffer(&wires[cursor->at], &wire);
	cursor->addr = wire.addr;
	cursor->len = wire.len;
}

/* A place in a packed ring is never beyond its end. */
static __always_inline bool plain_load(const struct plain_table *table,
				       struct plain_cursor *cursor)
{
	const struct chain_wire *wires = table->desc;

	if (table->kind != CHAIN_PACKED && unlikely(cursor->at >= table->num))
		return false;
	cursor->tail = chain_wire_read_tail(&wires[cursor->at]);
	plain_load_buffer(table, cursor);
	return true;
}

/* Where storage ends; a chain has VQ_CHAIN_SEGMENTS_MAX segments at most. */
static __always_inline const struct vq_segment *
plain_end(const struct vq_segment *segments, __u32 capacity)
{
	return segments + min_t(__u32, capacity, VQ_CHAIN_SEGMENTS_MAX);
}

enum plain_result { PLAIN_END, PLAIN_TURN, PLAIN_NOT };

/* Takes buffers of one direction, to the chain's end or another one's turn. */
static __always_inline enum plain_result
plain_part(const struct plain_table *table, __u32 access,
	   struct plain_cursor *cursor)
{
	__u32 flags = access == VQ_ACCESS_WRITE ? VRING_DESC_F_WRITE : 0;

	cursor->bytes = 0;
	for (;;) {
		if (!plain_flags_are(table, cursor->tail, flags))
			return PLAIN_TURN;
		if (!plain_segment(table, cursor, access))
			return PLAIN_NOT;
		cursor->bytes += cursor->len;
		cursor->segment++;
		if (!plain_more(table, cursor->at, cursor->tail))
			return PLAIN_END;
		cursor->at = plain_next(table, cursor->at, cursor->tail);
		if (!plain_load(table, cursor))
			return PLAIN_NOT;
	}
}

/*
 * Fills @chain, which has its segments and head, from the descriptor that
 * @cursor is at and has loaded; the cursor ends behind the last segment.
 * Storage for segments ends at the cursor's end, which bounds the loops too: a
 * chain that loops has no end.
 */
static __always_inline bool plain_walk(const struct plain_table *table,
				       struct plain_cursor *cursor,
				       struct vq_chain *chain)
{
	struct vq_segment *first = cursor->segment, *middle;
	enum plain_result result;

	result = plain_part(table, VQ_ACCESS_READ, cursor);
	middle = cursor->segment;
	chain->readable_bytes = cursor->bytes;
	cursor->bytes = 0;
	if (result == PLAIN_TURN)
		result = plain_part(table, VQ_ACCESS_WRITE, cursor);
	if (result != PLAIN_END)
		return false;
	chain->writable_bytes = cursor->bytes;
	chain->readable = (__u32)(middle - first);
	chain->writable = (__u32)(cursor->segment - middle);
	return true;
}

/* Whether the descriptor with @tail is a table, and all there is of a chain. */
static __always_inline bool plain_is_table(enum chain_kind kind, __u32 tail)
{
	__u32 shift = chain_flags_shift(kind);
	__u32 mask = VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT;

	return (tail & mask << shift) == (__u32)VRING_DESC_F_INDIRECT << shift;
}

/*
 * The same for a chain that is one indirect table of @len bytes at @addr. The
 * table's descriptor is loaded already, and is not read again. Return: behind
 * the last segment, or NULL.
 */
static __always_inline struct vq_segment *
plain_walk_table(const struct vq_memory *memory, enum chain_kind kind,
		 __u64 addr, __u64 len, const struct vq_segment *end,
		 struct vq_chain *chain)
{
	struct plain_table table = {
		.num = (__u32)len / sizeof(struct vring_desc),
		.kind = kind,
		.memory = memory,
		.scale = memory->scale,
	};
	struct vq_segment all;
	struct plain_cursor cursor = {
		.segment = &all,
		.end = &all + 1,
		.addr = addr,
		.len = len,
	};

	if (unlikely(len % sizeof(struct vring_desc) ||
		     len > CHAIN_INDIRECT_MAX * sizeof(struct vring_desc)) ||
	    !plain_segment(&table, &cursor, VQ_ACCESS_READ))
		return NULL;
	table.desc = all.base;
	cursor.segment = chain->segments;
	cursor.end = end;
	cursor.at = 0;
	if (!plain_load(&table, &cursor) || !plain_walk(&table, &cursor, chain))
		return NULL;
	return cursor.segment;
}

#endif
