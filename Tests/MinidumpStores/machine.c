// SPDX-License-Identifier: GPL-2.0-only OR MIT
#define _GNU_SOURCE
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>

/* The contract has no context: a thread works on one machine at a time. */
static _Thread_local struct stores_machine *current;

static void log_append(struct stores_machine *machine, const unsigned char *to,
		       size_t size)
{
	struct stores_store *store;

	if (machine->log_count == machine->log_room) {
		machine->log_room =
			machine->log_room ? 2 * machine->log_room : 64;
		machine->log = realloc(machine->log,
				       machine->log_room * sizeof(*store));
		if (!machine->log)
			abort();
	}
	store = &machine->log[machine->log_count++];
	store->offset = (__u32)(to - machine->memory);
	store->size = (__u8)size;
	memcpy(store->bytes, to, size);
}

void stores_log(void *to, const void *from, size_t size)
{
	unsigned char *at = to;
	const unsigned char *source = from;

	if (!current || at < current->memory ||
	    at + size > current->memory + current->size)
		abort();
	while (size > 0) {
		size_t part = size < 8 ? size : 8;

		memcpy(at, source, part);
		log_append(current, at, part);
		at += part;
		source += part;
		size -= part;
	}
}

void *machine_take(struct stores_machine *machine, size_t size, __u64 *phys)
{
	size_t at = (machine->used + 63) & ~(size_t)63;

	if (at + size > machine->size)
		abort();
	machine->used = at + size;
	*phys = STORES_BASE + at;
	return machine->memory + at;
}

const void *machine_at(const struct stores_machine *machine,
		       const unsigned char *memory, __u64 phys, __u64 size)
{
	__u64 offset = phys - STORES_BASE;

	if (phys < STORES_BASE || offset > machine->size ||
	    size > machine->size - offset)
		return NULL;
	return memory + offset;
}

static void operation_start(struct stores_machine *machine)
{
	current = machine;
	machine->log_count = 0;
	memcpy(machine->before, machine->memory, machine->size);
}

static void core_init(struct stores_machine *machine, __u32 elf_class)
{
	const struct md_format format = {
		.capacity = machine->capacity,
		.elf_class = elf_class,
		.machine = elf_class == MD_ELF_CLASS64 ? MD_ELF_AARCH64
						       : MD_ELF_ARM,
		.banner = "Linux version 6.1.0 #1 SMP\n",
	};
	struct md_memory memory;
	struct md_layout layout;
	int i;

	if (md_layout_init(&format, &layout))
		abort();
	machine->storage = calloc(1, layout.storage_size);
	memory.storage = machine->storage;
	for (i = 0; i < 2; i++) {
		struct md_copy *copy = &memory.copies[i];

		copy->regions = machine_take(machine, layout.table_size,
					     &copy->regions_phys);
		copy->header = machine_take(machine, layout.header_size,
					    &copy->header_phys);
		copy->header_virt = copy->header_phys + STORES_VIRT;
	}
	if (md_table_init(&machine->table, &format, &memory))
		abort();
}

struct stores_machine *stores_create(enum stores_writer writer, __u32 capacity,
				     __u32 elf_class)
{
	struct stores_machine *machine = calloc(1, sizeof(*machine));

	if (!machine)
		return NULL;
	machine->writer = writer;
	machine->capacity = capacity;
	machine->size = 8192 + (size_t)(capacity + 8) * 2 * 180;
	machine->memory = calloc(1, machine->size);
	machine->before = calloc(1, machine->size);
	if (!machine->memory || !machine->before)
		abort();
	machine->used = STORES_TOC_BYTES;
	machine->subsystem =
		((struct minidump_global_toc *)machine->memory)->subsystems;
	operation_start(machine);
	if (writer == STORES_ORIGINAL) {
		original_init(machine);
		return machine;
	}
	core_init(machine, elf_class);
	md_table_show(&machine->table, machine->subsystem);
	return machine;
}

