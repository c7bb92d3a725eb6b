// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The kernel's virtio driver side: its drivers/virtio/virtio_ring.c, as it is,
 * with the headers of its tools/virtio.
 */
#define data_race(x) (x)
#include "drivers/virtio/virtio_ring.c"

#include "peer.h"

static struct virtio_device device;
static struct virtqueue *queue;

static bool linux_notify(struct virtqueue *vq)
{
	return true;
}

static int linux_start(void *memory, u32 num, struct peer_queue *to)
{
	struct vring areas;

	INIT_LIST_HEAD(&device.vqs);
	spin_lock_init(&device.vqs_list_lock);
	device.features = to->features | 1ULL << VIRTIO_F_VERSION_1;
	queue = vring_new_virtqueue(0, num, 64, &device, true, false, memory,
				    linux_notify, NULL, "peer");
	if (!queue)
		return -ENOMEM;
	vring_init(&areas, num, memory, 64);
	to->desc = areas.desc;
	to->avail = areas.avail;
	to->used = areas.used;
	to->num = num;
	return 0;
}

static void linux_add(const struct iovec (*requests)[PEER_PIECES], u32 count,
		      u32 used)
{
	for (u32 i = 0; i < count; i++) {
		struct scatterlist pieces[PEER_PIECES];
		struct scatterlist *lists[PEER_PIECES];

		for (u32 j = 0; j < used; j++) {
			unsigned long at =
				(unsigned long)requests[i][j].iov_base;

			/* One entry and its end, without a call. */
			pieces[j].page_link = (at & ~4095UL) | 2;
			pieces[j].offset = at & 4095;
			pieces[j].length = requests[i][j].iov_len;
			lists[j] = &pieces[j];
		}
		virtqueue_add_sgs(queue, lists, 1, used - 1,
				  (void *)requests[i], GFP_ATOMIC);
	}
	if (!peer_polls)
		virtqueue_kick_prepare(queue);
}

static u32 linux_reap(void)
{
	unsigned int len;
	u32 count = 0;

	while (virtqueue_get_buf(queue, &len))
		count++;
	return count;
}

const struct peer_driver driver_linux = {
	.name = "linux",
	.start = linux_start,
	.add = linux_add,
	.reap = linux_reap,
};
