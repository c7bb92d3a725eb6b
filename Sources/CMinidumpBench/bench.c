// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "minidump_bench.h"

#include <errno.h>
#include <minidump.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define BATCH MINIDUMP_BENCH_BATCH

/* A table with its memory, filled so far, and the regions of one batch. */
struct bench_table {
	struct md_table table;
	struct md_memory memory;
	__u32 regions;
	char names[BATCH][MD_NAME_SIZE];
	__u64 handles[BATCH];
};

static struct md_region bench_region(__u32 number)
{
	return (struct md_region){
		.name = "KREG",
		.seq = 1 + number,
		.virt = 0xffff000010000000ull + 4096ull * number,
		.phys = 0x80000000ull + 4096ull * number,
		.size = 4096,
	};
}

static int bench_fill(struct bench_table *bench, __u32 from, __u32 count,
		      __u64 *handles)
{
	__u64 ignored;
	__u32 i;

	for (i = 0; i < count; i++) {
		struct md_region region = bench_region(from + i);
		int error =
			md_region_register(&bench->table, &region,
					   handles ? &handles[i] : &ignored);

		if (error)
			return error;
	}
	return 0;
}

/* Spread over the table, so that no operation finds the last one warm. */
static int bench_choose(struct bench_table *bench)
{
	__u32 count = bench->table.count;
	__u32 i;

	for (i = 0; i < BATCH; i++) {
		__u32 index = (__u32)((__u64)i * 2654435761u % count);
		struct md_region region;
		int error =
			md_region_at(&bench->table, index, &bench->handles[i]);

		if (!error)
			error = md_region_get(&bench->table, bench->handles[i],
					      &region);
		if (error)
			return error;
		snprintf(bench->names[i], MD_NAME_SIZE, "%s%u", region.name,
			 region.seq);
	}
	return 0;
}

static void bench_deinit(struct bench_table *bench)
{
	int i;

	for (i = 0; i < 2; i++) {
		free(bench->memory.copies[i].regions);
		free(bench->memory.copies[i].header);
	}
	free(bench->memory.storage);
	free(bench);
}

static int bench_allocate(struct bench_table *bench,
			  const struct md_layout *layout)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct md_copy *copy = &bench->memory.copies[i];

		copy->regions = malloc(layout->table_size);
		copy->header = malloc(layout->header_size);
		if (!copy->regions || !copy->header)
			return -ENOMEM;
		copy->regions_phys = (unsigned long)copy->regions;
		copy->header_phys = (unsigned long)copy->header;
		copy->header_virt = (unsigned long)copy->header;
	}
	bench->memory.storage = malloc(layout->storage_size);
	return bench->memory.storage ? 0 : -ENOMEM;
}

static int bench_init(struct bench_table **result, __u32 regions)
{
	const struct md_format format = {
		.capacity = regions + BATCH,
		.elf_class = MD_ELF_CLASS64,
		.machine = MD_ELF_X86_64,
		.banner = "Linux version 6.1.0\n",
	};
	struct bench_table *bench = calloc(1, sizeof(*bench));
	struct md_layout layout;
	int error;

	if (!bench)
		return -ENOMEM;
	bench->regions = regions;
	error = regions ? md_layout_init(&format, &layout) : -EINVAL;
	if (!error)
		error = bench_allocate(bench, &layout);
	if (!error)
		error = md_table_init(&bench->table, &format, &bench->memory);
	if (!error)
		error = bench_fill(bench, 0, regions, NULL);
	if (error) {
		bench_deinit(bench);
		return error;
	}
	*result = bench;
	return 0;
}

static int registers(struct bench_table *bench)
{
	return bench_fill(bench, bench->regions, BATCH, bench->handles);
}

static int updates(struct bench_table *bench)
{
	struct md_region region = bench_region(7);
	int error = 0;
	__u32 i;

	for (i = 0; i < BATCH; i++)
		error |= md_region_update(&bench->table, bench->handles[i],
					  &region);
	return error;
}

