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

/*
 * Buffers of each direction that are taken without a look at the room for
 * them, as room for them all is sure: nearly all chains are that short.
 */
#define PLAIN_SHORT 2

/**
 * struct plain_table - descriptors, and how one leads to the next
 * @desc: the first of them
 * @stop: behind the last of them
 * @num: how many, so that an index is below it
 * @kind: the kind of table
 * @search: whether to search for what is in no region that was guessed, and
 *	to use the last of the room
 * @memory: where its buffers are
 * @shift: that of @memory, in a register
 */
struct plain_table {
	const struct chain_wire *desc;
	const struct chain_wire *stop;
	__u32 num;
	enum chain_kind kind;
	bool search;
	const struct vq_memory *memory;
	__u32 shift;
};

/*
 * Where a walk is: the descriptor in its hands, and the room that is left. The
 * length is wide so that it is widened when it is read.
 */
struct plain_cursor {
	struct vq_segment *segment;
	const struct vq_segment *end;
	const struct chain_wire *wire;
	__u64 addr;
	__u64 len;
	__u64 bytes;
	__u32 tail;
};

/* Searches for the region of the buffer in hand. */
static __always_inline bool plain_search(const struct plain_table *table,
					 const struct plain_cursor *cursor,
					 __u32 access, struct vq_bucket *found)
{
	const struct vq_region *region =
		memory_find(table->memory, cursor->addr);

	if (!region || !(region->access & access))
		return false;
	found->guest = region->guest;
	found->size = region->size;
	found->host = region->host;
	return true;
}

/*
 * Makes a segment of the buffer in hand, if it is all in one place. A call
 * would cost the walk its registers, so that only a walk that may search calls.
 */
static __always_inline bool plain_segment(const struct plain_table *table,
					  const struct plain_cursor *cursor,
					  __u32 access,
					  struct vq_segment *segment)
{
	const struct vq_bucket *bucket =
		memory_guess(table->memory, table->shift, cursor->addr, access);
	struct vq_bucket found;
	__u64 offset, last;

	if (table->search && cursor->addr - bucket->guest >= bucket->size) {
		if (!plain_search(table, cursor, access, &found))
			return false;
		bucket = &found;
	}
	offset = cursor->addr - bucket->guest;
	/* The last byte; a length of 0 wraps around, one way or another. */
	last = offset + (cursor->len - 1);
	if (unlikely(last < offset))
		return false;
	if (unlikely(last >= bucket->size))
		return false;
	segment->base = (char *)bucket->host + offset;
	segment->len = cursor->len;
	return true;
}

static __always_inline void plain_load_buffer(struct plain_cursor *cursor)
{
	struct chain_wire wire;

	chain_wire_read_buffer(cursor->wire, &wire);
	cursor->addr = wire.addr;
	cursor->len = wire.len;
}

static __always_inline void plain_load(struct plain_cursor *cursor)
{
	cursor->tail = chain_wire_read_tail(cursor->wire);
	plain_load_buffer(cursor);
}

/* Whether the descriptor in hand is the last one. */
static __always_inline bool plain_ends(const struct plain_table *table,
				       const struct plain_cursor *cursor)
{
	if (table->kind == CHAIN_PACKED_TABLE)
		return cursor->wire + 1 == table->stop;
	return !(cursor->tail & VRING_DESC_F_NEXT
					<< chain_flags_shift(table->kind));
}

/* Goes on to the next descriptor; false if there can be none. */
static __always_inline bool plain_next(const struct plain_table *table,
				       struct plain_cursor *cursor)
{
	if (table->kind == CHAIN_SPLIT) {
		__u32 at = cursor->tail >> 16;

		if (unlikely(at >= table->num))
			return false;
		cursor->wire = &table->desc[at];
	} else if (unlikely(++cursor->wire == table->stop)) {
		if (table->kind != CHAIN_PACKED)
			return false;
		cursor->wire = table->desc;
	}
	plain_load(cursor);
	return true;
}

/* Where storage ends; a chain has VQ_CHAIN_SEGMENTS_MAX segments at most. */
static __always_inline const struct vq_segment *
plain_end(const struct vq_segment *segments, __u32 capacity)
{
	return segments + min_t(__u32, capacity, VQ_CHAIN_SEGMENTS_MAX);
}

enum plain_result { PLAIN_MORE, PLAIN_TURN, PLAIN_END, PLAIN_NOT };

/* Makes a segment of the buffer in hand, if it is that simple. */
static __always_inline enum plain_result
plain_take(const struct plain_table *table, __u32 access,
	   struct plain_cursor *cursor)
{
	__u32 flags = access == VQ_ACCESS_WRITE ? VRING_DESC_F_WRITE : 0;
	__u32 mask = VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT;
	__u32 shift = chain_flags_shift(table->kind);

	if ((cursor->tail & mask << shift) != flags << shift)
		return PLAIN_TURN;
	if (!plain_segment(table, cursor, access, cursor->segment))
		return PLAIN_NOT;
	cursor->bytes += cursor->len;
	cursor->segment++;
	if (plain_ends(table, cursor))
		return PLAIN_END;
	return plain_next(table, cursor) ? PLAIN_MORE : PLAIN_NOT;
}

static __always_inline __u32 plain_short(const struct plain_table *table)
{
	return table->search ? 0 : PLAIN_SHORT;
}

/* Takes buffers of one direction, to the chain's end or another one's turn. */
static __always_inline enum plain_result
plain_part(const struct plain_table *table, __u32 access,
	   struct plain_cursor *cursor)
{
	enum plain_result result;

	cursor->bytes = 0;
#pragma GCC unroll 2
	for (__u32 i = 0; i < plain_short(table); i++) {
		result = plain_take(table, access, cursor);
		if (result != PLAIN_MORE)
			return result;
	}
	/* Leaves as much room to the other direction. */
	do {
		if (unlikely(cursor->segment >=
			     cursor->end - plain_short(table)))
			return PLAIN_NOT;
		result = plain_take(table, access, cursor);
	} while (result == PLAIN_MORE);
	return result;
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

	if (unlikely(cursor->end - first < 2 * plain_short(table)))
		return false;
	result = plain_part(table, VQ_ACCESS_READ, cursor);
	middle = cursor->segment;
	chain->readable_bytes = cursor->bytes;
	chain->readable = (__u32)(middle - first);
	cursor->bytes = 0;
	if (result == PLAIN_TURN)
		result = plain_part(table, VQ_ACCESS_WRITE, cursor);
	if (result != PLAIN_END)
		return false;
	chain->writable_bytes = cursor->bytes;
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
		.kind = kind,
		.memory = memory,
		.shift = memory->shift,
	};
	struct plain_cursor cursor = {
		.segment = chain->segments,
		.end = end,
		.addr = addr,
		.len = len,
	};
	struct vq_segment all;

	if (unlikely(len % sizeof(*cursor.wire) ||
		     len > CHAIN_INDIRECT_MAX * sizeof(*cursor.wire)) ||
	    !plain_segment(&table, &cursor, VQ_ACCESS_READ, &all))
		return NULL;
	cursor.wire = all.base;
	table.stop = cursor.wire + len / sizeof(*cursor.wire);
	plain_load(&cursor);
	return plain_walk(&table, &cursor, chain) ? cursor.segment : NULL;
}

#endif
