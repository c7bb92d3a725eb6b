/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef VQ_NOTIFY_PRIVATE_H
#define VQ_NOTIFY_PRIVATE_H

#include <linux/virtio_ring.h>

#include "vq_device.h"
#include "vq_platform.h"

/*
 * Whether an index that went from @old to @new passed @event, the last index
 * that the other side wants to hear about; all of them wrap around.
 */
static inline bool notify_passed(__u16 event, __u16 new, __u16 old)
{
	return (__u16)(new - event - 1) < (__u16)(new - old);
}

static inline __u16 notify_load16(const __virtio16 *field)
{
	return le16_to_cpu((__force __le16)READ_ONCE(*field));
}

/* The used event index lies behind the entries of the driver's area. */
static inline const __virtio16 *
notify_used_event(const struct vring_avail *avail, __u32 num)
{
	return &avail->ring[num];
}

/*
 * Whether the driver of a split ring wants an interrupt, behind the barrier
 * after what was pushed.
 */
static __always_inline bool notify_signal_needed(struct vq_device *dev)
{
	const struct vring_avail *avail = dev->avail;
	__u16 old = dev->signalled_used;
	bool first = !dev->signalled_valid;

	if (dev->notify_on_empty && dev->avail_idx == dev->last_avail)
		return true;
	if (!dev->event_idx)
		return !(notify_load16(&avail->flags) &
			 VRING_AVAIL_F_NO_INTERRUPT);
	dev->signalled_used = dev->last_used;
	dev->signalled_valid = true;
	dev->by_event = !dev->notify_on_empty && !dev->log;
	if (first)
		return true;
	return notify_passed(notify_load16(notify_used_event(avail, dev->num)),
			     dev->last_used, old);
}

#endif
