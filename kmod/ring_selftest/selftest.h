/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RING_SELFTEST_H
#define RING_SELFTEST_H

#include <linux/types.h>

/**
 * struct timing - what a chain of a virtio-scsi read costs the device side
 * @split_batch: picoseconds, split ring, 32 chains for each call
 * @split_one: the same, one chain for each call
 * @packed_batch: packed ring, 32 chains for each call
 * @packed_one: the same, one chain for each call
 */
struct timing {
	u64 split_batch;
	u64 split_one;
	u64 packed_batch;
	u64 packed_one;
};

/**
 * timing_measure() - measure, some milliseconds long
 * @timing: the medians
 *
 * Return: 0, or -ENOMEM, or -EIO where a chain did not come as it should.
 */
int timing_measure(struct timing *timing);

#endif
