/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The minidump core: the tables that boot firmware walks after a crash, and
 * the ELF header that turns what it saved into a core file.
 *
 * Nothing here allocates, logs or keeps a global. All storage belongs to the
 * caller. Functions that can fail return 0 or -errno, give their results
 * through the last parameters, and leave every byte as it was when they
 * fail. One thread at a time works on a table: the caller holds a lock.
 */
#ifndef MINIDUMP_H
#define MINIDUMP_H

#include "md_elf.h"
#include "md_layout.h"
#include "md_region.h"
#include "md_table.h"
#include "md_toc.h"

#endif
