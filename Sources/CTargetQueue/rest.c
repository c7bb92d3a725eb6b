// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A sleep and its wake-up cost more than most commands, so the queue looks
 * for work for a while first. How long follows from how long it then slept:
 * an interval that looking would have covered makes it look longer, a long one
 * makes it look less, so that an idle queue costs nothing.
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "queue.h"

#define SPIN_FIRST 10000u
/* What no descriptor tells is looked at this often, in milliseconds. */
#define POLL_PERIOD 1

static __u64 rest_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000000000u + (__u64)now.tv_nsec;
}

static void rest_learn(struct tq_queue *queue, __u64 slept)
{
	if (slept >= queue->spin_max)
		queue->spin /= 2;
	else if (queue->spin < SPIN_FIRST)
		queue->spin = SPIN_FIRST;
	else
		queue->spin *= 2;
	queue->spin = min_t(__u64, queue->spin, queue->spin_max);
}

static void rest_drain(int fd, __u64 *times)
{
	__u64 count;

	if (!peer_event_drain(fd, &count))
		queue_count(times, count);
}

/* Sleeps until a store is done, somebody wakes us, or @kick is signalled. */
static bool rest_poll(struct tq_queue *queue, int kick, int timeout)
{
	struct pollfd events[] = {
		{.fd = queue->wake, .events = POLLIN},
		{.fd = kick, .events = POLLIN},
		{.fd = queue->filing ? queue->uring.ring_fd : -1,
		 .events = POLLIN},
	};
	__u64 unused = 0;
	int ready = 0;

	/* What the kernel has not taken yet is offered again. */
	if (queue->submitted)
		timeout = POLL_PERIOD;
	__atomic_store_n(&queue->sleeps, true, __ATOMIC_SEQ_CST);
	/* Who adds to the list from here on sees that we sleep. */
	if (!__atomic_load_n(&queue->returned, __ATOMIC_SEQ_CST))
		ready = poll(events, 3, timeout);
	__atomic_store_n(&queue->sleeps, false, __ATOMIC_RELAXED);
	if (ready > 0 && events[0].revents)
		rest_drain(queue->wake, &unused);
	if (ready > 0 && events[1].revents)
		rest_drain(queue->kick, &queue->counters.kicks);
	return ready > 0;
}

static void rest_sleep(struct tq_queue *queue)
{
	__u64 start = rest_now();

	queue_count(&queue->counters.sleeps, 1);
	if (rest_poll(queue, queue->kick, queue->kick < 0 ? POLL_PERIOD : -1))
		rest_learn(queue, rest_now() - start);
}

void rest_wait(struct tq_queue *queue)
{
	(void)rest_poll(queue, -1, -1);
}

void rest(struct tq_queue *queue)
{
	__u64 now = rest_now();

	if (!queue->idle_since)
		queue->idle_since = now;
	if (now - queue->idle_since < queue->spin) {
		cpu_relax();
		return;
	}
	queue->idle_since = 0;
	/* Who waits for stop or flush has written to @wake after saying so. */
	if (!vq_device_enable_notify(&queue->device))
		rest_sleep(queue);
	vq_device_disable_notify(&queue->device);
}

void rest_wake(const struct tq_queue *queue)
{
	(void)eventfd_write(queue->wake, 1);
}
