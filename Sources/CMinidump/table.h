/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A change to a table, as its reader comes to see it. */
#ifndef MD_TABLE_CHANGE_H
#define MD_TABLE_CHANGE_H

#include "md_table.h"

/*
 * Carry the slots over into both copies: those at the places first to end - 1,
 * the number of them, and nothing at the place behind the last. before is how
 * many there were.
 */
void md_table_change(struct md_table *table, __u32 before, __u32 first,
		     __u32 end);

/* Pack the regions in the core file; the first place that moved, or count. */
__u32 md_table_pack(struct md_table *table);

/* Whether a range of addresses is within the reach of the ELF class. */
bool md_table_reaches(const struct md_table *table, __u64 start, __u64 size);

#endif
