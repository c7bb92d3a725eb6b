// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Our device side of a packed ring. */
#include "vq_platform.h"
#include "packed.h"
#include "virtqueue.h"

static struct vq_device device;

static int ringside_start(struct mock_driver *guest, __u64 features,
			  __u16 place, bool wrap)
{
	__u32 at = place | (wrap ? 0x8000 : 0);

	return vq_device_init(&device, &guest->rings, guest->memory,
			      features | 1ULL << VIRTIO_F_RING_PACKED,
			      at | at << 16);
}

/* Both ways to take a chain, in turn. */
static int ringside_take(struct vq_segment *segments, struct vq_chain *chain)
{
	static bool batch;
	__u32 count;
	int error;

	batch = !batch;
	if (!batch)
		return vq_device_pop(&device, segments, PACKED_SEGMENTS_MAX,
				     chain);
	error = vq_device_pop_batch(&device, segments, PACKED_SEGMENTS_MAX,
				    chain, 1, &count);
	return !error && !count ? -EAGAIN : error;
}

static int ringside_pop(struct packed_chain *to)
{
	struct vq_chain chain;
	int error = ringside_take((struct vq_segment *)to->segments, &chain);

	if (error)
		return error;
	to->id = (__u16)chain.head;
	to->descs = (__u16)(chain.head >> 16);
	to->readable = chain.readable;
	to->writable = chain.writable;
	return 0;
}

static __u32 ringside_head(const struct packed_used *used)
{
	return used->id | (__u32)used->descs << 16;
}

static bool ringside_push_signal(const struct packed_used *used)
{
	return vq_device_push_signal(&device, ringside_head(used), used->len);
}

static void ringside_push(const struct packed_used *used, __u32 count)
{
	struct vq_used to[MOCK_RING_MAX];

	if (count == 1) {
		vq_device_push(&device, ringside_head(used), used->len);
		return;
	}
	for (__u32 i = 0; i < count; i++)
		to[i] = (struct vq_used){ringside_head(&used[i]), used[i].len};
	vq_device_push_batch(&device, to, count);
}

static bool ringside_signal(void)
{
	return vq_device_signal_needed(&device);
}

static bool ringside_enable(void)
{
	return vq_device_enable_notify(&device);
}

static void ringside_disable(void)
{
	vq_device_disable_notify(&device);
}

const struct packed_side packed_ringside = {
	.name = "ringside",
	.start = ringside_start,
	.pop = ringside_pop,
	.push = ringside_push,
	.push_signal = ringside_push_signal,
	.signal = ringside_signal,
	.enable = ringside_enable,
	.disable = ringside_disable,
};
