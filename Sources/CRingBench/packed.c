// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A packed ring is used up: before each lap the full one is copied back, and
 * the device starts anew.
 */
#include "bench.h"

static __u64 packed_bytes(const struct ring_bench *bench)
{
	return bench->rings.num * sizeof(struct vring_packed_desc);
}

static void packed_fill(struct ring_bench *bench)
{
	memcpy(bench->full, bench->rings.desc, packed_bytes(bench));
}

static void packed_rewind(struct ring_bench *bench)
{
	memcpy(bench->rings.desc, bench->full, packed_bytes(bench));
	/* It succeeded with the same arguments before. */
	(void)vq_device_init(&bench->device.queue, &bench->rings,
			     &bench->memory, bench->of.features,
			     VQ_PACKED_BASE);
}

static const char *packed_check(const struct ring_bench *bench)
{
	const struct vring_packed_desc *ring = bench->rings.desc;
	const struct vring_packed_desc *full = bench->full;

	for (__u32 i = 0; i < bench->pool; i++) {
		__u32 at = i * bench->descs;

		if (ring[at].id != full[at].id)
			return "another id is in a used descriptor";
		if (le32_to_cpu(ring[at].len) != bench->writable_bytes)
			return "another length is in a used descriptor";
	}
	return NULL;
}

const struct ring_design ring_design_packed = {
	.bytes = vq_packed_size,
	.place = vq_packed_place,
	.base = VQ_PACKED_BASE,
	.fill = packed_fill,
	.rewind = packed_rewind,
	.check = packed_check,
};
