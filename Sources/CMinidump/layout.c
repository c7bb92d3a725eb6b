// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <md_platform.h>

#include "md_elf.h"
#include "md_layout.h"
#include "md_toc.h"
#include "slot.h"

#define ALIGN_UP(value, to) (((value) + (to)-1) & ~((to)-1))

_Static_assert(sizeof(struct minidump_region) == MD_REGION_BYTES, "region");
_Static_assert(offsetof(struct minidump_region, seq_num) == 16, "seq_num");
_Static_assert(offsetof(struct minidump_region, valid) == 20, "valid");
_Static_assert(offsetof(struct minidump_region, address) == 24, "address");
_Static_assert(offsetof(struct minidump_region, size) == 32, "size");
_Static_assert(sizeof(struct minidump_subsystem) == MD_SUBSYSTEM_BYTES,
	       "subsystem");
_Static_assert(offsetof(struct minidump_subsystem, region_count) == 16,
	       "region_count");
_Static_assert(offsetof(struct minidump_subsystem, regions_baseptr) == 24,
	       "regions_baseptr");
_Static_assert(sizeof(struct minidump_global_toc) == MD_GLOBAL_TOC_BYTES,
	       "global ToC");
_Static_assert(sizeof(struct md_elf64_ehdr) == 64, "ELF64 header");
_Static_assert(sizeof(struct md_elf64_shdr) == 64, "ELF64 section");
_Static_assert(sizeof(struct md_elf64_phdr) == 56, "ELF64 segment");
_Static_assert(sizeof(struct md_elf32_ehdr) == 52, "ELF32 header");
_Static_assert(sizeof(struct md_elf32_shdr) == 40, "ELF32 section");
_Static_assert(sizeof(struct md_elf32_phdr) == 32, "ELF32 segment");
_Static_assert(MD_CAPACITY_MAX + MD_FIXED_SECTIONS + 1 < MD_ELF_SHN_LORESERVE,
	       "e_shnum and e_phnum can say every capacity");

static bool format_is_valid(const struct md_format *format)
{
	if (format->capacity < 1 || format->capacity > MD_CAPACITY_MAX)
		return false;
	if (format->elf_class != MD_ELF_CLASS32 &&
	    format->elf_class != MD_ELF_CLASS64)
		return false;
	if (format->machine > 0xffff)
		return false;
	if (!format->banner ||
	    strnlen(format->banner, MD_BANNER_MAX) == MD_BANNER_MAX)
		return false;
	if (!format->note)
		return format->note_size == 0;
	return format->note_size > 0 && format->note_size <= MD_NOTE_MAX &&
	       format->note_size % 4 == 0;
}

static void layout_place(const struct md_format *format,
			 struct md_layout *layout, __u32 end)
{
	layout->section_offset = end;
	end += layout->section_stride *
	       (layout->section_fixed + format->capacity);
	layout->segment_offset = end;
	end += layout->segment_stride *
	       (layout->segment_fixed + format->capacity);
	layout->strings_offset = end;
	layout->strings_size =
		MD_NAME_SIZE * (MD_FIXED_SECTIONS + format->capacity);
	end += layout->strings_size;
	layout->banner_offset = end;
	layout->banner_size = (__u32)strlen(format->banner) + 1;
	end = ALIGN_UP(end + layout->banner_size, 4u);
	layout->note_offset = end;
	layout->note_size = format->note_size;
	layout->header_size = ALIGN_UP(end + layout->note_size, 8u);
}

int md_layout_init(const struct md_format *format, struct md_layout *layout)
{
	bool wide = format->elf_class == MD_ELF_CLASS64;
	__u32 extra = format->note ? 1 : 0;

	if (!format_is_valid(format))
		return -EINVAL;
	*layout = (struct md_layout){
		.section_stride = wide ? sizeof(struct md_elf64_shdr)
				       : sizeof(struct md_elf32_shdr),
		.section_fixed = MD_FIXED_SECTIONS + extra,
		.segment_stride = wide ? sizeof(struct md_elf64_phdr)
				       : sizeof(struct md_elf32_phdr),
		.segment_fixed = MD_FIXED_SEGMENTS + extra,
		.table_size = MD_REGION_BYTES * (1 + format->capacity),
		.storage_size = md_storage_size(format->capacity),
	};
	layout_place(format, layout,
		     wide ? sizeof(struct md_elf64_ehdr)
			  : sizeof(struct md_elf32_ehdr));
	return 0;
}
