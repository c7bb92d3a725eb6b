// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Driver and device in threads of their own, which poll, each on a processor
 * of its own. Before and after each run the same two processors pass a cache
 * line to and fro; a run between two times that are not alike is thrown away,
 * and near and far processors are never mixed. Prints a line for each shape,
 * distance and peer: shape, peer, nanoseconds for each chain (median of the
 * rounds, least, most), nanoseconds of a round trip of the line.
 *
 * Usage: threads ROUNDS
 */
#define _GNU_SOURCE
#include "vq_platform.h"
#include "arena.h"
#include "ring_bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define SLICES	   41
#define WARM_UP	   5
#define CHAINS	   2048
#define ROUNDS_MAX 101
#define ATTEMPTS   3
#define NEAR_NS	   250

#define KERNEL (1 << PAIR_SPLIT | 1 << PAIR_PACKED | 1 << PAIR_VHOST)
#define RINGS  (1 << PAIR_SPLIT | 1 << PAIR_PACKED | 1 << PAIR_RING)

static const struct row {
	const char *name;
	__u32 batch;
	__u32 depth;
	__u32 pieces;
	__u32 pairs;
} rows[] = {
	{"two threads, batch 32 of 128", 32, 128, PEER_PIECES, KERNEL},
	{"two threads, batch 1 of 64", 1, 64, PEER_PIECES, KERNEL},
	{"two threads, one outstanding", 1, 1, PEER_PIECES, KERNEL},
	{"two threads of one buffer, batch 32 of 128", 32, 128, 1, RINGS},
	{"two threads of one buffer, batch 1 of 64", 1, 64, 1, RINGS},
};

#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

static const int cpus[2] = {0, 1};
static bool stop PEER_APART;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	arena_must(!pthread_setaffinity_np(pthread_self(), sizeof(set), &set),
		   "needs two processors");
}

struct run {
	const struct row *row;
	const struct arena_pair *pair;
};

/* Reads of a line without a pause keep it from who wants to write to it. */
static void idle(void)
{
#if defined(__x86_64__)
	__asm__ volatile("pause");
#endif
}

static void *device_thread(void *of)
{
	const struct run *run = of;

	pin(cpus[1]);
	while (!virt_load_acquire(&stop))
		if (!run->pair->device->serve(run->row->batch))
			idle();
	return NULL;
}

/* Keeps the ring as full as it may be until a slice has come back. */
static void driver_slice(const struct run *run, __u64 *added, __u64 *back)
{
	const struct row *row = run->row;
	__u64 goal = *back + CHAINS;

	while (*back < goal) {
		__u32 reaped;

		if (*added - *back + row->batch <= row->depth) {
			run->pair->driver->add(
				(const struct iovec(*)[PEER_PIECES]) &
					arena_requests[*added % ARENA_CHAINS],
				row->batch, row->pieces);
			*added += row->batch;
		}
		reaped = run->pair->driver->reap();
		*back += reaped;
		if (!reaped)
			idle();
	}
}

static double measure(const void *of)
{
	const struct run *run = of;
	double slices[SLICES];
	__u64 added = 0, back = 0;
	pthread_t device;

	arena_start(run->pair, 256 * 4, 4);
	virt_store_release(&stop, false);
	arena_must(!pthread_create(&device, NULL, device_thread, (void *)of),
		   "no thread");
	for (int i = -WARM_UP; i < SLICES; i++) {
		double start = arena_now();

		driver_slice(run, &added, &back);
		if (i >= 0)
			slices[i] = (arena_now() - start) / CHAINS;
	}
	while (back < added)
		back += run->pair->driver->reap();
	virt_store_release(&stop, true);
	pthread_join(device, NULL);
	return arena_median(slices, SLICES);
}

static double line(void)
{
	double nanoseconds;

	arena_must(!ring_bench_line(cpus, &nanoseconds), "needs two threads");
	return nanoseconds;
}

enum distance { NEAR, FAR, DISTANCES };

static enum distance distance(double nanoseconds)
{
	return nanoseconds < NEAR_NS ? NEAR : FAR;
}

static struct results {
	double times[ROUNDS_MAX];
	double lines[ROUNDS_MAX];
	int count;
} results[ROWS][PAIRS][DISTANCES];

/* One run, or none where the processors would not stay where they are. */
static void run_once(int row, int pair)
{
	const struct run run = {&rows[row], &arena_pairs[pair]};

	for (int i = 0; i < ATTEMPTS; i++) {
		double before = line(), time;
		bool quiet = arena_quiet(measure, &run, &time);
		double after = line();
		struct results *to = &results[row][pair][distance(before)];

		if (!quiet || before > 1.25 * after || after > 1.25 * before)
			continue;
		to->times[to->count] = time;
		to->lines[to->count++] = (before + after) / 2;
		return;
	}
}

static void print(int row, int pair, enum distance of)
{
	struct results *from = &results[row][pair][of];
	double middle, trip;

	if (!from->count)
		return;
	middle = arena_median(from->times, from->count);
	trip = arena_median(from->lines, from->count);
	printf("%s, %s\t%s\t%.1f\t%.1f\t%.1f\t%.1f\n", rows[row].name,
	       of == NEAR ? "near" : "far", arena_pairs[pair].name, middle,
	       from->times[0], from->times[from->count - 1], trip);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 7;

	arena_must(rounds > 0 && rounds <= ROUNDS_MAX, "usage: threads ROUNDS");
	peer_polls = true;
	pin(cpus[0]);
	arena_make();
	for (int round = 0; round < rounds; round++)
		for (int row = 0; row < ROWS; row++)
			for (int pair = 0; pair < PAIRS; pair++)
				if (rows[row].pairs >> pair & 1)
					run_once(row, pair);
	for (int row = 0; row < ROWS; row++)
		for (int of = NEAR; of < DISTANCES; of++)
			for (int pair = 0; pair < PAIRS; pair++)
				print(row, pair, of);
	return 0;
}
