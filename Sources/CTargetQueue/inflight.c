// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The in-flight area, by the rules of the vhost-user protocol: whoever serves
 * the ring after us knows from it what we had taken and not answered.
 */
#include <stdlib.h>

#include "queue.h"

#define INFLIGHT_VERSION 1

void inflight_take(struct tq_queue *queue, const struct vq_chain *chains,
		   __u32 count)
{
	struct tq_inflight *area = queue->inflight;

	if (!area)
		return;
	for (__u32 i = 0; i < count; i++) {
		struct tq_inflight_entry *entry = &area->desc[chains[i].head];

		WRITE_ONCE(entry->counter, ++queue->inflight_counter);
		WRITE_ONCE(entry->inflight, 1);
	}
}

void inflight_batch(struct tq_queue *queue)
{
	struct tq_inflight *area = queue->inflight;

	if (!area)
		return;
	for (__u32 i = 0; i < queue->done; i++) {
		__u16 head = (__u16)queue->used[i].id;

		WRITE_ONCE(area->desc[head].next, area->last_batch_head);
		virt_store_release(&area->last_batch_head, head);
	}
}

void inflight_batch_done(struct tq_queue *queue)
{
	struct tq_inflight *area = queue->inflight;

	if (!area)
		return;
	for (__u32 i = 0; i < queue->done; i++)
		virt_store_release(&area->desc[queue->used[i].id].inflight, 0);
	virt_store_release(&area->used_idx, queue->device.last_used);
}

/* A batch was published, but not noted: its chains are not in flight. */
static int inflight_settle(struct tq_inflight *area, __u32 num, __u16 used_idx)
{
	__u16 left = used_idx - area->used_idx;
	__u16 head = area->last_batch_head;

	if (left > num)
		return -EPROTO;
	for (; left; left--) {
		if (head >= num)
			return -EPROTO;
		area->desc[head].inflight = 0;
		head = area->desc[head].next;
	}
	area->used_idx = used_idx;
	return 0;
}

static int inflight_compare(const void *left, const void *right, void *context)
{
	const struct tq_inflight *area = context;
	__u64 a = area->desc[*(const __u16 *)left].counter;
	__u64 b = area->desc[*(const __u16 *)right].counter;

	return (a > b) - (a < b);
}

/* What is in flight, in the order of taking. */
static int inflight_collect(struct tq_queue *queue, __u32 num)
{
	struct tq_inflight *area = queue->inflight;

	queue->resume = calloc(num, sizeof(*queue->resume));
	if (!queue->resume)
		return -ENOMEM;
	for (__u32 head = 0; head < num; head++) {
		__u64 counter = area->desc[head].counter;

		if (counter > queue->inflight_counter)
			queue->inflight_counter = counter;
		if (area->desc[head].inflight)
			queue->resume[queue->resume_count++] = (__u16)head;
	}
	qsort_r(queue->resume, queue->resume_count, sizeof(*queue->resume),
		inflight_compare, area);
	return 0;
}

int inflight_recover(struct tq_queue *queue, __u32 *base)
{
	struct tq_inflight *area = queue->inflight;
	__u16 used_idx = queue->device.last_used;
	__u32 num = queue->device.num;
	int error;

	if (!area)
		return 0;
	if (!area->version) {
		area->version = INFLIGHT_VERSION;
		area->desc_num = (__u16)num;
		area->used_idx = used_idx;
		return 0;
	}
	if (area->version != INFLIGHT_VERSION || area->desc_num != num)
		return -EPROTO;
	error = inflight_settle(area, num, used_idx);
	if (!error)
		error = inflight_collect(queue, num);
	if (!error && queue->resume_count)
		*base = (__u16)(used_idx + queue->resume_count);
	return error;
}
