// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The kernel's vringh as a peer: its drivers/vhost/vringh.c, as it is, compiled
 * alone as the kernel does it, so that ranges are asked for by a call. It has
 * no access rights.
 */
#include "vringh_shim.h"

#include <linux/virtio_config.h>
#include <linux/vringh.h>

#include "peer.h"

void *__kmalloc_fake, *__kfree_ignore_start, *__kfree_ignore_end;

static struct vringh ring PEER_APART;
static struct vringh_iov readable, writable;
static const struct peer_region *regions;
static u32 region_count;

static bool vringh_range(struct vringh *vrh, u64 addr, struct vringh_range *r)
{
	for (u32 i = 0; i < region_count; i++) {
		const struct peer_region *region = &regions[i];

		if (addr - region->guest >= region->size)
			continue;
		r->start = region->guest;
		r->end_incl = region->guest + region->size - 1;
		r->offset = (u64)(unsigned long)region->host - region->guest;
		return true;
	}
	return false;
}

static int vringh_start(const struct peer_queue *queue)
{
	int error = vringh_init_user(
		&ring, queue->features | 1ULL << VIRTIO_F_VERSION_1, queue->num,
		true, queue->desc, queue->avail, queue->used);

	ring.last_avail_idx = queue->base;
	ring.last_used_idx = ring.vring.used->idx;
	ring.vring.used->flags = 0;
	regions = queue->regions;
	region_count = queue->region_count;
	return error;
}

/* Pieces that are empty are left out, as vhost does. */
static u32 vringh_copy(struct iovec *to, u32 room,
		       const struct vringh_iov *from)
{
	u32 count = 0;

	for (unsigned int i = 0; i < from->used; i++)
		if (from->iov[i].iov_len && count < room)
			to[count++] = from->iov[i];
	return count;
}

static int vringh_pop(struct peer_chain *chain)
{
	u16 before = ring.last_avail_idx;
	int got = vringh_getdesc_user(&ring, &readable, &writable, vringh_range,
				      &chain->head);

	if (got < 0) {
		ring.last_avail_idx = before;
		return got;
	}
	if (!got)
		return -EAGAIN;
	chain->readable =
		vringh_copy(chain->segments, PEER_SEGMENTS_MAX, &readable);
	chain->writable =
		vringh_copy(chain->segments + chain->readable,
			    PEER_SEGMENTS_MAX - chain->readable, &writable);
	return 0;
}

static void vringh_push(const struct peer_used *used, u32 count)
{
	vringh_complete_multi_user(&ring, (const struct vring_used_elem *)used,
				   count);
}

static bool vringh_signal(void)
{
	return vringh_need_notify_user(&ring) > 0;
}

static bool vringh_enable(void)
{
	return !vringh_notify_enable_user(&ring);
}

static void vringh_disable(void)
{
	vringh_notify_disable_user(&ring);
}

static u32 vringh_serve(u32 batch)
{
	struct vring_used_elem heads[PEER_BATCH_MAX];
	u32 count = 0;
	u16 head;

	while (count < batch) {
		if (vringh_getdesc_user(&ring, &readable, &writable,
					vringh_range, &head) != 1)
			break;
		heads[count].id = head;
		heads[count++].len = 4096;
	}
	if (!count)
		return 0;
	vringh_complete_multi_user(&ring, heads, count);
	if (!peer_polls)
		vringh_need_notify_user(&ring);
	return count;
}

const struct peer peer_vringh = {
	.name = "vringh",
	.start = vringh_start,
	.pop = vringh_pop,
	.push = vringh_push,
	.signal = vringh_signal,
	.enable = vringh_enable,
	.disable = vringh_disable,
	.serve = vringh_serve,
};
