// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "packed.h"
#include "slots.h"

static __virtio16 driver_virtio16(__u16 value)
{
	return (__force __virtio16)cpu_to_le16(value);
}

static void driver_clear(const struct vq_rings *rings, bool packed)
{
	__u64 num = rings->num;

	memset(rings->desc, 0, num * sizeof(struct vring_desc));
	if (packed) {
		memset(rings->avail, 0, VQ_PACKED_EVENT_BYTES);
		memset(rings->used, 0, VQ_PACKED_EVENT_BYTES);
		return;
	}
	memset(rings->avail, 0, (num + 3) * sizeof(__virtio16));
	memset(rings->used, 0,
	       num * sizeof(struct vring_used_elem) + 3 * sizeof(__virtio16));
}

/* All slots are free, and a ring. */
static void driver_clear_slots(struct vq_driver *drv, struct vq_slot *slots)
{
	__u32 num = drv->num;

	memset(slots, 0, num * sizeof(*slots));
	drv->records = slots;
	drv->links = (__u16 *)slots_record(drv, num);
	for (__u32 i = 0; i < num; i++)
		drv->links[i] = (__u16)(i + 1 < num ? i + 1 : 0);
}

int vq_driver_init(struct vq_driver *drv, const struct vq_rings *rings,
		   struct vq_slot *slots, __u64 features)
{
	bool packed = features >> VIRTIO_F_RING_PACKED & 1;
	int error = packed ? vq_packed_check(rings) : vq_rings_check(rings);

	if (error)
		return error;
	driver_clear(rings, packed);
	memset(drv, 0, sizeof(*drv));
	drv->desc = rings->desc;
	drv->avail = rings->avail;
	drv->used = rings->used;
	drv->num = rings->num;
	driver_clear_slots(drv, slots);
	drv->free_count = rings->num;
	drv->event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	drv->in_order = features >> VIRTIO_F_IN_ORDER & 1;
	drv->packed = packed;
	drv->avail_wrap = true;
	drv->used_wrap = true;
	return 0;
}

/* All of a descriptor but its address, as one word. */
static __always_inline __u64 driver_desc_rest(__u32 len, __u32 flags,
					      __u32 next)
{
	return len | (__u64)flags << 32 | (__u64)next << 48;
}

/* Each word is stored at once: a vector would be slower to put together. */
static __always_inline void driver_desc_write(struct vring_desc *desc,
					      __u64 addr, __u64 rest)
{
	struct slots_words *words = (struct slots_words *)desc;

	WRITE_ONCE(words->addr, cpu_to_le64(addr));
	WRITE_ONCE(words->rest, cpu_to_le64(rest));
}

/* The device does not see it yet, so that its end may be marked in the end. */
static __always_inline void driver_desc_end(struct vring_desc *desc, __u64 rest)
{
	struct slots_words *words = (struct slots_words *)desc;

	rest &= ~((__u64)VRING_DESC_F_NEXT << 32);
	WRITE_ONCE(words->rest, cpu_to_le64(rest));
}

/* Puts a chain whose descriptors are written behind those not yet shown. */
static __always_inline void driver_offer(struct vq_driver *drv, __u16 head)
{
	struct vring_avail *avail = drv->avail;
	__u16 at = drv->avail_idx & (drv->num - 1);

	WRITE_ONCE(avail->ring[at], driver_virtio16(head));
	drv->avail_idx++;
}

/* The chain at hand: where its next descriptor goes, where the last one is. */
struct driver_chain {
	struct vring_desc *table;
	const __u16 *links;
	__u32 at;
	__u32 last;
	__u64 rest;
	__u64 bytes;
};

/* Writes the descriptors of one direction, as if another followed them all. */
static __always_inline void driver_add_part(struct driver_chain *chain,
					    const struct vq_buffer *buffer,
					    const struct vq_buffer *end,
					    __u32 flags)
{
	chain->bytes = 0;
	/* Two or three go round: to unroll it costs more than it saves. */
#pragma GCC unroll 1
	for (; buffer != end; buffer++) {
		__u32 at = chain->at, len = buffer->len;

		chain->last = at;
		chain->at = chain->links[at];
		chain->rest = driver_desc_rest(len, flags, chain->at);
		chain->bytes += len;
		driver_desc_write(&chain->table[at], buffer->addr, chain->rest);
	}
}

