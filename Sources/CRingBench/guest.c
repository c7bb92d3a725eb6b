// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The guest's memory, its chains, and both sides of a queue. */
#include "bench.h"

#include <stdlib.h>
#include <sys/mman.h>

#define GUEST_BASE   0x100000000ULL
#define GUEST_STRIDE 8192ULL
#define GUEST_TABLE  (RING_BENCH_PIECES_MAX * sizeof(struct vring_desc))
#define GUEST_POOL   256

static bool guest_is_packed(const struct ring_bench_case *of)
{
	return of->features >> VIRTIO_F_RING_PACKED & 1;
}

__u32 ring_bench_capacity(const struct ring_bench_case *of)
{
	if (of->indirect || !of->pieces)
		return of->num;
	return of->num / of->pieces;
}

static int guest_check(const struct ring_bench_case *of)
{
	bool two = of->kind == RING_BENCH_POLL || of->kind == RING_BENCH_NOTIFY;

	if (!of->num || of->num > VQ_RING_SIZE_MAX || !of->pieces ||
	    of->pieces > RING_BENCH_PIECES_MAX || !of->regions ||
	    of->regions > RING_BENCH_REGIONS_MAX)
		return -EINVAL;
	if (!of->batch || of->batch > RING_BENCH_BATCH_MAX ||
	    of->batch > ring_bench_capacity(of))
		return -EINVAL;
	if (two &&
	    (of->depth < of->batch || of->depth > ring_bench_capacity(of)))
		return -EINVAL;
	return 0;
}

/*
 * As many chains as the ring is filled with, or so many that buffers do not
 * come again soon.
 */
static __u32 guest_pool(const struct ring_bench_case *of)
{
	__u32 capacity = ring_bench_capacity(of), pool = 1;

	if (of->kind != RING_BENCH_DEVICE)
		capacity =
			capacity > GUEST_POOL ? 2 * capacity - 1 : GUEST_POOL;
	while (2 * pool <= capacity)
		pool *= 2;
	return pool;
}

/* Regions follow each other in the guest, with a hole behind each. */
static int guest_regions(struct ring_bench *bench)
{
	__u64 size = (bench->pool + 1) * (GUEST_STRIDE + GUEST_TABLE);
	__u32 count = bench->of.regions;

	bench->guest_bytes = count * size;
	bench->guest = mmap(NULL, bench->guest_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bench->guest == MAP_FAILED)
		return -ENOMEM;
	for (__u32 i = 0; i < count; i++) {
		struct vq_region *region = &bench->regions[i];

		region->guest = GUEST_BASE + 2 * i * size;
		region->size = size;
		region->host = (char *)bench->guest + (count - 1 - i) * size;
		region->access = VQ_ACCESS_READ | VQ_ACCESS_WRITE;
	}
	return vq_memory_init(bench->regions, count, &bench->memory);
}

/* Buffer @piece of chain @chain: each next one is in the next region. */
static struct vq_buffer guest_piece(const struct ring_bench *bench, __u32 chain,
				    __u32 piece)
{
	__u32 region = (chain + piece) % bench->of.regions;
	struct vq_buffer buffer = {.len = 4096};

	buffer.addr = bench->regions[region].guest + chain * GUEST_STRIDE +
		      piece * 512;
	if (piece < 2)
		buffer.len = piece ? 108 : 51;
	return buffer;
}

/* The tables are behind the buffers of their region. */
static int guest_table(const struct ring_bench *bench, __u32 chain,
		       struct vq_indirect *table)
{
	const struct vq_region *region =
		&bench->regions[chain % bench->of.regions];
	void *host;
	int error;

	table->addr = region->guest + (bench->pool + 1) * GUEST_STRIDE +
		      chain * GUEST_TABLE;
	table->capacity = RING_BENCH_PIECES_MAX;
	error = vq_memory_translate(&bench->memory, table->addr, GUEST_TABLE,
				    VQ_ACCESS_READ, &host);
	table->table = host;
	return error;
}

static int guest_chains(struct ring_bench *bench)
{
	__u32 pieces = bench->of.pieces;
	int error = 0;

	bench->pieces = calloc(bench->pool * pieces, sizeof(*bench->pieces));
	bench->tables = calloc(bench->pool, sizeof(*bench->tables));
	if (!bench->pieces || !bench->tables)
		return -ENOMEM;
	for (__u32 i = 0; !error && i < bench->pool; i++) {
		for (__u32 k = 0; k < pieces; k++)
			bench->pieces[i * pieces + k] =
				guest_piece(bench, i, k);
		error = guest_table(bench, i, &bench->tables[i]);
	}
	bench->descs = bench->of.indirect ? 1 : pieces;
	bench->readable = 1;
	for (__u32 k = 1; k < pieces; k++)
		bench->writable_bytes += bench->pieces[k].len;
	return error;
}

/* Aligned to a page, and a whole number of lines. */
static void *guest_area(__u64 bytes)
{
	return aligned_alloc(4096, (bytes + 4095) & ~4095ULL);
}

static int guest_queue(struct ring_bench *bench)
{
	const struct ring_bench_case *of = &bench->of;
	__u64 bytes = bench->design->bytes(of->num);
	int error;

	bench->slots = calloc(of->num, sizeof(*bench->slots));
	bench->area = guest_area(bytes);
	bench->full = guest_area(bytes);
	if (!bench->slots || !bench->area || !bench->full)
		return -ENOMEM;
	error = bench->design->place(bench->area, of->num, &bench->rings);
	if (!error)
		error = vq_driver_init(&bench->driver.queue, &bench->rings,
				       bench->slots, of->features);
	if (!error)
		error = vq_device_init(&bench->device.queue, &bench->rings,
				       &bench->memory, of->features,
				       bench->design->base);
	return error;
}

int ring_bench_create(const struct ring_bench_case *of,
		      struct ring_bench **result)
{
	struct ring_bench *bench;
	int error = guest_check(of);

	if (error)
		return error;
	bench = guest_area(sizeof(*bench));
	if (!bench)
		return -ENOMEM;
	memset(bench, 0, sizeof(*bench));
	bench->of = *of;
	bench->design =
		guest_is_packed(of) ? &ring_design_packed : &ring_design_split;
	bench->pool = guest_pool(of);
	bench->kick = -1;
	bench->call = -1;
	error = guest_regions(bench);
	if (!error)
		error = guest_chains(bench);
	if (!error)
		error = guest_queue(bench);
	if (error)
		ring_bench_destroy(bench);
	else
		*result = bench;
	return error;
}

void ring_bench_destroy(struct ring_bench *bench)
{
	if (bench->guest != MAP_FAILED)
		munmap(bench->guest, bench->guest_bytes);
	free(bench->full);
	free(bench->area);
	free(bench->slots);
	free(bench->tables);
	free(bench->pieces);
	free(bench);
}

#define GUEST_TEXT(x)	#x
#define GUEST_NUMBER(x) GUEST_TEXT(x)
#if defined(__clang__)
#define GUEST_COMPILER                                                         \
	"clang " GUEST_NUMBER(__clang_major__) "." GUEST_NUMBER(__clang_minor__)
#else
#define GUEST_COMPILER "gcc " __VERSION__
#endif

const char *ring_bench_compiler(void)
{
#if defined(__OPTIMIZE__)
	return GUEST_COMPILER;
#else
	return GUEST_COMPILER ", without optimisation";
#endif
}
