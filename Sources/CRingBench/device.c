// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The device side alone. Each slice is some laps of the full ring; making it
 * full again is not part of their time.
 */
#include "bench.h"

/* What reading the clock adds to a time. */
static __u64 clock_cost(void)
{
	__u64 least = ~0ULL;

	for (int i = 0; i < 1000; i++) {
		__u64 start = bench_now();

		least = min_t(__u64, least, bench_now() - start);
	}
	return least;
}

static const char *device_lap(struct ring_bench *bench, __u32 *count)
{
	const char *fault = NULL;

	for (__u32 left = bench->pool; !fault && left; left -= *count) {
		fault = bench_serve(&bench->device, bench->of.batch, count);
		if (!fault && !*count)
			fault = "a chain is missing";
	}
	return fault;
}

static const char *device_slice(struct ring_bench *bench, __u64 cost,
				__u64 *nanoseconds)
{
	const char *fault = NULL;
	__u32 count = 0;

	*nanoseconds = 0;
	for (__u32 i = 0; !fault && i < bench->run->chains; i += bench->pool) {
		__u64 start, time;

		bench->design->rewind(bench);
		start = bench_now();
		fault = device_lap(bench, &count);
		time = bench_now() - start;
		*nanoseconds += time - min_t(__u64, time, cost);
	}
	/* Outside of the time, and so of the last lap only. */
	if (!fault)
		fault = bench->design->check(bench);
	return fault ? fault : bench_check(bench, count, bench->pool - 1);
}

/* The driver's chains stay in the ring for good. */
static const char *device_fill(struct ring_bench *bench)
{
	if (bench_add(bench, bench->pool))
		return "the driver cannot fill the ring";
	vq_driver_publish(&bench->driver.queue);
	bench->design->fill(bench);
	return NULL;
}

const char *bench_device_run(struct ring_bench *bench)
{
	const char *fault = bench->driver.added ? NULL : device_fill(bench);
	__u64 cost = clock_cost();

	for (__u32 i = 0; !fault && i < bench->run->count; i++)
		fault = device_slice(bench, cost, &bench->run->slices[i]);
	return fault;
}

const char *bench_check(const struct ring_bench *bench, __u32 count, __u32 at)
{
	const struct vq_chain *last = &bench->device.chains[count - 1];
	const struct vq_buffer *pieces = &bench->pieces[at * bench->of.pieces];

	if (last->readable != bench->readable ||
	    last->readable + last->writable != bench->of.pieces)
		return "another number of segments";
	for (__u32 i = 0; i < bench->of.pieces; i++) {
		void *host;

		if (vq_memory_translate(&bench->memory, pieces[i].addr,
					pieces[i].len, VQ_ACCESS_READ, &host) ||
		    last->segments[i].base != host ||
		    last->segments[i].len != pieces[i].len)
			return "another segment";
	}
	return NULL;
}
