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
	dev->event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	dev->notify_on_empty = features >> VIRTIO_F_NOTIFY_ON_EMPTY & 1;
	dev->packed = packed;
	return packed ? packed_device_init(dev, base) : split_init(dev, base);
}

/*
 * Rereads the driver's index, as all that it showed us is taken. A value that
 * cannot be is not kept, so that the next call sees it again.
 */
static __always_inline int split_refill(struct vq_device *dev)
{
	const struct vring_avail *avail = dev->avail;
	__virtio16 field;
	__u16 idx;

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

static __always_inline struct plain_table
split_ring(const struct vq_device *dev, bool search)
{
	return (struct plain_table){
		.desc = dev->ring,
		.num = dev->num,
		.kind = CHAIN_SPLIT,
		.search = search,
		.memory = dev->memory,
		.shift = dev->memory->shift,
	};
}

/* Loads the descriptor at @head, which is any value that the driver wrote. */
static __always_inline bool split_begin(const struct plain_table *ring,
					__u32 head, struct plain_cursor *cursor)
{
	if (unlikely(head >= ring->num))
		return false;
	cursor->wire = &ring->desc[head];
	plain_load(cursor);
	return true;
}

static noinline int split_walk(struct vq_device *dev,
			       struct vq_segment *segments,
			       const struct vq_segment *end,
			       struct vq_chain *chain)
{
	const struct plain_table ring = split_ring(dev, true);
	struct plain_cursor cursor = {.segment = segments, .end = end};
	struct chain_walk walk = {
		.memory = dev->memory,
		.hint = dev->hint,
		.segments = segments,
		.capacity = (__u32)(end - segments),
		.entries = CHAIN_INDIRECT_MAX,
		.table_kind = CHAIN_SPLIT_TABLE,
	};
	int error;

	if (split_begin(&ring, chain->head, &cursor) &&
	    plain_walk(&ring, &cursor, chain))
		return 0;
	error = split_follow(dev, &walk, (__u16)chain->head);
	dev->hint = walk.hint;
	chain_finish(&walk, chain);
	return error;
}

static noinline struct vq_segment *
split_take_table(const struct vq_memory *memory, __u64 addr, __u64 len,
		 const struct vq_segment *end, struct vq_chain *chain)
{
	return plain_walk_table(memory, CHAIN_SPLIT_TABLE, addr, len, end,
				chain);
}

/* Storage that chains are taken into; it moves on with each. */
struct split_storage {
	struct vq_segment *segments;
	const struct vq_segment *end;
	struct vq_chain *chain;
};

/* The chain in hand is whole, and its segments end before @segments. */
static __always_inline void split_keep(struct split_storage *storage,
				       struct vq_segment *segments)
{
	storage->segments = segments;
	storage->chain++;
}

static __always_inline int split_take(struct vq_device *dev,
				      const struct plain_table *ring,
				      __u16 head, struct split_storage *storage)
{
	struct vq_chain *chain = storage->chain;
	struct plain_cursor cursor = {
		.segment = storage->segments,
		.end = storage->end,
	};
	int error;

	chain->segments = storage->segments;
	chain->head = head;
	if (unlikely(!split_begin(ring, head, &cursor)))
		return -EINVAL;
	if (plain_is_table(CHAIN_SPLIT, cursor.tail)) {
		struct vq_segment *behind =
			split_take_table(dev->memory, cursor.addr, cursor.len,
					 storage->end, chain);

		if (likely(behind)) {
			split_keep(storage, behind);
			return 0;
		}
	} else if (likely(plain_walk(ring, &cursor, chain))) {
		split_keep(storage, cursor.segment);
		return 0;
	}
	error = split_walk(dev, chain->segments, storage->end, chain);
	if (unlikely(error))
		return error;
	split_keep(storage,
		   storage->segments + chain->readable + chain->writable);
	return 0;
}

/*
 * Takes @count chains that the driver has shown to us, or as many as storage
 * and faults allow. Their entries are two runs where they go around the end.
 */
static __always_inline int split_take_batch(struct vq_device *dev,
					    struct split_storage *storage,
					    __u32 count)
{
	const struct plain_table ring = split_ring(dev, false);
	const struct vring_avail *avail = dev->avail;
	__u32 start = dev->last_avail & (ring.num - 1);
	__u32 run = min_t(__u32, count, ring.num - start);
	const __virtio16 *entry = &avail->ring[start], *stop = entry + run;

	for (;;) {
		for (; entry != stop; entry++) {
			int error = split_take(dev, &ring, split_load16(entry),
					       storage);

			if (unlikely(error))
				return error;
		}
		count -= run;
		if (likely(!count))
			return 0;
		run = count;
		entry = avail->ring;
		stop = entry + run;
	}
}

int vq_device_pop_batch(struct vq_device *dev, struct vq_segment *segments,
			__u32 capacity, struct vq_chain *chains, __u32 max,
			__u32 *count)
{
	struct split_storage storage = {segments, plain_end(segments, capacity),
					chains};
	__u32 taken;
	int error;

	if (dev->packed)
		return packed_pop_batch(dev, segments, capacity, chains, max,
					count);
	*count = 0;
	if (dev->avail_idx == dev->last_avail) {
		error = split_refill(dev);
		if (unlikely(error))
			return error;
	}
	max = min_t(__u32, max, (__u16)(dev->avail_idx - dev->last_avail));
	error = split_take_batch(dev, &storage, max);
	taken = (__u32)(storage.chain - chains);
	dev->last_avail += (__u16)taken;
	*count = taken;
	return taken ? 0 : error;
}

/*
 * Not inline, as clang takes what is half unlikely branches for a function
 * that is hardly ever called, and makes it small instead of fast.
 */
noinline int vq_device_pop(struct vq_device *dev, struct vq_segment *segments,
			   __u32 capacity, struct vq_chain *chain)
{
	const struct plain_table ring = split_ring(dev, false);
	struct split_storage storage = {segments, plain_end(segments, capacity),
					chain};
	const struct vring_avail *avail = dev->avail;
	__u16 at = dev->last_avail;
	int error;

	if (dev->packed)
		return packed_pop(dev, segments, capacity, chain);
	if (unlikely(dev->avail_idx == at)) {
		error = split_refill(dev);
		if (unlikely(error))
			return error;
		if (dev->avail_idx == at)
			return -EAGAIN;
	}
	error = split_take(dev, &ring,
			   split_load16(&avail->ring[at & (ring.num - 1)]),
			   &storage);
	if (likely(!error))
		dev->last_avail = at + 1;
	return error;
}

int vq_device_take(struct vq_device *dev, __u16 head,
		   struct vq_segment *segments, __u32 capacity,
		   struct vq_chain *chain)
{
	if (dev->packed)
		return -EOPNOTSUPP;
	chain->segments = segments;
	chain->head = head;
	return split_walk(dev, segments, plain_end(segments, capacity), chain);
}
