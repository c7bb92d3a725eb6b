/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * ELF as far as a minidump needs it: the structures of both classes, always
 * little-endian, and the numbers that the header region uses. Own names,
 * because neither world's <elf.h> is in the other.
 */
#ifndef MD_ELF_H
#define MD_ELF_H

#include <linux/types.h>

/* e_ident[EI_CLASS]. */
#define MD_ELF_CLASS32 1u
#define MD_ELF_CLASS64 2u

/* e_ident[EI_DATA], e_ident[EI_VERSION] and e_version. */
#define MD_ELF_LSB     1u
#define MD_ELF_CURRENT 1u

/* e_type. */
#define MD_ELF_CORE 4u

/* e_machine, the usual ones. */
#define MD_ELF_386     3u
#define MD_ELF_ARM     40u
#define MD_ELF_X86_64  62u
#define MD_ELF_AARCH64 183u

/* p_type. */
#define MD_ELF_PT_LOAD 1u
#define MD_ELF_PT_NOTE 4u

/* p_flags: readable and writable, readable. */
#define MD_ELF_PF_RW 6u
#define MD_ELF_PF_R  4u

/* sh_type. */
#define MD_ELF_SHT_NULL	    0u
#define MD_ELF_SHT_PROGBITS 1u
#define MD_ELF_SHT_STRTAB   3u
#define MD_ELF_SHT_NOTE	    7u

/* sh_flags: writable, part of a segment. */
#define MD_ELF_SHF_WRITE 1u
#define MD_ELF_SHF_ALLOC 2u

/* The first section number that e_shnum cannot say. */
#define MD_ELF_SHN_LORESERVE 0xff00u

struct md_elf64_ehdr {
	__u8 e_ident[16];
	__le16 e_type;
	__le16 e_machine;
	__le32 e_version;
	__le64 e_entry;
	__le64 e_phoff;
	__le64 e_shoff;
	__le32 e_flags;
	__le16 e_ehsize;
	__le16 e_phentsize;
	__le16 e_phnum;
	__le16 e_shentsize;
	__le16 e_shnum;
	__le16 e_shstrndx;
};

struct md_elf64_shdr {
	__le32 sh_name;
	__le32 sh_type;
	__le64 sh_flags;
	__le64 sh_addr;
	__le64 sh_offset;
	__le64 sh_size;
	__le32 sh_link;
	__le32 sh_info;
	__le64 sh_addralign;
	__le64 sh_entsize;
};

struct md_elf64_phdr {
	__le32 p_type;
	__le32 p_flags;
	__le64 p_offset;
	__le64 p_vaddr;
	__le64 p_paddr;
	__le64 p_filesz;
	__le64 p_memsz;
	__le64 p_align;
};

struct md_elf32_ehdr {
	__u8 e_ident[16];
	__le16 e_type;
	__le16 e_machine;
	__le32 e_version;
	__le32 e_entry;
	__le32 e_phoff;
	__le32 e_shoff;
	__le32 e_flags;
	__le16 e_ehsize;
	__le16 e_phentsize;
	__le16 e_phnum;
	__le16 e_shentsize;
	__le16 e_shnum;
	__le16 e_shstrndx;
};

struct md_elf32_shdr {
	__le32 sh_name;
	__le32 sh_type;
	__le32 sh_flags;
	__le32 sh_addr;
	__le32 sh_offset;
	__le32 sh_size;
	__le32 sh_link;
	__le32 sh_info;
	__le32 sh_addralign;
	__le32 sh_entsize;
};

struct md_elf32_phdr {
	__le32 p_type;
	__le32 p_offset;
	__le32 p_vaddr;
	__le32 p_paddr;
	__le32 p_filesz;
	__le32 p_memsz;
	__le32 p_flags;
	__le32 p_align;
};

#endif