static int finds(struct bench_table *bench)
{
	__u64 handle;
	int error = 0;
	__u32 i;

	for (i = 0; i < BATCH; i++)
		error |=
			md_region_find(&bench->table, bench->names[i], &handle);
	return error;
}

/* From the front, where the most has to move. */
static int unregisters(struct bench_table *bench)
{
	int error = 0;
	__u32 i;

	for (i = 0; i < BATCH; i++)
		error |= md_region_unregister(&bench->table, bench->handles[i]);
	return error;
}

static int operations_time(struct bench_table *bench,
			   int (*operations)(struct bench_table *),
			   __u64 *nanoseconds)
{
	__u64 start = bench_start();
	int error = operations(bench);

	bench_stop(nanoseconds, start);
	return error;
}

/* Leave the table as a batch of registering found it. */
static int batch_drop(struct bench_table *bench)
{
	__u32 i;
	int error = 0;

	for (i = BATCH; i-- > 0;)
		error |= md_region_unregister(&bench->table, bench->handles[i]);
	return error;
}

/* The regions that a batch of unregistering is to take: the first ones. */
static int batch_front(struct bench_table *bench)
{
	__u32 i;
	int error = bench_fill(bench, bench->regions, BATCH, NULL);

	for (i = 0; i < BATCH; i++)
		error |= md_region_at(&bench->table, i, &bench->handles[i]);
	return error;
}

/* Names that were unregistered come back under new numbers, at the end. */
static int unregister_batch(struct bench_table *bench, __u64 *nanoseconds)
{
	int error = batch_front(bench);

	error |= operations_time(bench, unregisters, nanoseconds);
	bench->regions += BATCH;
	return error;
}

static int register_batch(struct bench_table *bench, __u64 *nanoseconds)
{
	int error = operations_time(bench, registers, nanoseconds);

	return error ? error : batch_drop(bench);
}

static int update_batch(struct bench_table *bench, __u64 *nanoseconds)
{
	int error = bench_choose(bench);

	return error ? error : operations_time(bench, updates, nanoseconds);
}

static int find_batch(struct bench_table *bench, __u64 *nanoseconds)
{
	int error = bench_choose(bench);

	return error ? error : operations_time(bench, finds, nanoseconds);
}

static int batches_run(__u32 regions, __u32 batches, __u64 *nanoseconds,
		       int (*batch)(struct bench_table *, __u64 *))
{
	struct bench_table *bench;
	int error = regions <= MINIDUMP_BENCH_REGIONS_MAX
			    ? bench_init(&bench, regions)
			    : -EINVAL;

	if (error)
		return error;
	*nanoseconds = ~0ull;
	while (batches-- > 0 && !error)
		error = batch(bench, nanoseconds);
	bench_deinit(bench);
	return error;
}

static int register_run(__u32 regions, __u32 batches, __u64 *nanoseconds)
{
	return batches_run(regions, batches, nanoseconds, register_batch);
}

static int update_run(__u32 regions, __u32 batches, __u64 *nanoseconds)
{
	return batches_run(regions, batches, nanoseconds, update_batch);
}

static int find_run(__u32 regions, __u32 batches, __u64 *nanoseconds)
{
	return batches_run(regions, batches, nanoseconds, find_batch);
}

static int unregister_run(__u32 regions, __u32 batches, __u64 *nanoseconds)
{
	return batches_run(regions, batches, nanoseconds, unregister_batch);
}

static const struct minidump_bench benches[] = {
	{"register", register_run},
	{"update", update_run},
	{"find", find_run},
	{"unregister", unregister_run},
	{"libelf append", libelf_append_run},
};

const struct minidump_bench *minidump_bench_at(__u32 index)
{
	return index < sizeof(benches) / sizeof(benches[0]) ? &benches[index]
							    : NULL;
}
