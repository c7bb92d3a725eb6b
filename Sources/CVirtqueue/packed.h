/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Packed rings: one ring of descriptors, which the driver marks available and
 * the device overwrites with used ones. A flag is set, and means so, in odd
 * laps; it is clear, and means the same, in even laps.
 */
#ifndef VQ_PACKED_PRIVATE_H
#define VQ_PACKED_PRIVATE_H

#include <linux/virtio_ring.h>

#include "vq_device.h"
#include "vq_driver.h"
#include "vq_platform.h"

#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED  (1u << VRING_PACKED_DESC_F_USED)

/* Both flags, in a tail. */
#define PACKED_LAP ((PACKED_AVAIL | PACKED_USED) << 16)

/* The lap's parity, beside the offset in an event structure or a base. */
#define PACKED_WRAP 0x8000u

/* The last two fields of a descriptor, which are read and written as one. */
static __always_inline __u32 packed_tail(__u32 id, __u32 flags)
{
	return id | flags << 16;
}

static __always_inline __u32 *packed_tail_at(void *ring, __u32 at)
{
	struct vring_packed_desc *desc = ring;

	return (__u32 *)&desc[at].id;
}

/* Pairs with packed_tail_release() of the other side. */
static __always_inline __u32 packed_tail_acquire(void *ring, __u32 at)
{
	__u32 value = virt_load_acquire(packed_tail_at(ring, at));

	return le32_to_cpu((__force __le32)value);
}

/* Pairs with packed_tail_acquire() of the other side. */
static __always_inline void packed_tail_release(void *ring, __u32 at,
						__u32 tail)
{
	__u32 value = (__force __u32)cpu_to_le32(tail);

	virt_store_release(packed_tail_at(ring, at), value);
}

static __always_inline void packed_tail_write(void *ring, __u32 at, __u32 tail)
{
	WRITE_ONCE(*packed_tail_at(ring, at), (__force __u32)cpu_to_le32(tail));
}

/*
 * What of PACKED_LAP is set in a tail that is available, or used, in a lap;
 * the next lap has the rest of it.
 */
static __always_inline __u32 packed_lap_available(bool wrap)
{
	return wrap ? PACKED_AVAIL << 16 : PACKED_USED << 16;
}

static __always_inline __u32 packed_lap_used(bool wrap)
{
	return wrap ? PACKED_LAP : 0;
}

/* Whether the device may take what the driver put there in this lap. */
static __always_inline bool packed_is_available(__u32 tail, bool wrap)
{
	return (tail & PACKED_LAP) == packed_lap_available(wrap);
}

/* Whether the driver may take what the device put there in this lap. */
static __always_inline bool packed_is_used(__u32 tail, bool wrap)
{
	return (tail & PACKED_LAP) == packed_lap_used(wrap);
}

/* Entries ahead that are asked for. */
#define PACKED_AHEAD 12

/*
 * Asks for a line that a batch soon comes to, if the @left chains of it, of
 * @entries each, go that far: the other side wrote all of the batch before it
 * showed any of it, but may be writing what follows just now. Beyond the
 * ring's end it does no harm.
 */
static __always_inline void packed_prefetch(const void *ring, __u32 at,
					    __u32 left, __u32 entries)
{
	const struct vring_packed_desc *desc = ring;

	if (left * entries > PACKED_AHEAD)
		prefetch((const void *)((unsigned long)desc +
					(at + PACKED_AHEAD) * sizeof(*desc)));
}

/* Goes on by @count entries, at most a lap. */
static __always_inline void packed_advance(__u16 *at, _Bool *wrap, __u32 count,
					   __u32 num)
{
	__u32 next = *at + count;

	if (next >= num) {
		next -= num;
		*wrap = !*wrap;
	}
	*at = (__u16)next;
}

int packed_device_init(struct vq_device *dev, __u32 base);
int packed_pop_batch(struct vq_device *dev, struct vq_segment *segments,
		     __u32 capacity, struct vq_chain *chains, __u32 max,
		     __u32 *count);
int packed_pop(struct vq_device *dev, struct vq_segment *segments,
	       __u32 capacity, struct vq_chain *chain);
void packed_push_batch(struct vq_device *dev, const struct vq_used *used,
		       __u32 count);
void packed_push(struct vq_device *dev, __u32 head, __u32 len);
bool packed_signal_needed(struct vq_device *dev);
bool packed_enable_notify(struct vq_device *dev);
void packed_disable_notify(struct vq_device *dev);

int packed_driver_add(struct vq_driver *drv, const struct vq_buffer *buffers,
		      __u32 readable, __u32 writable, __u64 cookie);
int packed_driver_add_table(struct vq_driver *drv,
			    const struct vq_buffer *table, __u64 writable,
			    __u64 cookie);
void packed_publish(struct vq_driver *drv);
bool packed_kick_prepare(struct vq_driver *drv);
int packed_reap(struct vq_driver *drv, struct vq_completion *done, __u32 max,
		__u32 *count);
bool packed_enable_callback(struct vq_driver *drv);
void packed_disable_callback(struct vq_driver *drv);

#endif
