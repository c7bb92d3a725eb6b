// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "packed.h"
#include "plain.h"

int packed_device_init(struct vq_device *dev, __u32 base)
{
	__u16 avail = (__u16)base, used = (__u16)(base >> 16);

	dev->last_avail = avail & ~PACKED_WRAP;
	dev->avail_wrap = avail & PACKED_WRAP;
	dev->last_used = used & ~PACKED_WRAP;
	dev->used_wrap = used & PACKED_WRAP;
	if (dev->last_avail >= dev->num || dev->last_used >= dev->num)
		return -EINVAL;
	/* The first decision is to signal. */
	dev->unsignalled = 2 * dev->num;
	packed_disable_notify(dev);
	packed_enable_notify(dev);
	return 0;
}

/* Names a chain by its id and the entries it takes of the ring. */
static __always_inline __u32 packed_head(__u32 id, __u32 count)
{
	return (id & 0xffff) | count << 16;
}

/*
 * Follows any chain; bounded by the ring's size. An indirect table must be
 * all there is, as virtio asks for.
 */
static int packed_follow(const struct vq_device *dev, struct chain_walk *walk,
			 __u32 *head)
{
	const struct vring_packed_desc *ring = dev->ring;
	__u32 at = dev->last_avail;
	struct chain_desc desc;
	__u32 count = 0;
	int error;

	do {
		if (count++ == dev->num)
			return -EINVAL;
		chain_desc_read(&ring[at], CHAIN_PACKED, &desc);
		if (!(desc.flags & VRING_DESC_F_INDIRECT))
			error = chain_add(walk, &desc);
		else if (count > 1 || (desc.flags & VRING_DESC_F_NEXT))
			error = -EINVAL;
		else
			error = chain_add_indirect(walk, &desc);
		if (error)
			return error;
		at = at + 1 == dev->num ? 0 : at + 1;
	} while (desc.flags & VRING_DESC_F_NEXT);
	*head = packed_head(desc.next, count);
	return 0;
}

static noinline int packed_walk(struct vq_device *dev,
				struct vq_segment *segments,
				const struct vq_segment *end,
				struct vq_chain *chain)
{
	struct chain_walk walk = {
		.memory = dev->memory,
		.hint = dev->hint,
		.segments = segments,
		.capacity = min_t(__u64, end - segments, VQ_CHAIN_SEGMENTS_MAX),
		.entries = CHAIN_INDIRECT_MAX,
		.table_kind = CHAIN_PACKED_TABLE,
	};
	int error = packed_follow(dev, &walk, &chain->head);

	dev->hint = walk.hint;
	chain_finish(&walk, chain);
	return error;
}

/* A chain that is not plain in the ring; most are one indirect table. */
static noinline int packed_take_other(struct vq_device *dev,
				      struct vq_segment *segments,
				      const struct vq_segment *end,
				      struct vq_chain *chain)
{
	const struct vring_packed_desc *ring = dev->ring;
	struct plain_cursor cursor = {.segment = segments, .end = end};
	struct chain_desc desc;

	chain_desc_read(&ring[dev->last_avail], CHAIN_PACKED, &desc);
	chain->head = packed_head(desc.next, 1);
	if ((desc.flags & (VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT)) ==
		    VRING_DESC_F_INDIRECT &&
	    plain_walk_table(dev->memory, CHAIN_PACKED_TABLE, &desc, &cursor,
			     VQ_CHAIN_SEGMENTS_MAX, chain))
		return 0;
	return packed_walk(dev, segments, end, chain);
}

static __always_inline int packed_take(struct vq_device *dev,
				       struct vq_segment *segments,
				       const struct vq_segment *end,
				       struct vq_chain *chain)
{
	const struct plain_table ring = {dev->ring, dev->num, CHAIN_PACKED,
					 false};
	struct plain_cursor cursor = {
		.segment = segments,
		.end = end,
		.at = dev->last_avail,
	};

	chain->segments = segments;
	if (unlikely(!plain_walk(dev->memory, &ring, &cursor, dev->limit,
				 chain)))
		return packed_take_other(dev, segments, end, chain);
	chain->head = packed_head(cursor.wire.tail,
				  (__u32)(cursor.segment - segments));
	return 0;
}

int packed_pop_batch(struct vq_device *dev, struct vq_segment *segments,
		     __u32 capacity, struct vq_chain *chains, __u32 max,
		     __u32 *count)
{
	const struct vq_segment *end = segments + capacity;
	__u32 taken = 0;
	int error = 0;

	for (; taken < max; taken++, chains++) {
		/* Descriptors are read after the flags of the first. */
		__u32 tail = packed_tail_acquire(dev->ring, dev->last_avail);

		if (!packed_is_available(tail, dev->avail_wrap))
			break;
		error = packed_take(dev, segments, end, chains);
		if (unlikely(error))
			break;
		segments += chains->readable + chains->writable;
		packed_advance(&dev->last_avail, &dev->avail_wrap,
			       chains->head >> 16, dev->num);
	}
	*count = taken;
	return taken ? 0 : error;
}

/*
 * Writes used descriptors, the flags of the first one last: the driver, which
 * looks at them in turn, sees all or none.
 */
void packed_push_batch(struct vq_device *dev, const struct vq_used *used,
		       __u32 count)
{
	__u32 first = dev->last_used, first_tail = 0, slots = 0;
	struct vring_packed_desc *ring = dev->ring;

	if (!count)
		return;
	for (__u32 i = 0; i < count; i++) {
		__u32 flags = dev->used_wrap ? PACKED_AVAIL | PACKED_USED : 0;
		__u32 at = dev->last_used, tail;

		if (used[i].len)
			flags |= VRING_DESC_F_WRITE;
		tail = packed_tail(used[i].id & 0xffff, flags);
		ring[at].len = cpu_to_le32(used[i].len);
		if (i)
			WRITE_ONCE(*packed_tail_at(ring, at),
				   (__force __u32)cpu_to_le32(tail));
		else
			first_tail = tail;
		slots += used[i].id >> 16;
		packed_advance(&dev->last_used, &dev->used_wrap,
			       used[i].id >> 16, dev->num);
	}
	dev->unsignalled = min_t(__u32, dev->unsignalled + slots, 2 * dev->num);
	packed_tail_release(ring, first, first_tail);
}
