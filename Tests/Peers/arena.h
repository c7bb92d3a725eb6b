/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What all measurements share: the guest's memory, the requests in it, a
 * clock, and a canary.
 */
#ifndef ARENA_H
#define ARENA_H

#include "peer.h"

#define ARENA_CHAINS	   256
#define ARENA_RINGS_BYTES  (1ULL << 20)
#define ARENA_REGIONS_MAX  8
#define ARENA_GUEST_OFFSET 0x100000000ULL

/* The rings, and behind them the guest's memory. */
extern char *arena;
extern struct peer_region arena_regions[ARENA_REGIONS_MAX];

/* Three pieces of a virtio-scsi READ: 51 bytes out, 108 and 4096 in. */
extern struct iovec arena_requests[ARENA_CHAINS][PEER_PIECES];

/**
 * struct arena_pair - both sides of a queue
 * @name: what to call them
 * @device: the device side
 * @driver: the driver side
 * @features: what they need
 */
struct arena_pair {
	const char *name;
	const struct peer *device;
	const struct peer_driver *driver;
	__u64 features;
};

enum { PAIR_SPLIT, PAIR_PACKED, PAIR_VHOST, PAIR_VRINGH, PAIR_RING, PAIRS };
extern const struct arena_pair arena_pairs[PAIRS];

/* Makes the arena, and requests anywhere in it. */
void arena_make(void);

/* Divides memory in regions; for pairs guest addresses are our own. */
void arena_map(__u32 regions, bool identity);

/* Starts both sides of a ring of @num. */
void arena_start(const struct arena_pair *pair, __u32 num, __u32 regions);

/* Ends the program unless @good. */
void arena_must(bool good, const char *what);

double arena_now(void);
double arena_median(double *values, int count);

/*
 * Measures with @measure until nothing disturbed it: a loop that only the
 * clock of the processor bounds is within 10 % of its best before and after.
 * Gives up after some attempts, says so on standard error, and returns false.
 */
bool arena_quiet(double (*measure)(const void *of), const void *of,
		 double *result);

#endif
