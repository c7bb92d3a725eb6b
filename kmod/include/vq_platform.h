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

/* The kernel's own orders what precedes the store on x86 only. */
#ifndef CONFIG_X86
#undef virt_store_mb
#define virt_store_mb(x, v)                                                    \
	do {                                                                   \
		virt_store_release(&(x), (v));                                 \
		virt_mb();                                                     \
	} while (0)
#endif

#define vq_or64(p, bits) atomic64_or((bits), (atomic64_t *)(p))

#endif
