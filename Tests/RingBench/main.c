// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ring_bench: list the workloads, run one
 * for callgrind, or time them all.
 *
 *	ring_bench
 *	ring_bench WORKLOAD CHAINS
 *	ring_bench --time
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vq_platform.h"
#include "bench.h"

#define EVENT  (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define PACKED (1ULL << VIRTIO_F_RING_PACKED)

/* clang-format off */
static const struct bench_workload workloads[] = {
	{"device-read-32", bench_device, BENCH_READ, 32, 1024, 1, 0},
	{"device-read-32-regions", bench_device, BENCH_READ, 32, 1024, 4, 0},
	{"device-read-1", bench_device, BENCH_READ, 1, 1024, 1, 0},
	{"device-one-32", bench_device, BENCH_ONE, 32, 1024, 1, 0},
	{"device-indirect-32", bench_device, BENCH_INDIRECT, 32, 1024, 1, 0},
	{"pair-read-32", bench_pair, BENCH_READ, 32, 256, 1, EVENT},
	{"pair-read-1", bench_pair, BENCH_READ, 1, 256, 1, EVENT},
	{"pair-one-1", bench_pair, BENCH_ONE, 1, 256, 1, EVENT},
	{"packed-device-read-32", bench_packed_device, BENCH_READ, 32, 768, 1, PACKED},
	{"packed-device-read-1", bench_packed_device, BENCH_READ, 1, 768, 1, PACKED},
	{"packed-device-indirect-32", bench_packed_device, BENCH_INDIRECT, 32, 256, 1, PACKED},
	{"packed-pair-read-32", bench_pair, BENCH_READ, 32, 256, 1, EVENT | PACKED},
	{"packed-pair-read-1", bench_pair, BENCH_READ, 1, 256, 1, EVENT | PACKED},
	{"packed-pair-one-1", bench_pair, BENCH_ONE, 1, 256, 1, EVENT | PACKED},
};
/* clang-format on */

#define WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

static void list(void)
{
	for (size_t i = 0; i < WORKLOADS; i++)
		puts(workloads[i].name);
}

static const struct bench_workload *find(const char *name)
{
	for (size_t i = 0; i < WORKLOADS; i++)
		if (strcmp(workloads[i].name, name) == 0)
			return &workloads[i];
	return NULL;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The best of some runs, in ns for each chain. */
static double best(const struct bench_workload *workload)
{
	const __u64 chains = 1 << 19;
	double least = 1e9;

	for (int i = 0; i < 9; i++) {
		double start = now();

		workload->run(workload, chains);
		least = min_t(double, least, now() - start);
	}
	return least / (double)chains;
}

int main(int argc, char **argv)
{
	const struct bench_workload *workload;
	const char *fault;

	if (argc == 1) {
		list();
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--time") == 0) {
		for (size_t i = 0; i < WORKLOADS; i++)
			printf("%-24s %6.1f ns\n", workloads[i].name,
			       best(&workloads[i]));
		return 0;
	}
	workload = argc == 3 ? find(argv[1]) : NULL;
	if (!workload) {
		fprintf(stderr,
			"usage: ring_bench [--time | WORKLOAD CHAINS]\n");
		return 2;
	}
	fault = workload->run(workload, strtoull(argv[2], NULL, 10));
	if (fault)
		fprintf(stderr, "ring_bench: %s: %s\n", workload->name, fault);
	return fault ? 1 : 0;
}
