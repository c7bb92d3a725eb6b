/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef STORES_MACHINE_H
#define STORES_MACHINE_H

#include <md_platform.h>

#include "../../Sources/CMinidump/include/minidump.h"
#include "include/minidump_stores.h"

/* Physical address of the first byte; what the kernel adds to map it. */
#define STORES_BASE 0x80000000ull
#define STORES_VIRT 0x40000000ull

/* In memory: the global table, and behind it what the writer allocates. */
#define STORES_TOC_BYTES 512

struct stores_store {
	__u32 offset;
	__u8 size;
	__u8 bytes[8];
};

struct stores_machine {
	enum stores_writer writer;
	unsigned char *memory;
	unsigned char *before;
	size_t size;
	size_t used;
	struct stores_store *log;
	size_t log_count;
	size_t log_room;
	struct minidump_subsystem *subsystem;
	/* The core's. */
	struct md_table table;
	void *storage;
	/* The original's: places in the header. */
	unsigned char *header;
	struct minidump_region *regions;
	__u32 capacity;
	__u64 elf_offset;
	__u32 string_index;
};

/* Bytes of the machine's memory, zeroed; its physical address. */
void *machine_take(struct stores_machine *machine, size_t size, __u64 *phys);

/* Where a physical range is, or NULL. */
const void *machine_at(const struct stores_machine *machine,
		       const unsigned char *memory, __u64 phys, __u64 size);

/* What a reader finds in this state of the memory. */
struct stores_view reader_read(const struct stores_machine *machine,
			       const unsigned char *memory);

/* The model of the original. */
void original_init(struct stores_machine *machine);
int original_register(struct stores_machine *machine, const char *name,
		      __u64 virt, __u64 phys, __u64 size);
int original_unregister(struct stores_machine *machine, __u32 index);

#endif
