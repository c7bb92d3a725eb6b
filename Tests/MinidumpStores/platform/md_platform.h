/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The minidump core's platform contract for tests: as in user space, but
 * every store that a reader may see is logged, word by word.
 */
#ifndef MD_PLATFORM_H
#define MD_PLATFORM_H

#include "../../../Sources/CMinidump/user/md_words.h"
#include "renamed.h"

/* Store and log; bulk stores are logged in words of 8 bytes. */
void stores_log(void *to, const void *from, size_t size);

static inline void md_store32(__le32 *to, __u32 value)
{
	__le32 little = cpu_to_le32(value);

	stores_log(to, &little, sizeof(little));
}

static inline void md_store64(__le64 *to, __u64 value)
{
	__le64 little = cpu_to_le64(value);

	stores_log(to, &little, sizeof(little));
}

static inline void md_publish32(__le32 *to, __u32 value)
{
	md_store32(to, value);
}

static inline void md_publish64(__le64 *to, __u64 value)
{
	md_store64(to, value);
}

static inline void md_store_bytes(void *to, const void *from, size_t size)
{
	stores_log(to, from, size);
}

static inline void md_clear_bytes(void *to, size_t size)
{
	static const char zero[8];
	char *at = to;

	for (; size > sizeof(zero); at += sizeof(zero), size -= sizeof(zero))
		stores_log(at, zero, sizeof(zero));
	stores_log(at, zero, size);
}

static inline void md_clean(const void *at, size_t size)
{
	(void)at;
	(void)size;
}

#endif
