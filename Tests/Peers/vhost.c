// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The kernel's vhost device side as a peer: its drivers/vhost/vhost.c, as it
 * is, over vhost_shim.h. Functions that a ring does not need are left out by
 * the linker, with all that they would call.
 */
#include "vhost_shim.h"

#include "drivers/vhost/vhost.c"

#include "peer.h"

static struct vhost_dev vhost_device PEER_APART;
static struct vhost_virtqueue queue0 PEER_APART;
static struct vhost_virtqueue *queues[] = {&queue0};

static int vhost_map(const struct peer_queue *queue)
{
	vhost_iotlb_free(vhost_device.umem);
	vhost_device.umem = vhost_iotlb_alloc(max_iotlb_entries, 0);
	for (u32 i = 0; i < queue->region_count; i++) {
		const struct peer_region *region = &queue->regions[i];
		int error = vhost_iotlb_add_range(
			vhost_device.umem, region->guest,
			region->guest + region->size - 1,
			(u64)(unsigned long)region->host, region->access);

		if (error)
			return error;
	}
	queue0.umem = vhost_device.umem;
	return 0;
}

/* What the ioctls and VHOST_SCSI_SET_ENDPOINT leave behind. */
static int vhost_start(const struct peer_queue *queue)
{
	static struct iovec indirect[UIO_MAXIOV];

	vhost_device.vqs = queues;
	vhost_device.nvqs = 1;
	vhost_device.iov_limit = UIO_MAXIOV;
	queue0.dev = &vhost_device;
	vhost_vq_reset(&vhost_device, &queue0);
	queue0.num = queue->num;
	queue0.desc = queue->desc;
	queue0.avail = queue->avail;
	queue0.used = queue->used;
	queue0.last_avail_idx = queue->base;
	queue0.avail_idx = queue->base;
	queue0.acked_features = queue->features | 1ULL << VIRTIO_F_VERSION_1;
	queue0.indirect = indirect;
	queue0.private_data = &vhost_device;
	return vhost_map(queue) ?: vhost_vq_init_access(&queue0);
}

static struct vhost_log written[PEER_SEGMENTS_MAX];
static unsigned int written_count;

static int vhost_pop(struct peer_chain *chain)
{
	int head = vhost_get_vq_desc(&queue0, chain->segments,
				     PEER_SEGMENTS_MAX, &chain->readable,
				     &chain->writable, written, &written_count);

	if (head < 0)
		return head;
	if (head == (int)queue0.num)
		return -EAGAIN;
	chain->head = (u16)head;
	return 0;
}

static void vhost_push(const struct peer_used *used, u32 count)
{
	vhost_add_used_n(&queue0, (struct vring_used_elem *)used, count);
}

static bool vhost_signal_wanted(void)
{
	return vhost_notify(&vhost_device, &queue0);
}

static bool vhost_enable(void)
{
	return vhost_enable_notify(&vhost_device, &queue0);
}

static void vhost_disable(void)
{
	vhost_disable_notify(&vhost_device, &queue0);
}

static void vhost_log_from_now(void *bitmap, __u64 used)
{
	queue0.log_used = true;
	queue0.log_base = bitmap;
	queue0.log_addr = used;
}

static void vhost_log_chain(const struct peer_chain *chain, __u64 len)
{
	vhost_log_write(&queue0, written, written_count, len,
			(struct iovec *)chain->segments + chain->readable,
			(int)chain->writable);
}

static u32 vhost_serve(u32 batch)
{
	static struct iovec segments[UIO_MAXIOV];
	struct vring_used_elem heads[PEER_BATCH_MAX];
	unsigned int readable, writable;
	u32 count = 0;

	while (count < batch) {
		int head = vhost_get_vq_desc(&queue0, segments, UIO_MAXIOV,
					     &readable, &writable, NULL, NULL);

		if (head < 0 || head == (int)queue0.num)
			break;
		heads[count].id = (u32)head;
		heads[count++].len = 4096;
	}
	if (!count)
		return 0;
	vhost_add_used_n(&queue0, heads, count);
	if (!peer_polls)
		vhost_notify(&vhost_device, &queue0);
	return count;
}

const struct peer peer_vhost = {
	.name = "vhost",
	.start = vhost_start,
	.pop = vhost_pop,
	.push = vhost_push,
	.signal = vhost_signal_wanted,
	.enable = vhost_enable,
	.disable = vhost_disable,
	.log = vhost_log_from_now,
	.log_chain = vhost_log_chain,
	.serve = vhost_serve,
};
