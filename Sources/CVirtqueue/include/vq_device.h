/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The device side: take chains from the available ring, return them through
 * the used ring, with the semantics of the kernel's vhost. DIFFERENCES.md
 * lists where and why they differ.
 *
 * A device that sleeps between requests runs
 *
 *	for (;;) {
 *		vq_device_disable_notify(dev);
 *		for (;;) {
 *			error = vq_device_pop_batch(dev, segments, capacity,
 *						    chains, max, &count);
 *			if (error || !count)
 *				break;
 *			... serve the chains, fill one vq_used for each ...
 *			vq_device_push_batch(dev, used, count);
 *			if (vq_device_signal_needed(dev))
 *				... signal the driver ...
 *		}
 *		if (error)
 *			... report it, and leave until the queue is reset ...
 *		if (!vq_device_enable_notify(dev))
 *			... sleep until the driver kicks ...
 *	}
 *
 * A chain that pop refuses stays where it is, and each further pop refuses it
 * again: the queue is stuck until the driver resets it, as with the kernel.
 */
#ifndef VQ_DEVICE_H
#define VQ_DEVICE_H

#include <linux/types.h>
#include <linux/virtio_ring.h>

#include "vq_chain.h"
#include "vq_log.h"
#include "vq_memory.h"
#include "vq_rings.h"

/**
 * struct vq_used - a chain that the device is done with
 * @id: its head
 * @len: bytes that the device wrote to its writable part
 */
struct vq_used {
	__u32 id;
	__u32 len;
};

/* vq_device_init()'s @base of a fresh packed queue: first lap, first entry. */
#define VQ_PACKED_BASE 0x80008000u

/**
 * struct vq_device - the device side of a virtqueue
 * @ring: private
 * @avail: private
 * @used: private
 * @memory: private
 * @log: private; where to log writes, or NULL
 * @num: private
 * @unsignalled: private; packed: descriptors since the last signal decision
 * @packed: private; VIRTIO_F_RING_PACKED
 * @event_idx: private; VIRTIO_RING_F_EVENT_IDX
 * @last_avail: index, or place, of the next available entry to take
 * @avail_wrap: packed: parity of the lap of @last_avail
 * @used_wrap: packed: parity of the lap of @last_used
 * @avail_idx: private; split: the driver's index when last read
 * @signalled_valid: private; whether @signalled_used means anything
 * @notify_off: private; kicks are not wanted
 * @last_used: our own used index, or place
 * @notify_on_empty: private; VIRTIO_F_NOTIFY_ON_EMPTY
 * @signalled_used: private; split: the used index of the last signal decision
 * @by_event: private; split: the event index alone decides on the next signal,
 *	and nothing is logged
 * @hint: private; the region of the last translation
 *
 * Compilers read an index at a multiple of 4 together with what is behind it,
 * and then wait for both to be written; so each index has flags before it.
 */
struct vq_device {
	void *ring;
	const void *avail;
	void *used;
	const struct vq_memory *memory;
	const struct vq_log *log;
	__u32 num;
	__u32 unsignalled;
	_Bool packed;
	_Bool event_idx;
	__u16 last_avail;
	_Bool avail_wrap;
	_Bool used_wrap;
	__u16 avail_idx;
	_Bool signalled_valid;
	_Bool notify_off;
	__u16 last_used;
	_Bool notify_on_empty;
	_Bool by_event;
	__u16 signalled_used;
	const struct vq_region *hint;
};

/**
 * vq_device_init() - start the device side
 * @dev: the device side to set up
 * @rings: the ring areas, copied
 * @memory: memory table for the buffers; must outlive @dev
 * @features: the virtio features of the device; VIRTIO_RING_F_EVENT_IDX,
 *	VIRTIO_F_NOTIFY_ON_EMPTY and VIRTIO_F_RING_PACKED are looked at,
 *	indirect descriptors are always understood, and buffers may always be
 *	returned in order
 * @base: available index to go on from, 0 for a fresh queue; packed: places
 *	to go on from, that of the next available entry in the low 16 bits and
 *	of the next used one in the high 16, each with the lap's parity on top;
 *	VQ_PACKED_BASE for a fresh queue
 *
 * The used index is taken over from the ring and used->flags are cleared, as
 * VHOST_SCSI_SET_ENDPOINT does. Chains that are already there need no kick, so
 * pop once after this; with the event index, the ring says as before when to
 * kick, so call vq_device_enable_notify() before sleeping. There is nothing to
 * undo.
 *
 * Return: 0, or -EINVAL as vq_rings_check() or vq_packed_check(), or for a
 * base that cannot be.
 */
