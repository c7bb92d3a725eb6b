// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <sys/eventfd.h>

#include "queue.h"

void answer_publish(struct tq_queue *queue)
{
	if (!queue->done)
		return;
	inflight_batch(queue);
	vq_device_push_batch(&queue->device, queue->used, queue->done);
	inflight_batch_done(queue);
	queue->done = 0;
	if (!vq_device_signal_needed(&queue->device) || queue->call < 0)
		return;
	queue_count(&queue->counters.calls, 1);
	/* The driver may have made it wait: see tq_queue_calls(). */
	WRITE_ONCE(queue->calling, true);
	(void)eventfd_write(queue->call, 1);
	WRITE_ONCE(queue->calling, false);
}

void answer_used(struct tq_queue *queue, const struct vq_chain *chain,
		 __u64 bytes)
{
	queue->used[queue->done].id = chain->head;
	queue->used[queue->done].len = (__u32)min_t(__u64, bytes, UINT32_MAX);
	queue->done++;
	queue_count(&queue->counters.commands, 1);
	if (queue->done == QUEUE_BATCH)
		answer_publish(queue);
}

void answer_good(struct tq_queue *queue, const struct vq_chain *chain,
		 const struct vscsi_request *request, __u64 bytes)
{
	struct virtio_scsi_cmd_resp wire = {
		.resid = (__force __virtio32)cpu_to_le32((__u32)min_t(
			__u64, request->data_bytes - bytes, UINT32_MAX)),
	};
	bool from = request->direction == VSCSI_FROM_DEVICE;

	bytes = sizeof(wire) + (from ? bytes : 0);
	/* vscsi_request_parse() has seen to it that there is room. */
	(void)vq_chain_write(chain, 0, &wire, sizeof(wire));
	if (unlikely(queue->device.log))
		(void)vq_device_log_chain(&queue->device, chain, bytes);
	answer_used(queue, chain, bytes);
}
