/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The three areas of a virtqueue, which device and driver share.
 */
#ifndef VQ_RINGS_H
#define VQ_RINGS_H

#include <linux/types.h>

/* The largest ring that virtio has. */
#define VQ_RING_SIZE_MAX 32768

/* Flags, index and event index beside the entries of an area. */
#define VQ_RING_FIELDS_BYTES 6

/* Size of each of the two event areas of a packed ring. */
#define VQ_PACKED_EVENT_BYTES 4

/**
 * struct vq_rings - where the areas of a virtqueue are mapped
 * @desc: descriptor table, 16 bytes for each entry, 16-byte aligned
 * @avail: driver area, 6 + 2 * @num bytes, 2-byte aligned
 * @used: device area, 6 + 8 * @num bytes, 4-byte aligned
 * @num: entries, a power of two up to VQ_RING_SIZE_MAX
 *
 * Of a packed ring, @desc is the descriptor ring, of any size up to
 * VQ_RING_SIZE_MAX, @avail and @used are the event structures of driver and
 * device, 4 bytes each, 4-byte aligned.
 *
 * The counterpart of VHOST_SET_VRING_NUM and VHOST_SET_VRING_ADDR. The areas
 * may lie anywhere; vq_rings_place() gives a layout that suits.
 */
struct vq_rings {
	void *desc;
	void *avail;
	void *used;
	__u32 num;
};

/**
 * vq_rings_check() - check sizes and alignments
 * @rings: what to check
 *
 * Return: 0, or -EINVAL for a size that is no power of two or too large, an
 * area that is NULL or not aligned.
 */
int vq_rings_check(const struct vq_rings *rings);

/**
 * vq_rings_size() - bytes that vq_rings_place() needs
 * @num: entries
 *
 * Return: the number of bytes.
 */
__u64 vq_rings_size(__u32 num);

/**
 * vq_rings_place() - lay out the areas in one block of memory
 * @memory: vq_rings_size() bytes, aligned to a cache line of 64 bytes
 * @num: entries
 * @rings: the areas; none shares a cache line with another
 *
 * Return: 0, or -EINVAL as vq_rings_check().
 */
int vq_rings_place(void *memory, __u32 num, struct vq_rings *rings);

/**
 * vq_packed_check() - check size and alignments of a packed ring
 * @rings: what to check
 *
 * Return: 0, or -EINVAL for no entries or too many, an area that is NULL or
 * not aligned.
 */
int vq_packed_check(const struct vq_rings *rings);

/**
 * vq_packed_size() - bytes that vq_packed_place() needs
 * @num: entries
 *
 * Return: the number of bytes.
 */
__u64 vq_packed_size(__u32 num);

/**
 * vq_packed_place() - lay out a packed ring in one block of memory
 * @memory: vq_packed_size() bytes, aligned to a cache line of 64 bytes
 * @num: entries
 * @rings: the areas; none shares a cache line with another
 *
 * Return: 0, or -EINVAL as vq_packed_check().
 */
int vq_packed_place(void *memory, __u32 num, struct vq_rings *rings);

#endif
