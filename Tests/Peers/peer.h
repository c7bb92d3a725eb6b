/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * One face for every device side that is compared: ours, and those of the
 * kernel built for user space. Each peer has one queue, in static storage.
 */
#ifndef PEER_H
#define PEER_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/uio.h>

/* The kernel's UIO_MAXIOV. */
#define PEER_SEGMENTS_MAX 1024

/* Bits of struct peer_region.access. */
#define PEER_READ  1
#define PEER_WRITE 2

struct peer_region {
	__u64 guest;
	__u64 size;
	void *host;
	__u32 access;
};

struct peer_queue {
	void *desc;
	void *avail;
	void *used;
	__u32 num;
	__u16 base;
	__u64 features;
	const struct peer_region *regions;
	__u32 region_count;
};

struct peer_chain {
	struct iovec segments[PEER_SEGMENTS_MAX];
	__u32 readable;
	__u32 writable;
	__u16 head;
};

struct peer_used {
	__u32 id;
	__u32 len;
};

/**
 * struct peer - a device side
 * @name: what to call it
 * @start: set up the queue; 0 or -errno
 * @pop: take a chain; 0, -EAGAIN or -errno
 * @push: return chains
 * @signal: whether the driver is to be signalled
 * @push_signal: both at once, of one chain; NULL if it has no such thing
 * @enable: ask for kicks; whether there is something to take
 * @disable: ask for no kicks
 * @log: from now on, log what is written to the used ring, which the guest has
 *	at @used; a bit of @bitmap, which is enough, for each page
 * @log_chain: log bytes of the chain that was taken last
 * @serve: take up to so many chains, return them and decide on a signal; the
 *	number taken
 */
struct peer {
	const char *name;
	int (*start)(const struct peer_queue *queue);
	int (*pop)(struct peer_chain *chain);
	void (*push)(const struct peer_used *used, __u32 count);
	bool (*signal)(void);
	bool (*push_signal)(const struct peer_used *used);
	bool (*enable)(void);
	void (*disable)(void);
	void (*log)(void *bitmap, __u64 used);
	void (*log_chain)(const struct peer_chain *chain, __u64 len);
	__u32 (*serve)(__u32 batch);
};

#define PEER_BATCH_MAX 64

/* A request: one readable piece and two writable ones. */
#define PEER_PIECES 3

/**
 * struct peer_driver - a driver side
 * @name: what to call it
 * @start: set up the ring of @num in @memory, and say where its areas are
 * @add: make requests of the first @pieces available and decide on a kick
 * @reap: take back all that were used; their number
 */
struct peer_driver {
	const char *name;
	int (*start)(void *memory, __u32 num, struct peer_queue *queue);
	void (*add)(const struct iovec (*requests)[PEER_PIECES], __u32 count,
		    __u32 pieces);
	__u32 (*reap)(void);
};

extern const struct peer peer_ringside, peer_vhost, peer_vringh, peer_ring;
extern const struct peer_driver driver_ringside, driver_linux, driver_ring;

/* Both sides poll: nobody decides whom to wake. */
extern bool peer_polls;

/* What two threads write is not in one cache line. */
#define PEER_APART __attribute__((aligned(128)))

#endif
