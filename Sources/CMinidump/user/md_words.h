/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The part of the minidump core's platform contract that stores nothing, the
 * same in every user-space build.
 *
 * Need:
 *
 * - le16_to_cpu() ... cpu_to_le64(): the byte order of the tables;
 * - memcmp(), memcpy(), memset(), strlen(), strnlen(), offsetof();
 * - bool, NULL, size_t, EEXIST, EINVAL, ENODEV, ENOENT, ENOSPC.
 */
#ifndef MD_WORDS_H
#define MD_WORDS_H

#include <endian.h>
#include <errno.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define le16_to_cpu(x) le16toh(x)
#define le32_to_cpu(x) le32toh(x)
#define le64_to_cpu(x) le64toh(x)
#define cpu_to_le16(x) htole16(x)
#define cpu_to_le32(x) htole32(x)
#define cpu_to_le64(x) htole64(x)

#endif
