// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The peers on the same shapes, one after the other in each round, in one
 * process and over the same memory. Prints a line for each shape and peer:
 * shape, peer, nanoseconds for each chain (median of the rounds, least, most).
 *
 * Usage: bench ROUNDS
 */
#include "vq_platform.h"
#include "peer.h"

#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define ARENA_BYTES  (64ULL << 20)
#define RINGS_BYTES  (1ULL << 20)
#define REGIONS	     4
#define GUEST_OFFSET 0x100000000ULL
#define RING	     1024
#define CHAINS	     256
#define LAPS	     16
#define SLICES	     61
#define ROUNDS_MAX   101

enum shape { READ, ONE, INDIRECT, PAIR, SHAPES };

static const struct {
	const char *name;
	enum shape shape;
	__u32 batch;
} rows[] = {
	{"S3, batch 32", READ, 32},	{"S3, batch 1", READ, 1},
	{"one buffer, b. 32", ONE, 32}, {"S3 indirect, b. 32", INDIRECT, 32},
	{"pair, batch 32", PAIR, 32},	{"pair, batch 1", PAIR, 1},
};

#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

static const struct {
	const struct peer *device;
	const struct peer_driver *driver;
} peers[] = {{&peer_ringside, &driver_ringside},
	     {&peer_vhost, &driver_linux},
	     {&peer_vringh, &driver_linux}};

#define PEERS ((int)(sizeof(peers) / sizeof(peers[0])))

static char *arena;
static struct peer_region regions[REGIONS];
static struct iovec requests[CHAINS][PEER_PIECES];
static struct vring ring;
static __u16 shown;
static const char *running = "bench";

static double now(void)
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

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), ascending);
	return values[count / 2];
}

/* Four regions over the arena; for pairs guest addresses are our own. */
static void map_regions(bool identity)
{
	__u64 size = (ARENA_BYTES - RINGS_BYTES) / REGIONS;

	for (__u32 i = 0; i < REGIONS; i++) {
		char *host = arena + RINGS_BYTES + i * size;

		regions[i].guest = identity ? (unsigned long)host
					    : GUEST_OFFSET + i * size;
		regions[i].size = size;
		regions[i].host = host;
		regions[i].access = PEER_READ | PEER_WRITE;
	}
}

/* A command, its response and a page, anywhere in the four regions. */
static void place_requests(void)
{
	static const __u32 lengths[PEER_PIECES] = {51, 108, 4096};
	__u64 pages = (ARENA_BYTES - RINGS_BYTES) / 4096 - 1;

	srand(1);
	for (int i = 0; i < CHAINS; i++)
		for (int j = 0; j < PEER_PIECES; j++) {
			__u64 page = (__u64)rand() % pages;

			requests[i][j].iov_base =
				arena + RINGS_BYTES + page * 4096;
			requests[i][j].iov_len = lengths[j];
		}
}

static void describe(struct vring_desc *desc, const struct iovec *piece,
		     __u16 flags, __u16 next)
{
	__u64 offset = (__u64)((char *)piece->iov_base - arena) - RINGS_BYTES;

	desc->addr = GUEST_OFFSET + offset;
	desc->len = (__u32)piece->iov_len;
	desc->flags = flags;
	desc->next = next;
}

/* Chain i starts at descriptor 3 i; tables lie in the first region. */
static void fill_ring(enum shape shape)
{
	struct vring_desc *tables = (void *)(arena + RINGS_BYTES);
	int pieces = shape == ONE ? 1 : PEER_PIECES;

	for (int i = 0; i < CHAINS; i++) {
		bool indirect = shape == INDIRECT;
		struct vring_desc *to =
			indirect ? &tables[4 * i] : &ring.desc[3 * i];
		int first = indirect ? 0 : 3 * i;
		struct iovec table = {tables + 4 * i, 16 * PEER_PIECES};

		for (int j = 0; j < pieces; j++)
			describe(&to[j], &requests[i][j],
				 (j + 1 < pieces ? VRING_DESC_F_NEXT : 0) |
					 (j ? VRING_DESC_F_WRITE : 0),
				 (__u16)(first + j + 1));
		if (indirect)
			describe(&ring.desc[3 * i], &table,
				 VRING_DESC_F_INDIRECT, 0);
	}
	for (int i = 0; i < RING; i++)
		ring.avail->ring[i] = (__u16)(3 * (i % CHAINS));
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, running);
	exit(1);
}

static double device_slice(const struct peer *device, __u32 batch)
{
	double start = now();

	for (int lap = 0; lap < LAPS; lap++) {
		__u32 served = 0, got;

		shown = (__u16)(shown + CHAINS);
		virt_store_release(&ring.avail->idx, shown);
		while ((got = device->serve(batch)))
			served += got;
		must(served == CHAINS, "a chain is missing");
	}
	return (now() - start) / (LAPS * CHAINS);
}

static double pair_slice(int peer, __u32 batch)
{
	double start = now();

	for (__u32 i = 0; i < LAPS * CHAINS; i += batch) {
		peers[peer].driver->add((const struct iovec(*)[PEER_PIECES]) &
						requests[i % CHAINS],
					batch);
		must(peers[peer].device->serve(batch) == batch,
		     "the device lost a chain");
		must(peers[peer].driver->reap() == batch,
		     "the driver lost a chain");
	}
	return (now() - start) / (LAPS * CHAINS);
}

static double run(int row, int peer)
{
	bool pair = rows[row].shape == PAIR;
	struct peer_queue queue = {.features = 1ULL << VIRTIO_RING_F_EVENT_IDX,
				   .regions = regions,
				   .region_count = REGIONS};
	double slices[SLICES];

	running = peers[peer].device->name;
	map_regions(pair);
	memset(arena, 0, RINGS_BYTES);
	if (pair) {
		must(!peers[peer].driver->start(arena, RING, &queue),
		     "no driver side");
	} else {
		vring_init(&ring, RING, arena, 64);
		shown = 0;
		fill_ring(rows[row].shape);
		queue.desc = ring.desc;
		queue.avail = ring.avail;
		queue.used = ring.used;
		queue.num = RING;
	}
	must(!peers[peer].device->start(&queue), "no device side");
	peers[peer].device->disable();
	for (int i = 0; i < SLICES; i++)
		slices[i] = pair ? pair_slice(peer, rows[row].batch)
				 : device_slice(peers[peer].device,
						rows[row].batch);
	return median(slices, SLICES);
}

int main(int argc, char **argv)
{
	static double results[ROWS][PEERS][ROUNDS_MAX];
	int rounds = argc > 1 ? atoi(argv[1]) : 7;

	must(rounds > 0 && rounds <= ROUNDS_MAX, "usage: bench ROUNDS");
	arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	must(arena != MAP_FAILED, "no memory");
	place_requests();
	for (int round = 0; round < rounds; round++)
		for (int row = 0; row < ROWS; row++)
			for (int peer = 0; peer < PEERS; peer++)
				results[row][peer][round] = run(row, peer);
	for (int row = 0; row < ROWS; row++)
		for (int peer = 0; peer < PEERS; peer++) {
			double *of = results[row][peer];
			double middle = median(of, rounds);

			printf("%s\t%s\t%.1f\t%.1f\t%.1f\n", rows[row].name,
			       peers[peer].device->name, middle, of[0],
			       of[rounds - 1]);
		}
	return 0;
}
