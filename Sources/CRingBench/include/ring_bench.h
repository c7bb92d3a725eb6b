/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Ring workloads: what a chain costs the device side alone, driver and device
 * in one thread, and in two threads that poll or wake each other. Every chain
 * that comes back is compared with what was sent.
 */
#ifndef RING_BENCH_H
#define RING_BENCH_H

#include <linux/types.h>

#define RING_BENCH_BATCH_MAX   64
#define RING_BENCH_PIECES_MAX  8
#define RING_BENCH_REGIONS_MAX 8

/**
 * enum ring_bench_kind - who does what where
 * @RING_BENCH_DEVICE: the device side, over a ring that was filled before
 * @RING_BENCH_PAIR: driver and device in turn, in one thread
 * @RING_BENCH_POLL: driver and device in threads of their own, which poll
 * @RING_BENCH_NOTIFY: the same, which sleep and wake each other by eventfds
 */
enum ring_bench_kind {
	RING_BENCH_DEVICE,
	RING_BENCH_PAIR,
	RING_BENCH_POLL,
	RING_BENCH_NOTIFY,
};

/**
 * struct ring_bench_case - one measurement
 * @kind: who does what where
 * @features: virtio features of the queue: VIRTIO_F_RING_PACKED,
 *	VIRTIO_RING_F_EVENT_IDX, VIRTIO_F_IN_ORDER
 * @num: entries of the ring, as vq_rings_check() or vq_packed_check() has it
 * @pieces: of a chain, up to RING_BENCH_PIECES_MAX: 51 bytes to read; then,
 *	to write, 108 and as many times 4096 as there are more, which is a
 *	virtio-scsi READ
 * @indirect: whether the pieces are in an indirect table
 * @batch: chains for each call, up to RING_BENCH_BATCH_MAX
 * @depth: chains in flight; of two threads only, @batch or more
 * @regions: of guest memory, among which buffers take turns
 * @cpus: where driver and device run, negative for anywhere; the same one
 *	twice makes threads yield that would poll
 */
struct ring_bench_case {
	enum ring_bench_kind kind;
	__u64 features;
	__u32 num;
	__u32 pieces;
	_Bool indirect;
	__u32 batch;
	__u32 depth;
	__u32 regions;
	int cpus[2];
};

/**
 * struct ring_bench_run - one run of a case: slices, each with its time
 * @slices: nanoseconds of each slice, in storage of the caller
 * @count: how many slices
 * @chains: chains of each slice; rounded up to whole batches, of the device
 *	side alone to whole laps of its ring
 * @kicks: eventfd writes of the driver
 * @signals: eventfd writes of the device
 * @instructions: of user space, in all slices and threads, polls and refills
 *	of the ring included
 * @cache_misses: likewise
 * @counter_error: why there are no counts, as a positive errno; 0 if there
 *	are
 * @line: nanoseconds of a cache line's round trip between the two threads,
 *	before the slices and behind them; 0 for one thread or one processor
 * @fault: what did not come back as it should, else NULL
 */
struct ring_bench_run {
	__u64 *slices;
	__u32 count;
	__u32 chains;
	__u64 kicks;
	__u64 signals;
	__u64 instructions;
	__u64 cache_misses;
	int counter_error;
	double line[2];
	const char *fault;
};

struct ring_bench;

/**
 * ring_bench_capacity() - chains that a ring has room for
 * @of: the case, of which the ring and the chain are looked at
 *
 * Return: the number of chains.
 */
__u32 ring_bench_capacity(const struct ring_bench_case *of);

/**
 * ring_bench_create() - make a guest, and both sides of a queue
 * @of: the case
 * @bench: what was made; give it back with ring_bench_destroy()
 *
 * Return: 0; -ENOMEM; -EINVAL for a case that cannot be.
 */
int ring_bench_create(const struct ring_bench_case *of,
		      struct ring_bench **bench);

/**
 * ring_bench_destroy() - give everything back
 * @bench: what ring_bench_create() made
 */
void ring_bench_destroy(struct ring_bench *bench);

/**
 * ring_bench_run() - measure some slices
 * @bench: idle
 * @run: @slices, @count and @chains are read, the rest is written
 *
 * Return: 0; -EPROTO if a chain did not come back as it should, and @fault
 * says what; -ETIMEDOUT if none came back for long; -errno of
 * pthread_create(), eventfd() or pthread_setaffinity_np(). After an error
 * the bench can only be destroyed.
 */
int ring_bench_run(struct ring_bench *bench, struct ring_bench_run *run);

/**
 * ring_bench_line() - the round trip of a cache line between two processors
 * @cpus: which, as in struct ring_bench_case
 * @nanoseconds: of one round trip, the median of some; 0 if both are one
 *
 * Return: 0, or -errno as ring_bench_run().
 */
int ring_bench_line(const int cpus[2], double *nanoseconds);

/**
 * ring_bench_compiler() - what this was built with
 *
 * Return: the compiler's name and version, and whether it optimises.
 */
const char *ring_bench_compiler(void);

#endif
