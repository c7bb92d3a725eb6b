// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device side alone, over chains that a driver filled in once: out 51
 * bytes, in 108 and 4096. Medians over slices; each ends with a look at the
 * last chain.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "selftest.h"
#include "vq_platform.h"
#include "virtqueue.h"

#define TIMING_CHAINS 256
#define TIMING_PIECES 3
#define TIMING_NUM    (TIMING_CHAINS * TIMING_PIECES)
#define TIMING_BATCH  32
#define TIMING_ROUNDS 16
#define TIMING_SLICES 101
#define TIMING_GUEST  0x100000000ULL
#define TIMING_SPLIT  1024

struct timing_queue {
	struct vq_region region;
	struct vq_memory memory;
	struct vq_rings rings;
	struct vq_device device;
	struct vq_driver driver;
	struct vq_slot slots[TIMING_SPLIT];
	struct vq_segment segments[TIMING_BATCH * TIMING_PIECES];
	struct vq_chain chains[TIMING_BATCH];
	struct vq_used used[TIMING_BATCH];
	u64 slices[TIMING_SLICES];
	bool packed;
	void *area;
	void *full;
};

static int timing_fill(struct timing_queue *queue)
{
	for (u32 i = 0; i < TIMING_CHAINS; i++) {
		u64 at = TIMING_GUEST + i * 8192ULL;
		const struct vq_buffer pieces[TIMING_PIECES] = {
			{at, 51}, {at + 1024, 108}, {at + 2048, 4096}};
		int error = vq_driver_add(&queue->driver, pieces, 1, 2, i);

		if (error)
			return error;
	}
	vq_driver_publish(&queue->driver);
	if (queue->packed)
		memcpy(queue->full, queue->rings.desc,
		       TIMING_NUM * sizeof(struct vring_packed_desc));
	return 0;
}

static int timing_setup(struct timing_queue *queue)
{
	u64 features = queue->packed ? 1ULL << VIRTIO_F_RING_PACKED : 0;
	int error;

	/* Buffers are never touched: any address will do. */
	queue->region =
		(struct vq_region){TIMING_GUEST, TIMING_CHAINS * 8192, queue,
				   VQ_ACCESS_READ | VQ_ACCESS_WRITE};
	error = vq_memory_init(&queue->region, 1, &queue->memory);
	if (!error)
		error = queue->packed
				? vq_packed_place(queue->area, TIMING_NUM,
						  &queue->rings)
				: vq_rings_place(queue->area, TIMING_SPLIT,
						 &queue->rings);
	if (!error)
		error = vq_driver_init(&queue->driver, &queue->rings,
				       queue->slots, features);
	if (!error)
		error = vq_device_init(&queue->device, &queue->rings,
				       &queue->memory, features,
				       queue->packed ? VQ_PACKED_BASE : 0);
	return error ? error : timing_fill(queue);
}

/* Makes all chains available again, as if the driver had. */
static void timing_rewind(struct timing_queue *queue)
{
	struct vq_device *device = &queue->device;

	if (queue->packed) {
		memcpy(queue->rings.desc, queue->full,
		       TIMING_NUM * sizeof(struct vring_packed_desc));
		device->avail_wrap = true;
		device->used_wrap = true;
		return;
	}
	device->last_avail = 0;
	device->avail_idx = 0;
}

static int timing_round_one(struct timing_queue *queue)
{
	struct vq_chain *chain = queue->chains;

	for (u32 i = 0; i < TIMING_CHAINS; i++) {
		if (vq_device_pop(&queue->device, queue->segments,
				  ARRAY_SIZE(queue->segments), chain))
			return -EIO;
		vq_device_push(&queue->device, chain->head, 0);
	}
	return chain->writable_bytes == 4096 + 108 ? 0 : -EIO;
}

static int timing_round(struct timing_queue *queue, u32 batch)
{
	u32 count;

	if (batch == 1)
		return timing_round_one(queue);

	for (u32 left = TIMING_CHAINS; left; left -= count) {
		int error = vq_device_pop_batch(&queue->device, queue->segments,
						ARRAY_SIZE(queue->segments),
						queue->chains, batch, &count);

		if (error || !count)
			return -EIO;
		for (u32 i = 0; i < count; i++)
			queue->used[i] =
				(struct vq_used){queue->chains[i].head, 0};
		vq_device_push_batch(&queue->device, queue->used, count);
	}
	return queue->chains[count - 1].writable_bytes == 4096 + 108 ? 0 : -EIO;
}

static int timing_compare(const void *left, const void *right)
{
	u64 a = *(const u64 *)left, b = *(const u64 *)right;

	return a < b ? -1 : a > b;
}

/* The median of some slices, in picoseconds for each chain. */
static int timing_slices(struct timing_queue *queue, u32 batch, u64 *result)
{
	for (u32 i = 0; i < TIMING_SLICES; i++) {
		u64 start = ktime_get_ns();

		for (u32 k = 0; k < TIMING_ROUNDS; k++) {
			int error = timing_round(queue, batch);

			if (error)
				return error;
			timing_rewind(queue);
		}
		queue->slices[i] = ktime_get_ns() - start;
		cond_resched();
	}
	sort(queue->slices, TIMING_SLICES, sizeof(u64), timing_compare, NULL);
	*result = div_u64(queue->slices[TIMING_SLICES / 2] * 1000,
			  TIMING_ROUNDS * TIMING_CHAINS);
	return 0;
}

static int timing_queue(struct timing_queue *queue, bool packed, u64 *batch,
			u64 *one)
{
	int error;

	queue->packed = packed;
	error = timing_setup(queue);
	if (!error)
		error = timing_slices(queue, TIMING_BATCH, batch);
	if (!error)
		error = timing_slices(queue, 1, one);
	return error;
}

int timing_measure(struct timing *timing)
{
	struct timing_queue *queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	int error = -ENOMEM;

	if (!queue)
		return error;
	queue->area = kzalloc(vq_rings_size(TIMING_SPLIT), GFP_KERNEL);
	queue->full = kzalloc(TIMING_NUM * 16, GFP_KERNEL);
	if (queue->area && queue->full) {
		error = timing_queue(queue, false, &timing->split_batch,
				     &timing->split_one);
		if (!error)
			error = timing_queue(queue, true, &timing->packed_batch,
					     &timing->packed_one);
	}
	kfree(queue->full);
	kfree(queue->area);
	kfree(queue);
	return error;
}
