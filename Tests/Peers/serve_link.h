/* SPDX-License-Identifier: MIT */
/*
 * A vhost-user front-end with one request queue, as small as can be: enough to
 * load any back-end for SCSI or block devices.
 */
#ifndef SERVE_LINK_H
#define SERVE_LINK_H

#include "virtqueue.h"

#include <stdbool.h>

#define LINK_RING     256
#define LINK_GUEST    0x100000000ULL
#define LINK_FEATURES (1ULL << VIRTIO_RING_F_EVENT_IDX | 1ULL << 32)

/**
 * struct link - a back-end, connected
 * @socket: to it
 * @memory: what it shares with us, at LINK_GUEST for it
 * @bytes: how much that is
 * @free: first byte that nobody was given
 * @queue: index of the request queue
 * @kick: to signal it by
 * @call: to be signalled by
 * @driver: our side of the request queue
 */
struct link {
	int socket;
	char *memory;
	__u64 bytes;
	__u64 free;
	unsigned int queue;
	int kick;
	int call;
	struct vq_driver driver;
	struct vq_slot slots[LINK_RING];
};

/* Ends the program, unless it is good. */
void link_must(bool good, const char *what);

/* Connects, and shares so much memory. */
void link_open(struct link *link, const char *path, __u64 bytes);

/* Takes memory that the back-end sees; aligned to a cache line. */
void *link_take(struct link *link, __u64 bytes);

/* Where the back-end sees it. */
__u64 link_guest(const struct link *link, const void *at);

/* Hands over all rings up to @queue, which is the one that is used. */
void link_start(struct link *link, unsigned int queue);

/* Takes them back. */
void link_close(struct link *link);

#endif
