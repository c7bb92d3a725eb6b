/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * When to kick the device, and how to wait for it.
 */
#ifndef VLOAD_WAIT_H
#define VLOAD_WAIT_H

#include "virtio_load.h"

/* Completions taken at once. */
#define WAIT_BATCH 64

/* Notes why the run ends; @error, which is the errno. */
int wait_fault(struct vload *load, enum vload_fault fault, int error);

/* Takes the time, and starts by polling. */
void wait_start(struct vload *load);

/* Shows the device what was added, and kicks it where it wants that. */
int wait_kick(struct vload *load);

/* Takes back up to WAIT_BATCH requests, 0 where there is none. */
int wait_reap(struct vload *load, struct vq_completion *done, __u32 *count);

/* The same, 1 at least, and takes the time. */
int wait_any(struct vload *load, struct vq_completion *done, __u32 *count);

#endif
