// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The in-flight area, by the rules of the vhost-user protocol: whoever serves
 * the ring after us knows from it what we had taken and not answered.
 */
#include <stdlib.h>
#include <sys/eventfd.h>

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
	__u16 left = used_idx - READ_ONCE(area->used_idx);
	__u16 head = READ_ONCE(area->last_batch_head);

	if (left > num)
		return -EPROTO;
	for (; left; left--) {
		if (head >= num)
			return -EPROTO;
		area->desc[head].inflight = 0;
		head = READ_ONCE(area->desc[head].next);
	}
	area->used_idx = used_idx;
	return 0;
}

/* The front-end may change the area while we sort: counters are copied. */
struct inflight_order {
	__u64 counter;
	__u16 head;
};

static int inflight_compare(const void *left, const void *right)
{
	const struct inflight_order *a = left, *b = right;

	return (a->counter > b->counter) - (a->counter < b->counter);
}

/* What is in flight, in the order of taking; returns how many. */
static __u32 inflight_list(struct tq_queue *queue, __u32 num,
			   struct inflight_order *order)
{
	const struct tq_inflight *area = queue->inflight;
	__u32 count = 0;

	for (__u32 head = 0; head < num; head++) {
		__u64 counter = READ_ONCE(area->desc[head].counter);

		if (counter > queue->inflight_counter)
			queue->inflight_counter = counter;
		if (!READ_ONCE(area->desc[head].inflight))
			continue;
		order[count].counter = counter;
		order[count++].head = (__u16)head;
	}
	qsort(order, count, sizeof(*order), inflight_compare);
	return count;
}

static int inflight_collect(struct tq_queue *queue, __u32 num)
{
	struct inflight_order *order = calloc(num, sizeof(*order));

	queue->resume = calloc(num, sizeof(*queue->resume));
	if (!order || !queue->resume) {
		free(order);
		return -ENOMEM;
	}
	queue->resume_count = inflight_list(queue, num, order);
	for (__u32 i = 0; i < queue->resume_count; i++)
		queue->resume[i] = order[i].head;
	free(order);
	return 0;
}

/* What a larger ring had in flight cannot be found in this one. */
static bool inflight_fits(const struct tq_inflight *area, __u32 num, __u32 all)
{
	for (__u32 head = num; head < all; head++)
		if (READ_ONCE(area->desc[head].inflight))
			return false;
	return true;
}

int inflight_recover(struct tq_queue *queue, __u32 *base)
{
	struct tq_inflight *area = queue->inflight;
	__u16 used_idx = queue->device.last_used;
	__u32 num = queue->device.num;
	int error;

	if (!area)
		return 0;
	if (num > queue->inflight_num)
		return -EPROTO;
	if (!area->version) {
		area->version = INFLIGHT_VERSION;
		area->desc_num = queue->inflight_num;
		area->used_idx = used_idx;
		return 0;
	}
	if (area->version != INFLIGHT_VERSION ||
	    area->desc_num != queue->inflight_num ||
	    !inflight_fits(area, num, queue->inflight_num))
		return -EPROTO;
	error = inflight_settle(area, num, used_idx);
	if (!error)
		error = inflight_collect(queue, num);
	/* Who died may have answered without saying so. */
	if (!error && queue->call >= 0)
		peer_event_signal(queue->call);
	if (!error && queue->resume_count)
		*base = (__u16)(used_idx + queue->resume_count);
	return error;
}
