// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "log.h"
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
			 __u32 at, __u32 *head)
{
	const struct vring_packed_desc *ring = dev->ring;
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

static noinline int packed_walk(struct vq_device *dev, __u32 at,
				const struct vq_segment *end,
				struct vq_chain *chain)
{
	struct chain_walk walk = {
		.memory = dev->memory,
		.hint = dev->hint,
		.segments = chain->segments,
		.capacity = (__u32)(end - chain->segments),
		.entries = CHAIN_INDIRECT_MAX,
		.table_kind = CHAIN_PACKED_TABLE,
	};
	int error = packed_follow(dev, &walk, at, &chain->head);

	dev->hint = walk.hint;
	chain_finish(&walk, chain);
	return error;
}

static noinline struct vq_segment *
packed_take_table(const struct vq_memory *memory, __u64 addr, __u64 len,
		  const struct vq_segment *end, struct vq_chain *chain)
{
	return plain_walk_table(memory, CHAIN_PACKED_TABLE, addr, len, end,
				chain);
}

/* Takes the available chain at @at, of which @tail is the first tail. */
static __always_inline int packed_take(struct vq_device *dev,
				       const struct plain_table *ring, __u32 at,
				       __u32 tail, const struct vq_segment *end,
				       struct vq_chain *chain)
{
	struct plain_cursor cursor = {
		.segment = chain->segments,
		.end = end,
		.wire = &ring->desc[at],
		.tail = tail,
	};
	__u32 count;

	plain_load_buffer(&cursor);
	if (plain_is_table(CHAIN_PACKED, tail)) {
		if (unlikely(!packed_take_table(dev->memory, cursor.addr,
						cursor.len, end, chain)))
			return packed_walk(dev, at, end, chain);
		chain->head = packed_head(tail, 1);
		return 0;
	}
	if (unlikely(!plain_walk(ring, &cursor, chain)))
		return packed_walk(dev, at, end, chain);
	count = chain->readable + chain->writable;
	/* Only what changes while it is walked can be longer than the ring. */
	if (unlikely(count > ring->num))
		return -EINVAL;
	chain->head = packed_head(cursor.tail, count);
	return 0;
}

static __always_inline struct plain_table
packed_ring(const struct vq_device *dev)
{
	const struct chain_wire *desc = dev->ring;

	return (struct plain_table){
		.desc = desc,
		.stop = desc + dev->num,
		.num = dev->num,
		.kind = CHAIN_PACKED,
		.memory = dev->memory,
		.shift = dev->memory->shift,
	};
}

/* Takes up to @max chains; their number to @taken. */
static __always_inline int packed_take_batch(struct vq_device *dev,
					     struct vq_segment *segments,
					     const struct vq_segment *end,
					     struct vq_chain *chain, __u32 max,
					     __u32 *taken)
{
	const struct plain_table ring = packed_ring(dev);
	__u32 lap = packed_lap_available(dev->avail_wrap);
	__u32 at = dev->last_avail;
	int error = 0;

	for (*taken = 0; *taken < max; ++*taken, chain++) {
		/* All else is read after the flags of the first. */
		__u32 tail = packed_tail_acquire(dev->ring, at), entries;

		if ((tail & PACKED_LAP) != lap)
			break;
		chain->segments = segments;
		error = packed_take(dev, &ring, at, tail, end, chain);
		if (unlikely(error))
			break;
		entries = chain->head >> 16;
		packed_prefetch(dev->ring, at, max - *taken, entries);
		segments += chain->readable + chain->writable;
		at += entries;
		if (unlikely(at >= ring.num)) {
			at -= ring.num;
			lap ^= PACKED_LAP;
		}
	}
	dev->last_avail = (__u16)at;
	dev->avail_wrap = lap == packed_lap_available(true);
	return error;
}

int packed_pop_batch(struct vq_device *dev, struct vq_segment *segments,
		     __u32 capacity, struct vq_chain *chains, __u32 max,
		     __u32 *count)
{
	__u32 taken;
	int error =
		packed_take_batch(dev, segments, plain_end(segments, capacity),
				  chains, max, &taken);

	*count = taken;
	return taken ? 0 : error;
}

/* Not inline: see vq_device_pop(). */
noinline int packed_pop(struct vq_device *dev, struct vq_segment *segments,
			__u32 capacity, struct vq_chain *chain)
{
	__u32 taken;
	int error = packed_take_batch(
		dev, segments, plain_end(segments, capacity), chain, 1, &taken);

	if (unlikely(error))
		return error;
	return taken ? 0 : -EAGAIN;
}

static __always_inline __u32 packed_write_used(struct vring_packed_desc *desc,
					       const struct vq_used *used,
					       __u32 lap)
{
	__u32 id = used->id, len = used->len;

	desc->len = cpu_to_le32(len);
	return (id & 0xffff) | lap | (len ? VRING_DESC_F_WRITE << 16 : 0);
}

/* Where the next used descriptor goes, and its lap. */
struct packed_used {
	__u32 at;
	__u32 lap;
	__u32 slots;
};

static __always_inline void packed_used_next(struct packed_used *place,
					     __u32 entries, __u32 num)
{
	place->slots += entries;
	place->at += entries;
	if (unlikely(place->at >= num)) {
		place->at -= num;
		place->lap ^= PACKED_LAP;
	}
}

/*
 * Writes used descriptors, the flags of the first one last: the driver, which
 * looks at them in turn, sees all or none.
 */
static __always_inline void
packed_push_used(struct vq_device *dev, const struct vq_used *used, __u32 count)
{
	struct packed_used place = {dev->last_used,
				    packed_lap_used(dev->used_wrap), 0};
	__u32 first = dev->last_used, first_tail;
	struct vring_packed_desc *ring = dev->ring;

	first_tail = packed_write_used(&ring[first], used, place.lap);
	packed_used_next(&place, used->id >> 16, dev->num);
	while (--count) {
		struct vring_packed_desc *desc = &ring[place.at];
		__u32 tail = packed_write_used(desc, ++used, place.lap);

		packed_tail_write(ring, place.at, tail);
		packed_used_next(&place, used->id >> 16, dev->num);
	}
	dev->last_used = (__u16)place.at;
	dev->used_wrap = place.lap;
	dev->unsignalled =
		min_t(__u32, dev->unsignalled + place.slots, 2 * dev->num);
	packed_tail_release(ring, first, first_tail);
	if (unlikely(dev->log))
		log_desc(dev, first, min_t(__u32, place.slots, dev->num));
}

void packed_push_batch(struct vq_device *dev, const struct vq_used *used,
		       __u32 count)
{
	if (count)
		packed_push_used(dev, used, count);
}

void packed_push(struct vq_device *dev, __u32 head, __u32 len)
{
	const struct vq_used used = {.id = head, .len = len};

	packed_push_used(dev, &used, 1);
}
