// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "chain.h"
#include "packed.h"
#include "plain.h"
#include "vq_device.h"

static __u16 split_load16(const __virtio16 *field)
{
	return le16_to_cpu((__force __le16)READ_ONCE(*field));
}

static int split_init(struct vq_device *dev, __u32 base)
{
	struct vring_used *used = dev->used;

	if (base > 0xffff)
		return -EINVAL;
	dev->last_avail = (__u16)base;
	dev->avail_idx = (__u16)base;
	dev->last_used = split_load16(&used->idx);
	WRITE_ONCE(used->flags, 0);
	return 0;
}

int vq_device_init(struct vq_device *dev, const struct vq_rings *rings,
		   const struct vq_memory *memory, __u64 features, __u32 base)
{
	bool packed = features >> VIRTIO_F_RING_PACKED & 1;
	int error = packed ? vq_packed_check(rings) : vq_rings_check(rings);

	if (error)
		return error;
	memset(dev, 0, sizeof(*dev));
	dev->ring = rings->desc;
	dev->avail = rings->avail;
	dev->used = rings->used;
	dev->num = rings->num;
	dev->memory = memory;
	dev->hint = memory->regions;
	dev->limit = min_t(__u32, rings->num, VQ_CHAIN_SEGMENTS_MAX);
	dev->event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	dev->notify_on_empty = features >> VIRTIO_F_NOTIFY_ON_EMPTY & 1;
	dev->packed = packed;
	return packed ? packed_device_init(dev, base) : split_init(dev, base);
}

/*
 * Rereads the driver's index once all that it showed us is taken. A value
 * that cannot be is not kept, so that the next call sees it again.
 */
static __always_inline int split_refill(struct vq_device *dev)
{
	const struct vring_avail *avail = dev->avail;
	__virtio16 field;
	__u16 idx;

	if (dev->avail_idx != dev->last_avail)
		return 0;
	/*
	 * Pairs with virt_store_release() in vq_driver_publish(): entries and
	 * descriptors are read after the index that covers them.
	 */
	field = virt_load_acquire(&avail->idx);
	idx = le16_to_cpu((__force __le16)field);
	if ((__u16)(idx - dev->last_avail) > dev->num)
		return -EINVAL;
	dev->avail_idx = idx;
	return 0;
}

/* Follows any chain from its head; bounded by the ring's size. */
static int split_follow(const struct vq_device *dev, struct chain_walk *walk,
			__u16 head)
{
	__u32 left = dev->num;
	const struct vring_desc *table = dev->ring;
	struct chain_desc desc;
	__u32 at = head;
	int error;

	do {
		if (at >= dev->num || !left--)
			return -EINVAL;
		chain_desc_read(&table[at], CHAIN_SPLIT, &desc);
		if (desc.flags & VRING_DESC_F_INDIRECT)
			error = chain_add_indirect(walk, &desc);
		else
			error = chain_add(walk, &desc);
		if (error)
			return error;
		at = desc.next;
	} while (desc.flags & VRING_DESC_F_NEXT);
	return 0;
}

static noinline int split_walk(struct vq_device *dev,
			       struct vq_segment *segments,
			       const struct vq_segment *end,
			       struct vq_chain *chain)
{
	const struct plain_table ring = {dev->ring, dev->num, CHAIN_SPLIT,
					 true};
	struct plain_cursor cursor = {
		.segment = segments,
		.end = end,
		.at = chain->head,
	};
	struct chain_walk walk = {
		.memory = dev->memory,
		.hint = dev->hint,
		.segments = segments,
		.capacity = min_t(__u64, end - segments, VQ_CHAIN_SEGMENTS_MAX),
		.entries = CHAIN_INDIRECT_MAX,
		.table_kind = CHAIN_SPLIT_TABLE,
	};
	int error;

	if (plain_walk(dev->memory, &ring, &cursor, dev->limit, chain))
		return 0;
	error = split_follow(dev, &walk, (__u16)chain->head);
	dev->hint = walk.hint;
	chain_finish(&walk, chain);
	return error;
}

/* A chain that is not plain in the ring; most are one indirect table. */
static noinline int split_take_other(struct vq_device *dev,
				     struct vq_segment *segments,
				     const struct vq_segment *end,
				     struct vq_chain *chain)
{
	struct plain_cursor cursor = {.segment = segments, .end = end};
	const struct vring_desc *table = dev->ring;
	struct chain_desc desc;

