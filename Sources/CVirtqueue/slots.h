/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the driver side remembers of its buffers, by the id that the device
 * gives back: the head of a split chain, the buffer id of a packed one.
 */
#ifndef VQ_SLOTS_PRIVATE_H
#define VQ_SLOTS_PRIVATE_H

#include "vq_driver.h"
#include "vq_platform.h"

/*
 * What is known of the chain that starts at an index; @count is 0 if none
 * does. @last is its last descriptor, in packed rings itself. The link of an
 * index is apart from it, so that a walk along a chain is one load a step.
 */
struct slots_record {
	__u64 cookie;
	__u32 writable;
	__u16 last;
	__u16 count;
};

/* A chain that is new; @next is behind @last in the free list. */
struct slots_chain {
	__u32 head;
	__u32 count;
	__u32 last;
	__u32 next;
	__u64 writable;
	__u64 cookie;
};

static __always_inline struct slots_record *
slots_record(const struct vq_driver *drv, __u32 id)
{
	struct slots_record *records = drv->records;

	return &records[id];
}

/* A descriptor of any ring as it is written: length and tail are the rest. */
struct slots_words {
	__le64 addr;
	__le64 rest;
} __attribute__((may_alias));

/* Whether a ring of @num can hold the pieces; no sum wraps around. */
static __always_inline bool slots_count_valid(__u32 num, __u32 readable,
					      __u32 writable)
{
	return readable <= num && writable <= num - readable &&
	       readable + writable;
}

/* The free slots, in registers while a function takes or returns some. */
struct slots_free {
	__u32 head;
	__u32 count;
};

static __always_inline struct slots_free
slots_free_begin(const struct vq_driver *drv)
{
	return (struct slots_free){drv->free_head, drv->free_count};
}

static __always_inline void slots_free_end(struct vq_driver *drv,
					   const struct slots_free *free)
{
	drv->free_head = (__u16)free->head;
	drv->free_count = free->count;
}

/* Notes a chain whose descriptors were the first free ones. */
static __always_inline void slots_take(struct vq_driver *drv,
				       const struct slots_chain *chain)
{
	struct slots_record *slot = slots_record(drv, chain->head);

	drv->free_head = (__u16)chain->next;
	drv->free_count -= chain->count;
	slot->cookie = chain->cookie;
	slot->writable = (__u32)min_t(__u64, chain->writable, 0xffffffff);
	slot->last = (__u16)chain->last;
	slot->count = (__u16)chain->count;
}

/* Whether the device may give back @id with @len bytes written. */
static __always_inline int slots_check(const struct vq_driver *drv, __u32 id,
				       __u32 len)
{
	if (unlikely(id >= drv->num || !slots_record(drv, id)->count))
		return -EINVAL;
	return unlikely(len > slots_record(drv, id)->writable) ? -EMSGSIZE : 0;
}

/* Gives a buffer back to the caller; the number of its descriptors. */
static __always_inline __u32 slots_complete(struct slots_record *slot,
					    __u32 len,
					    struct vq_completion *done)
{
	__u32 count = slot->count;

	done->cookie = slot->cookie;
	done->len = len;
	slot->count = 0;
	return count;
}

/* The same, and its slots to the free list. */
static __always_inline __u32 slots_finish(const struct vq_driver *drv, __u32 id,
					  __u32 len, struct vq_completion *done,
					  struct slots_free *free)
{
	struct slots_record *slot = slots_record(drv, id);
	__u32 count = slots_complete(slot, len, done);

	drv->links[slot->last] = (__u16)free->head;
	free->head = id;
	free->count += count;
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
 * Gives back the oldest buffer of the batch; the free list is a ring here that
 * nobody changes. Those before the last one, for which the device wrote no
 * entry, it has written in full: so says virtio.
 */
static inline __u32 slots_finish_oldest(struct vq_driver *drv,
					struct vq_completion *done)
{
	struct slots_record *slot = slots_record(drv, drv->oldest);
	__u32 len = slot->writable, count;

	if (drv->oldest == drv->batch_id) {
		len = drv->batch_len;
		drv->batch = false;
	}
	drv->oldest = drv->links[slot->last];
	count = slots_complete(slot, len, done);
	drv->free_count += count;
	return count;
}

#endif
