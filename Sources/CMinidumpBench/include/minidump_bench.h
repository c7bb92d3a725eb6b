/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the minidump core's operations cost at a given fill, and what libelf
 * takes for the same entry in the same file.
 */
#ifndef MINIDUMP_BENCH_H
#define MINIDUMP_BENCH_H

#include <linux/types.h>

/* Operations in a batch. */
#define MINIDUMP_BENCH_BATCH 64u

/* Most regions that a measurement can start from. */
#define MINIDUMP_BENCH_REGIONS_MAX 60000u

/**
 * struct minidump_bench - one measurement
 * @name: what is measured
 * @run: do batches of it; gives the nanoseconds that the fastest batch took
 *
 * valgrind --tool=callgrind --collect-atstart=no counts the instructions of
 * the operations and of nothing else.
 *
 * @run takes how many regions there are before a batch, the number of
 * batches, at least 1, and nanoseconds. It returns 0 or -errno: -ENOMEM,
 * -EINVAL for a number out of bounds, -ENOENT if libelf.so.1 is not installed.
 */
struct minidump_bench {
	const char *name;
	int (*run)(__u32 regions, __u32 batches, __u64 *nanoseconds);
};

/**
 * minidump_bench_at() - the measurements that there are
 * @index: 0 and on
 *
 * Return: the measurement; NULL behind the last.
 */
const struct minidump_bench *minidump_bench_at(__u32 index);

#endif
