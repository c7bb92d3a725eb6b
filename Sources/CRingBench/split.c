// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A split ring that stays full: the available entries name the same chains
 * over and over, so that offering them again takes one store.
 */
#include "bench.h"

static void split_fill(struct ring_bench *bench)
{
	struct vring_avail *avail = bench->rings.avail;

	for (__u32 i = bench->pool; i < bench->rings.num; i++)
		avail->ring[i] = avail->ring[i - bench->pool];
}

static void split_rewind(struct ring_bench *bench)
{
	struct vring_avail *avail = bench->rings.avail;
	__u16 idx = (__u16)(bench->device.queue.last_avail + bench->pool);

	avail->idx = (__force __virtio16)cpu_to_le16(idx);
}

static const char *split_check(const struct ring_bench *bench)
{
	const struct vring_avail *avail = bench->rings.avail;
	const struct vring_used *used = bench->rings.used;
	__u16 end = le16_to_cpu((__force __le16)used->idx);

	for (__u32 i = 0; i < bench->pool; i++) {
		__u32 at = (end - bench->pool + i) & (bench->rings.num - 1);
		__le16 head = (__force __le16)avail->ring[i];
		const struct vring_used_elem *entry = &used->ring[at];

		if (le32_to_cpu((__force __le32)entry->id) != le16_to_cpu(head))
			return "another id is in the used ring";
		if (le32_to_cpu((__force __le32)entry->len) !=
		    bench->writable_bytes)
			return "another length is in the used ring";
	}
	return NULL;
}

const struct ring_design ring_design_split = {
	.bytes = vq_rings_size,
	.place = vq_rings_place,
	.fill = split_fill,
	.rewind = split_rewind,
	.check = split_check,
};
