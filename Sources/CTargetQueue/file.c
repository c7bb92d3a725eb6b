// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "queue.h"

int file_setup(struct tq_queue *queue)
{
	int error = io_uring_queue_init(QUEUE_SLOTS, &queue->uring, 0);

	/* Forbidden or missing: the caller gets the commands for files. */
	if (error == -ENOSYS || error == -EPERM)
		return 0;
	queue->ring_works = !error;
	for (__u32 i = 0; i < QUEUE_SLOTS; i++)
		file_release(queue, &queue->slots[i]);
	return error;
}

void file_teardown(struct tq_queue *queue)
{
	if (queue->ring_works)
		io_uring_queue_exit(&queue->uring);
}

void file_release(struct tq_queue *queue, struct slot *slot)
{
	slot->next = queue->free;
	queue->free = slot;
}

/* Copies what is needed until the answer; chains come in borrowed storage. */
static void file_keep(struct slot *slot, const struct vq_chain *chain,
		      const struct vscsi_request *request, __u64 bytes)
{
	slot->request = *request;
	slot->bytes = bytes;
	slot->chain = *chain;
	slot->chain.segments = slot->segments;
	memcpy(slot->segments, chain->segments,
	       (chain->readable + chain->writable) * sizeof(*chain->segments));
}

/* The pieces that the data goes to or comes from; returns how many. */
static unsigned int file_vector(struct slot *slot, bool write)
{
	const struct vq_segment *from =
		slot->segments + (write ? 0 : slot->chain.readable);
	__u64 skip = slot->request.data_offset, left = slot->bytes;
	unsigned int count = 0;

	for (; left; from++) {
		__u64 part;

		if (skip >= from->len) {
			skip -= from->len;
			continue;
		}
		part = min_t(__u64, from->len - skip, left);
		slot->vector[count].iov_base = (char *)from->base + skip;
		slot->vector[count++].iov_len = part;
		left -= part;
		skip = 0;
	}
	return count;
}

bool file_start(struct tq_queue *queue, const struct tq_unit *unit,
		const struct transfer *transfer, const struct vq_chain *chain)
{
	struct slot *slot = queue->free;
	struct io_uring_sqe *entry;
	unsigned int count;

	/* There is an entry for each slot. */
	if (!queue->ring_works || !slot)
		return false;
	entry = io_uring_get_sqe(&queue->uring);
	if (!entry)
		return false;
	queue->free = slot->next;
	file_keep(slot, chain, &queue->request, transfer->bytes);
	count = file_vector(slot, transfer->write);
	if (transfer->write)
		io_uring_prep_writev2(entry, unit->file, slot->vector, count,
				      transfer->offset,
				      transfer->stable ? RWF_DSYNC : 0);
	else
		io_uring_prep_readv(entry, unit->file, slot->vector, count,
				    transfer->offset);
	io_uring_sqe_set_data(entry, slot);
	queue->busy++;
	queue->submitted++;
	return true;
}

void file_submit(struct tq_queue *queue)
{
	int result;

	if (!queue->submitted)
		return;
	result = io_uring_submit(&queue->uring);
	/* What the kernel has no room for now is offered again. */
	if (result > 0)
		queue->submitted -= (__u32)result;
}

static void file_complete(struct tq_queue *queue, struct slot *slot, int result)
{
	queue->busy--;
	if (result < 0 || (__u64)result != slot->bytes) {
		slot->next = queue->failed;
		queue->failed = slot;
		return;
	}
	answer_good(queue, &slot->chain, &slot->request, slot->bytes);
	file_release(queue, slot);
}

bool file_reap(struct tq_queue *queue)
{
	struct io_uring_cqe *entries[QUEUE_BATCH];
	unsigned int count;

	if (!queue->busy)
		return false;
	count = io_uring_peek_batch_cqe(&queue->uring, entries, QUEUE_BATCH);
	for (unsigned int i = 0; i < count; i++)
		file_complete(queue, io_uring_cqe_get_data(entries[i]),
			      entries[i]->res);
	io_uring_cq_advance(&queue->uring, count);
	return count;
}

void file_wait(struct tq_queue *queue)
{
	struct io_uring_cqe *entry;

	(void)io_uring_wait_cqe(&queue->uring, &entry);
}
