// SPDX-License-Identifier: GPL-2.0-only
#include <linux/crash_core.h>
#include <linux/device.h>
#include <linux/elf.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>

#include "minidump.h"

/* Memory in one physical piece that goes with the device. */
struct block {
	void *start;
	size_t size;
};

static void block_free(void *data)
{
	struct block *block = data;

	free_pages_exact(block->start, block->size);
}

static void *block_alloc(struct device *dev, size_t size)
{
	struct block *block = devm_kzalloc(dev, sizeof(*block), GFP_KERNEL);

	if (!block)
		return NULL;
	block->size = size;
	/* A capacity too large for this machine is an error, no warning. */
	block->start =
		alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (!block->start)
		return NULL;
	if (devm_add_action_or_reset(dev, block_free, block))
		return NULL;
	return block->start;
}

static void storage_free(void *data)
{
	kvfree(data);
}

static void *storage_alloc(struct device *dev, u64 size)
{
	void *storage = kvzalloc(size, GFP_KERNEL);

	if (!storage || devm_add_action_or_reset(dev, storage_free, storage))
		return NULL;
	return storage;
}

static int copy_alloc(struct device *dev, const struct md_layout *layout,
		      struct md_copy *copy)
{
	copy->regions = block_alloc(dev, layout->table_size);
	copy->header = block_alloc(dev, layout->header_size);
	if (!copy->regions || !copy->header)
		return -ENOMEM;
	copy->regions_phys = virt_to_phys(copy->regions);
	copy->header_phys = virt_to_phys(copy->header);
	copy->header_virt = (unsigned long)copy->header;
	return 0;
}

/* The note that a crash kernel would get; complete since boot. */
static void note_find(struct md_format *format)
{
#ifdef CONFIG_CRASH_CORE
	const struct elf_note *note = phys_to_virt(paddr_vmcoreinfo_note());
	u64 size = sizeof(*note);

	if (!virt_addr_valid(note) || !note->n_namesz || !note->n_descsz)
		return;
	size += ALIGN((u64)note->n_namesz, 4) + ALIGN((u64)note->n_descsz, 4);
	if (size > VMCOREINFO_NOTE_SIZE || size > MD_NOTE_MAX)
		return;
	format->note = note;
	format->note_size = size;
#endif
}

int minidump_table_init(struct device *dev, struct md_table *table,
			u32 capacity)
{
	char banner[256];
	struct md_format format = {
		.capacity = capacity,
		.elf_class = IS_ENABLED(CONFIG_64BIT) ? MD_ELF_CLASS64
						      : MD_ELF_CLASS32,
		.machine = ELF_ARCH,
		.banner = banner,
	};
	struct md_memory memory = {};
	struct md_layout layout;
	int error;

	/* linux_banner is not exported; these are its essential parts. */
	scnprintf(banner, sizeof(banner), "%s version %s %s\n",
		  init_utsname()->sysname, init_utsname()->release,
		  init_utsname()->version);
	note_find(&format);
	error = md_layout_init(&format, &layout);
	if (error)
		return error;
	memory.storage = storage_alloc(dev, layout.storage_size);
	if (!memory.storage || copy_alloc(dev, &layout, &memory.copies[0]) ||
	    copy_alloc(dev, &layout, &memory.copies[1]))
		return -ENOMEM;
	return md_table_init(table, &format, &memory);
}
