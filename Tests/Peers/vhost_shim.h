/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * As much of the kernel as its vhost.c needs in user space. Every header that
 * it includes, but for those of the user-space API and of the interval tree,
 * leads here. User memory is our own memory: an access to it cannot fail, and
 * costs no more than a load or a store.
 */
#ifndef VHOST_SHIM_H
#define VHOST_SHIM_H

#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <linux/types.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/overflow.h>
#include <linux/rbtree_augmented.h>

#include "include/linux/virtio_byteorder.h"

typedef unsigned int __poll_t;

#define module_param(...)
#define MODULE_PARM_DESC(...)
#define MODULE_VERSION(x)
#define MODULE_LICENSE(x)
#define MODULE_AUTHOR(x)
#define MODULE_DESCRIPTION(x)
#define module_init(x)
#define module_exit(x)
#define EXPORT_SYMBOL_GPL(x)
#define EXPORT_SYMBOL(x)
#define pr_fmt(x) x
#define pr_debug(...)                                                          \
	do {                                                                   \
		if (0)                                                         \
			printf(__VA_ARGS__);                                   \
	} while (0)

#define GFP_KERNEL		 0
#define GFP_ATOMIC		 0
#define GFP_KERNEL_ACCOUNT	 0
#define __GFP_RETRY_MAYFAIL	 0
#define kmalloc(n, f)		 malloc(n)
#define kzalloc(n, f)		 calloc(1, n)
#define kvzalloc(n, f)		 calloc(1, n)
#define kmalloc_array(n, s, f)	 calloc(n, s)
#define kfree(p)		 free((void *)(p))
#define kvfree(p)		 free((void *)(p))
#define array_index_nospec(i, n) (i)

#define PAGE_SIZE   4096UL
#define ENOIOCTLCMD 515
#define UIO_MAXIOV  1024

/* x86: loads are ordered among loads, stores among stores. */
#define smp_wmb() barrier()
#define smp_rmb() barrier()
#if defined(__x86_64__)
#define smp_mb() __asm__ volatile("lock; addl $0,-4(%%rsp)" ::: "memory", "cc")
#else
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#undef smp_wmb
#undef smp_rmb
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#endif

#define access_ok(p, n) ((void)(p), (void)(n), true)
#define __put_user(x, p)                                                       \
	({                                                                     \
		WRITE_ONCE(*(p), (x));                                         \
		0;                                                             \
	})
#define __get_user(x, p)                                                       \
	({                                                                     \
		(x) = READ_ONCE(*(p));                                         \
		0;                                                             \
	})
#define put_user(x, p) __put_user(x, p)
#define get_user(x, p) __get_user(x, p)

static inline unsigned long shim_copy(void *to, const void *from,
				      unsigned long n)
{
	memcpy(to, from, n);
	barrier();
	return 0;
}
#define __copy_to_user(t, f, n)	  shim_copy((void *)(t), (f), (n))
#define __copy_from_user(t, f, n) shim_copy((t), (const void *)(f), (n))
#define copy_to_user(t, f, n)	  shim_copy((void *)(t), (f), (n))
#define copy_from_user(t, f, n)	  shim_copy((t), (const void *)(f), (n))

struct mutex {
	int unused;
};
struct completion {
	int unused;
};
typedef struct {
	int unused;
} spinlock_t;
typedef struct {
	int unused;
} wait_queue_head_t;
typedef struct {
	int unused;
} wait_queue_entry_t;
typedef struct {
	int unused;
} poll_table;
#define mutex_init(m)		((void)(m))
#define mutex_lock(m)		((void)(m))
#define mutex_lock_nested(m, n) ((void)(m), (void)(n))
#define mutex_unlock(m)		((void)(m))
#define spin_lock_init(m)	((void)(m))
#define spin_lock(m)		((void)(m))
#define spin_unlock(m)		((void)(m))
#define init_waitqueue_head(w)	((void)(w))

struct mm_struct;
struct task_struct {
	struct mm_struct *mm;
	int pid;
};
struct file;
struct page;
struct eventfd_ctx;
struct llist_node {
	struct llist_node *next;
};
struct llist_head {
	struct llist_node *first;
};
struct irq_bypass_producer {
	void *token;
	int irq;
};
extern struct task_struct *current;

/* The page of the dirty log that holds a bit is where it is. */
#define pin_user_pages_fast(at, n, f, pages)                                   \
	(*(pages) = (void *)((at) & ~(PAGE_SIZE - 1)), (n))
#define kmap_atomic(p)			 ((void *)(p))
#define kunmap_atomic(p)		 ((void)(p))
#define unpin_user_pages_dirty_lock(...) ((void)0)
#define set_bit(n, p)			 (((u8 *)(p))[(n) / 8] |= 1 << (n) % 8)

/* Only for what is never called: no log, no event descriptors, no worker. */
#define eventfd_signal(c, n)		abort()
#define wake_up_interruptible_poll(...) abort()
#define copy_to_iter(...)		(abort(), (size_t)0)
#define copy_from_iter(...)		(abort(), (size_t)0)
#define __exit
#define TASK_RUNNING	   0
#define TASK_INTERRUPTIBLE 1
#define ERESTARTSYS	   512
#define FOLL_WRITE	   1
#define DEFINE_WAIT(w)	   int w = 0
#define llist_for_each_entry_safe(p, n, head, m)                               \
	for ((p) = (n) = NULL; (head) && (p);)
#define flex_array_size(p, m, n) ((n) * sizeof(*(p)->m))

/* Walks the segments of an indirect table. */
struct iov_iter {
	const struct iovec *iov;
	size_t offset;
	size_t count;
};
#define ITER_SOURCE	  1
#define ITER_DEST	  0
#define iov_iter_count(i) ((i)->count)

static inline void iov_iter_init(struct iov_iter *i, unsigned int direction,
				 const struct iovec *iov,
				 unsigned long segments, size_t count)
{
	i->iov = iov;
	i->offset = 0;
	i->count = count;
}

static inline bool copy_from_iter_full(void *to, size_t n, struct iov_iter *i)
{
	if (n > i->count)
		return false;
	i->count -= n;
	while (n) {
		size_t step = min_t(size_t, n, i->iov->iov_len - i->offset);

		memcpy(to, (char *)i->iov->iov_base + i->offset, step);
		to = (char *)to + step;
		n -= step;
		i->offset += step;
		if (i->offset == i->iov->iov_len) {
			i->iov++;
			i->offset = 0;
		}
	}
	return true;
}

#endif
