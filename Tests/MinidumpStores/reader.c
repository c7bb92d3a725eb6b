// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What firmware and a collector make of the memory of a stopped machine:
 * the regions of the table, and an ELF header that must agree with them.
 */
#include "machine.h"

#include <stdio.h>

/* One reading: where the tables are, and what was seen so far. */
struct reading {
	const struct stores_machine *machine;
	const unsigned char *memory;
	const unsigned char *header;
	__u64 header_size;
	int wide;
	__u32 section;
	__u32 segment;
	__u64 end;
	struct stores_view view;
};

/* The fields of a section and of its segment that must agree. */
struct pair {
	const char *name;
	__u64 flags;
	__u64 addr;
	__u64 offset;
	__u64 size;
	__u64 vaddr;
	__u64 paddr;
	__u64 segment_offset;
	__u64 segment_size;
};

static void digest_add(struct reading *reading, const void *bytes, size_t size)
{
	const unsigned char *byte = bytes;

	while (size-- > 0)
		reading->view.digest =
			(reading->view.digest ^ *byte++) * 0x100000001b3ull;
}

static __u64 number(const void *at, size_t size)
{
	__u64 value = 0;

	memcpy(&value, at, size);
	return le64_to_cpu(value);
}

#define FIELD(reading, at, kind, field)                                        \
	((reading)->wide                                                       \
		 ? number((at) + offsetof(struct md_elf64_##kind, field),      \
			  sizeof(((struct md_elf64_##kind *)0)->field))        \
		 : number((at) + offsetof(struct md_elf32_##kind, field),      \
			  sizeof(((struct md_elf32_##kind *)0)->field)))

static const unsigned char *entry_at(const struct reading *reading, __u64 table,
				     __u64 stride, __u32 index)
{
	__u64 at = table + stride * index;

	return at + stride <= reading->header_size ? reading->header + at
						   : NULL;
}

static const unsigned char *section_at(const struct reading *reading, __u32 i)
{
	if (i >= FIELD(reading, reading->header, ehdr, e_shnum))
		return NULL;
	return entry_at(reading, FIELD(reading, reading->header, ehdr, e_shoff),
			FIELD(reading, reading->header, ehdr, e_shentsize), i);
}

static const unsigned char *segment_at(const struct reading *reading, __u32 i)
{
	if (i >= FIELD(reading, reading->header, ehdr, e_phnum))
		return NULL;
	return entry_at(reading, FIELD(reading, reading->header, ehdr, e_phoff),
			FIELD(reading, reading->header, ehdr, e_phentsize), i);
}

static const char *name_of(const struct reading *reading,
			   const unsigned char *section)
{
	const unsigned char *strings = section_at(reading, MD_SECTION_STRINGS);
	__u64 at = FIELD(reading, strings, shdr, sh_offset) +
		   FIELD(reading, section, shdr, sh_name);

	return at + MD_NAME_SIZE <= reading->header_size
		       ? (const char *)reading->header + at
		       : "";
}

/* The next section and the next segment of a client, or a fault. */
static const char *pair_next(struct reading *reading, struct pair *pair)
{
	const unsigned char *section = section_at(reading, reading->section++);
	const unsigned char *segment = segment_at(reading, reading->segment++);

	if (!section || !segment)
		return "a region has no section or segment";
	*pair = (struct pair){
		.name = name_of(reading, section),
		.flags = FIELD(reading, section, shdr, sh_flags),
		.addr = FIELD(reading, section, shdr, sh_addr),
		.offset = FIELD(reading, section, shdr, sh_offset),
		.size = FIELD(reading, section, shdr, sh_size),
		.vaddr = FIELD(reading, segment, phdr, p_vaddr),
		.paddr = FIELD(reading, segment, phdr, p_paddr),
		.segment_offset = FIELD(reading, segment, phdr, p_offset),
		.segment_size = FIELD(reading, segment, phdr, p_filesz),
	};
	return NULL;
}

static const char *region_read(struct reading *reading,
			       const struct minidump_region *region)
{
	static const struct minidump_region empty;
	char full[2 * MD_NAME_SIZE];
	struct pair pair;
	const char *fault;

	if (le32_to_cpu(region->valid) != MD_REGION_VALID)
		return memcmp(region, &empty, sizeof(empty))
			       ? "an invalid region is not empty"
			       : NULL;
	fault = pair_next(reading, &pair);
	if (fault)
		return fault;
	snprintf(full, sizeof(full), "%.*s%.0u", (int)MD_NAME_SIZE,
		 region->name, le32_to_cpu(region->seq_num));
	if (strncmp(full, pair.name, sizeof(full)) != 0)
		return "a section has another name than its region";
	if (pair.addr != pair.vaddr || pair.offset != pair.segment_offset ||
	    pair.size != pair.segment_size)
		return "a section and its segment differ";
	if (pair.paddr != le64_to_cpu(region->address) ||
	    pair.size != le64_to_cpu(region->size))
		return "a segment and its region differ";
	digest_add(reading, full, strlen(full));
	digest_add(reading, &pair.addr,
		   sizeof(pair) - offsetof(struct pair, addr));
	reading->view.packed &= pair.offset == reading->end;
	reading->end += pair.size;
	if (pair.offset + pair.size > reading->view.end)
		reading->view.end = pair.offset + pair.size;
	reading->view.count++;
	return NULL;
}

/* Where the entries of clients start: behind the banner's. */
static const char *header_open(struct reading *reading)
{
	const unsigned char *header = reading->header;

	if (reading->header_size < sizeof(struct md_elf64_ehdr) ||
	    memcmp(header, "\177ELF", 4) != 0)
		return "the first region is no ELF header";
	reading->wide = header[4] == MD_ELF_CLASS64;
	while (section_at(reading, reading->section)) {
		const unsigned char *at =
			section_at(reading, reading->section++);

		if (strcmp(name_of(reading, at), MD_NAME_BANNER) == 0)
			break;
	}
	reading->segment = MD_FIXED_SEGMENTS;
	if (!segment_at(reading, 0) || FIELD(reading, segment_at(reading, 0),
					     phdr, p_type) != MD_ELF_PT_LOAD)
		return "the banner has no segment";
	return NULL;
}

static const char *table_read(struct reading *reading,
			      const struct minidump_subsystem *subsystem)
{
	__u32 count = le32_to_cpu(subsystem->region_count);
	const struct minidump_region *regions =
		machine_at(reading->machine, reading->memory,
			   le64_to_cpu(subsystem->regions_baseptr),
			   (__u64)count * MD_REGION_BYTES);
	const char *fault;
	__u32 i;

	if (!regions)
		return "the region table is out of memory";
	if (count == 0)
		return NULL;
	reading->header_size = le64_to_cpu(regions[0].size);
	reading->end = reading->header_size;
	reading->view.end = reading->header_size;
	reading->header = machine_at(reading->machine, reading->memory,
				     le64_to_cpu(regions[0].address),
				     reading->header_size);
	fault = reading->header ? header_open(reading)
				: "the header region is out of memory";
	for (i = 1; i < count && !fault; i++)
		fault = region_read(reading, &regions[i]);
	if (!fault && (section_at(reading, reading->section) ||
		       segment_at(reading, reading->segment)))
		fault = "a section or segment has no region";
	return fault;
}

struct stores_view reader_read(const struct stores_machine *machine,
			       const unsigned char *memory)
{
	const struct minidump_global_toc *toc = (const void *)memory;
	const struct minidump_subsystem *subsystem = toc->subsystems;
	struct reading reading = {
		.machine = machine,
		.memory = memory,
		.view = {.packed = 1, .digest = 0xcbf29ce484222325ull},
	};

	if (le32_to_cpu(subsystem->enabled) != MD_ENABLED ||
	    le32_to_cpu(subsystem->status) != MD_STATUS_READY)
		return reading.view;
	digest_add(&reading, "enabled", 7);
	reading.view.fault = table_read(&reading, subsystem);
	return reading.view;
}
