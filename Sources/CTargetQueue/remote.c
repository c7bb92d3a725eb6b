// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Commands for NBD servers. A connection's thread takes the answers, and puts
 * the slots on a list of the queue that they belong to.
 */
#include <stdlib.h>

#include "queue.h"

/* What the copies of a queue's commands may take. */
#define REMOTE_BYTES_MAX (32u << 20)

/* On any thread. */
static void remote_done(struct nbd_request *request, int result)
{
	/* It is the first of the slot. */
	struct slot *slot = (struct slot *)request;

	slot->result = result;
	slot_return(slot);
}

static void remote_send(struct slot *slot, enum nbd_operation operation)
{
	slot->remote.operation = operation;
	slot->remote.bytes = slot->bytes;
	slot->remote.stable = slot->safe && operation == NBD_WRITE;
	slot->remote.done = remote_done;
	nbd_link_start(slot->unit->link, &slot->remote);
}

/*
 * Data goes through a copy: a system call of libnbd that meets memory which the
 * guest took away would end the connection for all.
 */
static bool remote_data(struct tq_queue *queue, struct slot *slot,
			const struct transfer *transfer)
{
	slot->copy = malloc(transfer->bytes);
	if (!slot->copy)
		return false;
	queue->copied += transfer->bytes;
	slot->remote.data = slot->copy;
	if (transfer->write)
		(void)vq_chain_read(&slot->chain, slot->request.data_offset,
				    slot->copy, transfer->bytes);
	return true;
}

enum served remote_start(struct tq_queue *queue, struct tq_unit *unit,
			 const struct transfer *transfer,
			 const struct vq_chain *chain)
{
	struct slot *slot;

	if (transfer->write && transfer->stable && !unit->stable)
		return SERVED_HANDED;
	/* One command has room by itself. */
	if (queue->copied + transfer->bytes > REMOTE_BYTES_MAX)
		return SERVED_LATER;
	slot = slot_take(queue, unit, chain);
	if (!slot)
		return SERVED_LATER;
	slot_transfer(slot, transfer);
	if (!remote_data(queue, slot, transfer)) {
		queue->busy--;
		slot_release(queue, slot);
		return SERVED_HANDED;
	}
	slot->remote.offset = transfer->offset;
	remote_send(slot, transfer->write ? NBD_WRITE : NBD_READ);
	return SERVED_DONE;
}

enum served remote_flush(struct tq_queue *queue, struct tq_unit *unit,
			 const struct vq_chain *chain)
{
	struct slot *slot = slot_take(queue, unit, chain);

	if (!slot)
		return SERVED_LATER;
	slot->copy = NULL;
	remote_send(slot, NBD_FLUSH);
	return SERVED_DONE;
}

void remote_finish(struct tq_queue *queue, struct slot *slot)
{
	int result = slot->result;

	if (!result && slot->remote.operation == NBD_READ)
		(void)vq_chain_write(&slot->chain, slot->request.data_offset,
				     slot->copy, slot->bytes);
	if (slot->copy)
		queue->copied -= slot->bytes;
	free(slot->copy);
	/* There is nothing that the caller could try in another way. */
	slot->failure = -result;
	slot_finish(queue, slot, result ? result : (int)slot->bytes);
}
