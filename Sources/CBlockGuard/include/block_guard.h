/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The guard of T10 protection information.
 */
#ifndef BLOCK_GUARD_H
#define BLOCK_GUARD_H

#include <linux/types.h>

/**
 * block_guard() - the LOGICAL BLOCK GUARD of a block
 * @data: the block
 * @bytes: its size
 *
 * The CRC-16 of SBC-3, polynomial 8BB7h, nothing reflected and nothing
 * inverted; the kernel's crc_t10dif().
 *
 * Return: the CRC, 0 for no bytes.
 */
__u16 block_guard(const void *data, __u64 bytes);

#endif
