// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Who wakes whom, with packed rings: the order is that of notify.c. An event
 * structure is 4 bytes, an offset and flags, read and written as one.
 */
#include "vq_platform.h"
#include "log.h"
#include "packed.h"

static void packed_event_write(void *event, __u32 offset, bool wrap,
			       __u32 flags)
{
	__u32 value = offset | (wrap ? PACKED_WRAP : 0) | flags << 16;

	WRITE_ONCE(*(__u32 *)event, (__force __u32)cpu_to_le32(value));
}

/* Positions count through two laps, of different parity. */
static __u32 packed_position(__u32 at, bool wrap, __u32 num)
{
	return wrap ? at : at + num;
}

/*
 * Whether the other side, of whose @event structure this is, wants to hear of
 * the last @passed entries before @at.
 */
static bool packed_event_passed(const void *event, bool event_idx, __u32 at,
				bool wrap, __u32 passed, __u32 num)
{
	__u32 value = READ_ONCE(*(const __u32 *)event), offset, behind;

	value = le32_to_cpu((__force __le32)value);
	if ((value >> 16 & 3) == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	offset = value & (PACKED_WRAP - 1);
	if (!event_idx || (value >> 16 & 3) != VRING_PACKED_EVENT_FLAG_DESC ||
	    offset >= num)
		return true;
	behind = packed_position(at, wrap, num) + 2 * num - 1 -
		 packed_position(offset, value & PACKED_WRAP, num);
	return behind % (2 * num) < passed;
}

bool packed_signal_needed(struct vq_device *dev)
{
	__u32 passed = dev->unsignalled;
	__u32 tail;

	/* Pairs with virt_mb() in packed_enable_callback(). */
	virt_mb();
	dev->unsignalled = 0;
	tail = packed_tail_acquire(dev->ring, dev->last_avail);
	if (dev->notify_on_empty && !packed_is_available(tail, dev->avail_wrap))
		return true;
	return passed &&
	       packed_event_passed(dev->avail, dev->event_idx, dev->last_used,
				   dev->used_wrap, passed, dev->num);
}

bool packed_enable_notify(struct vq_device *dev)
{
	__u32 tail;

	dev->notify_off = false;
	packed_event_write(dev->used, dev->last_avail, dev->avail_wrap,
			   dev->event_idx ? VRING_PACKED_EVENT_FLAG_DESC
					  : VRING_PACKED_EVENT_FLAG_ENABLE);
	device_wrote_used(dev, dev->used, VQ_PACKED_EVENT_BYTES);
	/* Pairs with virt_mb() in packed_kick_prepare(). */
	virt_mb();
	tail = packed_tail_acquire(dev->ring, dev->last_avail);
	return packed_is_available(tail, dev->avail_wrap);
}

void packed_disable_notify(struct vq_device *dev)
{
	if (dev->notify_off)
		return;
	dev->notify_off = true;
	packed_event_write(dev->used, 0, false,
			   VRING_PACKED_EVENT_FLAG_DISABLE);
	device_wrote_used(dev, dev->used, VQ_PACKED_EVENT_BYTES);
}

bool packed_kick_prepare(struct vq_driver *drv)
{
	__u32 passed = drv->unkicked;

	packed_publish(drv);
	drv->unkicked = 0;
	/* Pairs with virt_mb() in packed_enable_notify(). */
	virt_mb();
	return passed &&
	       packed_event_passed(drv->used, drv->event_idx, drv->next_avail,
				   drv->avail_wrap, passed, drv->num);
}

bool packed_enable_callback(struct vq_driver *drv)
{
	__u32 tail;

	packed_event_write(drv->avail, drv->last_used, drv->used_wrap,
			   drv->event_idx ? VRING_PACKED_EVENT_FLAG_DESC
					  : VRING_PACKED_EVENT_FLAG_ENABLE);
	/* Pairs with virt_mb() in packed_signal_needed(). */
	virt_mb();
	tail = packed_tail_acquire(drv->desc, drv->last_used);
	return drv->batch || packed_is_used(tail, drv->used_wrap);
}

void packed_disable_callback(struct vq_driver *drv)
{
	packed_event_write(drv->avail, 0, false,
			   VRING_PACKED_EVENT_FLAG_DISABLE);
}
