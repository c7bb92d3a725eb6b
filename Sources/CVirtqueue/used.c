// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Returning chains through the used ring. */
#include "vq_platform.h"
#include "log.h"
#include "notify.h"
#include "packed.h"

/* The fields go together, as they came. */
static __always_inline void
split_write_used(vring_used_elem_t *restrict elem,
		 const struct vq_used *restrict used)
{
	const struct vq_used wire = {
		(__force __u32)cpu_to_le32(used->id),
		(__force __u32)cpu_to_le32(used->len),
	};

	memcpy(elem, &wire, sizeof(wire));
}

static void split_write_run(vring_used_elem_t *restrict elem,
			    const struct vq_used *restrict used, __u32 count)
{
	for (; count; count--)
		split_write_used(elem++, used++);
}

/*
 * More than one lap: a driver that does not wait for used entries can have
 * more chains taken than its ring has room for.
 */
static noinline void split_write_laps(const struct vq_device *dev,
				      const struct vq_used *used, __u32 count)
{
	struct vring_used *ring = dev->used;

	while (count) {
		__u32 run = min_t(__u32, count, dev->num);

		split_write_run(ring->ring, used, run);
		used += run;
		count -= run;
	}
}

/* Counts @count entries that are written; the index to show. */
static __always_inline __virtio16 split_advance_used(struct vq_device *dev,
						     __u32 count)
{
	__u16 idx = (__u16)(dev->last_used + count);

	dev->last_used = idx;
	/* A lap around a driver that was never signalled: see notify.c. */
	if (unlikely((__u16)(idx - dev->signalled_used) < count)) {
		dev->signalled_valid = false;
		dev->by_event = false;
	}
	return (__force __virtio16)cpu_to_le16(idx);
}

/*
 * Pairs with virt_load_acquire() in driver_refill(): the entries, and what we
 * wrote to the buffers, are seen before the index.
 */
static __always_inline void split_publish(struct vq_device *dev, __u32 count)
{
	struct vring_used *ring = dev->used;

	virt_store_release(&ring->idx, split_advance_used(dev, count));
}

/*
 * Logs @count entries from index @old on, of which no more than the ring are
 * to be found, and the index behind them.
 */
static noinline void split_log(const struct vq_device *dev, __u32 old,
			       __u32 count)
{
	const struct vring_used *ring = dev->used;
	__u32 at = old & (dev->num - 1);
	__u32 run = min_t(__u32, count, dev->num - at);
	const __u64 bytes = sizeof(vring_used_elem_t);

	log_used(dev, &ring->ring[at], run * bytes);
	log_used(dev, ring->ring, min_t(__u32, count - run, at) * bytes);
	log_used(dev, &ring->idx, sizeof(ring->idx));
}

/* Logs the last @count entries, if there is a log. */
static __always_inline void split_wrote(const struct vq_device *dev,
					__u32 count)
{
	if (unlikely(dev->log))
		split_log(dev, dev->last_used - count, count);
}

void vq_device_push_batch(struct vq_device *dev, const struct vq_used *used,
			  __u32 count)
{
	struct vring_used *ring = dev->used;
	__u32 at = dev->last_used & (dev->num - 1), run = dev->num - at;

	if (dev->packed) {
		packed_push_batch(dev, used, count);
		return;
	}
	/* Entries are two runs where they go around the end. */
	run = min_t(__u32, run, count);
	split_write_run(&ring->ring[at], used, run);
	if (unlikely(run != count))
		split_write_laps(dev, used + run, count - run);
	split_publish(dev, count);
	split_wrote(dev, count);
}

static __always_inline void split_write_next(struct vq_device *dev, __u32 head,
					     __u32 len)
{
	const struct vq_used used = {.id = head, .len = len};
	struct vring_used *ring = dev->used;

	split_write_used(&ring->ring[dev->last_used & (dev->num - 1)], &used);
}

void vq_device_push(struct vq_device *dev, __u32 head, __u32 len)
{
	if (dev->packed) {
		packed_push(dev, head, len);
		return;
	}
	split_write_next(dev, head, len);
	split_publish(dev, 1);
	split_wrote(dev, 1);
}

/* By every rule that there is. */
static noinline bool used_push_signal(struct vq_device *dev, __u32 head,
				      __u32 len)
{
	struct vring_used *ring = dev->used;

	if (dev->packed) {
		packed_push(dev, head, len);
		return packed_signal_needed(dev);
	}
	split_write_next(dev, head, len);
	/*
	 * Pairs with virt_load_acquire() in driver_refill(), as in
	 * split_publish(), and with virt_mb() in vq_driver_delay_callback().
	 */
	virt_store_mb(ring->idx, split_advance_used(dev, 1));
	split_wrote(dev, 1);
	return notify_signal_needed(dev);
}

_Bool vq_device_push_signal(struct vq_device *dev, __u32 head, __u32 len)
{
	const struct vring_avail *avail = dev->avail;
	struct vring_used *ring = dev->used;
	__u16 old = dev->signalled_used, new = dev->last_used + 1;

	if (unlikely(!dev->by_event || new == old))
		return used_push_signal(dev, head, len);
	split_write_next(dev, head, len);
	dev->last_used = new;
	dev->signalled_used = new;
	/* Pairs as in used_push_signal(). */
	virt_store_mb(ring->idx, (__force __virtio16)cpu_to_le16(new));
	return notify_passed(notify_load16(notify_used_event(avail, dev->num)),
			     new, old);
}
