// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's log ring itself: its variable, its header, descriptors, infos
 * and text. None of it is exported, but the note made for a crash kernel
 * tells where all of it is, and a reader of the dump goes by the same note.
 */
#include <linux/crash_core.h>
#include <linux/elf.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "client.h"

#ifdef CONFIG_CRASH_CORE

/* Text of the note: lines of KEY=VALUE. */
struct note_text {
	const char *start;
	size_t size;
};

static int note_open(struct note_text *text)
{
	const struct elf_note *note = phys_to_virt(paddr_vmcoreinfo_note());

	if (!virt_addr_valid(note) || !note->n_descsz ||
	    note->n_descsz > VMCOREINFO_NOTE_SIZE)
		return -ENODATA;
	text->start = (const char *)(note + 1) + ALIGN(note->n_namesz, 4);
	text->size = note->n_descsz;
	return 0;
}

/* The number behind KEY=, in the base that the note has it in. */
static int note_number(const struct note_text *text, const char *key,
		       unsigned int radix, unsigned long *number)
{
	size_t length = strlen(key);
	const char *at = text->start;
	const char *end = at + text->size;
	char digits[24];
	size_t i;

	while (at < end && (size_t)(end - at) > length &&
	       (memcmp(at, key, length) || at[length] != '=')) {
		at = memchr(at, '\n', end - at);
		if (!at)
			return -ENODATA;
		at++;
	}
	if (at >= end || (size_t)(end - at) <= length)
		return -ENODATA;
	at += length + 1;
	for (i = 0; i < sizeof(digits) - 1 && at < end && *at != '\n'; i++)
		digits[i] = *at++;
	digits[i] = 0;
	return kstrtoul(digits, radix, number);
}

/* A field of a structure whose layout only the note knows. */
static int field_read(const struct note_text *text, const char *key,
		      const void *structure, size_t size, void *value)
{
	unsigned long offset;
	int error = note_number(text, key, 10, &offset);

	if (!error)
		memcpy(value, structure + offset, size);
	return error;
}

/* An array of 1 << bits elements, or bytes if there is no size of one. */
static int array_add(const struct note_text *text, const char *name,
		     const char *element, const void *at, unsigned int bits)
{
	unsigned long size = 1;
	int error = element ? note_number(text, element, 10, &size) : 0;

	if (error || bits > 24)
		return error ?: -ERANGE;
	return client_region_add(name, at, size << bits);
}

/* The descriptor ring and the text ring that the header contains. */
static int rings_add(const struct note_text *text, const char *header)
{
	unsigned long desc_ring, text_ring;
	unsigned int desc_bits, text_bits;
	void *descs, *infos, *data;
	int error;

	error = note_number(text, "OFFSET(printk_ringbuffer.desc_ring)", 10,
			    &desc_ring)
			?: note_number(
				   text,
				   "OFFSET(printk_ringbuffer.text_data_ring)",
				   10, &text_ring);
	if (error)
		return error;
	/* prb_desc_ring and prb_data_ring start with their size in bits. */
	memcpy(&desc_bits, header + desc_ring, sizeof(desc_bits));
	memcpy(&text_bits, header + text_ring, sizeof(text_bits));
	return field_read(text, "OFFSET(prb_desc_ring.descs)",
			  header + desc_ring, sizeof(descs), &descs) ?:
	       field_read(text, "OFFSET(prb_desc_ring.infos)",
			  header + desc_ring, sizeof(infos), &infos) ?:
	       field_read(text, "OFFSET(prb_data_ring.data)",
			  header + text_ring, sizeof(data), &data) ?:
	       array_add(text, "KPRB_DESCS", "SIZE(prb_desc)", descs,
			 desc_bits) ?:
	       array_add(text, "KPRB_INFOS", "SIZE(printk_info)", infos,
			 desc_bits) ?:
	       array_add(text, "KPRB_TEXT", NULL, data, text_bits);
}

int printk_ring_add(void)
{
	struct note_text text;
	unsigned long prb, size;
	const char *header;
	int error = note_open(&text);

	if (error)
		return error;
	error = note_number(&text, "SYMBOL(prb)", 16, &prb)
			?: note_number(&text, "SIZE(printk_ringbuffer)", 10,
				       &size);
	if (error)
		return error;
	if (!virt_addr_valid(prb))
		return -ENODATA;
	header = *(const char **)prb;
	return client_region_add("KPRB", (void *)prb, sizeof(header)) ?:
	       client_region_add("KPRB_HEADER", header, size) ?:
	       rings_add(&text, header);
}

#else

int printk_ring_add(void)
{
	return -ENODATA;
}

#endif
