/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef VQ_LOG_PRIVATE_H
#define VQ_LOG_PRIVATE_H

#include "vq_device.h"
#include "vq_log.h"
#include "vq_platform.h"

void log_used(const struct vq_device *dev, const volatile void *at, __u64 len);
void log_desc(const struct vq_device *dev, __u32 at, __u32 count);

/* Logs bytes of the device area that were just written, if there is a log. */
static __always_inline void device_wrote_used(const struct vq_device *dev,
					      const volatile void *at,
					      __u64 len)
{
	if (unlikely(dev->log))
		log_used(dev, at, len);
}

#endif
