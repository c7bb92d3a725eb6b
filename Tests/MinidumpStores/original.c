// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A model of what the original driver's tables went through: its offsets and
 * the order of its stores, in own words. Tests show with it that they would
 * have failed then.
 */
#include "machine.h"

/* One bound for everything, and slack where no table can use it. */
#define ORIGINAL_STRINGS(machine) (64 + 120 * (machine)->capacity)
#define ORIGINAL_BANNER		  "Linux version 6.1.0 #1 SMP\n"
#define ORIGINAL_FIXED		  4

static struct md_elf64_ehdr *ehdr_of(struct stores_machine *machine)
{
	return (struct md_elf64_ehdr *)machine->header;
}

static struct md_elf64_shdr *section_of(struct stores_machine *machine, int i)
{
	return (struct md_elf64_shdr *)(machine->header + 64) + i;
}

static struct md_elf64_phdr *segment_of(struct stores_machine *machine, int i)
{
	return (struct md_elf64_phdr *)(machine->header + 64 +
					64 * machine->capacity) +
	       i;
}

/* Names lie one behind the other. A name that fills its field counts -E2BIG. */
static __u32 string_append(struct stores_machine *machine, const char *name)
{
	__u32 at = machine->string_index;
	size_t length = strnlen(name, MD_NAME_SIZE);
	char field[MD_NAME_SIZE] = {0};

	memcpy(field, name, length < MD_NAME_SIZE ? length : MD_NAME_SIZE - 1);
	stores_log(machine->header + ORIGINAL_STRINGS(machine) + at, field,
		   length < MD_NAME_SIZE ? length + 1 : MD_NAME_SIZE);
	machine->string_index +=
		length < MD_NAME_SIZE ? (__u32)length + 1 : (__u32)-7 + 1;
	return at;
}

static void put16(__le16 *to, unsigned int value)
{
	__le16 little = cpu_to_le16((__u16)value);

	stores_log(to, &little, sizeof(little));
}

static void section_fill(struct stores_machine *machine, int i,
			 const char *name, __u32 type, __u64 virt, __u64 offset,
			 __u64 size)
{
	struct md_elf64_shdr *section = section_of(machine, i);

	md_store32(&section->sh_type, type);
	md_store32(&section->sh_name, string_append(machine, name));
	md_store64(&section->sh_addr, virt);
	md_store64(&section->sh_size, size);
	md_store64(&section->sh_flags, MD_ELF_SHF_WRITE);
	md_store64(&section->sh_offset, offset);
}

static void segment_fill(struct stores_machine *machine, int i, __u64 virt,
			 __u64 phys, __u64 offset, __u64 size)
{
	struct md_elf64_phdr *segment = segment_of(machine, i);

	md_store32(&segment->p_type, MD_ELF_PT_LOAD);
	md_store64(&segment->p_offset, offset);
	md_store64(&segment->p_vaddr, virt);
	md_store64(&segment->p_paddr, phys);
	md_store64(&segment->p_filesz, size);
	md_store64(&segment->p_memsz, size);
	md_store32(&segment->p_flags, MD_ELF_PF_RW);
}

/* The entry first, its count after it: that much was in order. */
static void region_add(struct stores_machine *machine, const char *name,
		       __u64 phys, __u64 size)
{
	__u32 count = le32_to_cpu(machine->subsystem->region_count);
	struct minidump_region *region = &machine->regions[count];
	char field[MD_NAME_SIZE] = {0};

	memcpy(field, name, strnlen(name, MD_NAME_SIZE - 1));
	stores_log(region->name, field, sizeof(field));
	md_store64(&region->address, phys);
	md_store64(&region->size, size);
	md_store32(&region->valid, MD_REGION_VALID);
	md_store32(&machine->subsystem->region_count, count + 1);
}

static void header_fill(struct stores_machine *machine, __u64 size)
{
	struct md_elf64_ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', MD_ELF_CLASS64, 1, 1},
		.e_type = cpu_to_le16(MD_ELF_CORE),
		.e_phoff = cpu_to_le64(64 + 64 * machine->capacity),
		.e_shoff = cpu_to_le64(64),
		.e_phentsize = cpu_to_le16(56),
		.e_shentsize = cpu_to_le16(64),
		.e_shstrndx = cpu_to_le16(1),
	};
	__u64 banner = ORIGINAL_STRINGS(machine) + 16 * machine->capacity;

	stores_log(machine->header, &header, sizeof(header));
	machine->string_index = 1;
	machine->elf_offset = size;
	section_fill(machine, 1, "STR_TBL", MD_ELF_SHT_STRTAB, 0,
		     ORIGINAL_STRINGS(machine), 16 * machine->capacity);
	section_fill(machine, 2, "minidump_table", MD_ELF_SHT_PROGBITS,
		     0xffff0000, 0, 0);
	section_fill(machine, 3, MD_NAME_BANNER, MD_ELF_SHT_PROGBITS,
		     0xffff1000, banner, sizeof(ORIGINAL_BANNER));
	stores_log(machine->header + banner, ORIGINAL_BANNER,
		   sizeof(ORIGINAL_BANNER));
	segment_fill(machine, 0, 0xffff1000, 0xf1000, banner,
		     sizeof(ORIGINAL_BANNER));
	put16(&ehdr_of(machine)->e_phnum, 1);
	put16(&ehdr_of(machine)->e_shnum, ORIGINAL_FIXED);
}

void original_init(struct stores_machine *machine)
{
	__u64 size = 64 + 16 * machine->capacity + sizeof(ORIGINAL_BANNER) +
		     120 * (machine->capacity + 4);
	__u64 table, header;

	machine->regions = machine_take(
		machine, machine->capacity * MD_REGION_BYTES, &table);
	machine->header = machine_take(machine, size, &header);
	md_store64(&machine->subsystem->regions_baseptr, table);
	md_store32(&machine->subsystem->enabled, MD_ENABLED);
	md_store32(&machine->subsystem->status, MD_STATUS_READY);
	md_store32(&machine->subsystem->region_count, 0);
	region_add(machine, MD_NAME_HEADER, header, size);
	header_fill(machine, size);
}

int original_register(struct stores_machine *machine, const char *name,
		      __u64 virt, __u64 phys, __u64 size)
{
	struct md_elf64_ehdr *ehdr = ehdr_of(machine);
	__u32 count = le32_to_cpu(machine->subsystem->region_count);
	int section = le16_to_cpu(ehdr->e_shnum);
	int segment = le16_to_cpu(ehdr->e_phnum);

	if (count >= machine->capacity)
		return -ENOSPC;
	region_add(machine, name, phys, size);
	put16(&ehdr->e_shnum, section + 1);
	put16(&ehdr->e_phnum, segment + 1);
	section_fill(machine, section, name, MD_ELF_SHT_PROGBITS, virt,
		     machine->elf_offset, size);
	segment_fill(machine, segment, virt, phys, machine->elf_offset, size);
	machine->elf_offset += size;
	/* Its place in the table, where callers took 0 for success. */
	return (int)count;
}

/* Later versions closed the gap in the strings and forgot the last bytes. */
int original_unregister(struct stores_machine *machine, __u32 index)
{
	char *strings = (char *)machine->header + ORIGINAL_STRINGS(machine);
	struct md_elf64_shdr *section =
		section_of(machine, ORIGINAL_FIXED - 1 + (int)index);
	__u32 at = le32_to_cpu(section->sh_name);
	__u32 length = (__u32)strlen(strings + at) + 1;

	memmove(strings + at, strings + at + length,
		machine->string_index - at - length);
	machine->string_index -= length;
	return 0;
}
