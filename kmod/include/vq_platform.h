/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel half of the ring cores' platform contract. All of it has the name
 * here that the user-space half gives it.
 */
#ifndef VQ_PLATFORM_H
#define VQ_PLATFORM_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/prefetch.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/virtio_config.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>
#include <asm/rwonce.h>
#include <asm/unaligned.h>

#define vq_or64(p, bits) atomic64_or((bits), (atomic64_t *)(p))

#endif
