// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdlib.h>

#include "queue.h"

int slot_setup(struct tq_queue *queue)
{
	queue->slot_count = min_t(__u32, queue->device.num, QUEUE_SLOTS_MAX);
	queue->slots = calloc(queue->slot_count, sizeof(*queue->slots));
	return queue->slots ? 0 : -ENOMEM;
}

void slot_teardown(struct tq_queue *queue)
{
	/* Pairs with slot_return(): once the slot is there, all may go. */
	while (__atomic_load_n(&queue->returning, __ATOMIC_ACQUIRE))
		cpu_relax();
	free(queue->slots);
}

void slot_release(struct tq_queue *queue, struct slot *slot)
{
	slot->next = queue->free;
	queue->free = slot;
}

struct slot *slot_take(struct tq_queue *queue, struct tq_unit *unit,
		       const struct vq_chain *chain)
{
	struct slot *slot = queue->free;

	if (slot)
		queue->free = slot->next;
	else if (queue->fresh < queue->slot_count)
		slot = &queue->slots[queue->fresh++];
	else
		return NULL;
	queue->busy++;
	slot->queue = queue;
	slot->unit = unit;
	/* Copied: chains come in borrowed storage. */
	slot->request = queue->request;
	slot->bytes = 0;
	slot->safe = true;
	slot->failure = 0;
	slot->chain = *chain;
	slot->chain.segments = slot->segments;
	memcpy(slot->segments, chain->segments,
	       (chain->readable + chain->writable) * sizeof(*chain->segments));
	return slot;
}

void slot_transfer(struct slot *slot, const struct transfer *transfer)
{
	slot->bytes = transfer->bytes;
	slot->safe = transfer->write && transfer->stable;
}

int slot_vector(const struct vq_chain *chain,
		const struct vscsi_request *request,
		const struct transfer *transfer, struct iovec *vector)
{
	const struct vq_segment *from =
		chain->segments + (transfer->write ? 0 : chain->readable);
	__u64 skip = request->data_offset, left = transfer->bytes;
	int count = 0;

	for (; left; from++) {
		__u64 part;

		if (skip >= from->len) {
			skip -= from->len;
			continue;
		}
		part = min_t(__u64, from->len - skip, left);
		vector[count].iov_base = (char *)from->base + skip;
		vector[count++].iov_len = part;
		left -= part;
		skip = 0;
	}
	return count;
}

/*
 * A store tells once that it lost what was written before, and it may be any
 * command that is to make writes safe which it tells.
 */
void slot_note(struct slot *slot, int result)
{
	if (!slot->safe || result >= 0)
		return;
	/* A server's connection knows whether a write's failure says more. */
	if (slot->bytes ? result == -EIO && slot->unit->store != TQ_STORE_REMOTE
			: result != -EAGAIN && result != -ENOTCONN)
		WRITE_ONCE(slot->unit->failure, (__u32)-result);
}

void slot_finish(struct tq_queue *queue, struct slot *slot, int result)
{
	int lost = (int)READ_ONCE(slot->unit->failure);

	queue->busy--;
	if (slot->safe && lost)
		slot->failure = lost;
	if (slot->failure || result < 0 || (__u64)result != slot->bytes) {
		slot->next = queue->failed;
		queue->failed = slot;
		return;
	}
	answer_good(queue, &slot->chain, &slot->request, slot->bytes);
	slot_release(queue, slot);
}

void slot_return(struct slot *slot)
{
	struct tq_queue *queue = slot->queue;

	/* Pairs with slot_teardown(). */
	__atomic_add_fetch(&queue->returning, 1, __ATOMIC_RELAXED);
	slot->next = __atomic_load_n(&queue->returned, __ATOMIC_RELAXED);
	/* Pairs with rest_poll(), which says first that it sleeps. */
	while (!__atomic_compare_exchange_n(&queue->returned, &slot->next, slot,
					    true, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		;
	if (__atomic_load_n(&queue->sleeps, __ATOMIC_SEQ_CST))
		rest_wake(queue);
	__atomic_sub_fetch(&queue->returning, 1, __ATOMIC_RELEASE);
}

bool slot_reap(struct tq_queue *queue)
{
	struct slot *slot, *next;

	/* Only this thread takes from the list. */
	if (!__atomic_load_n(&queue->returned, __ATOMIC_RELAXED))
		return false;
	next = __atomic_exchange_n(&queue->returned, NULL, __ATOMIC_ACQUIRE);
	for (slot = next; slot; slot = slot->next)
		slot_note(slot, slot->result);
	while (next) {
		slot = next;
		next = slot->next;
		if (slot->unit->store == TQ_STORE_REMOTE)
			remote_finish(queue, slot);
		else
			slot_finish(queue, slot, slot->result);
	}
	return true;
}
