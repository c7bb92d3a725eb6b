// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions of every kind of memory. Each 32-bit word of a region holds the
 * region's number in its top byte and its own index below, so a reader can
 * tell a wrong page from a wrong offset.
 */
#include <linux/kmsg_dump.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>

#include "client.h"
#include "qcom_minidump.h"

#define LOG_SIZE  (64 * 1024)
#define PCPU_SIZE 256

static struct {
	const char *name;
	size_t size;
	bool paged;
	void *at;
} patterns[] = {
	{.name = "KKMALLOC0", .size = 64},
	{.name = "KKMALLOC1", .size = 4096},
	{.name = "KKMALLOC2", .size = 20000},
	{.name = "KVMALLOC_A", .size = 3 * 4096, .paged = true},
	{.name = "KVMALLOC_B", .size = 4096 + 100, .paged = true},
};

/* Pages that are surely not in the order of their addresses. */
#define SCATTERED_PAGES 4

static struct page *scattered[SCATTERED_PAGES];
static void *scattered_map;

/* In the module's own memory, which virt_to_phys() gets wrong as well. */
static u32 module_data[64] = {1};

static void __percpu *per_cpu;
static char *log_text;

static void pattern_fill(void *at, size_t size, u32 number)
{
	u32 *word = at;
	u32 i;

	for (i = 0; i < size / sizeof(*word); i++)
		word[i] = number << 24 | i;
}

static int pattern_add(unsigned int i)
{
	size_t size = patterns[i].size;

	patterns[i].at =
		patterns[i].paged ? vmalloc(size) : kmalloc(size, GFP_KERNEL);
	if (!patterns[i].at)
		return -ENOMEM;
	pattern_fill(patterns[i].at, size, i + 1);
	return client_region_add(patterns[i].name, patterns[i].at, size);
}

static int page_compare(const void *left, const void *right)
{
	struct page *const *a = left;
	struct page *const *b = right;

	return page_to_pfn(*a) < page_to_pfn(*b) ? 1 : -1;
}

static int scattered_add(void)
{
	const size_t size = SCATTERED_PAGES * PAGE_SIZE;
	unsigned int i;

	for (i = 0; i < SCATTERED_PAGES; i++) {
		scattered[i] = alloc_page(GFP_KERNEL);
		if (!scattered[i])
			return -ENOMEM;
	}
	sort(scattered, SCATTERED_PAGES, sizeof(scattered[0]), page_compare,
	     NULL);
	scattered_map = vmap(scattered, SCATTERED_PAGES, VM_MAP, PAGE_KERNEL);
	if (!scattered_map)
		return -ENOMEM;
	pattern_fill(scattered_map, size, 0x60);
	return client_region_add("KVMAP", scattered_map, size);
}

/* Addresses that have no translation; each must be refused. */
static int refusals_check(void)
{
	const size_t mapped = SCATTERED_PAGES * PAGE_SIZE;
	const void *const wild[] = {
		NULL,
		(void *)0x1000,
		(void *)-4096ul,
		scattered_map + mapped,
		/* Its last page is mapped, the one behind it is not. */
		scattered_map + mapped - PAGE_SIZE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wild); i++) {
		const struct qcom_minidump_region region = {
			.name = "KWILD",
			.virt_addr = wild[i],
			.size = 2 * PAGE_SIZE,
		};
		struct qcom_minidump_handle *handle;
		int error = qcom_minidump_region_register(&region, &handle);

		if (error == -EINVAL)
			continue;
		if (!error)
			qcom_minidump_region_unregister(handle);
		pr_err("minidump_client: %px was not refused: error %d\n",
		       wild[i], error);
		return -EBADE;
	}
	return 0;
}

static void scattered_free(void)
{
	unsigned int i;

	vunmap(scattered_map);
	for (i = 0; i < SCATTERED_PAGES; i++) {
		if (scattered[i])
			__free_page(scattered[i]);
	}
}

static int per_cpu_add(void)
{
	unsigned int cpu;

	per_cpu = __alloc_percpu(PCPU_SIZE, 8);
	if (!per_cpu)
		return -ENOMEM;
	for_each_online_cpu(cpu)
	{
		void *at = per_cpu_ptr(per_cpu, cpu);
		char name[16];
		int error;

		snprintf(name, sizeof(name), "KPERCPU%u", cpu);
		pattern_fill(at, PCPU_SIZE, 0x80 + cpu);
		error = client_region_add(name, at, PCPU_SIZE);
		if (error)
			return error;
	}
	return 0;
}

/* The end of the kernel's log as text, taken when the kernel panics. */
static void log_dump(struct kmsg_dumper *dumper, enum kmsg_dump_reason reason)
{
	struct kmsg_dump_iter iter;
	size_t length = 0;

	kmsg_dump_rewind(&iter);
	kmsg_dump_get_buffer(&iter, false, log_text, LOG_SIZE, &length);
	if (length < LOG_SIZE)
		memset(log_text + length, 0, LOG_SIZE - length);
}

static struct kmsg_dumper log_dumper = {
	.dump = log_dump,
	.max_reason = KMSG_DUMP_PANIC,
};

static int log_add(void)
{
	int error;

	log_text = kmalloc(LOG_SIZE, GFP_KERNEL);
	if (!log_text)
		return -ENOMEM;
	pattern_fill(log_text, LOG_SIZE, 0x7f);
	error = client_region_add("KLOGTEXT", log_text, LOG_SIZE);
	return error ?: kmsg_dump_register(&log_dumper);
}

int patterns_add(void)
{
	unsigned int i;
	int error;

	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		error = pattern_add(i);
		if (error)
			return error;
	}
	pattern_fill(module_data, sizeof(module_data), 0x70);
	error = client_region_add("KMODULE", module_data, sizeof(module_data));
	if (error)
		return error;
	error = client_region_add("KUTSNAME", &init_uts_ns,
				  sizeof(init_uts_ns) & ~3ul);
	if (error)
		return error;
	return scattered_add() ?: refusals_check() ?: per_cpu_add() ?: log_add();
}

void patterns_free(void)
{
	unsigned int i;

	/* -EINVAL if it was not registered, which is well. */
	kmsg_dump_unregister(&log_dumper);
	kfree(log_text);
	free_percpu(per_cpu);
	scattered_free();
	for (i = 0; i < ARRAY_SIZE(patterns); i++)
		kvfree(patterns[i].at);
}
