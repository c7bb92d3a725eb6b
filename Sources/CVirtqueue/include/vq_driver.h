/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The driver side: make buffers available, reap them when used.
 *
 *	vq_driver_add(drv, buffers, 1, 2, cookie);
 *	...
 *	if (vq_driver_kick_prepare(drv))
 *		... kick the device ...
 *	while (vq_driver_reap(drv, done, max, &count) == 0 && !count)
 *		if (!vq_driver_enable_callback(drv))
 *			... sleep until the device signals ...
 *
 * What the device can write is not trusted: it can make a call fail, and
 * nothing worse. Descriptors are never read back.
 */
#ifndef VQ_DRIVER_H
#define VQ_DRIVER_H

#include <linux/types.h>
#include <linux/virtio_ring.h>

#include "vq_rings.h"

/**
 * struct vq_buffer - a piece of a buffer, as the device is told of it
 * @addr: guest-physical address
 * @len: bytes
 */
struct vq_buffer {
	__u64 addr;
	__u32 len;
};

/**
 * struct vq_slot - room to remember one descriptor
 * @room: private
 */
struct vq_slot {
	__u64 room[3];
};

/**
 * struct vq_indirect - a table for the descriptors of one chain
 * @table: where it is mapped, 16-byte aligned
 * @addr: its guest-physical address
 * @capacity: entries there is room for
 *
 * In use by the device until the chain is reaped.
 */
struct vq_indirect {
	struct vring_desc *table;
	__u64 addr;
	__u32 capacity;
};

/**
 * struct vq_completion - a chain that came back
 * @cookie: what vq_driver_add() was given
 * @len: bytes that the device says it wrote, at most what was writable
 */
struct vq_completion {
	__u64 cookie;
	__u32 len;
};

/**
 * struct vq_driver - the driver side of a virtqueue
 * @desc: private
 * @avail: private
 * @used: private
 * @records: private; what is remembered of the chain that starts there
 * @links: private; next in the chain or the free list
 * @num: private
 * @free_count: descriptors that are free
 * @packed: private; VIRTIO_F_RING_PACKED
 * @in_order: private; VIRTIO_F_IN_ORDER
 * @free_head: private; first of the free descriptors, or ids
 * @event_idx: private; VIRTIO_RING_F_EVENT_IDX
 * @held: private; packed: whether a chain is not published
 * @overdue: private; split: whether half of all indices were passed since the
 *	last kick decision
 * @avail_idx: private; split: available index with all that was added
 * @avail_wrap: private; packed: parity of the lap of @next_avail
 * @used_wrap: private; packed: parity of the lap of @last_used
 * @used_idx: private; split: the device's index when last read
 * @batch: private; in order: whether a batch is being reaped
 * @last_used: private; index, or place, of the next used entry to reap
 * @kicked_idx: private; split: available index at the last kick decision
 * @next_avail: private; packed: where the next descriptor goes
 * @oldest: private; in order: the buffer to come back next
 * @batch_id: private; in order: the last buffer of the batch
 * @batch_len: private; in order: bytes written to that one
 * @unkicked: private; packed: descriptors since the last kick decision
 * @held_tail: private; packed: flags and id of the head that is held
 * @held_at: private; packed: where it goes
 *
 * The order of the indices is that of struct vq_device.
 */
struct vq_driver {
	void *desc;
	void *avail;
	void *used;
	void *records;
	__u16 *links;
	__u32 num;
	__u32 free_count;
	_Bool packed;
	_Bool in_order;
	__u16 free_head;
	_Bool event_idx;
	_Bool held;
	_Bool overdue;
	__u16 avail_idx;
	_Bool avail_wrap;
	_Bool used_wrap;
	__u16 used_idx;
	_Bool batch;
	__u16 last_used;
	__u16 kicked_idx;
	__u16 next_avail;
	__u16 oldest;
	__u16 batch_id;
	__u32 batch_len;
	__u32 unkicked;
	__u32 held_tail;
	__u16 held_at;
};

/**
 * vq_driver_init() - start the driver side of a fresh queue
 * @drv: the driver side to set up
 * @rings: the ring areas, copied; cleared. No device may use them yet
 * @slots: storage for as many slots as the ring has entries; must outlive
 *	@drv
 * @features: the features in use; VIRTIO_RING_F_EVENT_IDX,
 *	VIRTIO_F_RING_PACKED and VIRTIO_F_IN_ORDER are looked at
 *
 * Callbacks are enabled. There is nothing to undo.
 *
 * Return: 0, or -EINVAL as vq_rings_check() or vq_packed_check().
 */
