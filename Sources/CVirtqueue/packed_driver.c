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

/* The same and the tail, as two words. */
static __always_inline void packed_write_all(struct vring_packed_desc *desc,
					     const struct vq_buffer *buffer,
					     __u32 tail)
{
	struct slots_words *words = (struct slots_words *)desc;

	WRITE_ONCE(words->addr, cpu_to_le64(buffer->addr));
	WRITE_ONCE(words->rest, cpu_to_le64(buffer->len | (__u64)tail << 32));
}

/* Where the next descriptor goes, and the id and lap that are its tail. */
struct packed_place {
	__u32 at;
	__u32 tail;
};

static __always_inline struct packed_place
packed_place_begin(const struct vq_driver *drv)
{
	return (struct packed_place){
		drv->next_avail,
		drv->free_head | packed_lap_available(drv->avail_wrap)};
}

static __always_inline void packed_place_next(struct packed_place *place,
					      __u32 num)
{
	if (unlikely(++place->at == num)) {
		place->at = 0;
		place->tail ^= PACKED_LAP;
	}
}

static __always_inline void packed_place_end(struct vq_driver *drv,
					     const struct packed_place *place)
{
	drv->next_avail = (__u16)place->at;
	drv->avail_wrap =
		(place->tail & PACKED_LAP) == packed_lap_available(true);
}

static __always_inline __u32 packed_flags(__u32 flags)
{
	return flags << 16;
}

/* Writes the descriptors behind the first one; the bytes of @writable. */
static __always_inline __u64 packed_add_rest(struct vq_driver *drv,
					     struct packed_place *place,
					     const struct vq_buffer *buffers,
					     __u32 readable, __u32 total)
{
	struct vring_packed_desc *ring = drv->desc;
	__u64 bytes = 0;

	for (__u32 i = 1; i < total; i++) {
		__u32 flags = i + 1 < total ? VRING_DESC_F_NEXT : 0;

		packed_place_next(place, drv->num);
		if (i >= readable) {
			flags |= VRING_DESC_F_WRITE;
			bytes += buffers[i].len;
		}
		packed_write_all(&ring[place->at], &buffers[i],
				 place->tail | packed_flags(flags));
	}
	packed_place_next(place, drv->num);
	return bytes;
}

/* Not inline: see vq_device_pop(). */
noinline int packed_driver_add(struct vq_driver *drv,
			       const struct vq_buffer *buffers, __u32 readable,
			       __u32 writable, __u64 cookie)
{
	struct packed_place place = packed_place_begin(drv);
	__u32 total = readable + writable, first = place.at;
	struct vring_packed_desc *ring = drv->desc;
	__u32 id = drv->free_head, tail = place.tail;
	__u64 writable_bytes = 0;

	if (unlikely(total > drv->free_count))
		return -ENOSPC;
	if (total > 1)
		tail |= packed_flags(VRING_DESC_F_NEXT);
	if (!readable) {
		tail |= packed_flags(VRING_DESC_F_WRITE);
		writable_bytes = buffers->len;
	}
	packed_write(&ring[first], buffers);
	writable_bytes +=
		packed_add_rest(drv, &place, buffers, readable, total);
	packed_place_end(drv, &place);
	packed_offer(drv, (__u16)first, tail, total);
	slots_take(drv, &(struct slots_chain){id, total, id, drv->links[id],
					      writable_bytes, cookie});
	return 0;
}

int packed_driver_add_table(struct vq_driver *drv,
			    const struct vq_buffer *table, __u64 writable,
			    __u64 cookie)
{
	struct packed_place place = packed_place_begin(drv);
	struct vring_packed_desc *ring = drv->desc;
	__u32 id = drv->free_head, at = place.at;
	__u32 tail = place.tail | packed_flags(VRING_DESC_F_INDIRECT);

	packed_write(&ring[at], table);
	packed_place_next(&place, drv->num);
	packed_place_end(drv, &place);
	packed_offer(drv, (__u16)at, tail, 1);
	slots_take(drv, &(struct slots_chain){id, 1, id, drv->links[id],
					      writable, cookie});
	return 0;
}

void packed_publish(struct vq_driver *drv)
{
	if (!drv->held)
		return;
	drv->held = false;
	packed_tail_release(drv->desc, drv->held_at, drv->held_tail);
}

/* Reads the used entry at @at, whose tail is read, and checks it. */
static __always_inline int packed_entry(const struct vq_driver *drv, __u32 at,
					__u32 id, __u32 *len)
{
	const struct vring_packed_desc *ring = drv->desc;
	__le32 field = READ_ONCE(ring[at].len);

	*len = le32_to_cpu(field);
	return slots_check(drv, id, *len);
}

/* Reaps up to @max buffers, in any order. */
static __always_inline int packed_reap_any(struct vq_driver *drv,
					   struct vq_completion *done,
					   __u32 max, __u32 *taken)
{
	__u32 at = drv->last_used, lap = packed_lap_used(drv->used_wrap);
	struct slots_free free = slots_free_begin(drv);
	int error = 0;

	for (*taken = 0; *taken < max; ++*taken, done++) {
		/* The length and the buffer are read after the flags. */
		__u32 tail = packed_tail_acquire(drv->desc, at), len, entries;

		if ((tail & PACKED_LAP) != lap)
			break;
		error = packed_entry(drv, at, tail & 0xffff, &len);
		if (unlikely(error))
			break;
		entries = slots_finish(drv, tail & 0xffff, len, done, &free);
		packed_prefetch(drv->desc, at, max - *taken, entries);
		at += entries;
		if (unlikely(at >= drv->num)) {
			at -= drv->num;
			lap ^= PACKED_LAP;
		}
	}
	drv->last_used = (__u16)at;
	drv->used_wrap = lap;
	slots_free_end(drv, &free);
	return error;
}

/* The same in order, where an entry can stand for several buffers. */
static int packed_reap_in_order(struct vq_driver *drv,
				struct vq_completion *done, __u32 max,
				__u32 *taken)
{
	for (*taken = 0; *taken < max; ++*taken, done++) {
		if (!drv->batch) {
			__u32 at = drv->last_used, len;
			__u32 tail = packed_tail_acquire(drv->desc, at);
			int error;

			if (!packed_is_used(tail, drv->used_wrap))
				return 0;
			error = packed_entry(drv, at, tail & 0xffff, &len);
			if (error)
				return error;
			slots_batch(drv, tail & 0xffff, len);
		}
		packed_advance(&drv->last_used, &drv->used_wrap,
			       slots_finish_oldest(drv, done), drv->num);
	}
	return 0;
}

int packed_reap(struct vq_driver *drv, struct vq_completion *done, __u32 max,
		__u32 *count)
{
	__u32 taken;
	int error;

	if (drv->in_order)
		error = packed_reap_in_order(drv, done, max, &taken);
	else
		error = packed_reap_any(drv, done, max, &taken);
	*count = taken;
	return taken ? 0 : error;
}
