// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdlib.h>

#include "vq_platform.h"
#include "bench.h"

#define GUEST_BASE   0x100000000ULL
#define GUEST_BYTES  (64ULL << 20)
#define GUEST_STRIDE 8192ULL

/* Regions follow each other in the guest, with a hole behind each. */
static int guest_regions(struct bench *bench, __u32 count, char *at)
{
	__u64 size = GUEST_BYTES / count;

	for (__u32 i = 0; i < count; i++) {
		struct vq_region *region = &bench->regions[i];

		region->guest = GUEST_BASE + 2 * i * size;
		region->size = size;
		region->host = at + (count - 1 - i) * size;
		region->access = VQ_ACCESS_READ | VQ_ACCESS_WRITE;
	}
	return vq_memory_init(bench->regions, count, &bench->memory);
}

/* Buffer @piece of chain @chain: each next one is in the next region. */
static __u64 guest_address(const struct bench *bench, __u32 chain, __u32 piece)
{
	__u32 region = (chain + piece) % bench->memory.count;

	return bench->regions[region].guest + chain * GUEST_STRIDE +
	       piece * 1024;
}

static void guest_pieces(struct bench *bench)
{
	static const __u32 sizes[BENCH_PIECES] = {51, 108, 4096};

	for (__u32 i = 0; i < BENCH_CHAINS; i++)
		for (__u32 k = 0; k < BENCH_PIECES; k++) {
			bench->pieces[i][k].addr = guest_address(bench, i, k);
			bench->pieces[i][k].len = sizes[k];
		}
}

static void guest_tables(struct bench *bench)
{
	for (__u32 i = 0; i < BENCH_CHAINS; i++) {
		struct vq_indirect *table = &bench->tables[i];
		void *host;

		table->addr = guest_address(bench, i, 0) + 512;
		table->capacity = BENCH_PIECES;
		if (!vq_memory_translate(&bench->memory, table->addr, 64,
					 VQ_ACCESS_READ, &host))
			table->table = host;
	}
}

static int guest_queue(struct bench *bench,
		       const struct bench_workload *workload)
{
	struct vq_slot *slots = calloc(workload->num, sizeof(*slots));
	void *rings = aligned_alloc(4096, 1 << 20);
	bool packed = workload->features >> VIRTIO_F_RING_PACKED & 1;
	int error;

	if (!slots || !rings)
		return -ENOMEM;
	if (packed)
		error = vq_packed_place(rings, workload->num, &bench->rings);
	else
		error = vq_rings_place(rings, workload->num, &bench->rings);
	if (!error)
		error = vq_driver_init(&bench->driver, &bench->rings, slots,
				       workload->features);
	if (!error)
		error = vq_device_init(&bench->device, &bench->rings,
				       &bench->memory, workload->features,
				       packed ? VQ_PACKED_BASE : 0);
	return error;
}

struct bench *bench_create(const struct bench_workload *workload)
{
	struct bench *bench = aligned_alloc(64, (sizeof(*bench) + 63) & ~63UL);
	char *memory = aligned_alloc(4096, GUEST_BYTES);

	if (!bench || !memory)
		return NULL;
	memset(bench, 0, sizeof(*bench));
	if (guest_regions(bench, workload->regions, memory) ||
	    guest_queue(bench, workload))
		return NULL;
	bench->readable = 1;
	bench->writable = workload->shape == BENCH_ONE ? 0 : 2;
	guest_pieces(bench);
	guest_tables(bench);
	return bench;
}
