// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The same entry made with libelf: a section, its name, a segment, and the
 * header region written out, so that it is as complete as the core leaves it.
 * The library is opened at run time: nothing else here needs it.
 */
#define _GNU_SOURCE
#include "minidump_bench.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

/* Of libelf's interface, as far as it is used. */
#define LIBELF_C_WRITE	3
#define LIBELF_F_DIRTY	1
#define LIBELF_F_LAYOUT 4
#define LIBELF_C_SET	5
#define LIBELF_T_BYTE	0

struct libelf_data {
	void *d_buf;
	int d_type;
	unsigned int d_version;
	size_t d_size;
	int64_t d_off;
	size_t d_align;
};

static struct {
	unsigned int (*version)(unsigned int);
	void *(*begin)(int, int, void *);
	int (*end)(void *);
	int64_t (*update)(void *, int);
	unsigned int (*flagelf)(void *, int, unsigned int);
	Elf64_Ehdr *(*newehdr)(void *);
	Elf64_Phdr *(*newphdr)(void *, size_t);
	void *(*newscn)(void *);
	Elf64_Shdr *(*getshdr)(void *);
	struct libelf_data *(*newdata)(void *);
	unsigned int (*flagdata)(struct libelf_data *, int, unsigned int);
} libelf;

/* A core file in the making. */
struct libelf_file {
	int fd;
	void *elf;
	__u32 count;
	__u32 room;
	__u64 end;
	struct libelf_data *strings;
	Elf64_Shdr *strings_section;
	char *names;
	Elf64_Phdr *segments;
};

static bool symbol_open(void *library, const char *name, void *function)
{
	void *found = dlsym(library, name);

	memcpy(function, &found, sizeof(found));
	return found != NULL;
}

static bool libelf_open(void)
{
	void *library = dlopen("libelf.so.1", RTLD_NOW);

	return library &&
	       symbol_open(library, "elf_version", &libelf.version) &&
	       symbol_open(library, "elf_begin", &libelf.begin) &&
	       symbol_open(library, "elf_end", &libelf.end) &&
	       symbol_open(library, "elf_update", &libelf.update) &&
	       symbol_open(library, "elf_flagelf", &libelf.flagelf) &&
	       symbol_open(library, "elf64_newehdr", &libelf.newehdr) &&
	       symbol_open(library, "elf64_newphdr", &libelf.newphdr) &&
	       symbol_open(library, "elf_newscn", &libelf.newscn) &&
	       symbol_open(library, "elf64_getshdr", &libelf.getshdr) &&
	       symbol_open(library, "elf_newdata", &libelf.newdata) &&
	       symbol_open(library, "elf_flagdata", &libelf.flagdata) &&
	       libelf.version(EV_CURRENT) != EV_NONE;
}

/* Tables at places of their own, as in the header region. */
static __u64 strings_offset(const struct libelf_file *file)
{
	return 64 + (64ull + 56) * (file->room + 2);
}

static int entry_append(struct libelf_file *file)
{
	char *name = file->names + 16 * (file->count + 1);
	void *section = libelf.newscn(file->elf);
	Elf64_Shdr *header = section ? libelf.getshdr(section) : NULL;
	struct libelf_data *data = header ? libelf.newdata(section) : NULL;

	if (!data)
		return -ENOMEM;
	/* A section without data would not be taken. */
	data->d_version = EV_CURRENT;
	data->d_type = LIBELF_T_BYTE;
	data->d_size = 4096;
	data->d_align = 1;
	snprintf(name, 16, "KREG%u", file->count);
	file->strings->d_size = 16 * (file->count + 2);
	file->strings_section->sh_size = file->strings->d_size;
	libelf.flagdata(file->strings, LIBELF_C_SET, LIBELF_F_DIRTY);
	*header = (Elf64_Shdr){
		.sh_name = 16 * (file->count + 1),
		.sh_type = SHT_NOBITS,
		.sh_flags = SHF_WRITE | SHF_ALLOC,
		.sh_addr = 0xffff000010000000ull + file->end,
		.sh_offset = file->end,
		.sh_size = 4096,
		.sh_addralign = 1,
	};
	file->segments[file->count] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = file->end,
		.p_vaddr = header->sh_addr,
		.p_paddr = 0x80000000ull + file->end,
		.p_filesz = 4096,
		.p_memsz = 4096,
		.p_align = 1,
	};
	file->count++;
	file->end += 4096;
	return 0;
}