void stores_destroy(struct stores_machine *machine)
{
	free(machine->memory);
	free(machine->before);
	free(machine->log);
	free(machine->storage);
	free(machine);
}

int stores_show(struct stores_machine *machine)
{
	operation_start(machine);
	return md_table_show(&machine->table, machine->subsystem);
}

int stores_withdraw(struct stores_machine *machine)
{
	operation_start(machine);
	md_table_withdraw(&machine->table);
	return 0;
}

int stores_register(struct stores_machine *machine, const char *name, __u32 seq,
		    __u64 virt, __u64 phys, __u64 size, __u64 *handle)
{
	const struct md_region region = {name, seq, virt, phys, size};

	operation_start(machine);
	if (machine->writer == STORES_ORIGINAL)
		return original_register(machine, name, virt, phys, size);
	return md_region_register(&machine->table, &region, handle);
}

int stores_update(struct stores_machine *machine, __u64 handle, __u64 virt,
		  __u64 phys, __u64 size)
{
	const struct md_region region = {NULL, 0, virt, phys, size};

	operation_start(machine);
	return md_region_update(&machine->table, handle, &region);
}

int stores_unregister(struct stores_machine *machine, __u64 handle)
{
	operation_start(machine);
	if (machine->writer == STORES_ORIGINAL)
		return original_unregister(machine, (__u32)handle);
	return md_region_unregister(&machine->table, handle);
}

int stores_compact(struct stores_machine *machine)
{
	operation_start(machine);
	md_table_compact(&machine->table);
	return 0;
}

int stores_find(struct stores_machine *machine, const char *name, __u64 *handle)
{
	return md_region_find(&machine->table, name, handle);
}

struct stores_view stores_read(const struct stores_machine *machine)
{
	return reader_read(machine, machine->memory);
}

static int views_equal(const struct stores_view *a, const struct stores_view *b)
{
	return !a->fault && !b->fault && a->count == b->count &&
	       a->digest == b->digest;
}

struct stores_replay stores_replay(const struct stores_machine *machine)
{
	struct stores_view old = reader_read(machine, machine->before);
	struct stores_view new = reader_read(machine, machine->memory);
	struct stores_replay replay = {
		.stores = (__u32)machine->log_count,
		.third_state_at = (__u32)machine->log_count,
		.new_state_at =
			views_equal(&old, &new) ? 0 : (__u32)machine->log_count,
	};
	unsigned char *memory = malloc(machine->size);
	size_t i;

	if (!memory)
		abort();
	memcpy(memory, machine->before, machine->size);
	for (i = 0; i < machine->log_count; i++) {
		const struct stores_store *store = &machine->log[i];
		struct stores_view view;

		memcpy(memory + store->offset, store->bytes, store->size);
		view = reader_read(machine, memory);
		if (views_equal(&view, &new)) {
			if (replay.new_state_at == replay.stores)
				replay.new_state_at = (__u32)i;
			continue;
		}
		/* Back to the old state after the new is a third one, too. */
		if (!views_equal(&view, &old) ||
		    replay.new_state_at < replay.stores) {
			replay.third_state_at = (__u32)i;
			replay.fault = view.fault;
			break;
		}
	}
	free(memory);
	return replay;
}

const void *stores_memory(const struct stores_machine *machine, size_t *size)
{
	*size = machine->size;
	return machine->memory;
}

const void *stores_header(const struct stores_machine *machine, size_t *size)
{
	__u64 table = le64_to_cpu(machine->subsystem->regions_baseptr);
	const struct minidump_region *region =
		machine_at(machine, machine->memory, table, sizeof(*region));

	if (!region)
		return NULL;
	*size = le64_to_cpu(region->size);
	return machine_at(machine, machine->memory,
			  le64_to_cpu(region->address), *size);
}

int stores_header_contains(const struct stores_machine *machine,
			   const char *text)
{
	size_t size = 0;
	const void *header = stores_header(machine, &size);

	return header && memmem(header, size, text, strlen(text)) != NULL;
}
