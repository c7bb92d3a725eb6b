// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <md_platform.h>

#include "header.h"
#include "md_elf.h"
#include "slot.h"

/* Where the note's name is in the string table: behind the empty name. */
#define NOTE_NAME_OFFSET 1u

/* Neither class is named: what a section and its segment have in common. */
struct header_entry {
	__u32 name;
	__u32 section_type;
	__u32 section_flags;
	__u32 segment_type;
	__u32 segment_flags;
	__u64 virt;
	__u64 phys;
	__u64 offset;
	__u64 size;
	__u32 align;
};

static bool is_wide(const struct md_table *table)
{
	return table->elf_class == MD_ELF_CLASS64;
}

static char *section_at(const struct md_table *table,
			const struct md_copy *copy, __u32 number)
{
	return (char *)copy->header + table->layout.section_offset +
	       number * table->layout.section_stride;
}

static char *segment_at(const struct md_table *table,
			const struct md_copy *copy, __u32 number)
{
	return (char *)copy->header + table->layout.segment_offset +
	       number * table->layout.segment_stride;
}

static char *string_at(const struct md_table *table, const struct md_copy *copy,
		       __u32 slot)
{
	return (char *)copy->header + table->layout.strings_offset +
	       slot * MD_NAME_SIZE;
}

static void section_put(const struct md_table *table, void *at,
			const struct header_entry *entry)
{
	const struct md_elf64_shdr wide = {
		.sh_name = cpu_to_le32(entry->name),
		.sh_type = cpu_to_le32(entry->section_type),
		.sh_flags = cpu_to_le64(entry->section_flags),
		.sh_addr = cpu_to_le64(entry->virt),
		.sh_offset = cpu_to_le64(entry->offset),
		.sh_size = cpu_to_le64(entry->size),
		.sh_addralign = cpu_to_le64(entry->align),
	};
	const struct md_elf32_shdr narrow = {
		.sh_name = cpu_to_le32(entry->name),
		.sh_type = cpu_to_le32(entry->section_type),
		.sh_flags = cpu_to_le32(entry->section_flags),
		.sh_addr = cpu_to_le32((__u32)entry->virt),
		.sh_offset = cpu_to_le32((__u32)entry->offset),
		.sh_size = cpu_to_le32((__u32)entry->size),
		.sh_addralign = cpu_to_le32(entry->align),
	};

	if (is_wide(table))
		md_store_bytes(at, &wide, sizeof(wide));
	else
		md_store_bytes(at, &narrow, sizeof(narrow));
}

static void segment_put(const struct md_table *table, void *at,
			const struct header_entry *entry)
{
	const struct md_elf64_phdr wide = {
		.p_type = cpu_to_le32(entry->segment_type),
		.p_flags = cpu_to_le32(entry->segment_flags),
		.p_offset = cpu_to_le64(entry->offset),
		.p_vaddr = cpu_to_le64(entry->virt),
		.p_paddr = cpu_to_le64(entry->phys),
		.p_filesz = cpu_to_le64(entry->size),
		.p_memsz = cpu_to_le64(entry->size),
		.p_align = cpu_to_le64(entry->align),
	};
	const struct md_elf32_phdr narrow = {
		.p_type = cpu_to_le32(entry->segment_type),
		.p_flags = cpu_to_le32(entry->segment_flags),
		.p_offset = cpu_to_le32((__u32)entry->offset),
		.p_vaddr = cpu_to_le32((__u32)entry->virt),
		.p_paddr = cpu_to_le32((__u32)entry->phys),
		.p_filesz = cpu_to_le32((__u32)entry->size),
		.p_memsz = cpu_to_le32((__u32)entry->size),
		.p_align = cpu_to_le32(entry->align),
	};

	if (is_wide(table))
		md_store_bytes(at, &wide, sizeof(wide));
	else
		md_store_bytes(at, &narrow, sizeof(narrow));
}

