/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Latencies by the first 11 bits of the number, as HdrHistogram keeps them
 * for 3 decimal digits: exact up to 2047, then 1024 entries for each power of
 * two.
 */
#ifndef VLOAD_LATENCY_H
#define VLOAD_LATENCY_H

#include "virtio_load.h"

#define LATENCY_HALF 1024
#define LATENCY_MAX  ((1ULL << 36) - 1)

/* The entry that counts a number up to LATENCY_MAX. */
static inline __u32 latency_entry(__u64 nanoseconds)
{
	__u32 shift = 0;

	if (nanoseconds >= 2 * LATENCY_HALF)
		shift = 64 - 11 - __builtin_clzll(nanoseconds);
	return shift * LATENCY_HALF + (__u32)(nanoseconds >> shift);
}

static inline void latency_count(__u32 *table, __u64 nanoseconds)
{
	table[latency_entry(nanoseconds < LATENCY_MAX ? nanoseconds
						      : LATENCY_MAX)]++;
}

#endif
