/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The driver side of the kernel's packed rings, of which there is one queue.
 * Addresses are our own.
 */
#ifndef LINUX_PACKED_H
#define LINUX_PACKED_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/uio.h>

#define LINUX_PACKED_PIECES 8

/* Where its ring is. */
struct linux_packed_areas {
	void *desc;
	void *driver;
	void *device;
};

/* Makes the queue; 0 or -ENOMEM. */
int linux_packed_start(__u32 num, bool event_idx, bool indirect,
		       struct linux_packed_areas *areas);
void linux_packed_stop(void);

/* The counterparts of vq_driver_add() and its kin. */
int linux_packed_add(const struct iovec *pieces, __u32 readable, __u32 writable,
		     unsigned long cookie);
bool linux_packed_kick_prepare(void);
bool linux_packed_get_used(unsigned long *cookie, __u32 *len);
bool linux_packed_enable_callback(void);
void linux_packed_disable_callback(void);

#endif
