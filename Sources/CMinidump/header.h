/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The ELF header region of a copy. */
#ifndef MD_HEADER_H
#define MD_HEADER_H

#include "md_table.h"

/* Write everything but the regions' entries. */
void md_header_init(const struct md_table *table, const struct md_copy *copy,
		    const struct md_format *format);

/* Write the entries of a region: name, section, segment. */
void md_header_put(const struct md_table *table, const struct md_copy *copy,
		   const struct md_slot *slot);

/* Zero the entries at a place that no region has. */
void md_header_clear(const struct md_table *table, const struct md_copy *copy,
		     __u32 index);

/* Say how many regions there are. */
void md_header_count(const struct md_table *table, const struct md_copy *copy);

#endif
