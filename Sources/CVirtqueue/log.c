// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "log.h"

#include <linux/virtio_ring.h>

#define LOG_WORD_BITS 64

static void log_write(const struct vq_log *log, __u64 addr, __u64 len)
{
	__u64 page = addr / VQ_LOG_PAGE;

	if (!len)
		return;
	/* What is logged is written before, for whoever clears the bit. */
	virt_wmb();
	for (; page <= (addr + len - 1) / VQ_LOG_PAGE; page++)
		vq_or64(&log->bitmap[page / LOG_WORD_BITS],
			1ULL << page % LOG_WORD_BITS);
}

void log_used(const struct vq_device *dev, const volatile void *at, __u64 len)
{
	__u64 offset = (__u64)((const volatile char *)at -
			       (const volatile char *)dev->used);

	log_write(dev->log, dev->log->used + offset, len);
}

/*
 * Entries of a packed ring, around its end if need be. A used chain is one
 * entry, with what it leaves free behind it: rarely a page more.
 */
void log_desc(const struct vq_device *dev, __u32 at, __u32 count)
{
	const __u64 bytes = sizeof(struct vring_packed_desc);
	__u32 run = min_t(__u32, count, dev->num - at);

	log_write(dev->log, dev->log->desc + at * bytes, run * bytes);
	log_write(dev->log, dev->log->desc, (count - run) * bytes);
}

static bool log_covers(const struct vq_log *log, __u64 addr, __u64 len)
{
	__u64 last = addr + (len - 1);

	return last >= addr && last / VQ_LOG_PAGE / LOG_WORD_BITS < log->words;
}

static bool log_covers_rings(const struct vq_log *log,
			     const struct vq_device *dev)
{
	__u64 used = dev->packed ? VQ_PACKED_EVENT_BYTES
				 : VQ_RING_FIELDS_BYTES +
					   dev->num * sizeof(vring_used_elem_t);

	if (!log_covers(log, log->used, used))
		return false;
	return !dev->packed ||
	       log_covers(log, log->desc,
			  dev->num * sizeof(struct vring_packed_desc));
}

int vq_device_log(struct vq_device *dev, const struct vq_log *log)
{
	const struct vq_memory *memory = dev->memory;
	const struct vq_region *last = &memory->regions[memory->count - 1];

	if (log && (!log_covers_rings(log, dev) ||
		    !log_covers(log, last->guest, last->size)))
		return -EINVAL;
	dev->log = log;
	/* Until the next decision, which looks at the log. */
	dev->by_event = false;
	return 0;
}

/* The part of a segment that a region maps, wherever the guest has it. */
static void log_segment(const struct vq_device *dev, const void *base,
			__u64 len, const struct vq_region *region)
{
	unsigned long first = (unsigned long)base;
	unsigned long start = (unsigned long)region->host;
	unsigned long low = first > start ? first : start;
	unsigned long high =
		min_t(unsigned long, first + len - 1, start + region->size - 1);

	if (low <= high)
		log_write(dev->log, region->guest + (low - start),
			  high - low + 1);
}

int vq_device_log_chain(const struct vq_device *dev,
			const struct vq_chain *chain, __u64 len)
{
	const struct vq_segment *segment = chain->segments + chain->readable;
	const struct vq_memory *memory = dev->memory;

	if (len > chain->writable_bytes)
		return -EMSGSIZE;
	if (!dev->log)
		return 0;
	for (; len; segment++) {
		__u64 step = min_t(__u64, len, segment->len);

		for (__u32 i = 0; i < memory->count; i++)
			log_segment(dev, segment->base, step,
				    &memory->regions[i]);
		len -= step;
	}
	return 0;
}
