/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A guest, and both sides of a queue. What one thread writes shares no cache
 * line with what the other one does.
 */
#ifndef RING_BENCH_PRIVATE_H
#define RING_BENCH_PRIVATE_H

#include <time.h>

#include "vq_platform.h"
#include "virtqueue.h"
#include "ring_bench.h"

#define BENCH_APART __attribute__((aligned(128)))

struct ring_bench;

/* A number that two threads pass to and fro. */
struct bench_line {
	__u64 number BENCH_APART;
	double nanoseconds BENCH_APART;
};

/**
 * struct ring_design - what a kind of ring needs beside the core
 * @bytes: of memory for a ring of so many entries
 * @place: lay the areas out in it
 * @base: where the device side starts
 * @fill: make the ring a full one, of chains that the driver added
 * @rewind: offer all of them again
 * @check: whether the used entries of all of them are right; NULL or a fault
 */
struct ring_design {
	__u64 (*bytes)(__u32 num);
	int (*place)(void *memory, __u32 num, struct vq_rings *rings);
	__u32 base;
	void (*fill)(struct ring_bench *bench);
	void (*rewind)(struct ring_bench *bench);
	const char *(*check)(const struct ring_bench *bench);
};

extern const struct ring_design ring_design_split, ring_design_packed;

/* What the driver's thread writes. */
struct bench_driver {
	struct vq_driver queue;
	struct vq_completion done[RING_BENCH_BATCH_MAX];
	__u64 added;
	__u64 completed;
	__u64 kicks;
	const char *fault;
} BENCH_APART;

/* What the device's thread writes. */
struct bench_device {
	struct vq_device queue;
	struct vq_segment segments[VQ_CHAIN_SEGMENTS_MAX];
	struct vq_chain chains[RING_BENCH_BATCH_MAX];
	struct vq_used used[RING_BENCH_BATCH_MAX];
	__u64 signals;
	const char *fault;
} BENCH_APART;

/**
 * struct ring_bench - all of it
 * @of: the case
 * @design: the kind of its ring
 * @pool: different chains, a power of two; device side alone: those that the
 *	ring is filled with
 * @descs: descriptors of a chain in the ring
 * @readable: readable pieces of a chain
 * @writable_bytes: what the device says it wrote
 * @pieces: pieces of all chains
 * @tables: indirect tables of all chains
 * @full: a copy of the ring that is full
 * @run: what is being measured
 * @kick: eventfd that wakes the device
 * @call: eventfd that wakes the driver
 * @stop: the run is over
 * @lines: passed to and fro before the slices and behind them
 */
struct ring_bench {
	struct ring_bench_case of;
	const struct ring_design *design;
	__u32 pool;
	__u32 descs;
	__u32 readable;
	__u32 writable_bytes;
	struct vq_region regions[RING_BENCH_REGIONS_MAX];
	struct vq_memory memory;
	struct vq_rings rings;
	struct vq_slot *slots;
	struct vq_buffer *pieces;
	struct vq_indirect *tables;
	void *area;
	void *full;
	void *guest;
	__u64 guest_bytes;
	struct ring_bench_run *run;
	int kick;
	int call;
	struct bench_driver driver;
	struct bench_device device;
	_Bool stop BENCH_APART;
	struct bench_line lines[2];
};

static inline __u64 bench_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (__u64)time.tv_sec * 1000000000 + (__u64)time.tv_nsec;
}

/* Adds @chains on the driver side; the cookies count. */
static __always_inline int bench_add(struct ring_bench *bench, __u32 chains)
{
	const __u32 count = bench->of.pieces, readable = bench->readable;
	const __u64 from = bench->driver.added, mask = bench->pool - 1;
	struct vq_driver *queue = &bench->driver.queue;
	const bool indirect = bench->of.indirect;
	int error = 0;

	for (__u64 i = from; !error && i < from + chains; i++) {
		const struct vq_buffer *pieces =
			&bench->pieces[(i & mask) * count];

		if (indirect)
			error = vq_driver_add_indirect(
				queue, &bench->tables[i & mask], pieces,
				readable, count - readable, i);
		else
			error = vq_driver_add(queue, pieces, readable,
					      count - readable, i);
	}
	bench->driver.added = from + chains;
	return error;
}

static __always_inline const char *bench_serve_one(struct bench_device *device,
						   __u32 *count)
{
	int error = vq_device_pop(&device->queue, device->segments,
				  VQ_CHAIN_SEGMENTS_MAX, device->chains);

	*count = !error;
	if (error)
		return error == -EAGAIN ? NULL : "the device refuses a chain";
	vq_device_push(&device->queue, device->chains->head,
		       (__u32)device->chains->writable_bytes);
	return NULL;
}

/* The device side takes up to @max chains and returns them. */
static __always_inline const char *bench_serve(struct bench_device *device,
					       __u32 max, __u32 *count)
{
	if (max == 1)
		return bench_serve_one(device, count);
	if (vq_device_pop_batch(&device->queue, device->segments,
				VQ_CHAIN_SEGMENTS_MAX, device->chains, max,
				count))
		return "the device refuses a chain";
	for (__u32 i = 0; i < *count; i++) {
		device->used[i].id = device->chains[i].head;
		device->used[i].len = (__u32)device->chains[i].writable_bytes;
	}
	vq_device_push_batch(&device->queue, device->used, *count);
	return NULL;
}

/* The driver takes back what is there, which must be the oldest chains. */
static __always_inline const char *bench_reap(struct ring_bench *bench,
					      __u32 *count)
{
	const struct vq_completion *done = bench->driver.done;
	const __u64 from = bench->driver.completed;
	const __u32 bytes = bench->writable_bytes;

	if (vq_driver_reap(&bench->driver.queue, bench->driver.done,
			   RING_BENCH_BATCH_MAX, count))
		return "the driver refuses a used entry";
	for (__u32 i = 0; i < *count; i++)
		if (unlikely(done[i].cookie != from + i ||
			     done[i].len != bytes))
			return "another chain or length came back";
	bench->driver.completed = from + *count;
	return NULL;
}

/* Whether the device made the pieces of chain @at of its last one. */
const char *bench_check(const struct ring_bench *bench, __u32 count, __u32 at);

/* The run's slices, by the thread of the driver; NULL or a fault. */
const char *bench_device_run(struct ring_bench *bench);
const char *bench_pair_run(struct ring_bench *bench);
const char *bench_driver_run(struct ring_bench *bench);

/* Serves until the run is over; what the device's thread does. */
const char *bench_device_serve(struct ring_bench *bench);

/* Passes a line to the thread that answers; nanoseconds of a round trip. */
double bench_line_ask(struct bench_line *line);
void bench_line_answer(struct bench_line *line);

/* Passes the time of a thread that has nothing to do. */
void bench_idle(const struct ring_bench *bench);

struct bench_counters {
	int fds[2];
	int error;
};

/* Counts what this thread does from now on. */
void bench_count_start(struct bench_counters *counters);

/* Adds what was counted to the run. */
void bench_count_stop(struct bench_counters *counters,
		      struct ring_bench_run *run);

/* Runs @work on @cpu in a new thread. */
int bench_thread_start(unsigned long *thread, int cpu, void *(*work)(void *),
		       void *argument);

#endif
