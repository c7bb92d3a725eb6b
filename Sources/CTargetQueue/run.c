// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "queue.h"

static struct tq_unit *run_unit(const struct tq_map *map,
				const struct vscsi_address *address)
{
	if (address->lun >= TQ_MAP_LUNS)
		return NULL;
	return virt_load_acquire(&map->units[address->target][address->lun]);
}

/* Reads or writes where that takes no waiting; false if it failed. */
static bool run_now(struct tq_queue *queue, const struct tq_unit *unit,
		    const struct transfer *transfer,
		    const struct vq_chain *chain)
{
	char *memory = (char *)unit->memory + transfer->offset;
	__u64 offset = queue->request.data_offset;

	if (unit->store == TQ_STORE_NULL)
		return true;
	if (unit->store == TQ_STORE_PAGES)
		return file_serve(queue, unit, transfer, chain);
	/* The chain has so much room: transfer_decode() has compared. */
	if (transfer->write)
		return !vq_chain_read(chain, offset, memory, transfer->bytes);
	return !vq_chain_write(chain, offset, memory, transfer->bytes);
}

static enum served run_hand(struct tq_queue *queue,
			    const struct vscsi_request *request,
			    const struct vq_chain *chain)
{
	queue->command = request;
	queue->command_chain = chain;
	return SERVED_HANDED;
}

/* Flushes, where that is what the command asks for. */
static enum served run_other(struct tq_queue *queue, struct tq_unit *unit,
			     const struct vq_chain *chain)
{
	enum served served = SERVED_DONE;

	if (!flush_decode(&queue->request, unit))
		return run_hand(queue, &queue->request, chain);
	if (unit->store == TQ_STORE_FILE)
		served = file_flush(queue, unit, chain);
	else if (unit->store == TQ_STORE_REMOTE)
		served = remote_flush(queue, unit, chain);
	else
		answer_good(queue, chain, &queue->request, 0);
	if (served == SERVED_HANDED)
		return run_hand(queue, &queue->request, chain);
	return served;
}

/* Reads or writes where that takes waiting. */
static enum served run_begin(struct tq_queue *queue, struct tq_unit *unit,
			     const struct transfer *transfer,
			     const struct vq_chain *chain)
{
	enum served served;

	if (unit->store == TQ_STORE_FILE)
		served = file_start(queue, unit, transfer, chain);
	else
		served = remote_start(queue, unit, transfer, chain);
	if (served == SERVED_HANDED)
		return run_hand(queue, &queue->request, chain);
	return served;
}

static enum served run_command(struct tq_queue *queue,
			       const struct vq_chain *chain)
{
	struct tq_unit *unit =
		run_unit(queue->map, &queue->request.command.address);
	struct transfer transfer;

	if (!unit)
		return run_hand(queue, &queue->request, chain);
	if (unlikely(!transfer_decode(&queue->request, unit, &transfer)))
		return run_other(queue, unit, chain);
	if (unit->store == TQ_STORE_FILE || unit->store == TQ_STORE_REMOTE)
		return run_begin(queue, unit, &transfer, chain);
	if (unlikely(!run_now(queue, unit, &transfer, chain)))
		return run_hand(queue, &queue->request, chain);
	answer_good(queue, chain, &queue->request, transfer.bytes);
	return SERVED_DONE;
}

static enum served run_chain(struct tq_queue *queue,
			     const struct vq_chain *chain)
{
	int error =
		vscsi_request_parse(chain, queue->protects, &queue->request);

	if (likely(!error))
		return run_command(queue, chain);
	if (error == -ENOSPC ||
	    vscsi_command_reject(chain, VIRTIO_SCSI_S_BAD_TARGET)) {
		answer_used(queue, chain, 0);
		return SERVED_DONE;
	}
	(void)vq_device_log_chain(&queue->device, chain, RESPONSE_BYTES);
	answer_used(queue, chain, RESPONSE_BYTES);
	return SERVED_DONE;
}

