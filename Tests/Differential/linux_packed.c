// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The kernel's drivers/virtio/virtio_ring.c, as it is, with the headers of its
 * tools/virtio.
 */
#define data_race(x) (x)
#include "drivers/virtio/virtio_ring.c"

#include "linux_packed.h"

void *__kmalloc_fake, *__kfree_ignore_start, *__kfree_ignore_end;

static struct virtio_device device;
static struct virtqueue *queue;

static bool linux_notify(struct virtqueue *vq)
{
	return true;
}

static void linux_callback(struct virtqueue *vq)
{
}

int linux_packed_start(u32 num, bool event_idx, bool indirect,
		       struct linux_packed_areas *areas)
{
	struct vring_virtqueue *vq;

	INIT_LIST_HEAD(&device.vqs);
	spin_lock_init(&device.vqs_list_lock);
	device.features =
		1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_RING_PACKED;
	if (event_idx)
		device.features |= 1ULL << VIRTIO_RING_F_EVENT_IDX;
	if (indirect)
		device.features |= 1ULL << VIRTIO_RING_F_INDIRECT_DESC;
	queue = vring_create_virtqueue(0, num, 64, &device, true, false, false,
				       linux_notify, linux_callback, "packed");
	if (!queue)
		return -ENOMEM;
	vq = to_vvq(queue);
	areas->desc = vq->packed.vring.desc;
	areas->driver = vq->packed.vring.driver;
	areas->device = vq->packed.vring.device;
	/* The headers' allocator does not clear it, as the kernel's does. */
	memset(areas->desc, 0, num * sizeof(struct vring_packed_desc));
	memset(areas->device, 0, sizeof(struct vring_packed_desc_event));
	return 0;
}

void linux_packed_stop(void)
{
	while (virtqueue_detach_unused_buf(queue))
		;
	vring_del_virtqueue(queue);
}

int linux_packed_add(const struct iovec *pieces, u32 readable, u32 writable,
		     unsigned long cookie)
{
	struct scatterlist lists[LINUX_PACKED_PIECES];
	struct scatterlist *each[LINUX_PACKED_PIECES];

	for (u32 i = 0; i < readable + writable; i++) {
		unsigned long at = (unsigned long)pieces[i].iov_base;

		/* One entry and its end. */
		lists[i].page_link = (at & ~4095UL) | 2;
		lists[i].offset = at & 4095;
		lists[i].length = pieces[i].iov_len;
		each[i] = &lists[i];
	}
	return virtqueue_add_sgs(queue, each, readable, writable,
				 (void *)cookie, GFP_ATOMIC);
}

bool linux_packed_kick_prepare(void)
{
	return virtqueue_kick_prepare(queue);
}

bool linux_packed_get_used(unsigned long *cookie, u32 *len)
{
	*cookie = (unsigned long)virtqueue_get_buf(queue, len);
	return *cookie;
}

bool linux_packed_enable_callback(void)
{
	return !virtqueue_enable_cb(queue);
}

void linux_packed_disable_callback(void)
{
	virtqueue_disable_cb(queue);
}
