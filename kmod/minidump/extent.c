// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/moduleloader.h>
#include <linux/vmalloc.h>

#include "minidump.h"

/* What only page tables can translate. */
static bool is_paged(const void *at)
{
	if (is_vmalloc_addr(at))
		return true;
#ifdef MODULES_VADDR
	return (unsigned long)at >= MODULES_VADDR &&
	       (unsigned long)at < MODULES_END;
#else
	return false;
#endif
}

/* virt_to_phys() is wrong for all but the linear map and the kernel image. */
static int address_translate(const void *at, u64 *phys)
{
	struct page *page;

	if (!is_paged(at)) {
		if (!virt_addr_valid(at))
			return -EINVAL;
		*phys = virt_to_phys((void *)at);
		return 0;
	}
	page = vmalloc_to_page(at);
	if (!page || !pfn_valid(page_to_pfn(page)))
		return -EINVAL;
	*phys = page_to_phys(page) + offset_in_page(at);
	return 0;
}

int minidump_extents(const void *start, size_t size,
		     struct minidump_extent *extents, unsigned int room,
		     unsigned int *count)
{
	unsigned long at = (unsigned long)start;
	unsigned long end = at + size;
	unsigned int found = 0;
	u64 next = 0;

	if (!start || !size || end < at)
		return -EINVAL;
	while (at < end) {
		size_t bytes =
			min_t(size_t, end - at, PAGE_SIZE - offset_in_page(at));
		u64 phys;
		int error = address_translate((const void *)at, &phys);

		if (error)
			return error;
		if (found == 0 || phys != next) {
			found++;
			if (found <= room)
				extents[found - 1] = (struct minidump_extent){
					.virt = at,
					.phys = phys,
				};
		}
		if (found <= room)
			extents[found - 1].size += bytes;
		next = phys + bytes;
		at += bytes;
	}
	*count = found;
	return 0;
}
