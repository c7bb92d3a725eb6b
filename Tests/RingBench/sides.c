// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "bench.h"

int bench_add(struct bench *bench, const struct bench_workload *workload,
	      __u32 index)
{
	if (workload->shape == BENCH_INDIRECT)
		return vq_driver_add_indirect(
			&bench->driver, &bench->tables[index],
			bench->pieces[index], bench->readable, bench->writable,
			index);
	return vq_driver_add(&bench->driver, bench->pieces[index],
			     bench->readable, bench->writable, index);
}

const char *bench_serve(struct bench *bench, __u32 max, __u32 *count)
{
	if (vq_device_pop_batch(&bench->device, bench->segments, BENCH_SEGMENTS,
				bench->chains, max, count))
		return "pop";
	for (__u32 i = 0; i < *count; i++) {
		bench->used[i].id = bench->chains[i].head;
		bench->used[i].len = 0;
	}
	vq_device_push_batch(&bench->device, bench->used, *count);
	return NULL;
}

/* The last batch holds the buffers of the chain that was added last. */
static const char *bench_check(const struct bench *bench, __u32 count)
{
	const struct vq_chain *last = &bench->chains[count - 1];
	const struct vq_buffer *pieces = bench->pieces[BENCH_CHAINS - 1];
	__u32 pieces_count = bench->readable + bench->writable;

	if (last->readable != bench->readable ||
	    last->writable != bench->writable)
		return "number of segments";
	for (__u32 i = 0; i < pieces_count; i++) {
		void *host;

		if (vq_memory_translate(&bench->memory, pieces[i].addr,
					pieces[i].len, VQ_ACCESS_READ, &host) ||
		    last->segments[i].base != host ||
		    last->segments[i].len != pieces[i].len)
			return "segment";
	}
	return NULL;
}

/* Offers the chains that the driver added again, wherever they stand. */
static void bench_offer(struct bench *bench, __u16 round)
{
	struct vring_avail *avail = bench->rings.avail;

	avail->idx = (__force __virtio16)cpu_to_le16(
		(__u16)(round * BENCH_CHAINS + BENCH_CHAINS));
}

/* The entries of the available ring, filled with all chains over and over. */
static const char *bench_fill(struct bench *bench,
			      const struct bench_workload *workload)
{
	struct vring_avail *avail = bench->rings.avail;

	for (__u32 i = 0; i < BENCH_CHAINS; i++)
		if (bench_add(bench, workload, i))
			return "add";
	for (__u32 i = BENCH_CHAINS; i < workload->num; i++)
		avail->ring[i] = avail->ring[i - BENCH_CHAINS];
	return NULL;
}

/* Serves all chains once; how many the last batch had. */
static const char *bench_round(struct bench *bench,
			       const struct bench_workload *workload,
			       __u32 *count)
{
	const char *fault = NULL;

	for (__u32 left = BENCH_CHAINS; !fault && left; left -= *count) {
		fault = bench_serve(bench, workload->batch, count);
		if (!fault && !*count)
			fault = "nothing to take";
	}
	return fault;
}

const char *bench_device(const struct bench_workload *workload, __u64 chains)
{
	struct bench *bench = bench_create(workload);
	const char *fault = bench ? bench_fill(bench, workload) : "memory";
	__u32 count = 0;

	for (__u16 round = 0; !fault && chains; round++) {
		bench_offer(bench, round);
		fault = bench_round(bench, workload, &count);
		chains -= min_t(__u64, chains, BENCH_CHAINS);
	}
	return fault ? fault : bench_check(bench, count);
}

/* A packed ring is used up; each round begins with a copy of the full one. */
const char *bench_packed_device(const struct bench_workload *workload,
				__u64 chains)
{
	static char full[1024 * sizeof(struct vring_packed_desc)];
	struct bench *bench = bench_create(workload);
	__u64 bytes = workload->num * sizeof(struct vring_packed_desc);
	const char *fault = bench ? NULL : "memory";
	__u32 count = 0;

	for (__u32 i = 0; !fault && i < BENCH_CHAINS; i++)
		fault = bench_add(bench, workload, i) ? "add" : NULL;
	if (fault)
		return fault;
	vq_driver_publish(&bench->driver);
	memcpy(full, bench->rings.desc, bytes);
	while (!fault && chains) {
		fault = bench_round(bench, workload, &count);
		chains -= min_t(__u64, chains, BENCH_CHAINS);
		memcpy(bench->rings.desc, full, bytes);
		bench->device.avail_wrap = true;
		bench->device.used_wrap = true;
	}
	return fault ? fault : bench_check(bench, count);
}

/* The driver takes back one batch, which has to be there. */
static const char *bench_reap(struct bench *bench, __u32 batch)
{
	__u32 count;

	if (vq_driver_reap(&bench->driver, bench->done, batch, &count) ||
	    count != batch)
		return "reap";
	return NULL;
}

const char *bench_pair(const struct bench_workload *workload, __u64 chains)
{
	struct bench *bench = bench_create(workload);
	const char *fault = bench ? NULL : "memory";
	__u32 count = 0, index = 0;

	for (__u64 i = 0; !fault && i < chains; i += workload->batch) {
		for (__u32 k = 0; k < workload->batch; k++)
			if (bench_add(bench, workload, index++ % BENCH_CHAINS))
				return "add";
		vq_driver_kick_prepare(&bench->driver);
		fault = bench_serve(bench, workload->batch, &count);
		vq_device_signal_needed(&bench->device);
		if (!fault)
			fault = bench_reap(bench, workload->batch);
	}
	return fault ? fault : bench_check(bench, count);
}