static void wide_ehdr_put(const struct md_table *table, void *at, __u32 machine)
{
	const struct md_layout *layout = &table->layout;
	const struct md_elf64_ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', MD_ELF_CLASS64, MD_ELF_LSB,
			    MD_ELF_CURRENT},
		.e_type = cpu_to_le16(MD_ELF_CORE),
		.e_machine = cpu_to_le16((__u16)machine),
		.e_version = cpu_to_le32(MD_ELF_CURRENT),
		.e_phoff = cpu_to_le64(layout->segment_offset),
		.e_shoff = cpu_to_le64(layout->section_offset),
		.e_ehsize = cpu_to_le16(sizeof(header)),
		.e_phentsize = cpu_to_le16((__u16)layout->segment_stride),
		.e_shentsize = cpu_to_le16((__u16)layout->section_stride),
		.e_shstrndx = cpu_to_le16(MD_SECTION_STRINGS),
	};

	md_store_bytes(at, &header, sizeof(header));
}

static void narrow_ehdr_put(const struct md_table *table, void *at,
			    __u32 machine)
{
	const struct md_layout *layout = &table->layout;
	const struct md_elf32_ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', MD_ELF_CLASS32, MD_ELF_LSB,
			    MD_ELF_CURRENT},
		.e_type = cpu_to_le16(MD_ELF_CORE),
		.e_machine = cpu_to_le16((__u16)machine),
		.e_version = cpu_to_le32(MD_ELF_CURRENT),
		.e_phoff = cpu_to_le32(layout->segment_offset),
		.e_shoff = cpu_to_le32(layout->section_offset),
		.e_ehsize = cpu_to_le16(sizeof(header)),
		.e_phentsize = cpu_to_le16((__u16)layout->segment_stride),
		.e_shentsize = cpu_to_le16((__u16)layout->section_stride),
		.e_shstrndx = cpu_to_le16(MD_SECTION_STRINGS),
	};

	md_store_bytes(at, &header, sizeof(header));
}

/* Something inside the header region itself, with a segment of its own. */
static void inner_put(const struct md_table *table, const struct md_copy *copy,
		      __u32 section, __u32 segment, struct header_entry entry)
{
	entry.virt = copy->header_virt + entry.offset;
	entry.phys = copy->header_phys + entry.offset;
	section_put(table, section_at(table, copy, section), &entry);
	segment_put(table, segment_at(table, copy, segment), &entry);
}

static void strings_init(const struct md_table *table,
			 const struct md_copy *copy)
{
	const struct header_entry entry = {
		.name = MD_NAME_SIZE * MD_SECTION_STRINGS,
		.section_type = MD_ELF_SHT_STRTAB,
		.offset = table->layout.strings_offset,
		.size = table->layout.strings_size,
		.align = 1,
	};

	md_store_bytes(string_at(table, copy, MD_SECTION_STRINGS),
		       MD_NAME_STRINGS, sizeof(MD_NAME_STRINGS));
	section_put(table, section_at(table, copy, MD_SECTION_STRINGS), &entry);
}

static void banner_init(const struct md_table *table,
			const struct md_copy *copy, const char *banner)
{
	const struct header_entry entry = {
		.name = MD_NAME_SIZE * MD_SECTION_BANNER,
		.section_type = MD_ELF_SHT_PROGBITS,
		.section_flags = MD_ELF_SHF_ALLOC,
		.segment_type = MD_ELF_PT_LOAD,
		.segment_flags = MD_ELF_PF_R,
		.offset = table->layout.banner_offset,
		.size = table->layout.banner_size,
		.align = 1,
	};

	md_store_bytes(string_at(table, copy, MD_SECTION_BANNER),
		       MD_NAME_BANNER, sizeof(MD_NAME_BANNER));
	md_store_bytes((char *)copy->header + table->layout.banner_offset,
		       banner, table->layout.banner_size);
	inner_put(table, copy, MD_SECTION_BANNER, 0, entry);
}

