/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel half of the minidump core's platform contract. */
#ifndef MD_PLATFORM_H
#define MD_PLATFORM_H

#include <linux/errno.h>
#include <linux/libnvdimm.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>
#include <asm/rwonce.h>

static inline void md_store32(__le32 *to, __u32 value)
{
	WRITE_ONCE(*to, cpu_to_le32(value));
}

static inline void md_store64(__le64 *to, __u64 value)
{
	WRITE_ONCE(*to, cpu_to_le64(value));
}

/*
 * Full write barriers, not smp_wmb(): the reader is no CPU of this kernel.
 * The first pairs with the reset that stops it before, the second after.
 */
static inline void md_publish32(__le32 *to, __u32 value)
{
	wmb();
	md_store32(to, value);
	wmb();
}

static inline void md_publish64(__le64 *to, __u64 value)
{
	wmb();
	md_store64(to, value);
	wmb();
}

static inline void md_store_bytes(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
}

static inline void md_clear_bytes(void *to, size_t size)
{
	memset(to, 0, size);
}

/* Does nothing where the architecture has no such cache operation. */
static inline void md_clean(const void *at, size_t size)
{
	arch_wb_cache_pmem((void *)at, size);
}

#endif
