// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "chain.h"
#include "memory.h"

/*
 * Finds the longest piece of @len bytes at @addr that one region holds.
 * Prefers the region of the last piece.
 */
static int chain_piece(struct chain_walk *walk, __u64 addr, __u64 len,
		       __u32 access, struct vq_segment *piece)
{
	const struct vq_region *region = walk->hint;
	__u64 offset;

	if (addr - region->guest >= region->size)
		region = memory_find(walk->memory, addr);
	if (!region)
		return -EFAULT;
	if (!(region->access & access))
		return -EPERM;
	walk->hint = region;
	offset = addr - region->guest;
	piece->base = (char *)region->host + offset;
	piece->len = min_t(__u64, len, region->size - offset);
	return 0;
}

static void chain_add_segment(struct chain_walk *walk,
			      const struct vq_segment *piece, __u32 access)
{
	walk->segments[walk->count++] = *piece;
	if (access == VQ_ACCESS_WRITE) {
		walk->writable_bytes += piece->len;
	} else {
		walk->readable_bytes += piece->len;
		walk->readable++;
	}
}

/*
 * A buffer becomes a segment for each region it touches, and none if it is
 * empty: then it may be anywhere. The order of the checks decides which error
 * a chain with several faults gets; it is the kernel's: room, mapping, access,
 * and only then a readable buffer behind a writable one.
 */
int chain_add(struct chain_walk *walk, const struct chain_desc *desc)
{
	__u32 access = chain_desc_access(desc);
	bool unordered =
		access == VQ_ACCESS_READ && walk->readable != walk->count;
	__u32 room = walk->capacity - walk->count;
	__u64 addr = desc->addr, left = desc->len;

	while (left) {
		struct vq_segment piece;
		int error;

		if (!room--)
			return -ENOBUFS;
		error = chain_piece(walk, addr, left, access, &piece);
		if (error)
			return error;
		if (!unordered)
			chain_add_segment(walk, &piece, access);
		left -= piece.len;
		addr += piece.len;
		if (left && !addr)
			return -EFAULT;
	}
	return unordered ? -EINVAL : 0;
}

/* A position in an indirect table, which may cross regions anywhere. */
struct chain_table {
	__u64 addr;
	__u64 left;
	struct vq_segment piece;
};

static int chain_table_read(struct chain_walk *walk, struct chain_table *table,
			    void *to, __u64 len)
{
	while (len) {
		__u64 step;
		int error;

		if (!table->piece.len) {
			error = chain_piece(walk, table->addr, table->left,
					    VQ_ACCESS_READ, &table->piece);
			if (error)
				return error;
			table->addr += table->piece.len;
			table->left -= table->piece.len;
		}
		step = min_t(__u64, len, table->piece.len);
		memcpy(to, table->piece.base, step);
		to = (char *)to + step;
		len -= step;
		table->piece.base = (char *)table->piece.base + step;
		table->piece.len -= step;
	}
	return 0;
}

static int chain_table_next(struct chain_walk *walk, struct chain_table *table,
			    struct chain_desc *desc)
{
	struct chain_wire copy;
	int error;

	if (likely(table->piece.len >= sizeof(copy))) {
		chain_desc_read(table->piece.base, walk->table_kind, desc);
		table->piece.base = (char *)table->piece.base + sizeof(copy);
		table->piece.len -= sizeof(copy);
		return 0;
	}
	error = chain_table_read(walk, table, &copy, sizeof(copy));
	if (!error)
		chain_desc_read(&copy, walk->table_kind, desc);
	return error;
}

/* All of the table must be mapped, whether its chain uses it all or not. */
static int chain_table_check(struct chain_walk *walk, __u64 addr, __u64 len)
{
	struct vq_segment piece;
	__u32 pieces = 0;

	for (; len; len -= piece.len, addr += piece.len) {
		int error;

		if (pieces++ == VQ_CHAIN_SEGMENTS_MAX)
			return -ENOBUFS;
		if (!addr && pieces > 1)
			return -EFAULT;
		error = chain_piece(walk, addr, len, VQ_ACCESS_READ, &piece);
		if (error)
			return error;
	}
	return 0;
}

/*
 * The buffers of an indirect table. Entries are taken in the order of the
 * table, as the kernel takes them: their next fields do not matter. In packed
 * rings their flags do not say that another follows: all are taken.
 */
int chain_add_indirect(struct chain_walk *walk, const struct chain_desc *desc)
{
	struct chain_table table = {.addr = desc->addr, .left = desc->len};
	__u32 count = desc->len / sizeof(struct vring_desc);
	struct chain_desc entry;
	int error;

	if (desc->len % sizeof(struct vring_desc))
		return -EINVAL;
	error = chain_table_check(walk, desc->addr, desc->len);
	if (error)
		return error;
	if (count > walk->entries)
		return -E2BIG;
	walk->entries -= count;
	do {
		if (!count--)
			return -EINVAL;
		error = chain_table_next(walk, &table, &entry);
		if (error)
			return error;
		if (entry.flags & VRING_DESC_F_INDIRECT)
			return -EINVAL;
		error = chain_add(walk, &entry);
		if (error)
			return error;
	} while (walk->table_kind == CHAIN_PACKED_TABLE
			 ? count
			 : entry.flags & VRING_DESC_F_NEXT);
	return 0;
}

/* Copies between @data and segments that are known to hold it. */
static void chain_copy(const struct vq_segment *segment, __u64 offset,
		       char *data, __u64 len, bool to_segment)
{
	for (; len; segment++) {
		__u64 step;

		if (offset >= segment->len) {
			offset -= segment->len;
			continue;
		}
		step = min_t(__u64, len, segment->len - offset);
		if (to_segment)
			memcpy((char *)segment->base + offset, data, step);
		else
			memcpy(data, (char *)segment->base + offset, step);
		data += step;
		len -= step;
		offset = 0;
	}
}

int vq_chain_read(const struct vq_chain *chain, __u64 offset, void *data,
		  __u64 len)
{
	if (offset > chain->readable_bytes ||
	    len > chain->readable_bytes - offset)
		return -EMSGSIZE;
	chain_copy(chain->segments, offset, data, len, false);
	/* The caller checks the copy; the compiler must not read again. */
	barrier();
	return 0;
}

int vq_chain_write(const struct vq_chain *chain, __u64 offset, const void *data,
		   __u64 len)
{
	if (offset > chain->writable_bytes ||
	    len > chain->writable_bytes - offset)
		return -EMSGSIZE;
	chain_copy(chain->segments + chain->readable, offset, (char *)data, len,
		   true);
	return 0;
}
