// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What Frama-C's Eva is given: the device side takes a chain from a ring, and
 * translates its buffers, over guest memory of which nothing is known. All of
 * it, rings and tables included, may be anything at any time.
 */
#include "vq_platform.h"
#include "virtqueue.h"

#include "__fc_builtin.h"

#define RING	 4
#define SEGMENTS 6
#define BYTES	 64

static struct vring_desc desc[RING] __attribute__((aligned(16)));
static __u16 avail[3 + RING] __attribute__((aligned(4)));
static __u32 used[2 + 2 * RING];
static unsigned char low[BYTES] __attribute__((aligned(16)));
static unsigned char high[BYTES] __attribute__((aligned(16)));

static void anything(void)
{
	Frama_C_make_unknown((char *)desc, sizeof(desc));
	Frama_C_make_unknown((char *)avail, sizeof(avail));
	Frama_C_make_unknown((char *)low, sizeof(low));
	Frama_C_make_unknown((char *)high, sizeof(high));
}

/* Of a split ring, or of a packed one where WALK_PACKED says so. */
static __u64 any_features(void)
{
	__u64 features = Frama_C_unsigned_int_interval(0, 0xffffffff);

#ifdef WALK_PACKED
	features |= 1ULL << VIRTIO_F_RING_PACKED;
#endif
	return features;
}

static struct vq_segment segments[SEGMENTS];

static void take_one(struct vq_device *device)
{
	struct vq_chain chain;

	if (!vq_device_pop(device, segments, SEGMENTS, &chain))
		vq_device_push_signal(device, chain.head, 0);
}

static void take_batch(struct vq_device *device)
{
	struct vq_chain chains[2];
	struct vq_used used[2];
	__u32 count;

	if (vq_device_pop_batch(device, segments, SEGMENTS, chains, 2, &count))
		return;
	for (__u32 i = 0; i < count; i++) {
		used[i].id = chains[i].head;
		used[i].len = chains[i].readable;
	}
	vq_device_push_batch(device, used, count);
	vq_device_signal_needed(device);
}

int main(void)
{
	/* Neighbours for the guest, so that buffers and tables can cross. */
	struct vq_region regions[] = {
		{.guest = 0x1000, .size = BYTES, .host = low, .access = 3},
		{.guest = 0x1000 + BYTES,
		 .size = BYTES,
		 .host = high,
		 .access = 1},
	};
	const struct vq_rings rings = {
		.desc = desc, .avail = avail, .used = used, .num = RING};
	struct vq_memory memory;
	struct vq_device device;

	anything();
	if (vq_memory_init(regions, 2, &memory))
		return 1;
	if (vq_device_init(&device, &rings, &memory, any_features(),
			   Frama_C_unsigned_int_interval(0, 0xffffffff)))
		return 1;
	if (Frama_C_unsigned_int_interval(0, 1))
		take_one(&device);
	else
		take_batch(&device);
	vq_device_disable_notify(&device);
	vq_device_enable_notify(&device);
	return 0;
}
