/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A descriptor chain as the device sees it: readable segments, then writable
 * ones, in storage of the caller.
 */
#ifndef VQ_CHAIN_H
#define VQ_CHAIN_H

#include <linux/types.h>

/*
 * The most segments that one chain may have, the kernel's UIO_MAXIOV. With
 * that much storage -ENOBUFS is always the driver's fault.
 */
#define VQ_CHAIN_SEGMENTS_MAX 1024

/**
 * struct vq_segment - a piece of a buffer in our own address space
 * @base: its first byte
 * @len: bytes, not 0
 *
 * Has the layout of struct iovec, so that an array of them can be given to
 * preadv() and its kin.
 */
struct vq_segment {
	void *base;
	unsigned long len;
};

/**
 * struct vq_chain - one buffer that the driver made available
 * @segments: the readable segments, and behind them the writable ones
 * @readable_bytes: sum of the readable segments
 * @writable_bytes: sum of the writable segments
 * @readable: number of readable segments
 * @writable: number of writable segments
 * @head: what vq_device_push() must be given to return the buffer: the head
 *	of a split chain; of a packed one the id, and in the high 16 bits the
 *	number of its descriptors in the ring
 */
struct vq_chain {
	struct vq_segment *segments;
	__u64 readable_bytes;
	__u64 writable_bytes;
	__u32 readable;
	__u32 writable;
	__u32 head;
};

/**
 * vq_chain_read() - copy from the readable part of a chain
 * @chain: the chain
 * @offset: bytes of the readable part to skip
 * @data: where to copy to
 * @len: bytes to copy
 *
 * Return: 0, or -EMSGSIZE and nothing copied if the part ends before that.
 */
int vq_chain_read(const struct vq_chain *chain, __u64 offset, void *data,
		  __u64 len);

/**
 * vq_chain_write() - copy into the writable part of a chain
 * @chain: the chain
 * @offset: bytes of the writable part to skip
 * @data: what to copy
 * @len: bytes to copy
 *
 * Return: 0, or -EMSGSIZE and nothing copied if the part ends before that.
 */
int vq_chain_write(const struct vq_chain *chain, __u64 offset, const void *data,
		   __u64 len);

#endif