/* A longer table is a new one, and its entries are gone. */
static int segments_update(struct libelf_file *file)
{
	Elf64_Phdr *segments = libelf.newphdr(file->elf, file->count);

	if (!segments)
		return -ENOMEM;
	memcpy(segments, file->segments, file->count * sizeof(*segments));
	return libelf.update(file->elf, LIBELF_C_WRITE) < 0 ? -EIO : 0;
}

static int strings_append(struct libelf_file *file)
{
	void *section = libelf.newscn(file->elf);

	if (!section)
		return -ENOMEM;
	file->strings_section = libelf.getshdr(section);
	file->strings = libelf.newdata(section);
	if (!file->strings_section || !file->strings)
		return -ENOMEM;
	file->strings->d_buf = file->names;
	file->strings->d_size = 16;
	file->strings->d_align = 1;
	file->strings->d_version = EV_CURRENT;
	*file->strings_section = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = strings_offset(file),
		.sh_size = 16,
		.sh_addralign = 1,
	};
	return 0;
}

static int file_start(struct libelf_file *file)
{
	Elf64_Ehdr *header = libelf.newehdr(file->elf);

	if (!header)
		return -ENOMEM;
	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_ident[EI_DATA] = ELFDATA2LSB;
	header->e_ident[EI_VERSION] = EV_CURRENT;
	header->e_type = ET_CORE;
	header->e_machine = EM_X86_64;
	header->e_version = EV_CURRENT;
	header->e_shoff = 64;
	header->e_phoff = 64 + 64ull * (file->room + 2);
	header->e_shstrndx = 1;
	libelf.flagelf(file->elf, LIBELF_C_SET, LIBELF_F_LAYOUT);
	return strings_append(file);
}

static void file_close(struct libelf_file *file)
{
	if (file->elf)
		libelf.end(file->elf);
	if (file->fd >= 0)
		close(file->fd);
	free(file->names);
	free(file->segments);
}

static int file_open(struct libelf_file *file, __u32 regions)
{
	int error;
	__u32 i;

	*file = (struct libelf_file){
		.fd = memfd_create("minidump-bench", MFD_CLOEXEC),
		.room = regions + MINIDUMP_BENCH_BATCH,
	};
	file->names = calloc(file->room + 2, 16);
	file->segments = calloc(file->room + 2, sizeof(*file->segments));
	file->end = strings_offset(file) + 16ull * (file->room + 2);
	if (file->fd < 0 || !file->names || !file->segments)
		return -ENOMEM;
	file->elf = libelf.begin(file->fd, LIBELF_C_WRITE, NULL);
	error = file->elf ? file_start(file) : -ENOMEM;
	for (i = 0; i < regions && !error; i++)
		error = entry_append(file);
	return error ? error : segments_update(file);
}

/* Every entry is written out before the next, as the core does it. */
static int entries_append(struct libelf_file *file)
{
	__u32 i;

	for (i = 0; i < MINIDUMP_BENCH_BATCH; i++) {
		int error = entry_append(file);

		if (!error)
			error = segments_update(file);
		if (error)
			return error;
	}
	return 0;
}

int libelf_append_run(__u32 regions, __u32 batches, __u64 *nanoseconds)
{
	struct libelf_file file;
	int error = 0;

	if (regions < 1 || regions > MINIDUMP_BENCH_REGIONS_MAX)
		return -EINVAL;
	if (!libelf_open())
		return -ENOENT;
	*nanoseconds = ~0ull;
	while (batches-- > 0 && !error) {
		error = file_open(&file, regions);
		if (!error) {
			__u64 start = bench_start();

			error = entries_append(&file);
			bench_stop(nanoseconds, start);
		}
		file_close(&file);
	}
	return error;
}
