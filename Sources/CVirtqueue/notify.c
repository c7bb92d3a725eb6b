// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Who wakes whom. Each side writes what the other waits for, then a full
 * barrier, then reads whether the other waits; without the barrier both could
 * read old values and sleep for ever.
 */
#include "vq_platform.h"
#include "log.h"
#include "notify.h"
#include "packed.h"

static void notify_store16(__virtio16 *field, __u16 value)
{
	WRITE_ONCE(*field, (__force __virtio16)cpu_to_le16(value));
}

/* Behind the entries of the other side's area. */
static __virtio16 *notify_avail_event(struct vring_used *used, __u32 num)
{
	return (__virtio16 *)&used->ring[num];
}

_Bool vq_device_signal_needed(struct vq_device *dev)
{
	if (dev->packed)
		return packed_signal_needed(dev);
	/* Pairs with virt_mb() in vq_driver_delay_callback(). */
	virt_mb();
	return notify_signal_needed(dev);
}

/* Writes a field of the device area. */
static void notify_write_used(const struct vq_device *dev, __virtio16 *field,
			      __u16 value)
{
	notify_store16(field, value);
	device_wrote_used(dev, field, sizeof(*field));
}

_Bool vq_device_enable_notify(struct vq_device *dev)
{
	const struct vring_avail *avail = dev->avail;
	struct vring_used *used = dev->used;

	if (dev->packed)
		return packed_enable_notify(dev);
	dev->notify_off = false;
	if (dev->event_idx)
		notify_write_used(dev, notify_avail_event(used, dev->num),
				  dev->avail_idx);
	else
		notify_write_used(dev, &used->flags, 0);
	/* Pairs with virt_mb() in vq_driver_kick_prepare(). */
	virt_mb();
	return notify_load16(&avail->idx) != dev->last_avail;
}

void vq_device_disable_notify(struct vq_device *dev)
{
	struct vring_used *used = dev->used;

	if (dev->packed) {
		packed_disable_notify(dev);
		return;
	}
	if (dev->notify_off)
		return;
	dev->notify_off = true;
	if (!dev->event_idx)
		notify_write_used(dev, &used->flags, VRING_USED_F_NO_NOTIFY);
}

_Bool vq_driver_kick_prepare(struct vq_driver *drv)
{
	struct vring_used *used = drv->used;
	__u16 old = drv->kicked_idx;
	bool overdue;

	if (drv->packed)
		return packed_kick_prepare(drv);
	vq_driver_publish(drv);
	drv->kicked_idx = drv->avail_idx;
	overdue = drv->overdue;
	drv->overdue = false;
	/* Pairs with virt_mb() in vq_device_enable_notify(). */
	virt_mb();
	if (!drv->event_idx)
		return (overdue || old != drv->avail_idx) &&
		       !(notify_load16(&used->flags) & VRING_USED_F_NO_NOTIFY);
	/* Indices say nothing about more of them than there are. */
	if (unlikely(overdue))
		return true;
	return notify_passed(notify_load16(notify_avail_event(used, drv->num)),
			     drv->avail_idx, old);
}

_Bool vq_driver_delay_callback(struct vq_driver *drv, __u16 buffers)
{
	struct vring_avail *avail = drv->avail;
	const struct vring_used *used = drv->used;

	if (drv->packed)
		return packed_enable_callback(drv);
	if (drv->event_idx)
		notify_store16(&avail->ring[drv->num],
			       drv->last_used + buffers - 1);
	else
		notify_store16(&avail->flags, 0);
	/* Pairs with virt_mb() in vq_device_signal_needed(). */
	virt_mb();
	return (__u16)(notify_load16(&used->idx) - drv->last_used) >= buffers;
}

_Bool vq_driver_enable_callback(struct vq_driver *drv)
{
	return vq_driver_delay_callback(drv, 1);
}

void vq_driver_disable_callback(struct vq_driver *drv)
{
	struct vring_avail *avail = drv->avail;

	if (drv->packed) {
		packed_disable_callback(drv);
		return;
	}
	/* The index that the device passes last of all. */
	if (drv->event_idx)
		notify_store16(&avail->ring[drv->num], drv->last_used - 1);
	else
		notify_store16(&avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}
