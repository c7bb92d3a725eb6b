/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the driver side remembers of its buffers, by the id that the device
 * gives back: the head of a split chain, the buffer id of a packed one.
 */
#ifndef VQ_SLOTS_PRIVATE_H
#define VQ_SLOTS_PRIVATE_H

#include "vq_driver.h"
#include "vq_platform.h"

/* Whether a ring of @num can hold the pieces; no sum wraps around. */
static __always_inline bool slots_count_valid(__u32 num, __u32 readable,
					      __u32 writable)
{
	return readable <= num && writable <= num - readable &&
	       readable + writable;
}

/* Notes a buffer of @count descriptors in slots @head to @last. */
static __always_inline void slots_take(struct vq_driver *drv, __u16 head,
				       __u32 count, __u16 last, __u64 writable,
				       __u64 cookie)
{
	struct vq_slot *slot = &drv->slots[head];

	drv->free_head = drv->slots[last].next;
	drv->free_count -= count;
	slot->cookie = cookie;
	slot->writable = (__u32)min_t(__u64, writable, 0xffffffff);
	slot->last = last;
	slot->count = (__u16)count;
}

/* Whether the device may give back @id with @len bytes written. */
static __always_inline int slots_check(const struct vq_driver *drv, __u32 id,
				       __u32 len)
{
	if (unlikely(id >= drv->num || !drv->slots[id].count))
		return -EINVAL;
	return unlikely(len > drv->slots[id].writable) ? -EMSGSIZE : 0;
}

/*
 * Gives a buffer back to the caller and its slots to the free list, which is
 * a ring that nobody changes where buffers come back in order. Returns the
 * number of its descriptors.
 */
static __always_inline __u32 slots_finish(struct vq_driver *drv, __u32 id,
					  __u32 len, struct vq_completion *done)
{
	struct vq_slot *slot = &drv->slots[id];
	__u32 count = slot->count;

	done->cookie = slot->cookie;
	done->len = len;
	if (!drv->in_order) {
		drv->slots[slot->last].next = drv->free_head;
		drv->free_head = (__u16)id;
	}
	drv->free_count += count;
	slot->count = 0;
	return count;
}

/* The device used all buffers up to this one, in order. */
static inline void slots_batch(struct vq_driver *drv, __u32 id, __u32 len)
{
	drv->batch = true;
	drv->batch_id = (__u16)id;
	drv->batch_len = len;
}

/*
 * Gives back the oldest buffer of the batch. Those before the last one, for
 * which the device wrote no entry, it has written in full: so says virtio.
 */
static inline __u32 slots_finish_oldest(struct vq_driver *drv,
					struct vq_completion *done)
{
	__u16 id = drv->oldest;
	const struct vq_slot *slot = &drv->slots[id];
	__u32 len = slot->writable;

	if (id == drv->batch_id) {
		len = drv->batch_len;
		drv->batch = false;
	}
	drv->oldest = drv->slots[slot->last].next;
	return slots_finish(drv, id, len, done);
}

#endif