int vq_device_init(struct vq_device *dev, const struct vq_rings *rings,
		   const struct vq_memory *memory, __u64 features, __u32 base);

/**
 * vq_device_pop() - take the next chain
 * @dev: the device side
 * @segments: storage for the chain's segments
 * @capacity: how many there is room for
 * @chain: the chain, pointing into @segments
 *
 * The counterpart of the kernel's vhost_get_vq_desc().
 *
 * Return: 0; -EAGAIN if there is none; otherwise the driver is at fault and
 * the chain stays: -EINVAL (index, head, next, loop, order, indirect),
 * -EFAULT (address not in the table), -EPERM (access right), -E2BIG
 * (indirect table), -ENOBUFS (more than @capacity or VQ_CHAIN_SEGMENTS_MAX
 * segments).
 */
int vq_device_pop(struct vq_device *dev, struct vq_segment *segments,
		  __u32 capacity, struct vq_chain *chain);

/**
 * vq_device_pop_batch() - take up to so many chains
 * @dev: the device side
 * @segments: storage for the segments of all of them
 * @capacity: how many there is room for; VQ_CHAIN_SEGMENTS_MAX at least, if
 *	no valid chain is to be refused
 * @chains: storage for the chains
 * @max: how many there is room for
 * @count: chains taken
 *
 * Takes fewer when the ring has fewer, when @segments or the first
 * VQ_CHAIN_SEGMENTS_MAX of them are full, and when a chain is at fault: those
 *before it are given out and the next call returns the error.
 *
 * Return: 0, with @count 0 if there is none; or the errors of
 * vq_device_pop(), with @count 0.
 */
int vq_device_pop_batch(struct vq_device *dev, struct vq_segment *segments,
			__u32 capacity, struct vq_chain *chains, __u32 max,
			__u32 *count);

/**
 * vq_device_take() - take a chain by its head
 * @dev: the device side of a split ring
 * @head: head of the chain
 * @segments: storage for the chain's segments
 * @capacity: how many there is room for
 * @chain: the chain, pointing into @segments
 *
 * For a chain that an earlier device side took from the available ring and
 * did not return; the available ring stays as it is.
 *
 * Return: 0; the errors of vq_device_pop(); -EOPNOTSUPP for a packed ring.
 */
int vq_device_take(struct vq_device *dev, __u16 head,
		   struct vq_segment *segments, __u32 capacity,
		   struct vq_chain *chain);

/**
 * vq_device_push() - return a chain
 * @dev: the device side
 * @head: head of the chain
 * @len: bytes written to its writable part
 *
 * The counterpart of the kernel's vhost_add_used().
 */
void vq_device_push(struct vq_device *dev, __u32 head, __u32 len);

/**
 * vq_device_push_batch() - return chains and publish them at once
 * @dev: the device side
 * @used: the chains
 * @count: how many, at most as many as were popped and not pushed
 *
 * The counterpart of the kernel's vhost_add_used_n().
 */
void vq_device_push_batch(struct vq_device *dev, const struct vq_used *used,
			  __u32 count);

/**
 * vq_device_push_signal() - return a chain, and decide on an interrupt
 * @dev: the device side
 * @head: head of the chain
 * @len: bytes written to its writable part
 *
 * As vq_device_push() and vq_device_signal_needed(), at less cost. The
 * counterpart of the kernel's vhost_add_used_and_signal().
 *
 * Return: whether to signal the driver now.
 */
_Bool vq_device_push_signal(struct vq_device *dev, __u32 head, __u32 len);

/**
 * vq_device_signal_needed() - does the driver want an interrupt
 * @dev: the device side
 *
 * For what was pushed since the last call. The counterpart of the kernel's
 * vhost_notify().
 *
 * Return: whether to signal the driver now.
 */
_Bool vq_device_signal_needed(struct vq_device *dev);

/**
 * vq_device_enable_notify() - ask for kicks
 * @dev: the device side
 *
 * The counterpart of the kernel's vhost_enable_notify().
 *
 * Return: whether there is a chain to take that may come without a kick, so
 * that the caller must not sleep.
 */
_Bool vq_device_enable_notify(struct vq_device *dev);

/**
 * vq_device_disable_notify() - ask for no kicks, while busy anyway
 * @dev: the device side
 *
 * A hint; kicks may still come. The counterpart of the kernel's
 * vhost_disable_notify().
 */
void vq_device_disable_notify(struct vq_device *dev);

#endif
