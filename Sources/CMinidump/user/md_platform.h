/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the minidump core takes from the world it is built in. This is the
 * user-space half; a kernel build finds its own header of the same name
 * through -I.
 *
 * Need, beside what md_words.h has:
 *
 * - md_store32/64(to, value): one store that a reader may see: not torn, in
 *   the byte order of the tables;
 * - md_publish32/64(to, value): the same, after all earlier stores and
 *   md_clean() ranges have reached memory;
 * - md_store_bytes(to, from, size), md_clear_bytes(to, size): stores to what
 *   no reader is pointed to, in any order;
 * - md_clean(at, size): write a range back to memory, where caches do not
 *   outlive a reset.
 *
 * Every store that a reader may see after a crash goes through these. A build
 * that logs them can replay each prefix of a change.
 */
#ifndef MD_PLATFORM_H
#define MD_PLATFORM_H

#include "md_words.h"

static inline void md_store32(__le32 *to, __u32 value)
{
	__atomic_store_n(to, cpu_to_le32(value), __ATOMIC_RELAXED);
}

static inline void md_store64(__le64 *to, __u64 value)
{
	__atomic_store_n(to, cpu_to_le64(value), __ATOMIC_RELAXED);
}

static inline void md_publish32(__le32 *to, __u32 value)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	md_store32(to, value);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void md_publish64(__le64 *to, __u64 value)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	md_store64(to, value);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void md_store_bytes(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
}

static inline void md_clear_bytes(void *to, size_t size)
{
	memset(to, 0, size);
}

static inline void md_clean(const void *at, size_t size)
{
	(void)at;
	(void)size;
}

#endif
