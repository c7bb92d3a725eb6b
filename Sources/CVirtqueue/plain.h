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
 */
struct plain_table {
	const void *desc;
	__u32 num;
	enum chain_kind kind;
	bool search;
};

static __always_inline bool plain_flag(const struct plain_table *table,
				       __u32 tail, __u32 flags)
{
	return tail & flags << chain_flags_shift(table->kind);
}

static __always_inline bool plain_more(const struct plain_table *table,
				       __u32 at, __u32 tail)
{
	if (table->kind == CHAIN_PACKED_TABLE)
		return at + 1 < table->num;
	return plain_flag(table, tail, VRING_DESC_F_NEXT);
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
 * Makes a segment of one buffer, if it is that simple. A call would cost the
 * walk its registers, so that only a walk that may @search calls.
 */
static __always_inline bool plain_segment(const struct vq_memory *memory,
					  bool search, __u64 addr, __u64 len,
					  __u32 access,
					  struct vq_segment *segment)
{
	const struct vq_region *region = memory_guess(memory, addr, access);
	__u64 offset = addr - region->guest;

	if (unlikely(offset >= region->size)) {
		region = search ? memory_find(memory, addr) : NULL;
		if (!region || !(region->access & access))
			return false;
		offset = addr - region->guest;
	}
	/* A length of 0 wraps around and is too large. */
	if (unlikely(len - 1 >= region->size - offset))
		return false;
	segment->base = (char *)region->host + offset;
	segment->len = len;
	return true;
}

/* Where a walk is: the descriptor in its hands, and the room that is left. */
struct plain_cursor {
	struct vq_segment *segment;
	const struct vq_segment *end;
	struct chain_wire wire;
	__u64 bytes;
	__u32 at;
};

static __always_inline bool plain_load(const struct plain_table *table,
				       struct plain_cursor *cursor)
{
	const struct chain_wire *wires = table->desc;

	if (unlikely(cursor->at >= table->num ||
		     cursor->segment == cursor->end))
		return false;
	chain_wire_read(&wires[cursor->at], &cursor->wire);
	return true;
}

enum plain_result { PLAIN_END, PLAIN_TURN, PLAIN_NOT };

/* Takes buffers of one direction, to the chain's end or another one's turn. */
static __always_inline enum plain_result
plain_part(const struct vq_memory *memory, const struct plain_table *table,
	   __u32 access, struct plain_cursor *cursor)
{
	bool write = access == VQ_ACCESS_WRITE;
	__u32 other = write ? 0 : VRING_DESC_F_WRITE;

	cursor->bytes = 0;
	for (;;) {
		const struct chain_wire *wire = &cursor->wire;

		if (plain_flag(table, wire->tail,
			       VRING_DESC_F_INDIRECT | other) ||
		    (write &&
		     !plain_flag(table, wire->tail, VRING_DESC_F_WRITE)))
			return PLAIN_TURN;
		if (!plain_segment(memory, table->search, wire->addr, wire->len,
				   access, cursor->segment))
			return PLAIN_NOT;
		cursor->bytes += wire->len;
		cursor->segment++;
		if (!plain_more(table, cursor->at, wire->tail))
			return PLAIN_END;
		cursor->at = plain_next(table, cursor->at, wire->tail);
		if (!plain_load(table, cursor))
			return PLAIN_NOT;
	}
}

/*
 * Fills @chain, which has its segments and head, from the descriptor that
 * @cursor is at. Storage for segments ends at the cursor's end, which bounds
 * the loops too, and more than @limit are too many; the cursor ends behind the
 * last segment.
 */
static __always_inline bool plain_walk(const struct vq_memory *memory,
				       const struct plain_table *table,
				       struct plain_cursor *cursor, __u32 limit,
				       struct vq_chain *chain)
{
	struct vq_segment *first = cursor->segment, *middle;
	enum plain_result result;

	if (!plain_load(table, cursor))
		return false;
	result = plain_part(memory, table, VQ_ACCESS_READ, cursor);
	middle = cursor->segment;
	chain->readable_bytes = cursor->bytes;
	cursor->bytes = 0;
	if (result == PLAIN_TURN)
		result = plain_part(memory, table, VQ_ACCESS_WRITE, cursor);
	if (result != PLAIN_END || cursor->segment - first > limit)
		return false;
	chain->writable_bytes = cursor->bytes;
	chain->readable = (__u32)(middle - first);
	chain->writable = (__u32)(cursor->segment - middle);
	return true;
}

/* The same for a chain that is one indirect table, which @desc gives. */
static __always_inline bool
plain_walk_table(const struct vq_memory *memory, enum chain_kind kind,
		 const struct chain_desc *desc, struct plain_cursor *cursor,
		 __u32 limit, struct vq_chain *chain)
{
	struct plain_table table = {
		.num = desc->len / sizeof(struct vring_desc),
		.kind = kind,
	};
	struct vq_segment all;

	if (desc->len % sizeof(struct vring_desc) ||
	    table.num > CHAIN_INDIRECT_MAX ||
	    !plain_segment(memory, false, desc->addr, desc->len, VQ_ACCESS_READ,
			   &all))
		return false;
	table.desc = all.base;
	cursor->at = 0;
	return plain_walk(memory, &table, cursor, limit, chain);
}

#endif
