// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <linux/magic.h>
#include <sys/vfs.h>

#include "queue.h"

enum tq_store tq_store_of(int file)
{
	struct statfs system;

	/* Whatever else it is, io_uring can serve it. */
	if (fstatfs(file, &system) || system.f_type != TMPFS_MAGIC)
		return TQ_STORE_FILE;
	return TQ_STORE_PAGES;
}

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
	slot->flushes = false;
	slot->failure = 0;
	slot->chain = *chain;
	slot->chain.segments = slot->segments;
	memcpy(slot->segments, chain->segments,
	       (chain->readable + chain->writable) * sizeof(*chain->segments));
}

/* The pieces that the data goes to or comes from; returns how many. */
static int file_vector(const struct vq_chain *chain,
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

bool file_serve(struct tq_queue *queue, const struct tq_unit *unit,
		const struct transfer *transfer, const struct vq_chain *chain)
{
	int flags = transfer->stable ? RWF_DSYNC : 0;
	int count =
		file_vector(chain, &queue->request, transfer, queue->vector);
	ssize_t served;

	if (transfer->write)
		served = pwritev2(unit->file, queue->vector, count,
				  (off_t)transfer->offset, flags);
	else
		served = preadv(unit->file, queue->vector, count,
				(off_t)transfer->offset);
	return served == (ssize_t)transfer->bytes;
}

/* Takes a slot for a command; NULL if there is none, or no entry for it. */
static struct slot *file_take(struct tq_queue *queue,
			      const struct vq_chain *chain, __u64 bytes,
			      struct io_uring_sqe **entry)
{
	struct slot *slot = queue->free;

	/* There is an entry for each slot. */
	if (!queue->ring_works || !slot)
		return NULL;
	*entry = io_uring_get_sqe(&queue->uring);
	if (!*entry)
		return NULL;
	queue->free = slot->next;
	file_keep(slot, chain, &queue->request, bytes);
	queue->busy++;
	queue->submitted++;
	return slot;
}

bool file_flush(struct tq_queue *queue, const struct tq_unit *unit,
		const struct vq_chain *chain)
{
	struct io_uring_sqe *entry;
	struct slot *slot = file_take(queue, chain, 0, &entry);

	if (!slot)
		return false;
	slot->flushes = true;
	io_uring_prep_fsync(entry, unit->file, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(entry, slot);
	return true;
}

bool file_start(struct tq_queue *queue, const struct tq_unit *unit,
		const struct transfer *transfer, const struct vq_chain *chain)
{
	struct io_uring_sqe *entry;
	struct slot *slot = file_take(queue, chain, transfer->bytes, &entry);
	unsigned int count;

	if (!slot)
		return false;
	count = (unsigned int)file_vector(&slot->chain, &slot->request,
					  transfer, slot->vector);
	if (transfer->write)
		io_uring_prep_writev2(entry, unit->file, slot->vector, count,
				      transfer->offset,
				      transfer->stable ? RWF_DSYNC : 0);
	else
		io_uring_prep_readv(entry, unit->file, slot->vector, count,
				    transfer->offset);
	io_uring_sqe_set_data(entry, slot);
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
		/* The kernel tells of lost writes once: not to be tried again.
		 */
		if (slot->flushes)
			slot->failure = -result;
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
