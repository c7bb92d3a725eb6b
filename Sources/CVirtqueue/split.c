// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "chain.h"
#include "memory.h"
#include "vq_device.h"

/* As many entries as 16-bit next fields can tell apart. */
#define SPLIT_INDIRECT_MAX 65536

static __u16 split_load16(const __virtio16 *field)
{
	return le16_to_cpu((__force __le16)READ_ONCE(*field));
}

int vq_device_init(struct vq_device *dev, const struct vq_rings *rings,
		   const struct vq_memory *memory, __u64 features, __u16 base)
{
	int error = vq_rings_check(rings);

	if (error)
		return error;
	memset(dev, 0, sizeof(*dev));
	dev->desc = rings->desc;
	dev->avail = rings->avail;
	dev->used = rings->used;
	dev->num = rings->num;
	dev->memory = memory;
	dev->hint = memory->regions;
	dev->last_avail = base;
	dev->avail_idx = base;
	dev->last_used = split_load16(&dev->used->idx);
	dev->event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	dev->notify_on_empty = features >> VIRTIO_F_NOTIFY_ON_EMPTY & 1;
	WRITE_ONCE(dev->used->flags, 0);
	return 0;
}

/*
 * Rereads the driver's index once all that it showed us is taken. A value
 * that cannot be is not kept, so that the next call sees it again.
 */
static int split_refill(struct vq_device *dev)
{
	__virtio16 field;
	__u16 idx;

	if (dev->avail_idx != dev->last_avail)
		return 0;
	/*
	 * Pairs with virt_store_release() in vq_driver_publish(): entries and
	 * descriptors are read after the index that covers them.
	 */
	field = virt_load_acquire(&dev->avail->idx);
	idx = le16_to_cpu((__force __le16)field);
	if ((__u16)(idx - dev->last_avail) > dev->num)
		return -EINVAL;
	dev->avail_idx = idx;
	return 0;
}

/*
 * The chains that nearly all are: no indirect table, no empty buffer, each
 * buffer inside one region. Gives up on any other, and on any fault, having
 * changed nothing but storage: split_walk() then starts over and decides. All
 * state is in locals so that it stays in registers.
 */
static __always_inline bool split_walk_plain(struct vq_device *dev,
					     struct vq_segment *segments,
					     __u32 capacity,
					     struct vq_chain *chain)
{
	const struct vq_region *region = dev->hint;
	__u32 limit = min_t(__u32, capacity, dev->num);
	__u64 readable_bytes = 0, writable_bytes = 0;
	__u32 count = 0, readable = 0, at = chain->head;
	struct chain_desc desc;

	do {
		__u64 offset;

		if (unlikely(at >= dev->num || count == limit))
			return false;
		chain_desc_read(&dev->desc[at], &desc);
		offset = desc.addr - region->guest;
		if (unlikely(offset >= region->size)) {
			region = memory_find(dev->memory, desc.addr);
			if (!region)
				return false;
			offset = desc.addr - region->guest;
		}
		/* A length of 0 wraps around and is too large. */
		if (unlikely((__u64)desc.len - 1 >= region->size - offset ||
			     !(region->access & chain_desc_access(&desc)) ||
			     (desc.flags & VRING_DESC_F_INDIRECT)))
			return false;
		if (desc.flags & VRING_DESC_F_WRITE) {
			writable_bytes += desc.len;
		} else {
			if (unlikely(readable++ != count))
				return false;
			readable_bytes += desc.len;
		}
		segments[count].base = (char *)region->host + offset;
		segments[count++].len = desc.len;
		at = desc.next;
	} while (desc.flags & VRING_DESC_F_NEXT);
	dev->hint = region;
	chain->readable_bytes = readable_bytes;
	chain->writable_bytes = writable_bytes;
	chain->readable = readable;
	chain->writable = count - readable;
	return true;
}

/* Follows any chain from its head; bounded by the ring's size. */
static int split_follow(const struct vq_device *dev, struct chain_walk *walk,
			__u16 head)
{
	__u32 left = dev->num;
	struct chain_desc desc;
	__u32 at = head;
	int error;

	do {
		if (at >= dev->num || !left--)
			return -EINVAL;
		chain_desc_read(&dev->desc[at], &desc);
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
			       struct vq_segment *segments, __u32 capacity,
			       struct vq_chain *chain)
{
	struct chain_walk walk = {
		.memory = dev->memory,
		.hint = dev->hint,
		.segments = segments,
		.capacity = min_t(__u32, capacity, VQ_CHAIN_SEGMENTS_MAX),
		.entries = SPLIT_INDIRECT_MAX,
	};
	int error = split_follow(dev, &walk, chain->head);

	dev->hint = walk.hint;
	chain->readable_bytes = walk.readable_bytes;
	chain->writable_bytes = walk.writable_bytes;
	chain->readable = walk.readable;
	chain->writable = walk.count - walk.readable;
	return error;
}

/* Takes the chain at last_avail, which the driver has shown to us. */
static __always_inline int split_take(struct vq_device *dev,
				      struct vq_segment *segments,
				      __u32 capacity, struct vq_chain *chain)
{
	__u16 slot = dev->last_avail & (dev->num - 1);

	chain->segments = segments;
	chain->head = split_load16(&dev->avail->ring[slot]);
	if (!split_walk_plain(dev, segments,
			      min_t(__u32, capacity, VQ_CHAIN_SEGMENTS_MAX),
			      chain)) {
		int error = split_walk(dev, segments, capacity, chain);

		if (error)
			return error;
	}
	dev->last_avail++;
	return 0;
}

int vq_device_pop_batch(struct vq_device *dev, struct vq_segment *segments,
			__u32 capacity, struct vq_chain *chains, __u32 max,
			__u32 *count)
{
	__u32 taken = 0;
	int error = split_refill(dev);

	while (!error && taken < max && dev->last_avail != dev->avail_idx) {
		struct vq_chain *chain = &chains[taken];
		__u32 used;

		error = split_take(dev, segments, capacity, chain);
		if (unlikely(error))
			break;
		used = chain->readable + chain->writable;
		segments += used;
		capacity -= used;
		taken++;
	}
	*count = taken;
	return taken ? 0 : error;
}

int vq_device_pop(struct vq_device *dev, struct vq_segment *segments,
		  __u32 capacity, struct vq_chain *chain)
{
	int error = split_refill(dev);

	if (unlikely(error))
		return error;
	if (dev->last_avail == dev->avail_idx)
		return -EAGAIN;
	return split_take(dev, segments, capacity, chain);
}

void vq_device_push_batch(struct vq_device *dev, const struct vq_used *used,
			  __u32 count)
{
	struct vring_used *ring = dev->used;
	__u16 old = dev->last_used, idx = old;
	__virtio16 field;

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

void vq_device_push(struct vq_device *dev, __u16 head, __u32 len)
{
	struct vq_used used = {.id = head, .len = len};

	vq_device_push_batch(dev, &used, 1);
}
