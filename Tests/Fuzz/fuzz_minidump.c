// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Any sequence of operations on a minidump table, against a simple model, with
 * a reader let loose after every store of each.
 */
#include "input.h"
#include "minidump_stores.h"

#include <stdio.h>

#define FUZZ_CAPACITY 12

struct fuzz_region {
	char full[32];
	__u64 size;
	__u64 handle;
};

struct fuzz_table {
	struct stores_machine *machine;
	__u32 capacity;
	__u32 count;
	__u64 limit;
	__u64 stale;
	struct fuzz_region regions[FUZZ_CAPACITY];
};

static const char *const names[] = {
	"K",	      "KREG", "KTWELVE_CHAR", "KELEVEN_CHR",	  "STR_TBL",
	"K1",	      "",     "a/b",	      "KELF_HEADER",	  "K12",
	"VMCOREINFO", "Kreg", "K1",	      "KLONGER_THAN_ANY",
};

static bool name_is_valid(const char *name, const char *full)
{
	static const char *const taken[] = {"KELF_HEADER", "KELF_HDR",
					    "STR_TBL", "linux_banner",
					    "VMCOREINFO"};
	size_t i;

	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		if (!strcmp(taken[i], full))
			return false;
	}
	for (i = 0; name[i]; i++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
			    "XYZ0123456789_",
			    name[i]))
			return false;
	}
	return i > 0 && strlen(full) <= 12;
}

static struct fuzz_region *model_find(struct fuzz_table *table,
				      const char *full)
{
	__u32 i;

	for (i = 0; i < table->count; i++) {
		if (!strcmp(table->regions[i].full, full))
			return &table->regions[i];
	}
	return NULL;
}

static bool range_is_valid(const struct fuzz_table *table, __u64 start,
			   __u64 size)
{
	return size && size % 4 == 0 && size - 1 <= table->limit &&
	       start <= table->limit - (size - 1);
}

static __u64 fuzz_size(struct input *input)
{
	__u8 kind = input_u8(input);

	return kind < 0xf0 ? kind : input_take(input, 8);
}

/* A failed operation stores nothing; each other one is seen at once. */
static void fuzz_check(struct fuzz_table *table, int status)
{
	struct stores_view view = stores_read(table->machine);
	struct stores_replay replay = stores_replay(table->machine);
	__u32 i;

	CHECK(!view.fault);
	CHECK(view.count == table->count);
	CHECK(replay.third_state_at == replay.stores);
	CHECK(status == 0 || replay.stores == 0);
	for (i = 0; i < table->count; i++) {
		__u64 handle = 0;

		CHECK(!stores_find(table->machine, table->regions[i].full,
				   &handle));
		CHECK(handle == table->regions[i].handle);
	}
}

static int fuzz_register(struct input *input, struct fuzz_table *table)
{
	const char *name =
		names[input_u8(input) % (sizeof(names) / sizeof(names[0]))];
	__u8 kind = input_u8(input);
	__u32 seq = kind < 0xf0 ? kind % 16 : input_u32(input);
	__u64 virt = input_u8(input) & 0xf0 ? 0x1000 : input_take(input, 8);
	__u64 phys = input_u8(input) & 0xf0 ? 0x2000 : input_take(input, 8);
	struct fuzz_region region = {.size = fuzz_size(input)};
	__u64 end = stores_read(table->machine).end;
	int expected = 0;
	int status;

	snprintf(region.full, sizeof(region.full), "%s%.0u", name, seq);
	if (!name_is_valid(name, region.full) || !virt ||
	    !range_is_valid(table, virt, region.size) ||
	    !range_is_valid(table, phys, region.size))
		expected = -EINVAL;
	else if (model_find(table, region.full))
		expected = -EEXIST;
	else if (table->count == table->capacity ||
		 region.size > table->limit - end)
		expected = -ENOSPC;
	status = stores_register(table->machine, name, seq, virt, phys,
				 region.size, &region.handle);
	CHECK(status == expected);
	if (!status)
		table->regions[table->count++] = region;
	return status;
}

static int fuzz_update(struct input *input, struct fuzz_table *table)
{
	__u32 i = input_u8(input) % FUZZ_CAPACITY;
	__u64 size = fuzz_size(input);
	bool known = i < table->count;
	__u64 handle = known ? table->regions[i].handle : table->stale;
	__u64 end = stores_read(table->machine).end;
	int status =
		stores_update(table->machine, handle, 0x3000, 0x4000, size);

	if (!known)
		CHECK(status == -ENOENT);
	else if (!range_is_valid(table, 0x4000, size))
		CHECK(status == -EINVAL);
	else
		CHECK(status == 0 ||
		      (status == -ENOSPC && size > table->limit - end));
	if (!status)
		table->regions[i].size = size;
	return status;
}

static int fuzz_unregister(struct input *input, struct fuzz_table *table)
{
	__u32 i = input_u8(input) % FUZZ_CAPACITY;
	bool known = i < table->count;
	__u64 handle = known ? table->regions[i].handle : table->stale;
	int status = stores_unregister(table->machine, handle);

	CHECK(status == (known ? 0 : -ENOENT));
	if (known) {
		CHECK(stores_read(table->machine).packed);
		table->stale = handle;
		table->count--;
		memmove(&table->regions[i], &table->regions[i + 1],
			(table->count - i) * sizeof(table->regions[0]));
	}
	return status;
}

static int fuzz_compact(struct fuzz_table *table)
{
	int status = stores_compact(table->machine);

	CHECK(stores_read(table->machine).packed);
	return status;
}

static int fuzz_operation(struct input *input, struct fuzz_table *table)
{
	switch (input_u8(input) % 8) {
	case 0:
	case 1:
		return fuzz_unregister(input, table);
	case 2:
	case 3:
		return fuzz_update(input, table);
	case 4:
		return fuzz_compact(table);
	default:
		return fuzz_register(input, table);
	}
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	struct input input = {data, size};
	struct fuzz_table table = {0};
	bool wide = input_u8(&input) & 1;
	int rounds = 48;

	table.capacity = 1 + input_u8(&input) % FUZZ_CAPACITY;
	table.limit = wide ? ~0ull : 0xffffffffull;
	table.machine = stores_create(STORES_CORE, table.capacity, 1 + wide);
	CHECK(table.machine);
	while (input.left && rounds--)
		fuzz_check(&table, fuzz_operation(&input, &table));
	stores_withdraw(table.machine);
	table.count = 0;
	fuzz_check(&table, 0);
	stores_destroy(table.machine);
	return 0;
}
