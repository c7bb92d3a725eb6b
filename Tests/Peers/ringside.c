// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Our own device side as a peer. */
#include "vq_platform.h"
#include "peer.h"
#include "virtqueue.h"

#define RINGSIDE_REGIONS_MAX 64

bool peer_polls;

static struct vq_region regions[RINGSIDE_REGIONS_MAX] PEER_APART;
static struct vq_memory memory;
static struct vq_device device PEER_APART;

static bool ringside_packed(const struct peer_queue *queue)
{
	return queue->features >> VIRTIO_F_RING_PACKED & 1;
}

static int ringside_start(const struct peer_queue *queue)
{
	struct vq_rings rings = {.desc = queue->desc,
				 .avail = queue->avail,
				 .used = queue->used,
				 .num = queue->num};
	int error;

	for (__u32 i = 0; i < queue->region_count; i++) {
		const struct peer_region *region = &queue->regions[i];

		regions[i] = (struct vq_region){region->guest, region->size,
						region->host, region->access};
	}
	error = vq_memory_init(regions, queue->region_count, &memory);
	if (error)
		return error;
	return vq_device_init(&device, &rings, &memory, queue->features,
			      ringside_packed(queue) ? VQ_PACKED_BASE
						     : queue->base);
}

static int ringside_pop(struct peer_chain *to)
{
	struct vq_segment *segments = (struct vq_segment *)to->segments;
	static bool batch;
	struct vq_chain chain;
	__u32 count;
	int error;

	/* Both ways to take a chain, in turn. */
	batch = !batch;
	if (batch) {
		error = vq_device_pop_batch(&device, segments,
					    PEER_SEGMENTS_MAX, &chain, 1,
					    &count);
		if (!error && !count)
			error = -EAGAIN;
	} else {
		error = vq_device_pop(&device, segments, PEER_SEGMENTS_MAX,
				      &chain);
	}
	if (error)
		return error;
	to->head = chain.head;
	to->readable = chain.readable;
	to->writable = chain.writable;
	return 0;
}

static void ringside_push(const struct peer_used *used, __u32 count)
{
	vq_device_push_batch(&device, (const struct vq_used *)used, count);
}

static bool ringside_signal(void)
{
	return vq_device_signal_needed(&device);
}

static bool ringside_push_signal(const struct peer_used *used)
{
	return vq_device_push_signal(&device, used->id, used->len);
}

static bool ringside_enable(void)
{
	return vq_device_enable_notify(&device);
}

static void ringside_disable(void)
{
	vq_device_disable_notify(&device);
}

static void ringside_log(void *bitmap, __u64 used)
{
	static struct vq_log log;

	log = (struct vq_log){.bitmap = bitmap, .words = ~0U, .used = used};
	vq_device_log(&device, &log);
}

static void ringside_log_chain(const struct peer_chain *of, __u64 len)
{
	struct vq_chain chain = {
		.segments = (struct vq_segment *)of->segments,
		.readable = of->readable,
		.writable = of->writable,
	};

	for (__u32 i = 0; i < of->writable; i++)
		chain.writable_bytes += of->segments[of->readable + i].iov_len;
	vq_device_log_chain(&device, &chain, len);
}

static struct vq_segment room[VQ_CHAIN_SEGMENTS_MAX] PEER_APART;
static struct vq_chain chains[PEER_BATCH_MAX] PEER_APART;

static __u32 ringside_serve_one(void)
{
	if (vq_device_pop(&device, room, VQ_CHAIN_SEGMENTS_MAX, chains))
		return 0;
	if (peer_polls) {
		vq_device_push(&device, chains->head,
			       (__u32)chains->writable_bytes);
		return 1;
	}
	vq_device_push_signal(&device, chains->head,
			      (__u32)chains->writable_bytes);
	return 1;
}

static __u32 ringside_serve(__u32 batch)
{
	struct vq_used used[PEER_BATCH_MAX];
	__u32 count;

	if (batch == 1)
		return ringside_serve_one();
	if (vq_device_pop_batch(&device, room, VQ_CHAIN_SEGMENTS_MAX, chains,
				batch, &count) ||
	    !count)
		return 0;
	for (__u32 i = 0; i < count; i++) {
		used[i].id = chains[i].head;
		used[i].len = (__u32)chains[i].writable_bytes;
	}
	vq_device_push_batch(&device, used, count);
	if (!peer_polls)
		vq_device_signal_needed(&device);
	return count;
}

const struct peer peer_ringside = {
	.name = "ringside",
	.start = ringside_start,
	.pop = ringside_pop,
	.push = ringside_push,
	.signal = ringside_signal,
	.push_signal = ringside_push_signal,
	.enable = ringside_enable,
	.disable = ringside_disable,
	.log = ringside_log,
	.log_chain = ringside_log_chain,
	.serve = ringside_serve,
};

#define DRIVER_RING_MAX 4096

static struct vq_driver driver PEER_APART;
static struct vq_slot slots[DRIVER_RING_MAX] PEER_APART;

static int ringside_driver_start(void *place, __u32 num,
				 struct peer_queue *queue)
{
	struct vq_rings rings;
	int error = ringside_packed(queue) ? vq_packed_place(place, num, &rings)
					   : vq_rings_place(place, num, &rings);

	if (error)
		return error;
	queue->desc = rings.desc;
	queue->avail = rings.avail;
	queue->used = rings.used;
	queue->num = num;
	return vq_driver_init(&driver, &rings, slots, queue->features);
}

static void ringside_add(const struct iovec (*requests)[PEER_PIECES],
			 __u32 count, __u32 pieces)
{
	for (__u32 i = 0; i < count; i++) {
		struct vq_buffer buffers[PEER_PIECES];

		for (__u32 j = 0; j < pieces; j++) {
			buffers[j].addr =
				(unsigned long)requests[i][j].iov_base;
			buffers[j].len = (__u32)requests[i][j].iov_len;
		}
		vq_driver_add(&driver, buffers, 1, pieces - 1, i);
	}
	if (peer_polls)
		vq_driver_publish(&driver);
	else
		vq_driver_kick_prepare(&driver);
}

static __u32 ringside_reap(void)
{
	static struct vq_completion done[PEER_BATCH_MAX] PEER_APART;
	__u32 count;

	vq_driver_reap(&driver, done, PEER_BATCH_MAX, &count);
	return count;
}

const struct peer_driver driver_ringside = {
	.name = "ringside",
	.start = ringside_driver_start,
	.add = ringside_add,
	.reap = ringside_reap,
};
