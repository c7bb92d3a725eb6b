/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A machine whose memory a minidump reader could be let loose on at any
 * moment. Every store of the writer is logged; replaying a prefix of the log
 * onto the memory as it was before gives what a reader finds when the machine
 * stops there.
 */
#ifndef MINIDUMP_STORES_H
#define MINIDUMP_STORES_H

#include <linux/types.h>
#include <stddef.h>

struct stores_machine;

/* Who writes: the core, or a model of what the original driver did. */
enum stores_writer {
	STORES_CORE,
	STORES_ORIGINAL,
};

/* What a reader found. */
struct stores_view {
	/* Why it is no state at all, or NULL. */
	const char *fault;
	/* Regions of clients. */
	__u32 count;
	/* Whether contents lie one behind the other, without holes. */
	int packed;
	/* Where the last of them ends in the core file. */
	__u64 end;
	/* Over names, addresses, sizes and contents' places. */
	__u64 digest;
};

/* What replaying the last operation showed. */
struct stores_replay {
	/* Stores of the operation. */
	__u32 stores;
	/* The first after which a reader saw neither old nor new; or stores. */
	__u32 third_state_at;
	/* The first after which it saw the new state for good. */
	__u32 new_state_at;
	/* Why the third state is none, or NULL. */
	const char *fault;
};

/* A machine with a table of no regions; the table is shown. */
struct stores_machine *stores_create(enum stores_writer writer, __u32 capacity,
				     __u32 elf_class);
void stores_destroy(struct stores_machine *machine);

/* The operations; each starts a log of its own. 0 or -errno. */
int stores_show(struct stores_machine *machine);
int stores_withdraw(struct stores_machine *machine);
int stores_register(struct stores_machine *machine, const char *name, __u32 seq,
		    __u64 virt, __u64 phys, __u64 size, __u64 *handle);
int stores_update(struct stores_machine *machine, __u64 handle, __u64 virt,
		  __u64 phys, __u64 size);
int stores_unregister(struct stores_machine *machine, __u64 handle);
int stores_compact(struct stores_machine *machine);
int stores_find(struct stores_machine *machine, const char *name,
		__u64 *handle);

/* What a reader finds now; and what it would have found on the way here. */
struct stores_view stores_read(const struct stores_machine *machine);
struct stores_replay stores_replay(const struct stores_machine *machine);

/* All memory that a reader may see. */
const void *stores_memory(const struct stores_machine *machine, size_t *size);

/* The header region that a reader is pointed to, or NULL. */
const void *stores_header(const struct stores_machine *machine, size_t *size);

/* Whether these bytes are anywhere in that header region. */
int stores_header_contains(const struct stores_machine *machine,
			   const char *text);

#endif
