// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue.h"

static int queue_log(struct tq_queue *queue, const struct vq_log *log)
{
	if (!log)
		return 0;
	queue->log = *log;
	return vq_device_log(&queue->device, &queue->log);
}

static int queue_start(struct tq_queue *queue, const struct tq_setup *setup)
{
	__u32 base = setup->base;
	int error = vq_device_init(&queue->device, &setup->rings, setup->memory,
				   setup->features, base);

	if (!error)
		error = inflight_recover(queue, &base);
	if (!error && base != setup->base)
		error = vq_device_init(&queue->device, &setup->rings,
				       setup->memory, setup->features, base);
	if (!error)
		error = queue_log(queue, setup->log);
	if (!error)
		error = slot_setup(queue);
	if (!error)
		error = file_setup(queue);
	if (error)
		return error;
	queue->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return queue->wake < 0 ? -errno : 0;
}

int tq_queue_create(const struct tq_setup *setup, struct tq_queue **queue)
{
	struct tq_queue *made = calloc(1, sizeof(*made));
	int error;

	if (!made)
		return -ENOMEM;
	made->map = setup->map;
	made->inflight = setup->inflight;
	made->inflight_num = setup->inflight_num;
	made->protects = setup->features >> VIRTIO_SCSI_F_T10_PI & 1;
	made->kick = setup->kick;
	made->call = setup->call;
	made->wake = -1;
	made->spin_max = setup->spin_ns;
	made->spin = setup->spin_ns;
	error = queue_start(made, setup);
	if (error) {
		tq_queue_destroy(made);
		return error;
	}
	*queue = made;
	return 0;
}

void tq_queue_destroy(struct tq_queue *queue)
{
	if (!queue)
		return;
	file_teardown(queue);
	slot_teardown(queue);
	if (queue->wake >= 0)
		(void)close(queue->wake);
	free(queue->resume);
	free(queue);
}

const struct vscsi_request *tq_queue_command(const struct tq_queue *queue,
					     const struct vq_chain **chain)
{
	*chain = queue->command_chain;
	return queue->command;
}

int tq_queue_failure(const struct tq_queue *queue, _Bool *loses)
{
	const struct slot *slot = queue->command_slot;

	*loses = slot && slot->safe && READ_ONCE(slot->unit->failure);
	return slot ? slot->failure : 0;
}

void tq_queue_answer(struct tq_queue *queue,
		     const struct vscsi_response *response, const void *data,
		     __u64 bytes)
{
	const struct vq_chain *chain = queue->command_chain;

	/* The room for both was seen when the command was parsed. */
	(void)vscsi_response_write(response, chain);
	(void)vq_chain_write(chain, RESPONSE_BYTES, data, bytes);
	/* A store that failed may have written anything. */
	(void)vq_device_log_chain(&queue->device, chain, chain->writable_bytes);
	answer_used(queue, chain, RESPONSE_BYTES + bytes);
	queue_count(&queue->counters.handed, 1);
	if (queue->command_slot)
		slot_release(queue, queue->command_slot);
	queue->command_slot = NULL;
	queue->command = NULL;
}

void tq_queue_stop(struct tq_queue *queue)
{
	virt_store_release(&queue->stop, true);
	rest_wake(queue);
}

__u64 tq_queue_flush(struct tq_queue *queue)
{
	__u64 wanted =
		__atomic_add_fetch(&queue->flush_wanted, 1, __ATOMIC_ACQ_REL);

	rest_wake(queue);
	return wanted;
}

__u64 tq_queue_flushed(const struct tq_queue *queue)
{
	return virt_load_acquire(&queue->flush_done);
}

_Bool tq_queue_calls(const struct tq_queue *queue)
{
	return READ_ONCE(queue->calling);
}

__u16 tq_queue_base(const struct tq_queue *queue)
{
	return queue->device.last_avail;
}

void tq_queue_counters(const struct tq_queue *queue,
		       struct tq_counters *counters)
{
	counters->commands = READ_ONCE(queue->counters.commands);
	counters->handed = READ_ONCE(queue->counters.handed);
	counters->sleeps = READ_ONCE(queue->counters.sleeps);
	counters->kicks = READ_ONCE(queue->counters.kicks);
	counters->calls = READ_ONCE(queue->counters.calls);
}