static noinline int driver_add(struct vq_driver *drv,
			       const struct vq_buffer *buffers, __u32 readable,
			       __u32 writable, __u64 cookie)
{
	const struct vq_buffer *turn = buffers + readable;
	__u32 total = readable + writable, head = drv->free_head;
	struct driver_chain chain = {drv->desc, drv->links, head, 0, 0, 0};

	if (unlikely(total > drv->free_count))
		return -ENOSPC;
	driver_add_part(&chain, buffers, turn, VRING_DESC_F_NEXT);
	driver_add_part(&chain, turn, turn + writable,
			VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
	driver_desc_end(&chain.table[chain.last], chain.rest);
	slots_take(drv, &(struct slots_chain){head, total, chain.last, chain.at,
					      chain.bytes, cookie});
	driver_offer(drv, (__u16)head);
	return 0;
}

/* Adds a chain of one descriptor. */
static __always_inline int driver_add_one(struct vq_driver *drv,
					  const struct vq_buffer *buffer,
					  __u32 flags, __u64 writable,
					  __u64 cookie)
{
	struct vring_desc *ring = drv->desc;
	__u16 head = drv->free_head;

	if (unlikely(!drv->free_count))
		return -ENOSPC;
	driver_desc_write(&ring[head], buffer->addr,
			  driver_desc_rest(buffer->len, flags, 0));
	slots_take(drv, &(struct slots_chain){head, 1, head, drv->links[head],
					      writable, cookie});
	driver_offer(drv, head);
	return 0;
}

int vq_driver_add(struct vq_driver *drv, const struct vq_buffer *buffers,
		  __u32 readable, __u32 writable, __u64 cookie)
{
	if (!slots_count_valid(drv->num, readable, writable))
		return -EINVAL;
	if (drv->packed)
		return packed_driver_add(drv, buffers, readable, writable,
					 cookie);
	if (readable + writable == 1)
		return driver_add_one(drv, buffers,
				      writable ? VRING_DESC_F_WRITE : 0,
				      writable ? buffers->len : 0, cookie);
	return driver_add(drv, buffers, readable, writable, cookie);
}

/*
 * Fills a table, whose entries follow each other; bytes that are writable. In
 * packed rings the id, which is 0, is where split ones have the flags.
 */
static __u64 driver_fill_table(struct vring_desc *table,
			       const struct vq_buffer *buffers, __u32 readable,
			       __u32 total, bool packed)
{
	__u64 writable_bytes = 0;

	for (__u32 i = 0; i < total; i++) {
		__u32 flags = i + 1 < total ? VRING_DESC_F_NEXT : 0;
		__u32 write = i >= readable ? VRING_DESC_F_WRITE : 0;
		__u64 rest = packed ? driver_desc_rest(buffers[i].len, 0, write)
				    : driver_desc_rest(buffers[i].len,
						       flags | write, i + 1);

		if (write)
			writable_bytes += buffers[i].len;
		driver_desc_write(&table[i], buffers[i].addr, rest);
	}
	return writable_bytes;
}

int vq_driver_add_indirect(struct vq_driver *drv,
			   const struct vq_indirect *indirect,
			   const struct vq_buffer *buffers, __u32 readable,
			   __u32 writable, __u64 cookie)
{
	__u32 num = min_t(__u32, drv->num, indirect->capacity);
	__u32 total = readable + writable;
	struct vq_buffer table = {
		.addr = indirect->addr,
		.len = total * sizeof(struct vring_desc),
	};
	__u64 writable_bytes;

	if (!slots_count_valid(num, readable, writable))
		return -EINVAL;
	if (!drv->free_count)
		return -ENOSPC;
	writable_bytes = driver_fill_table(indirect->table, buffers, readable,
					   total, drv->packed);
	if (drv->packed)
		return packed_driver_add_table(drv, &table, writable_bytes,
					       cookie);
	return driver_add_one(drv, &table, VRING_DESC_F_INDIRECT,
			      writable_bytes, cookie);
}

void vq_driver_publish(struct vq_driver *drv)
{
	struct vring_avail *avail = drv->avail;
	__u16 undecided = drv->avail_idx - drv->kicked_idx;

	if (drv->packed) {
		packed_publish(drv);
		return;
	}
	/* At most half as many more are added until the next time. */
	if (unlikely(undecided > 0x7fff))
		drv->overdue = true;
	/*
	 * Pairs with virt_load_acquire() in split_refill(): descriptors and
	 * entries are seen before the index that covers them.
	 */
	virt_store_release(&avail->idx, driver_virtio16(drv->avail_idx));
}

/* Rereads the device's index once all that it showed us is reaped. */
static __always_inline int driver_refill(struct vq_driver *drv)
{
	const struct vring_used *used = drv->used;
	__virtio16 field;
	__u16 idx;

	if (drv->used_idx != drv->last_used)
		return 0;
	/*
	 * Pairs with virt_store_release() in split_publish(): entries and
	 * buffers are read after the index that covers them.
	 */
	field = virt_load_acquire(&used->idx);
	idx = le16_to_cpu((__force __le16)field);
	if ((__u16)(idx - drv->last_used) >
	    (__u16)(drv->avail_idx - drv->last_used))
		return -EINVAL;
	drv->used_idx = idx;
	/* An entry covers buffers in order that the index does not. */
	return drv->batch && idx == drv->last_used ? -EINVAL : 0;
}

/* What was in a used entry when it was read, in our byte order. */
struct driver_used {
	__u32 id;
	__u32 len;
};

/* Reads a used entry, each field once, and checks it. */
static __always_inline int driver_entry(const struct vq_driver *drv, __u16 at,
					struct driver_used *entry)
{
	const struct vring_used *used = drv->used;
	const vring_used_elem_t *elem = &used->ring[at & (drv->num - 1)];

	entry->id = le32_to_cpu((__force __le32)READ_ONCE(elem->id));
	entry->len = le32_to_cpu((__force __le32)READ_ONCE(elem->len));
	return slots_check(drv, entry->id, entry->len);
}

/* Reaps up to @max buffers that the device has shown to us, in any order. */
static __always_inline int driver_reap(struct vq_driver *drv,
				       struct vq_completion *done, __u32 max,
				       __u32 *taken)
{
	__u16 at = drv->last_used;
	__u32 count = min_t(__u32, max, (__u16)(drv->used_idx - at));
	struct slots_free free = slots_free_begin(drv);
	int error = 0;

	for (*taken = 0; *taken < count; ++*taken, at++, done++) {
		struct driver_used used;

		error = driver_entry(drv, at, &used);
		if (unlikely(error))
			break;
		slots_finish(drv, used.id, used.len, done, &free);
	}
	drv->last_used = at;
	slots_free_end(drv, &free);
	return error;
}

/* The same in order, where an entry can stand for several buffers. */
static int driver_reap_in_order(struct vq_driver *drv,
				struct vq_completion *done, __u32 max,
				__u32 *taken)
{
	for (*taken = 0; *taken < max && drv->last_used != drv->used_idx;
	     ++*taken, done++) {
		struct driver_used used;

		if (!drv->batch) {
			int error = driver_entry(drv, drv->last_used, &used);

			if (error)
				return error;
			slots_batch(drv, used.id, used.len);
		}
		slots_finish_oldest(drv, done);
		drv->last_used++;
	}
	return 0;
}

int vq_driver_reap(struct vq_driver *drv, struct vq_completion *done, __u32 max,
		   __u32 *count)
{
	__u32 taken;
	int error;

	if (drv->packed)
		return packed_reap(drv, done, max, count);
	*count = 0;
	error = driver_refill(drv);
	if (unlikely(error))
		return error;
	if (drv->in_order)
		error = driver_reap_in_order(drv, done, max, &taken);
	else
		error = driver_reap(drv, done, max, &taken);
	*count = taken;
	return taken ? 0 : error;
}

int vq_driver_get_used(struct vq_driver *drv, struct vq_completion *done)
{
	__u32 count;
	int error = vq_driver_reap(drv, done, 1, &count);

	if (unlikely(error))
		return error;
	return count ? 0 : -EAGAIN;
}
