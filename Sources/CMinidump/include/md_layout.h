/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The layout of the ELF header region. In this order, none touching another:
 *
 *	ELF header
 *	section headers	  null, STR_TBL, linux_banner, [VMCOREINFO], regions
 *	program headers	  linux_banner, [VMCOREINFO], regions
 *	string table	  one slot of MD_NAME_SIZE bytes per name
 *	banner
 *	[note]
 *
 * Every table has room for all fixed entries and for all of the capacity.
 * A name has a slot of its own, zero-padded, so no name can reach another's.
 * Slot 0 starts with the empty name and holds VMCOREINFO behind it: parsers
 * that take every string from STR_TBL on for a file's name do not see it.
 */
#ifndef MD_LAYOUT_H
#define MD_LAYOUT_H

#include <linux/types.h>

/* Regions of clients, next to the header region itself. */
#define MD_CAPACITY_DEFAULT 200u
#define MD_CAPACITY_MAX	    65000u

/* Longest banner and note, in bytes. */
#define MD_BANNER_MAX 1024u
#define MD_NOTE_MAX   65536u

/* Names that no client can have. */
#define MD_NAME_HEADER	"KELF_HEADER"
#define MD_NAME_STRINGS "STR_TBL"
#define MD_NAME_BANNER	"linux_banner"
#define MD_NAME_NOTE	"VMCOREINFO"

/* Sections and segments in front of those of the regions, without a note. */
#define MD_FIXED_SECTIONS 3u
#define MD_FIXED_SEGMENTS 1u

/* Section numbers. */
#define MD_SECTION_STRINGS 1u
#define MD_SECTION_BANNER  2u
#define MD_SECTION_NOTE	   3u

/**
 * struct md_format - what a header region is to hold
 * @capacity: most regions of clients, 1 to MD_CAPACITY_MAX
 * @elf_class: MD_ELF_CLASS32 or MD_ELF_CLASS64
 * @machine: e_machine
 * @banner: the kernel's version line, NUL-terminated, up to MD_BANNER_MAX
 * @note: a complete ELF note (VMCOREINFO), or NULL
 * @note_size: its bytes, a multiple of 4, up to MD_NOTE_MAX; 0 without one
 */
struct md_format {
	__u32 capacity;
	__u32 elf_class;
	__u32 machine;
	const char *banner;
	const void *note;
	__u32 note_size;
};

/**
 * struct md_layout - where everything is, in bytes from the header's start
 * @section_offset: section headers
 * @section_stride: bytes of one
 * @section_fixed: sections in front of the first region's
 * @segment_offset: program headers
 * @segment_stride: bytes of one
 * @segment_fixed: segments in front of the first region's
 * @strings_offset: string table
 * @strings_size: its bytes
 * @banner_offset: banner
 * @banner_size: its bytes, the NUL included
 * @note_offset: note
 * @note_size: its bytes, 0 without one
 * @header_size: bytes of a header region; the first region's file offset
 * @table_size: bytes of a region table
 * @storage_size: bytes of the private storage of a struct md_table
 */
struct md_layout {
	__u32 section_offset;
	__u32 section_stride;
	__u32 section_fixed;
	__u32 segment_offset;
	__u32 segment_stride;
	__u32 segment_fixed;
	__u32 strings_offset;
	__u32 strings_size;
	__u32 banner_offset;
	__u32 banner_size;
	__u32 note_offset;
	__u32 note_size;
	__u32 header_size;
	__u32 table_size;
	__u64 storage_size;
};

/**
 * md_layout_init() - compute a layout
 * @format: what the header is to hold
 * @layout: the layout, on success
 *
 * Return: 0; -EINVAL for a capacity, class, banner or note out of bounds.
 */
int md_layout_init(const struct md_format *format, struct md_layout *layout);

#endif
