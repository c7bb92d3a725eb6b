/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef CMINIDUMP_BENCH_H
#define CMINIDUMP_BENCH_H

#include <linux/types.h>
#include <time.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT
#endif

/* A measurement of libelf, in a file of its own for its own interface. */
int libelf_append_run(__u32 regions, __u32 batches, __u64 *nanoseconds);

static inline __u64 bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000000000u + (__u64)now.tv_nsec;
}

/* What is between start and stop is timed, and counted by callgrind. */
static inline __u64 bench_start(void)
{
	__u64 now = bench_now();

	CALLGRIND_TOGGLE_COLLECT;
	return now;
}

/* Keep the time since start if it is the least so far. */
static inline void bench_stop(__u64 *least, __u64 start)
{
	__u64 taken;

	CALLGRIND_TOGGLE_COLLECT;
	taken = bench_now() - start;
	if (taken < *least)
		*least = taken;
}

#endif
