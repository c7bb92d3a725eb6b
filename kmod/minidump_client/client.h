/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of minidump_client.ko know of each other. */
#ifndef MINIDUMP_CLIENT_H
#define MINIDUMP_CLIENT_H

#include <linux/types.h>

/* Register one thing, to be unregistered when the module goes. */
int client_region_add(const char *name, const void *at, size_t size);

/* Regions with known contents, and the log buffer. */
int patterns_add(void);
void patterns_free(void);

/* The kernel's own log, found through the crash kernel's note. */
int printk_ring_add(void);

/* The bases of kernel addresses, where they are not constants. */
int layout_add(void);

#endif
