// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Driver and device in two threads, which poll, or sleep and wake each other
 * through eventfds.
 */
#include "bench.h"

#include <sched.h>
#include <unistd.h>

void bench_idle(const struct ring_bench *bench)
{
	if (bench->of.cpus[0] == bench->of.cpus[1] && bench->of.cpus[0] >= 0)
		sched_yield();
#if defined(__x86_64__)
	else
		__asm__ volatile("pause");
#endif
}

static bool bench_stopped(const struct ring_bench *bench)
{
	return virt_load_acquire(&bench->stop);
}

/* An eventfd takes and gives 8 bytes, or the run is over. */
static const char *event_write(int event)
{
	const __u64 one = 1;

	return write(event, &one, sizeof(one)) == sizeof(one)
		       ? NULL
		       : "an eventfd cannot be written";
}

static const char *event_read(int event)
{
	__u64 count;

	return read(event, &count, sizeof(count)) == sizeof(count)
		       ? NULL
		       : "an eventfd cannot be read";
}

static const char *device_rest(struct ring_bench *bench)
{
	if (bench->of.kind == RING_BENCH_POLL) {
		bench_idle(bench);
		return NULL;
	}
	if (vq_device_enable_notify(&bench->device.queue))
		return NULL;
	return event_read(bench->kick);
}

static const char *device_signal(struct ring_bench *bench)
{
	if (bench->of.kind == RING_BENCH_POLL ||
	    !vq_device_signal_needed(&bench->device.queue))
		return NULL;
	bench->device.signals++;
	return event_write(bench->call);
}

const char *bench_device_serve(struct ring_bench *bench)
{
	const char *fault = NULL;
	__u32 count;

	while (!fault) {
		vq_device_disable_notify(&bench->device.queue);
		fault = bench_serve(&bench->device, bench->of.batch, &count);
		if (fault)
			return fault;
		if (count)
			fault = device_signal(bench);
		else if (bench_stopped(bench))
			return NULL;
		else
			fault = device_rest(bench);
	}
	return fault;
}

static const char *driver_show(struct ring_bench *bench)
{
	if (bench->of.kind == RING_BENCH_POLL) {
		vq_driver_publish(&bench->driver.queue);
		return NULL;
	}
	if (!vq_driver_kick_prepare(&bench->driver.queue))
		return NULL;
	bench->driver.kicks++;
	return event_write(bench->kick);
}

static const char *driver_rest(struct ring_bench *bench)
{
	const char *fault = NULL;

	if (bench_stopped(bench))
		return "nothing came back for too long";
	if (bench->of.kind == RING_BENCH_POLL) {
		bench_idle(bench);
		return NULL;
	}
	if (!vq_driver_enable_callback(&bench->driver.queue))
		fault = event_read(bench->call);
	vq_driver_disable_callback(&bench->driver.queue);
	return fault;
}

/* Goes on until so many chains have come back; adds no more than @last. */
static const char *driver_slice(struct ring_bench *bench, __u64 goal,
				__u64 last)
{
	struct bench_driver *driver = &bench->driver;
	__u64 room = bench->of.depth - bench->of.batch;
	const char *fault = NULL;

	while (!fault && driver->completed < goal) {
		__u32 count;
		bool added = driver->added < last &&
			     driver->added - driver->completed <= room;

		if (added)
			fault = bench_add(bench, bench->of.batch)
					? "the driver finds no room"
					: driver_show(bench);
		if (!fault)
			fault = bench_reap(bench, &count);
		if (!fault && !count && !added)
			fault = driver_rest(bench);
	}
	return fault;
}

const char *bench_driver_run(struct ring_bench *bench)
{
	__u64 goal = bench->driver.completed, start = bench_now(), end;
	__u64 last = goal + (__u64)bench->run->count * bench->run->chains;
	const char *fault = NULL;

	for (__u32 i = 0; !fault && i < bench->run->count; i++) {
		goal += bench->run->chains;
		fault = driver_slice(bench, goal, last);
		end = bench_now();
		bench->run->slices[i] = end - start;
		start = end;
	}
	return fault;
}
