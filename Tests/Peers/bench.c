// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The peers on the same shapes in one thread, one after the other in each
 * round, in one process and over the same memory. Prints a line for each shape
 * and peer: shape, peer, nanoseconds for each chain (median of the rounds,
 * least, most).
 *
 * Usage: bench ROUNDS
 */
#include "vq_platform.h"
#include "arena.h"

#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>

#define LAPS	   16
#define SLICES	   61
#define ROUNDS_MAX 101

enum shape { READ, ONE, INDIRECT, PAIR, PAIR_ONE };

#define OURS  (1 << PAIR_SPLIT)
#define ALL   (OURS | 1 << PAIR_VHOST | 1 << PAIR_VRINGH)
#define BOTH  (OURS | 1 << PAIR_PACKED)
#define RINGS (BOTH | 1 << PAIR_RING)

static const struct row {
	const char *name;
	enum shape shape;
	__u32 batch;
	__u32 num;
	__u32 regions;
	__u32 pairs;
} rows[] = {
	{"S3, batch 32", READ, 32, 1024, 4, ALL},
	{"S3, batch 1", READ, 1, 1024, 4, ALL},
	{"one buffer, batch 32", ONE, 32, 1024, 4, ALL},
	{"S3 indirect, batch 32", INDIRECT, 32, 1024, 4, ALL},
	{"pair, batch 32", PAIR, 32, 1024, 4, ALL | BOTH},
	{"pair, batch 1", PAIR, 1, 1024, 4, ALL | BOTH},
	{"pair of one buffer, batch 32", PAIR_ONE, 32, 256, 1, RINGS},
	{"pair of one buffer, batch 1", PAIR_ONE, 1, 256, 1, RINGS},
	{"S3, batch 32, 1 region", READ, 32, 1024, 1, OURS},
	{"S3, batch 32, 8 regions", READ, 32, 1024, 8, OURS},
	{"S3, batch 32, ring of 256", READ, 32, 256, 4, OURS},
	{"S3, batch 32, ring of 4096", READ, 32, 4096, 4, OURS},
};

#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

static struct vring ring;
static __u32 chains;
static __u16 shown;

static void describe(struct vring_desc *desc, const struct iovec *piece,
		     __u16 flags, __u16 next)
{
	__u64 offset =
		(__u64)((char *)piece->iov_base - arena) - ARENA_RINGS_BYTES;

	desc->addr = ARENA_GUEST_OFFSET + offset;
	desc->len = (__u32)piece->iov_len;
	desc->flags = flags;
	desc->next = next;
}

/* Chain i starts at descriptor 3 i; tables lie in the first region. */
static void fill_chain(enum shape shape, __u32 i)
{
	struct vring_desc *tables = (void *)(arena + ARENA_RINGS_BYTES);
	__u32 pieces = shape == ONE ? 1 : PEER_PIECES;
	bool indirect = shape == INDIRECT;
	struct vring_desc *to =
		indirect ? &tables[4 * i] : &ring.desc[PEER_PIECES * i];
	__u32 first = indirect ? 0 : PEER_PIECES * i;
	struct iovec table = {tables + 4 * i, 16 * PEER_PIECES};

	for (__u32 j = 0; j < pieces; j++)
		describe(&to[j], &arena_requests[i % ARENA_CHAINS][j],
			 (j + 1 < pieces ? VRING_DESC_F_NEXT : 0) |
				 (j ? VRING_DESC_F_WRITE : 0),
			 (__u16)(first + j + 1));
	if (indirect)
		describe(&ring.desc[PEER_PIECES * i], &table,
			 VRING_DESC_F_INDIRECT, 0);
}

static void device_start(const struct row *row, const struct peer *device)
{
	struct peer_queue queue = {.features = 1ULL << VIRTIO_RING_F_EVENT_IDX,
				   .regions = arena_regions,
				   .region_count = row->regions,
				   .num = row->num};

	arena_map(row->regions, false);
	memset(arena, 0, ARENA_RINGS_BYTES);
	vring_init(&ring, row->num, arena, 64);
	shown = 0;
	chains = row->num / 4;
	for (__u32 i = 0; i < chains; i++)
		fill_chain(row->shape, i);
	for (__u32 i = 0; i < row->num; i++)
		ring.avail->ring[i] = (__u16)(PEER_PIECES * (i % chains));
	queue.desc = ring.desc;
	queue.avail = ring.avail;
	queue.used = ring.used;
	arena_must(!device->start(&queue), "no device side");
	device->disable();
}

static double device_slice(const struct peer *device, __u32 batch)
{
	__u32 laps = LAPS * ARENA_CHAINS / chains;
	double start = arena_now();

	for (__u32 lap = 0; lap < laps; lap++) {
		__u32 served = 0, got;

		shown = (__u16)(shown + chains);
		virt_store_release(&ring.avail->idx, shown);
		while ((got = device->serve(batch)))
			served += got;
		arena_must(served == chains, "a chain is missing");
	}
	return (arena_now() - start) / (laps * chains);
}

static double pair_slice(const struct arena_pair *pair, __u32 batch,
			 __u32 pieces)
{
	double start = arena_now();

	for (__u32 i = 0; i < LAPS * ARENA_CHAINS; i += batch) {
		pair->driver->add((const struct iovec(*)[PEER_PIECES]) &
					  arena_requests[i % ARENA_CHAINS],
				  batch, pieces);
		arena_must(pair->device->serve(batch) == batch,
			   "the device lost a chain");
		arena_must(pair->driver->reap() == batch,
			   "the driver lost a chain");
	}
	return (arena_now() - start) / (LAPS * ARENA_CHAINS);
}

struct run {
	const struct row *row;
	const struct arena_pair *pair;
};

static double measure(const void *of)
{
	const struct run *run = of;
	const struct row *row = run->row;
	double slices[SLICES];

	if (row->shape < PAIR)
		device_start(row, run->pair->device);
	else
		arena_start(run->pair, row->num, row->regions);
	for (int i = 0; i < SLICES; i++)
		slices[i] =
			row->shape < PAIR
				? device_slice(run->pair->device, row->batch)
				: pair_slice(run->pair, row->batch,
					     row->shape == PAIR ? PEER_PIECES
								: 1);
	return arena_median(slices, SLICES);
}

static struct results {
	double times[ROUNDS_MAX];
	int count;
} results[ROWS][PAIRS];

static void run_once(int row, int pair)
{
	const struct run run = {&rows[row], &arena_pairs[pair]};
	struct results *to = &results[row][pair];

	if (arena_quiet(measure, &run, &to->times[to->count]))
		to->count++;
}

static void print(int row, int pair)
{
	struct results *from = &results[row][pair];
	double middle;

	if (!from->count)
		return;
	middle = arena_median(from->times, from->count);
	printf("%s\t%s\t%.1f\t%.1f\t%.1f\n", rows[row].name,
	       arena_pairs[pair].name, middle, from->times[0],
	       from->times[from->count - 1]);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 7;

	arena_must(rounds > 0 && rounds <= ROUNDS_MAX, "usage: bench ROUNDS");
	arena_make();
	for (int round = 0; round < rounds; round++)
		for (int row = 0; row < ROWS; row++)
			for (int pair = 0; pair < PAIRS; pair++)
				if (rows[row].pairs >> pair & 1)
					run_once(row, pair);
	for (int row = 0; row < ROWS; row++)
		for (int pair = 0; pair < PAIRS; pair++)
			print(row, pair);
	return 0;
}
