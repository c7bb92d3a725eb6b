/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the ring core and the virtio-scsi core take from the world they are
 * built in. This is the user-space half; a kernel build finds its own header
 * of the same name through -I, mostly a list of includes.
 *
 * Need:
 *	READ_ONCE(), WRITE_ONCE()	one access, not torn, not repeated
 *	virt_load_acquire()		a load before all that follow
 *	virt_store_release()		a store after all that precede
 *	virt_wmb()			stores before all stores that follow
 *	virt_mb()			a full barrier, store to load included
 *	virt_store_mb()			a store with all that precede, then
 *					virt_mb()
 *	le16_to_cpu() ... cpu_to_le64()	virtio 1.0 byte order
 *	put_unaligned_be16/32/64()	SCSI byte order
 *	barrier()			the compiler alone
 *	prefetch()			a hint; any address will do
 *	vq_or64()			sets bits of a word, atomically
 *	likely(), unlikely(), __always_inline, noinline, __force
 *	min_t(), memcpy(), memset(), bool
 *	EAGAIN, EFAULT, EINVAL, EMSGSIZE, ENOBUFS, ENOSPC, EPERM, E2BIG,
 *	EOPNOTSUPP
 *	VIRTIO_F_NOTIFY_ON_EMPTY, VIRTIO_F_RING_PACKED, VIRTIO_F_IN_ORDER
 */
#ifndef VQ_PLATFORM_H
#define VQ_PLATFORM_H

#include <endian.h>
#include <errno.h>
#include <linux/types.h>
#include <linux/virtio_config.h>
#include <stdbool.h>
#include <string.h>

#define READ_ONCE(x)		 __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	 __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define virt_load_acquire(p)	 __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define virt_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* A locked add to the stack costs a tenth of the mfence compilers emit. */
#if defined(__x86_64__)
#define virt_mb()                                                              \
	__asm__ volatile("lock; addl $0,-132(%%rsp)" ::: "memory", "cc")
#define virt_store_mb(x, v)                                                    \
	((void)__atomic_exchange_n(&(x), (v), __ATOMIC_SEQ_CST))
#else
#define virt_mb()	    __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define virt_store_mb(x, v) (virt_store_release(&(x), (v)), virt_mb())
#endif

#define virt_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define vq_or64(p, bits)                                                       \
	((void)__atomic_fetch_or((p), (bits), __ATOMIC_RELAXED))

#define le16_to_cpu(x) le16toh(x)
#define le32_to_cpu(x) le32toh(x)
#define le64_to_cpu(x) le64toh(x)
#define cpu_to_le16(x) htole16(x)
#define cpu_to_le32(x) htole32(x)
#define cpu_to_le64(x) htole64(x)

static inline void put_unaligned_be16(__u16 value, void *at)
{
	__u16 big = htobe16(value);

	memcpy(at, &big, sizeof(big));
}

static inline void put_unaligned_be32(__u32 value, void *at)
{
	__u32 big = htobe32(value);

	memcpy(at, &big, sizeof(big));
}

static inline void put_unaligned_be64(__u64 value, void *at)
{
	__u64 big = htobe64(value);

	memcpy(at, &big, sizeof(big));
}

#define barrier()	  __asm__ volatile("" ::: "memory")
#define prefetch(p)	  __builtin_prefetch(p)
#define likely(x)	  __builtin_expect(!!(x), 1)
#define unlikely(x)	  __builtin_expect(!!(x), 0)
#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define noinline	  __attribute__((noinline))
#define __force

#endif
