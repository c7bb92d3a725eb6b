// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "queue.h"

enum tq_store tq_store_of(int file)
{
	struct statfs system;
	struct stat status;

	/* Whatever else it is, io_uring can serve it. */
	if (fstatfs(file, &system) || system.f_type != TMPFS_MAGIC)
		return TQ_STORE_FILE;
	/* The name of a device may be in such a file system, too. */
	if (fstat(file, &status) || !S_ISREG(status.st_mode))
		return TQ_STORE_FILE;
	return TQ_STORE_PAGES;
}

int file_setup(struct tq_queue *queue)
{
	int error = io_uring_queue_init(queue->slot_count, &queue->uring, 0);

	/* Forbidden or missing: the caller gets the commands for files. */
	if (error == -ENOSYS || error == -EPERM)
		return 0;
	queue->ring_works = !error;
	return error;
}

void file_teardown(struct tq_queue *queue)
{
	if (queue->ring_works)
		io_uring_queue_exit(&queue->uring);
}

bool file_serve(struct tq_queue *queue, const struct tq_unit *unit,
		const struct transfer *transfer, const struct vq_chain *chain)
{
	int flags = transfer->stable ? RWF_DSYNC : 0;
	int count =
		slot_vector(chain, &queue->request, transfer, queue->vector);
	ssize_t served;

	if (transfer->write)
		served = pwritev2(unit->file, queue->vector, count,
				  (off_t)transfer->offset, flags);
	else
		served = preadv(unit->file, queue->vector, count,
				(off_t)transfer->offset);
	return served == (ssize_t)transfer->bytes;
}

/* Takes a slot for a command, and an entry for it. */
static enum served file_take(struct tq_queue *queue, struct tq_unit *unit,
			     const struct vq_chain *chain, struct slot **slot,
			     struct io_uring_sqe **entry)
{
	if (!queue->ring_works)
		return SERVED_HANDED;
	*slot = slot_take(queue, unit, chain);
	if (!*slot)
		return SERVED_LATER;
	/* There is one for each slot. */
	*entry = io_uring_get_sqe(&queue->uring);
	queue->filing++;
	queue->submitted++;
	return SERVED_DONE;
}

enum served file_flush(struct tq_queue *queue, struct tq_unit *unit,
		       const struct vq_chain *chain)
{
	struct io_uring_sqe *entry;
	struct slot *slot;
	enum served served = file_take(queue, unit, chain, &slot, &entry);

	if (served != SERVED_DONE)
		return served;
	safe_begin(slot);
	io_uring_prep_fsync(entry, unit->file, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(entry, slot);
	return SERVED_DONE;
}

static void file_transfer(struct slot *slot, const struct transfer *transfer,
			  struct io_uring_sqe *entry)
{
	unsigned int count = (unsigned int)slot_vector(
		&slot->chain, &slot->request, transfer, slot->vector);

	if (transfer->write)
		io_uring_prep_writev2(entry, slot->unit->file, slot->vector,
				      count, transfer->offset,
				      transfer->stable ? RWF_DSYNC : 0);
	else
		io_uring_prep_readv(entry, slot->unit->file, slot->vector,
				    count, transfer->offset);
	io_uring_sqe_set_data(entry, slot);
}

enum served file_start(struct tq_queue *queue, struct tq_unit *unit,
		       const struct transfer *transfer,
		       const struct vq_chain *chain)
{
	struct io_uring_sqe *entry;
	struct slot *slot;
	enum served served = file_take(queue, unit, chain, &slot, &entry);

	if (served != SERVED_DONE)
		return served;
	slot_transfer(slot, transfer);
	if (slot->safe)
		safe_begin(slot);
	file_transfer(slot, transfer, entry);
	return SERVED_DONE;
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

/* What came of a slot; what makes writes safe may have to wait for others. */
static void file_end(struct tq_queue *queue, struct slot *slot, int result)
{
	if (!slot->safe) {
		slot_finish(queue, slot, result);
		return;
	}
	slot->result = result;
	slot_note(slot, result);
	safe_end(slot);
}

bool file_reap(struct tq_queue *queue)
{
	struct io_uring_cqe *entries[QUEUE_BATCH];
	unsigned int count;

	if (!queue->filing)
		return false;
	count = io_uring_peek_batch_cqe(&queue->uring, entries, QUEUE_BATCH);
	for (unsigned int i = 0; i < count; i++)
		file_end(queue, io_uring_cqe_get_data(entries[i]),
			 entries[i]->res);
	io_uring_cq_advance(&queue->uring, count);
	queue->filing -= count;
	return count;
}
