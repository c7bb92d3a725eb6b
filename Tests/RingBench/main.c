// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * count: list the workloads of Scripts/count, or run so many chains of one
 * for callgrind.
 *
 *	count
 *	count WORKLOAD CHAINS
 */
#include <stdio.h>
#include <stdlib.h>

#include "vq_platform.h"
#include "virtqueue.h"
#include "ring_bench.h"

#define EVENT  (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define PACKED (1ULL << VIRTIO_F_RING_PACKED)
#define ORDER  (1ULL << VIRTIO_F_IN_ORDER)
#define DEVICE RING_BENCH_DEVICE
#define PAIR   RING_BENCH_PAIR

/* Kind, features, entries, pieces, indirect, batch, depth, regions, CPUs. */
/* clang-format off */
static const struct {
	const char *name;
	struct ring_bench_case of;
} workloads[] = {
	{"device-read-32", {DEVICE, 0, 1024, 3, 0, 32, 0, 1, {-1, -1}}},
	{"device-read-32-regions", {DEVICE, 0, 1024, 3, 0, 32, 0, 4, {-1, -1}}},
	{"device-read-1", {DEVICE, 0, 1024, 3, 0, 1, 0, 1, {-1, -1}}},
	{"device-one-32", {DEVICE, 0, 256, 1, 0, 32, 0, 1, {-1, -1}}},
	{"device-eight-32", {DEVICE, 0, 1024, 8, 0, 32, 0, 1, {-1, -1}}},
	{"device-indirect-32", {DEVICE, 0, 256, 3, 1, 32, 0, 1, {-1, -1}}},
	{"pair-read-32", {PAIR, EVENT, 256, 3, 0, 32, 0, 1, {-1, -1}}},
	{"pair-read-1", {PAIR, EVENT, 256, 3, 0, 1, 0, 1, {-1, -1}}},
	{"pair-one-1", {PAIR, EVENT, 256, 1, 0, 1, 0, 1, {-1, -1}}},
	{"pair-one-32", {PAIR, EVENT, 256, 1, 0, 32, 0, 1, {-1, -1}}},
	{"pair-indirect-32", {PAIR, EVENT, 256, 3, 1, 32, 0, 1, {-1, -1}}},
	{"pair-order-32", {PAIR, EVENT | ORDER, 256, 3, 0, 32, 0, 1, {-1, -1}}},
	{"packed-device-read-32", {DEVICE, PACKED, 768, 3, 0, 32, 0, 1, {-1, -1}}},
	{"packed-device-read-1", {DEVICE, PACKED, 768, 3, 0, 1, 0, 1, {-1, -1}}},
	{"packed-device-one-32", {DEVICE, PACKED, 256, 1, 0, 32, 0, 1, {-1, -1}}},
	{"packed-device-indirect-32", {DEVICE, PACKED, 256, 3, 1, 32, 0, 1, {-1, -1}}},
	{"packed-pair-read-32", {PAIR, EVENT | PACKED, 256, 3, 0, 32, 0, 1, {-1, -1}}},
	{"packed-pair-read-1", {PAIR, EVENT | PACKED, 256, 3, 0, 1, 0, 1, {-1, -1}}},
	{"packed-pair-one-1", {PAIR, EVENT | PACKED, 256, 1, 0, 1, 0, 1, {-1, -1}}},
	{"packed-pair-one-32", {PAIR, EVENT | PACKED, 256, 1, 0, 32, 0, 1, {-1, -1}}},
	{"packed-pair-order-32", {PAIR, EVENT | PACKED | ORDER, 256, 3, 0, 32, 0, 1, {-1, -1}}},
};
/* clang-format on */

#define WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

static void list(void)
{
	for (size_t i = 0; i < WORKLOADS; i++)
		puts(workloads[i].name);
}

static int run(const struct ring_bench_case *of, const char *name, __u32 chains)
{
	__u64 slice;
	struct ring_bench_run run = {
		.slices = &slice, .count = 1, .chains = chains};
	struct ring_bench *bench;
	int error = ring_bench_create(of, &bench);

	if (!error) {
		error = ring_bench_run(bench, &run);
		ring_bench_destroy(bench);
	}
	if (error)
		fprintf(stderr, "count: %s: %s\n", name,
			run.fault ? run.fault : strerror(-error));
	return error ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 1) {
		list();
		return 0;
	}
	for (size_t i = 0; argc == 3 && i < WORKLOADS; i++)
		if (strcmp(workloads[i].name, argv[1]) == 0)
			return run(&workloads[i].of, argv[1],
				   (__u32)strtoul(argv[2], NULL, 10));
	fprintf(stderr, "usage: count [WORKLOAD CHAINS]\n");
	return 2;
}
