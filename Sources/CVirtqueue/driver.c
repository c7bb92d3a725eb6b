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
static void driver_clear_slots(struct vq_slot *slots, __u32 num)
{
	memset(slots, 0, num * sizeof(*slots));
	for (__u32 i = 0; i < num; i++)
		slots[i].next = (__u16)(i + 1 < num ? i + 1 : 0);
}

int vq_driver_init(struct vq_driver *drv, const struct vq_rings *rings,
		   struct vq_slot *slots, __u64 features)
{
	bool packed = features >> VIRTIO_F_RING_PACKED & 1;
	int error = packed ? vq_packed_check(rings) : vq_rings_check(rings);

	if (error)
		return error;
	driver_clear(rings, packed);
	driver_clear_slots(slots, rings->num);
	memset(drv, 0, sizeof(*drv));
	drv->desc = rings->desc;
	drv->avail = rings->avail;
	drv->used = rings->used;
	drv->num = rings->num;
	drv->slots = slots;
	drv->free_count = rings->num;
	drv->event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	drv->in_order = features >> VIRTIO_F_IN_ORDER & 1;
	drv->packed = packed;
	drv->avail_wrap = true;
	drv->used_wrap = true;
	return 0;
}

static __always_inline void driver_desc_write(struct vring_desc *desc,
					      const struct vq_buffer *buffer,
					      __u16 flags, __u16 next)
{
	desc->addr = (__force __virtio64)cpu_to_le64(buffer->addr);
	desc->len = (__force __virtio32)cpu_to_le32(buffer->len);
	desc->flags = driver_virtio16(flags);
	desc->next = driver_virtio16(next);
}

/* Puts a chain whose descriptors are written behind those not yet shown. */
static __always_inline void driver_offer(struct vq_driver *drv, __u16 head)
{
	struct vring_avail *avail = drv->avail;
	__u16 at = drv->avail_idx & (drv->num - 1);

	WRITE_ONCE(avail->ring[at], driver_virtio16(head));
	drv->avail_idx++;
}

static __always_inline int driver_add(struct vq_driver *drv,
				      const struct vq_buffer *buffers,
				      __u32 readable, __u32 writable,
				      __u64 cookie)
{
	__u16 head = drv->free_head, at = head, last = head;
	__u32 total = readable + writable;
	struct vring_desc *table = drv->desc;
	__u64 writable_bytes = 0;

	if (total > drv->free_count)
		return -ENOSPC;
	for (__u32 i = 0; i < total; i++) {
		__u16 flags = i + 1 < total ? VRING_DESC_F_NEXT : 0;
		__u16 next = drv->slots[at].next;

		if (i >= readable) {
			flags |= VRING_DESC_F_WRITE;
			writable_bytes += buffers[i].len;
		}
		driver_desc_write(&table[at], &buffers[i], flags, next);
		last = at;
		at = next;
	}
	slots_take(drv, head, total, last, writable_bytes, cookie);
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
	return driver_add(drv, buffers, readable, writable, cookie);
}

/* Fills a table, whose entries follow each other; bytes that are writable. */
static __u64 driver_fill_table(const struct vq_driver *drv,
			       struct vring_desc *table,
			       const struct vq_buffer *buffers, __u32 readable,
			       __u32 total)
{
	__u64 writable_bytes = 0;

	for (__u32 i = 0; i < total; i++) {
		__u16 flags = i + 1 < total ? VRING_DESC_F_NEXT : 0;
		__u16 next = (__u16)(i + 1);

		if (i >= readable) {
			flags |= VRING_DESC_F_WRITE;
			writable_bytes += buffers[i].len;
		}
		/* In packed rings the id, which is 0, is before the flags. */
		if (drv->packed)
			driver_desc_write(&table[i], &buffers[i], 0,
					  flags & VRING_DESC_F_WRITE);
		else
			driver_desc_write(&table[i], &buffers[i], flags, next);
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
	struct vring_desc *ring = drv->desc;
	__u16 head = drv->free_head;
	struct vq_buffer table = {
		.addr = indirect->addr,
		.len = total * sizeof(struct vring_desc),
	};
	__u64 writable_bytes;

	if (!slots_count_valid(num, readable, writable))
		return -EINVAL;
	if (!drv->free_count)
		return -ENOSPC;
	writable_bytes = driver_fill_table(drv, indirect->table, buffers,
					   readable, total);
	if (drv->packed)
		return packed_driver_add_table(drv, &table, writable_bytes,
					       cookie);
	driver_desc_write(&ring[head], &table, VRING_DESC_F_INDIRECT, 0);
	slots_take(drv, head, 1, head, writable_bytes, cookie);
	driver_offer(drv, head);
	return 0;
}

void vq_driver_publish(struct vq_driver *drv)
{
	struct vring_avail *avail = drv->avail;

	if (drv->packed) {
		packed_publish(drv);
		return;
	}
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
	 * Pairs with virt_store_release() in vq_device_push_batch(): entries
	 * and buffers are read after the index that covers them.
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

/* Takes the used entry at last_used, which the device has shown to us. */
static __always_inline int driver_take(struct vq_driver *drv,
				       struct vq_completion *done)
{
	const struct vring_used *used = drv->used;
	const vring_used_elem_t *elem =
		&used->ring[drv->last_used & (drv->num - 1)];

	if (likely(!drv->batch)) {
		__u32 id = le32_to_cpu((__force __le32)READ_ONCE(elem->id));
		__u32 len = le32_to_cpu((__force __le32)READ_ONCE(elem->len));
		int error = slots_check(drv, id, len);

		if (unlikely(error))
			return error;
		if (!drv->in_order) {
			slots_finish(drv, id, len, done);
			drv->last_used++;
			return 0;
		}
		slots_batch(drv, id, len);
	}
	slots_finish_oldest(drv, done);
	drv->last_used++;
	return 0;
}

int vq_driver_reap(struct vq_driver *drv, struct vq_completion *done, __u32 max,
		   __u32 *count)
{
	__u32 taken = 0;
	int error;

	if (drv->packed)
		return packed_reap(drv, done, max, count);
	error = driver_refill(drv);
	while (!error && taken < max && drv->last_used != drv->used_idx) {
		error = driver_take(drv, &done[taken]);
		if (!error)
			taken++;
	}
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