	if (unlikely(chain->head >= dev->num))
		return -EINVAL;
	chain_desc_read(&table[chain->head], CHAIN_SPLIT, &desc);
	if ((desc.flags & (VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT)) ==
		    VRING_DESC_F_INDIRECT &&
	    plain_walk_table(dev->memory, CHAIN_SPLIT_TABLE, &desc, &cursor,
			     VQ_CHAIN_SEGMENTS_MAX, chain))
		return 0;
	return split_walk(dev, segments, end, chain);
}

/*
 * Takes @max chains that the driver has shown to us, or as many as storage
 * and faults allow; counts in @taken.
 */
static __always_inline int split_take(struct vq_device *dev,
				      struct vq_segment *segments,
				      __u32 capacity, struct vq_chain *chain,
				      __u32 max, __u32 *taken)
{
	const struct plain_table ring = {dev->ring, dev->num, CHAIN_SPLIT,
					 false};
	const struct vq_segment *end = segments + capacity;
	const struct vring_avail *avail = dev->avail;
	__u16 at = dev->last_avail, stop = at + (__u16)max;
	int error = 0;

	for (; at != stop; at++, chain++) {
		__u16 head = split_load16(&avail->ring[at & (ring.num - 1)]);
		struct plain_cursor cursor = {
			.segment = segments,
			.end = end,
			.at = head,
		};

		chain->segments = segments;
		chain->head = head;
		if (likely(plain_walk(dev->memory, &ring, &cursor, dev->limit,
				      chain))) {
			segments = cursor.segment;
			continue;
		}
		error = split_take_other(dev, segments, end, chain);
		if (unlikely(error))
			break;
		segments += chain->readable + chain->writable;
	}
	*taken = (__u16)(at - dev->last_avail);
	dev->last_avail = at;
	return error;
}

int vq_device_pop_batch(struct vq_device *dev, struct vq_segment *segments,
			__u32 capacity, struct vq_chain *chains, __u32 max,
			__u32 *count)
{
	int error;

	if (dev->packed)
		return packed_pop_batch(dev, segments, capacity, chains, max,
					count);
	error = split_refill(dev);
	*count = 0;
	if (unlikely(error))
		return error;
	max = min_t(__u32, max, (__u16)(dev->avail_idx - dev->last_avail));
	error = split_take(dev, segments, capacity, chains, max, count);
	return *count ? 0 : error;
}

int vq_device_pop(struct vq_device *dev, struct vq_segment *segments,
		  __u32 capacity, struct vq_chain *chain)
{
	__u32 count;
	int error =
		vq_device_pop_batch(dev, segments, capacity, chain, 1, &count);

	if (unlikely(error))
		return error;
	return count ? 0 : -EAGAIN;
}

int vq_device_take(struct vq_device *dev, __u16 head,
		   struct vq_segment *segments, __u32 capacity,
		   struct vq_chain *chain)
{
	if (dev->packed)
		return -EOPNOTSUPP;
	chain->segments = segments;
	chain->head = head;
	return split_take_other(dev, segments, segments + capacity, chain);
}

void vq_device_push_batch(struct vq_device *dev, const struct vq_used *used,
			  __u32 count)
{
	struct vring_used *ring = dev->used;
	__u16 old = dev->last_used, idx = old;
	__virtio16 field;

	if (dev->packed) {
		packed_push_batch(dev, used, count);
		return;
	}
	for (__u32 i = 0; i < count; i++, idx++) {
		vring_used_elem_t *elem = &ring->ring[idx & (dev->num - 1)];

		elem->id = (__force __virtio32)cpu_to_le32(used[i].id);
		elem->len = (__force __virtio32)cpu_to_le32(used[i].len);
	}
	dev->last_used = idx;
	/* A lap around a driver that was never signalled: see notify.c. */
	if ((__u16)(idx - dev->signalled_used) < (__u16)(idx - old))
		dev->signalled_valid = false;
	field = (__force __virtio16)cpu_to_le16(idx);
	/*
	 * Pairs with virt_load_acquire() in vq_driver_reap(): the entries, and
	 * what we wrote to the buffers, are seen before the index.
	 */
	virt_store_release(&ring->idx, field);
}

void vq_device_push(struct vq_device *dev, __u32 head, __u32 len)
{
	struct vq_used used = {.id = head, .len = len};

	vq_device_push_batch(dev, &used, 1);
}
