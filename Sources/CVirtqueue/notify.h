/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef VQ_NOTIFY_PRIVATE_H
#define VQ_NOTIFY_PRIVATE_H

#include "vq_platform.h"

/*
 * Whether an index that went from @old to @new passed @event, the last index
 * that the other side wants to hear about; all of them wrap around.
 */
static inline bool notify_passed(__u16 event, __u16 new, __u16 old)
{
	return (__u16)(new - event - 1) < (__u16)(new - old);
}

#endif
