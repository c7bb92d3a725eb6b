/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * When to kick the device, and how to wait for it.
 */
#ifndef VLOAD_WAIT_H
#define VLOAD_WAIT_H

#include "virtio_load.h"

/* Completions taken at once. */
#define WAIT_BATCH 64
/* The same after a wait: the device has nothing to do until it is kicked. */
#define WAIT_FIRST 4

/* Notes why the run ends; @error, which is the errno. */
int wait_fault(struct vload *load, enum vload_fault fault, int error);

/* Takes the time, and starts by polling. */
void wait_start(struct vload *load);

/* Shows the device what was added, and kicks it where it wants that. */
int wait_kick(struct vload *load);

/* Takes back up to @max requests, 0 where there is none, and the time. */
int wait_reap(struct vload *load, struct vq_completion *done, __u32 max,
	      __u32 *count);

/* Waits until there is something to take back, up to WAIT_FIRST requests. */
int wait_any(struct vload *load, struct vq_completion *done, __u32 *count);

/* Spins no more where requests take long enough to sleep meanwhile. */
void wait_learn(struct vload *load, __u32 count);

#endif
