/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One face for the device sides of packed rings that are compared. */
#ifndef PACKED_H
#define PACKED_H

#include <stdbool.h>
#include <sys/uio.h>

#include "mock_driver.h"

#define PACKED_SEGMENTS_MAX 1024

/* A chain that was taken: its id, and the entries it has in the ring. */
struct packed_chain {
	struct iovec segments[PACKED_SEGMENTS_MAX];
	__u32 readable;
	__u32 writable;
	__u16 id;
	__u16 descs;
};

struct packed_used {
	__u16 id;
	__u16 descs;
	__u32 len;
};

/**
 * struct packed_side - a device side
 * @name: what to call it
 * @start: set up the queue at a place, in a lap; 0 or -errno
 * @pop: take a chain; 0, -EAGAIN or -errno
 * @push: return chains
 * @push_signal: return one, and whether the driver is to be signalled
 * @signal: whether the driver is to be signalled
 * @enable: ask for kicks; whether there is something to take
 * @disable: ask for no kicks
 */
struct packed_side {
	const char *name;
	int (*start)(struct mock_driver *guest, __u64 features, __u16 place,
		     bool wrap);
	int (*pop)(struct packed_chain *chain);
	void (*push)(const struct packed_used *used, __u32 count);
	bool (*push_signal)(const struct packed_used *used);
	bool (*signal)(void);
	bool (*enable)(void);
	void (*disable)(void);
};

extern const struct packed_side packed_ringside, packed_qemu;

#endif