static void note_init(const struct md_table *table, const struct md_copy *copy,
		      const void *note)
{
	const struct header_entry entry = {
		.name = NOTE_NAME_OFFSET,
		.section_type = MD_ELF_SHT_NOTE,
		.segment_type = MD_ELF_PT_NOTE,
		.segment_flags = MD_ELF_PF_R,
		.offset = table->layout.note_offset,
		.size = table->layout.note_size,
		.align = 4,
	};

	md_store_bytes(string_at(table, copy, 0) + NOTE_NAME_OFFSET,
		       MD_NAME_NOTE, sizeof(MD_NAME_NOTE));
	md_store_bytes((char *)copy->header + table->layout.note_offset, note,
		       table->layout.note_size);
	inner_put(table, copy, MD_SECTION_NOTE, MD_FIXED_SEGMENTS, entry);
}

void md_header_init(const struct md_table *table, const struct md_copy *copy,
		    const struct md_format *format)
{
	md_clear_bytes(copy->header, table->layout.header_size);
	if (is_wide(table))
		wide_ehdr_put(table, copy->header, format->machine);
	else
		narrow_ehdr_put(table, copy->header, format->machine);
	strings_init(table, copy);
	banner_init(table, copy, format->banner);
	if (format->note)
		note_init(table, copy, format->note);
	md_header_count(table, copy);
	md_clean(copy->header, table->layout.header_size);
}

void md_header_put(const struct md_table *table, const struct md_copy *copy,
		   const struct md_slot *slot)
{
	const struct md_layout *layout = &table->layout;
	__u32 string = MD_FIXED_SECTIONS + slot->index;
	char *name = string_at(table, copy, string);
	char *section =
		section_at(table, copy, layout->section_fixed + slot->index);
	char *segment =
		segment_at(table, copy, layout->segment_fixed + slot->index);
	const struct header_entry entry = {
		.name = string * MD_NAME_SIZE,
		.section_type = MD_ELF_SHT_PROGBITS,
		.section_flags = MD_ELF_SHF_WRITE | MD_ELF_SHF_ALLOC,
		.segment_type = MD_ELF_PT_LOAD,
		.segment_flags = MD_ELF_PF_RW,
		.virt = slot->virt,
		.phys = slot->phys,
		.offset = slot->offset,
		.size = slot->size,
		.align = 1,
	};

	md_store_bytes(name, slot->full, MD_NAME_SIZE);
	section_put(table, section, &entry);
	segment_put(table, segment, &entry);
	md_clean(name, MD_NAME_SIZE);
	md_clean(section, layout->section_stride);
	md_clean(segment, layout->segment_stride);
}

void md_header_clear(const struct md_table *table, const struct md_copy *copy,
		     __u32 index)
{
	const struct md_layout *layout = &table->layout;
	char *name = string_at(table, copy, MD_FIXED_SECTIONS + index);
	char *section = section_at(table, copy, layout->section_fixed + index);
	char *segment = segment_at(table, copy, layout->segment_fixed + index);

	md_clear_bytes(name, MD_NAME_SIZE);
	md_clear_bytes(section, layout->section_stride);
	md_clear_bytes(segment, layout->segment_stride);
	md_clean(name, MD_NAME_SIZE);
	md_clean(section, layout->section_stride);
	md_clean(segment, layout->segment_stride);
}

void md_header_count(const struct md_table *table, const struct md_copy *copy)
{
	char *header = copy->header;
	__le16 sections = cpu_to_le16(
		(__u16)(table->layout.section_fixed + table->count));
	__le16 segments = cpu_to_le16(
		(__u16)(table->layout.segment_fixed + table->count));
	bool wide = is_wide(table);

	md_store_bytes(header +
			       (wide ? offsetof(struct md_elf64_ehdr, e_shnum)
				     : offsetof(struct md_elf32_ehdr, e_shnum)),
		       &sections, sizeof(sections));
	md_store_bytes(header +
			       (wide ? offsetof(struct md_elf64_ehdr, e_phnum)
				     : offsetof(struct md_elf32_ehdr, e_phnum)),
		       &segments, sizeof(segments));
	md_clean(header, sizeof(struct md_elf64_ehdr));
}
