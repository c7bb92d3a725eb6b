/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The dirty log: which pages of guest memory the device wrote to, for whoever
 * copies the guest to another host while it runs.
 */
#ifndef VQ_LOG_H
#define VQ_LOG_H

#include <linux/types.h>

#include "vq_chain.h"

struct vq_device;

/* Bytes that one bit stands for, the kernel's VHOST_PAGE_SIZE. */
#define VQ_LOG_PAGE 4096

/**
 * struct vq_log - a bitmap, and where the device writes by itself
 * @bitmap: bit n % 64 of word n / 64 stands for the page n of guest memory;
 *	shared with whoever reads and clears it, atomically
 * @words: how many words there are
 * @desc: guest-physical address of the descriptor ring; packed only
 * @used: guest-physical address of the device area
 *
 * The counterpart of VHOST_SET_LOG_BASE, and of log_guest_addr in
 * VHOST_SET_VRING_ADDR.
 */
struct vq_log {
	__u64 *bitmap;
	__u64 words;
	__u64 desc;
	__u64 used;
};

/**
 * vq_device_log() - log all writes from now on
 * @dev: the device side
 * @log: where to; must outlive @dev or the next call. NULL for no more
 *
 * From then on each write to the rings is logged as it is made. Writes to
 * buffers are the caller's; vq_device_log_chain() logs them. The counterpart
 * of VHOST_F_LOG_ALL in VHOST_SET_FEATURES.
 *
 * Return: 0, or -EINVAL for a bitmap that is too small for the memory table
 * or for the rings.
 */
int vq_device_log(struct vq_device *dev, const struct vq_log *log);

/**
 * vq_device_log_chain() - log what was written to a chain
 * @dev: the device side; nothing happens without a log
 * @chain: the chain
 * @len: bytes written, from the beginning of the writable part
 *
 * Call it when they are written, and before the chain is returned. Memory
 * that has several guest-physical addresses is logged at all of them. The
 * counterpart of the kernel's vhost_log_write().
 *
 * Return: 0, or -EMSGSIZE and nothing logged if the part ends before that.
 */
int vq_device_log_chain(const struct vq_device *dev,
			const struct vq_chain *chain, __u64 len);

#endif