/* A store did not serve it in full: the caller finds out why, and says so. */
static enum served run_failed(struct tq_queue *queue)
{
	struct slot *slot = queue->failed;

	queue->failed = slot->next;
	queue->command_slot = slot;
	return run_hand(queue, &slot->request, &slot->chain);
}

static enum served run_batch(struct tq_queue *queue)
{
	if (queue->failed)
		return run_failed(queue);
	while (queue->at < queue->taken) {
		const struct vq_chain *chain = &queue->chains[queue->at++];
		enum served served = run_chain(queue, chain);

		if (likely(served == SERVED_DONE))
			continue;
		if (served == SERVED_LATER)
			queue->at--;
		return served;
	}
	return SERVED_DONE;
}

/* Chains that a device before us had taken come first. */
static int run_resume(struct tq_queue *queue)
{
	__u16 head = queue->resume[queue->resume_at];
	int error = vq_device_take(&queue->device, head, queue->segments,
				   VQ_CHAIN_SEGMENTS_MAX, queue->chains);

	if (error)
		return error;
	queue->resume_at++;
	queue->taken = 1;
	return 0;
}

/* The driver's processor has the lines of headers and responses. */
static void run_fetch(const struct vq_chain *chains, __u32 count)
{
	for (__u32 i = 0; i < count; i++) {
		const struct vq_segment *segments = chains[i].segments;

		if (chains[i].readable)
			prefetch(segments->base);
		if (chains[i].writable)
			prefetch(segments[chains[i].readable].base);
	}
}

static int run_take(struct tq_queue *queue)
{
	int error;

	queue->at = 0;
	queue->taken = 0;
	if (queue->resume_at < queue->resume_count)
		return run_resume(queue);
	error = vq_device_pop_batch(&queue->device, queue->segments,
				    VQ_CHAIN_SEGMENTS_MAX, queue->chains,
				    QUEUE_BATCH, &queue->taken);
	if (error)
		return error;
	run_fetch(queue->chains, queue->taken);
	inflight_take(queue, queue->chains, queue->taken);
	return 0;
}

/* Whether to let what is in flight come to its end before taking more. */
static bool run_draining(struct tq_queue *queue, bool *stop)
{
	__u64 wanted = virt_load_acquire(&queue->flush_wanted);

	*stop = false;
	/* What was taken is begun in any case, also by a device before us. */
	if (queue->at < queue->taken)
		return true;
	if (queue->resume_at < queue->resume_count)
		return false;
	*stop = virt_load_acquire(&queue->stop);
	if (queue->busy)
		return *stop || wanted != queue->flush_done;
	if (wanted != queue->flush_done)
		virt_store_release(&queue->flush_done, wanted);
	return false;
}

static bool run_reap(struct tq_queue *queue)
{
	bool filed = file_reap(queue);

	return slot_reap(queue) || filed;
}

/* One round without commands for the caller; 1 asks for another. */
static int run_round(struct tq_queue *queue)
{
	bool reaped = run_reap(queue), stop;
	int error;

	file_submit(queue);
	answer_publish(queue);
	if (queue->failed || reaped)
		return 1;
	if (run_draining(queue, &stop)) {
		rest_wait(queue);
		return 1;
	}
	if (stop)
		return TQ_STOPPED;
	error = run_take(queue);
	if (error)
		return error;
	if (queue->taken)
		queue->idle_since = 0;
	else
		rest(queue);
	return 1;
}

/* The driver broke the ring: what is in flight still gets its answer. */
static int run_broken(struct tq_queue *queue, int error)
{
	while (queue->busy && !queue->failed) {
		file_submit(queue);
		rest_wait(queue);
		(void)run_reap(queue);
	}
	answer_publish(queue);
	return queue->failed ? 1 : error;
}

int tq_queue_run(struct tq_queue *queue)
{
	int result;

	do {
		if (run_batch(queue) == SERVED_HANDED)
			return TQ_COMMAND;
		result = run_round(queue);
		if (result < 0)
			result = run_broken(queue, result);
	} while (result > 0);
	return result;
}
