// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "packed.h"
#include "slots.h"

/*
 * Writes the tail of a chain's head. That of the first chain since the last
 * publication is held back: the device looks at chains in turn, and so sees
 * none of them before it.
 */
static __always_inline void packed_offer(struct vq_driver *drv, __u16 at,
					 __u32 tail, __u32 count)
{
	drv->unkicked = min_t(__u32, drv->unkicked + count, 2 * drv->num);
	if (drv->held) {
		WRITE_ONCE(*packed_tail_at(drv->desc, at),
			   (__force __u32)cpu_to_le32(tail));
		return;
	}
	drv->held = true;
	drv->held_at = at;
	drv->held_tail = tail;
}

static __always_inline void packed_write(struct vring_packed_desc *desc,
					 const struct vq_buffer *buffer)
{
	desc->addr = cpu_to_le64(buffer->addr);
	desc->len = cpu_to_le32(buffer->len);
}

static __always_inline __u32 packed_lap_flags(const struct vq_driver *drv)
{
	return drv->avail_wrap ? PACKED_AVAIL : PACKED_USED;
}

int packed_driver_add(struct vq_driver *drv, const struct vq_buffer *buffers,
		      __u32 readable, __u32 writable, __u64 cookie)
{
	__u32 total = readable + writable, first_tail = 0;
	struct vring_packed_desc *ring = drv->desc;
	__u16 id = drv->free_head, first = drv->next_avail;
	__u64 writable_bytes = 0;

	if (total > drv->free_count)
		return -ENOSPC;
	for (__u32 i = 0; i < total; i++) {
		__u32 flags = packed_lap_flags(drv), tail;
		__u16 at = drv->next_avail;

		if (i + 1 < total)
			flags |= VRING_DESC_F_NEXT;
		if (i >= readable) {
			flags |= VRING_DESC_F_WRITE;
			writable_bytes += buffers[i].len;
		}
		packed_write(&ring[at], &buffers[i]);
		tail = packed_tail(id, flags);
		if (i)
			WRITE_ONCE(*packed_tail_at(ring, at),
				   (__force __u32)cpu_to_le32(tail));
		else
			first_tail = tail;
		packed_advance(&drv->next_avail, &drv->avail_wrap, 1, drv->num);
	}
	packed_offer(drv, first, first_tail, total);
	slots_take(drv, id, total, id, writable_bytes, cookie);
	return 0;
}

int packed_driver_add_table(struct vq_driver *drv,
			    const struct vq_buffer *table, __u64 writable,
			    __u64 cookie)
{
	struct vring_packed_desc *ring = drv->desc;
	__u16 id = drv->free_head, at = drv->next_avail;
	__u32 flags = packed_lap_flags(drv) | VRING_DESC_F_INDIRECT;

	packed_write(&ring[at], table);
	packed_advance(&drv->next_avail, &drv->avail_wrap, 1, drv->num);
	packed_offer(drv, at, packed_tail(id, flags), 1);
	slots_take(drv, id, 1, id, writable, cookie);
	return 0;
}

void packed_publish(struct vq_driver *drv)
{
	if (!drv->held)
		return;
	drv->held = false;
	packed_tail_release(drv->desc, drv->held_at, drv->held_tail);
}

/* Takes what the device put at last_used: one buffer, or the end of some. */
static int packed_take_used(struct vq_driver *drv, __u32 id,
			    struct vq_completion *done)
{
	const struct vring_packed_desc *ring = drv->desc;
	__le32 field = READ_ONCE(ring[drv->last_used].len);
	__u32 len = le32_to_cpu(field), count;
	int error = slots_check(drv, id, len);

	if (unlikely(error))
		return error;
	if (drv->in_order) {
		slots_batch(drv, id, len);
		count = slots_finish_oldest(drv, done);
	} else {
		count = slots_finish(drv, id, len, done);
	}
	packed_advance(&drv->last_used, &drv->used_wrap, count, drv->num);
	return 0;
}

int packed_reap(struct vq_driver *drv, struct vq_completion *done, __u32 max,
		__u32 *count)
{
	__u32 taken = 0;
	int error = 0;

	for (; taken < max; taken++, done++) {
		__u32 tail;

		if (drv->batch) {
			packed_advance(&drv->last_used, &drv->used_wrap,
				       slots_finish_oldest(drv, done),
				       drv->num);
			continue;
		}
		/* The length and the buffer are read after the flags. */
		tail = packed_tail_acquire(drv->desc, drv->last_used);
		if (!packed_is_used(tail, drv->used_wrap))
			break;
		error = packed_take_used(drv, tail & 0xffff, done);
		if (unlikely(error))
			break;
	}
	*count = taken;
	return taken ? 0 : error;
}
