// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vq_rings.h"

#include <linux/virtio_ring.h>

#define RING_CACHE_LINE 64

static __u64 rings_line_align(__u64 bytes)
{
	return (bytes + RING_CACHE_LINE - 1) & ~(__u64)(RING_CACHE_LINE - 1);
}

static bool rings_aligned(const void *area, __u32 alignment)
{
	return area && ((unsigned long)area & (alignment - 1)) == 0;
}

int vq_rings_check(const struct vq_rings *rings)
{
	__u32 num = rings->num;

	if (!num || num > VQ_RING_SIZE_MAX || (num & (num - 1)))
		return -EINVAL;
	if (!rings_aligned(rings->desc, VRING_DESC_ALIGN_SIZE) ||
	    !rings_aligned(rings->avail, VRING_AVAIL_ALIGN_SIZE) ||
	    !rings_aligned(rings->used, VRING_USED_ALIGN_SIZE))
		return -EINVAL;
	return 0;
}

static __u64 rings_avail_offset(__u32 num)
{
	return rings_line_align((__u64)num * sizeof(struct vring_desc));
}

static __u64 rings_used_offset(__u32 num)
{
	return rings_avail_offset(num) +
	       rings_line_align(VQ_RING_FIELDS_BYTES +
				(__u64)num * sizeof(__u16));
}

__u64 vq_rings_size(__u32 num)
{
	return rings_used_offset(num) +
	       rings_line_align(VQ_RING_FIELDS_BYTES +
				(__u64)num * sizeof(struct vring_used_elem));
}

int vq_rings_place(void *memory, __u32 num, struct vq_rings *rings)
{
	struct vq_rings placed = {.num = num};

	placed.desc = memory;
	placed.avail = (char *)memory + rings_avail_offset(num);
	placed.used = (char *)memory + rings_used_offset(num);
	if (vq_rings_check(&placed))
		return -EINVAL;
	*rings = placed;
	return 0;
}

int vq_packed_check(const struct vq_rings *rings)
{
	if (!rings->num || rings->num > VQ_RING_SIZE_MAX)
		return -EINVAL;
	if (!rings_aligned(rings->desc, VRING_DESC_ALIGN_SIZE) ||
	    !rings_aligned(rings->avail, VQ_PACKED_EVENT_BYTES) ||
	    !rings_aligned(rings->used, VQ_PACKED_EVENT_BYTES))
		return -EINVAL;
	return 0;
}

__u64 vq_packed_size(__u32 num)
{
	return rings_avail_offset(num) + 2 * RING_CACHE_LINE;
}

int vq_packed_place(void *memory, __u32 num, struct vq_rings *rings)
{
	struct vq_rings placed = {.num = num};

	placed.desc = memory;
	placed.avail = (char *)memory + rings_avail_offset(num);
	placed.used = (char *)placed.avail + RING_CACHE_LINE;
	if (vq_packed_check(&placed))
		return -EINVAL;
	*rings = placed;
	return 0;
}
