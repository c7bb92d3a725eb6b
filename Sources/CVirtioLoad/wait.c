// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "wait.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* How often to look for a request before going to sleep. */
#define WAIT_SPINS 2000
/*
 * Up to that many nanoseconds for each request it pays to spin: a sleep costs
 * more, but one is enough for many requests where many are in flight.
 */
#define WAIT_PACE_FEW  20000
#define WAIT_PACE_MANY 3000
#define WAIT_MANY      4

int wait_fault(struct vload *load, enum vload_fault fault, int error)
{
	load->fault = fault;
	return error;
}

static __u64 wait_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (__u64)time.tv_sec * 1000000000 + (__u64)time.tv_nsec;
}

void wait_start(struct vload *load)
{
	load->now = load->heard = wait_now();
	load->pace = 0;
	/* To spin on the only processor keeps the device from it. */
	load->spins = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? WAIT_SPINS : 0;
	vq_driver_disable_callback(load->driver);
}

int wait_kick(struct vload *load)
{
	if (!vq_driver_kick_prepare(load->driver))
		return 0;
	load->kicks++;
	/* A counter that is full is a kick that is pending already. */
	if (eventfd_write(load->kick, 1) && errno != EAGAIN)
		return wait_fault(load, VLOAD_SYSTEM, -errno);
	return 0;
}

int wait_reap(struct vload *load, struct vq_completion *done, __u32 max,
	      __u32 *count)
{
	int error = vq_driver_reap(load->driver, done, max, count);

	if (error)
		return wait_fault(load, VLOAD_BROKEN, error);
	if (*count)
		load->now = wait_now();
	return 0;
}

/* Sleeps until the device signals, or somebody in its place. */
static int wait_sleep(struct vload *load)
{
	enum vload_fault verdict;
	eventfd_t count;

	if (!eventfd_read(load->call, &count))
		load->interrupts += count;
	else if (errno != EINTR)
		return wait_fault(load, VLOAD_SYSTEM, -errno);
	verdict = READ_ONCE(load->verdict);
	if (unlikely(verdict))
		return wait_fault(load, verdict,
				  verdict == VLOAD_SILENT ? -ETIMEDOUT : -EIO);
	return 0;
}

static int wait_spinning(struct vload *load, struct vq_completion *done,
			 __u32 *count)
{
	int error = 0;

	*count = 0;
	for (__u32 i = 0; i < load->spins && !error && !*count; i++)
		error = wait_reap(load, done, WAIT_FIRST, count);
	return error;
}

/* How many requests are worth waking up for. */
static __u32 wait_wanted(const struct vload *load)
{
	__u32 busy = load->depth - load->free_count;
	__u32 wanted = load->batch ? load->batch : busy - busy / 4;

	return min_t(__u32, wanted, busy);
}

static int wait_sleeping(struct vload *load, struct vq_completion *done,
			 __u32 *count)
{
	__u16 wanted = (__u16)wait_wanted(load);

	do {
		int error = 0;

		if (!vq_driver_delay_callback(load->driver, wanted))
			error = wait_sleep(load);
		vq_driver_disable_callback(load->driver);
		if (!error)
			error = wait_reap(load, done, WAIT_FIRST, count);
		if (error)
			return error;
	} while (!*count);
	return 0;
}

void wait_learn(struct vload *load, __u32 count)
{
	__u64 each = (load->now - load->heard) / count;
	__u64 limit = load->depth > WAIT_MANY ? WAIT_PACE_MANY : WAIT_PACE_FEW;

	load->pace = (load->pace * 7 + each) / 8;
	if (load->pace > limit)
		load->spins = 0;
	load->heard = load->now;
}

int wait_any(struct vload *load, struct vq_completion *done, __u32 *count)
{
	int error = wait_spinning(load, done, count);

	if (!error && !*count)
		error = wait_sleeping(load, done, count);
	return error;
}
