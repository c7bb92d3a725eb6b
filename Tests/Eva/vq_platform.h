/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The platform contract of Sources/CVirtqueue/user/vq_platform.h for Frama-C,
 * which has one thread and knows no atomic builtins.
 */
#ifndef VQ_PLATFORM_H
#define VQ_PLATFORM_H

#include <errno.h>
#include <linux/types.h>
#include <linux/virtio_config.h>
#include <stdbool.h>
#include <string.h>

#define READ_ONCE(x)		 (*(volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	 (*(volatile __typeof__(x) *)&(x) = (v))
#define virt_load_acquire(p)	 READ_ONCE(*(p))
#define virt_store_release(p, v) WRITE_ONCE(*(p), v)
#define virt_mb()		 ((void)0)
#define virt_store_mb(x, v)	 WRITE_ONCE(x, v)
#define virt_rmb()		 ((void)0)
#define virt_wmb()		 ((void)0)
#define vq_or64(p, bits)	 ((void)(*(p) |= (bits)))
#define le16_to_cpu(x)		 ((__u16)(x))
#define le32_to_cpu(x)		 ((__u32)(x))
#define le64_to_cpu(x)		 ((__u64)(x))
#define cpu_to_le16(x)		 ((__u16)(x))
#define cpu_to_le32(x)		 ((__u32)(x))
#define cpu_to_le64(x)		 ((__u64)(x))
#define barrier()		 ((void)0)
#define prefetch(p)		 ((void)(p))
#define likely(x)		 (x)
#define unlikely(x)		 (x)
#define min_t(type, a, b)	 ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define noinline
#define __force
#undef __always_inline
#define __always_inline inline

#endif