int vq_driver_init(struct vq_driver *drv, const struct vq_rings *rings,
		   struct vq_slot *slots, __u64 features);

/**
 * vq_driver_add() - make a buffer available
 * @drv: the driver side
 * @buffers: its pieces, those that the device reads first
 * @readable: how many the device reads
 * @writable: how many the device writes
 * @cookie: comes back with the buffer
 *
 * The device sees it after vq_driver_publish() or vq_driver_kick_prepare().
 *
 * Return: 0; -ENOSPC if too few descriptors are free now; -EINVAL for no
 * piece, or more than the ring has descriptors.
 */
int vq_driver_add(struct vq_driver *drv, const struct vq_buffer *buffers,
		  __u32 readable, __u32 writable, __u64 cookie);

/**
 * vq_driver_add_indirect() - make a buffer available with one descriptor
 * @drv: the driver side; the device must have VIRTIO_RING_F_INDIRECT_DESC
 * @indirect: room for the buffer's descriptors
 * @buffers: its pieces, those that the device reads first
 * @readable: how many the device reads
 * @writable: how many the device writes
 * @cookie: comes back with the buffer
 *
 * Return: 0; -ENOSPC if no descriptor is free now; -EINVAL for no piece, or
 * more than @indirect has room for or the ring has descriptors.
 */
int vq_driver_add_indirect(struct vq_driver *drv,
			   const struct vq_indirect *indirect,
			   const struct vq_buffer *buffers, __u32 readable,
			   __u32 writable, __u64 cookie);

/**
 * vq_driver_publish() - show the device what was added
 * @drv: the driver side
 *
 * Enough for a device that polls; vq_driver_kick_prepare() does it too.
 */
void vq_driver_publish(struct vq_driver *drv);

/**
 * vq_driver_kick_prepare() - publish, and decide on a kick
 * @drv: the driver side
 *
 * The counterpart of the kernel's virtqueue_kick_prepare().
 *
 * Return: whether the device wants to be kicked.
 */
_Bool vq_driver_kick_prepare(struct vq_driver *drv);

/**
 * vq_driver_reap() - take back what the device is done with
 * @drv: the driver side
 * @done: storage for the completions
 * @max: how many there is room for
 * @count: completions taken
 *
 * Those before a fault are given out and the next call returns the error.
 * The queue is stuck then: reset the device. The counterpart of the kernel's
 * virtqueue_get_buf().
 *
 * Return: 0, with @count 0 if there is none; or, with @count 0 and the device
 * at fault, -EINVAL (index moved by more than there is outstanding, id out of
 * range or not outstanding), -EMSGSIZE (more bytes written than writable).
 */
int vq_driver_reap(struct vq_driver *drv, struct vq_completion *done, __u32 max,
		   __u32 *count);

/**
 * vq_driver_get_used() - take back one buffer
 * @drv: the driver side
 * @done: the completion
 *
 * Return: 0; -EAGAIN if there is none; or the errors of vq_driver_reap().
 */
int vq_driver_get_used(struct vq_driver *drv, struct vq_completion *done);

/**
 * vq_driver_enable_callback() - ask for a signal at the next used buffer
 * @drv: the driver side
 *
 * With the event index it holds for one signal, so call it each time before
 * sleeping. The counterpart of the kernel's virtqueue_enable_cb().
 *
 * Return: whether there is something to reap that may come without a signal,
 * so that the caller must not sleep.
 */
_Bool vq_driver_enable_callback(struct vq_driver *drv);

/**
 * vq_driver_delay_callback() - ask for a signal once more buffers are used
 * @drv: the driver side
 * @buffers: how many, 1 to those that are outstanding
 *
 * For a driver that would rather reap several at once. Without the event
 * index, and on packed rings, the signal comes at the next used buffer. The
 * counterpart of the kernel's virtqueue_enable_cb_delayed().
 *
 * Return: whether there are as many to reap already, which may come without a
 * signal, so that the caller must not sleep; on packed rings, whether there
 * is any.
 */
_Bool vq_driver_delay_callback(struct vq_driver *drv, __u16 buffers);

/**
 * vq_driver_disable_callback() - ask for no signals
 * @drv: the driver side
 *
 * A hint; signals may still come. The counterpart of the kernel's
 * virtqueue_disable_cb().
 */
void vq_driver_disable_callback(struct vq_driver *drv);

#endif
