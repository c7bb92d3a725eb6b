/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What is measured: shapes of chains, in guest memory of one or more regions,
 * taken and returned by the device side alone, or by driver and device in one
 * thread.
 */
#ifndef RING_BENCH_H
#define RING_BENCH_H

#include "virtqueue.h"

#define BENCH_CHAINS	  256
#define BENCH_REGIONS_MAX 8
#define BENCH_BATCH_MAX	  64
#define BENCH_PIECES	  3
#define BENCH_SEGMENTS	  (BENCH_BATCH_MAX * BENCH_PIECES)

enum bench_shape { BENCH_READ, BENCH_ONE, BENCH_INDIRECT };

/**
 * struct bench_workload - one line of the table
 * @name: its name
 * @run: does so many chains; returns a fault or NULL
 * @shape: of the chains
 * @batch: chains for each call
 * @num: entries of the ring
 * @regions: of guest memory, among which the buffers take turns
 * @features: virtio features
 */
struct bench_workload {
	const char *name;
	const char *(*run)(const struct bench_workload *workload, __u64 chains);
	enum bench_shape shape;
	__u32 batch;
	__u32 num;
	__u32 regions;
	__u64 features;
};

/* A guest, both sides of a queue, and room for their batches. */
struct bench {
	struct vq_region regions[BENCH_REGIONS_MAX];
	struct vq_memory memory;
	struct vq_rings rings;
	struct vq_device device;
	struct vq_driver driver;
	struct vq_segment segments[BENCH_SEGMENTS];
	struct vq_chain chains[BENCH_BATCH_MAX];
	struct vq_used used[BENCH_BATCH_MAX];
	struct vq_completion done[BENCH_BATCH_MAX];
	struct vq_buffer pieces[BENCH_CHAINS][BENCH_PIECES];
	struct vq_indirect tables[BENCH_CHAINS];
	__u32 readable;
	__u32 writable;
};

/* The guest and an idle queue; never given back. NULL without memory. */
struct bench *bench_create(const struct bench_workload *workload);

/* Adds chain @index of the workload's shape on the driver side. */
int bench_add(struct bench *bench, const struct bench_workload *workload,
	      __u32 index);

/* The device side takes up to @max chains and returns them. */
const char *bench_serve(struct bench *bench, __u32 max, __u32 *count);

const char *bench_device(const struct bench_workload *workload, __u64 chains);
const char *bench_packed_device(const struct bench_workload *workload,
				__u64 chains);
const char *bench_pair(const struct bench_workload *workload, __u64 chains);

#endif
