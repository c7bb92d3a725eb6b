// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The ring of the kernel's tools/virtio/ringtest as a peer, as it is: one
 * buffer an entry, no translation, no check of what the other side wrote.
 */
#include "ring.c"

#include <linux/types.h>
#undef READ_ONCE
#undef WRITE_ONCE
#include "peer.h"

unsigned int ring_size;
int param;
bool do_exit, do_sleep, do_relax;

/* Nobody sleeps. */
void kick(void)
{
}

void call(void)
{
}

/* An entry that was never used looks like one that came back. */
static __u32 outstanding PEER_APART;

static int ringtest_driver_start(void *memory, __u32 num,
				 struct peer_queue *queue)
{
	(void)memory;
	(void)queue;
	ring_size = num;
	outstanding = 0;
	free(ring);
	free(event);
	free(data);
	alloc_ring();
	return 0;
}

static void ringtest_add(const struct iovec (*requests)[PEER_PIECES],
			 __u32 count, __u32 pieces)
{
	(void)pieces;
	for (__u32 i = 0; i < count; i++)
		add_inbuf((unsigned int)requests[i][0].iov_len,
			  requests[i][0].iov_base, (void *)requests[i]);
	outstanding += count;
	if (!peer_polls)
		kick_available();
}

static __u32 ringtest_reap(void)
{
	unsigned int len;
	__u32 count = 0;
	void *buffer;

	while (count < outstanding && get_buf(&len, &buffer))
		count++;
	outstanding -= count;
	return count;
}

const struct peer_driver driver_ring = {
	.name = "ring",
	.start = ringtest_driver_start,
	.add = ringtest_add,
	.reap = ringtest_reap,
};

static int ringtest_start(const struct peer_queue *queue)
{
	(void)queue;
	return 0;
}

static void ringtest_disable(void)
{
	disable_kick();
}

static __u32 ringtest_serve(__u32 batch)
{
	unsigned int len;
	__u32 count = 0;
	void *buffer;

	while (count < batch && use_buf(&len, &buffer))
		count++;
	if (count && !peer_polls)
		call_used();
	return count;
}

const struct peer peer_ring = {
	.name = "ring",
	.start = ringtest_start,
	.disable = ringtest_disable,
	.serve = ringtest_serve,
};
