/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef CMINIDUMP_BENCH_H
#define CMINIDUMP_BENCH_H

#include <linux/types.h>
#include <time.h>

/* A measurement of libelf, in a file of its own for its own interface. */
int libelf_append_run(__u32 regions, __u32 batches, __u64 *nanoseconds);

static inline __u64 bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000000000u + (__u64)now.tv_nsec;
}

/* Keep the time since start if it is the least so far. */
static inline void bench_least(__u64 *least, __u64 start)
{
	__u64 taken = bench_now() - start;

	if (taken < *least)
		*least = taken;
}

#endif
