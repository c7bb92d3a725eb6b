// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the ranges of kernel addresses start. Without these three words the
 * crash utility opens no dump of x86.
 */
#include <linux/kernel.h>

#include "client.h"

#ifdef CONFIG_DYNAMIC_MEMORY_LAYOUT

#include <asm/page.h>
#include <asm/pgtable.h>

int layout_add(void)
{
	return client_region_add("KPAGE_BASE", &page_offset_base,
				 sizeof(page_offset_base)) ?:
	       client_region_add("KALLOC_BASE", &vmalloc_base,
				 sizeof(vmalloc_base)) ?:
	       client_region_add("KMEMMAP_BASE", &vmemmap_base,
				 sizeof(vmemmap_base));
}

#else

int layout_add(void)
{
	return 0;
}

#endif
