// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "arena.h"

#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define ARENA_BYTES    (64ULL << 20)
#define ARENA_ATTEMPTS 3
#define CANARY_ADDS    100000

char *arena;
struct peer_region arena_regions[ARENA_REGIONS_MAX];
struct iovec arena_requests[ARENA_CHAINS][PEER_PIECES];

const struct arena_pair arena_pairs[PAIRS] = {
	[PAIR_SPLIT] = {"split", &peer_ringside, &driver_ringside, 0},
	[PAIR_PACKED] = {"packed", &peer_ringside, &driver_ringside,
			 1ULL << VIRTIO_F_RING_PACKED},
	[PAIR_VHOST] = {"vhost", &peer_vhost, &driver_linux, 0},
	[PAIR_VRINGH] = {"vringh", &peer_vringh, &driver_linux, 0},
	[PAIR_RING] = {"ring", &peer_ring, &driver_ring, 0},
};

void arena_must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "peers: %s\n", what);
	exit(1);
}

double arena_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double arena_median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), ascending);
	return values[count / 2];
}

void arena_map(__u32 regions, bool identity)
{
	__u64 size = (ARENA_BYTES - ARENA_RINGS_BYTES) / regions & ~4095ULL;

	for (__u32 i = 0; i < regions; i++) {
		char *host = arena + ARENA_RINGS_BYTES + i * size;

		arena_regions[i].guest =
			identity ? (unsigned long)host
				 : ARENA_GUEST_OFFSET + i * size;
		arena_regions[i].size = size;
		arena_regions[i].host = host;
		arena_regions[i].access = PEER_READ | PEER_WRITE;
	}
}

static void arena_place_requests(void)
{
	static const __u32 lengths[PEER_PIECES] = {51, 108, 4096};
	__u64 pages = (ARENA_BYTES - ARENA_RINGS_BYTES) / 4096 -
		      2 * ARENA_REGIONS_MAX;

	srand(1);
	for (int i = 0; i < ARENA_CHAINS; i++)
		for (int j = 0; j < PEER_PIECES; j++) {
			__u64 page = (__u64)rand() % pages;

			arena_requests[i][j].iov_base =
				arena + ARENA_RINGS_BYTES + page * 4096;
			arena_requests[i][j].iov_len = lengths[j];
		}
}

void arena_make(void)
{
	arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	arena_must(arena != MAP_FAILED, "no memory");
	arena_place_requests();
}

void arena_start(const struct arena_pair *pair, __u32 num, __u32 regions)
{
	struct peer_queue queue = {
		.features = pair->features | 1ULL << VIRTIO_RING_F_EVENT_IDX,
		.regions = arena_regions,
		.region_count = regions,
	};

	arena_map(regions, true);
	memset(arena, 0, ARENA_RINGS_BYTES);
	arena_must(!pair->driver->start(arena, num, &queue), "no driver side");
	arena_must(!pair->device->start(&queue), "no device side");
	pair->device->disable();
}

static double canary(void)
{
	double start = arena_now();
	long sum = 0;

	for (int i = 0; i < CANARY_ADDS; i++)
		__asm__ volatile("add %1, %0" : "+r"(sum) : "r"((long)i));
	return arena_now() - start;
}

static double canary_best = 1e18;

static bool canary_sings(void)
{
	double time = canary();

	canary_best = min_t(double, canary_best, time);
	return time < 1.1 * canary_best;
}

bool arena_quiet(double (*measure)(const void *of), const void *of,
		 double *result)
{
	for (int i = 0; i < ARENA_ATTEMPTS; i++) {
		bool before = canary_sings();

		*result = measure(of);
		if (before && canary_sings())
			return true;
	}
	fprintf(stderr, "peers: something else is running here; a result is "
			"left out\n");
	return false;
}
