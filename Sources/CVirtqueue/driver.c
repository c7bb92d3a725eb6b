// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vq_driver.h"

static __virtio16 driver_virtio16(__u16 value)
{
	return (__force __virtio16)cpu_to_le16(value);
}

static void driver_clear(const struct vq_rings *rings)
{
	__u64 num = rings->num;

	memset(rings->desc, 0, num * sizeof(struct vring_desc));
	memset(rings->avail, 0, (num + 3) * sizeof(__virtio16));
	memset(rings->used, 0,
	       num * sizeof(struct vring_used_elem) + 3 * sizeof(__virtio16));
}

int vq_driver_init(struct vq_driver *drv, const struct vq_rings *rings,
		   struct vq_slot *slots, __u64 features)
{
	int error = vq_rings_check(rings);

	if (error)
		return error;
	driver_clear(rings);
	memset(slots, 0, rings->num * sizeof(*slots));
	for (__u32 i = 0; i < rings->num; i++)
		slots[i].next = (__u16)(i + 1);
	memset(drv, 0, sizeof(*drv));
	drv->desc = rings->desc;
	drv->avail = rings->avail;
	drv->used = rings->used;
	drv->num = rings->num;
	drv->slots = slots;
	drv->free_count = rings->num;
	drv->event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1;
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
static __always_inline void driver_offer(struct vq_driver *drv, __u16 head,
					 __u32 count, __u16 last,
					 __u64 writable, __u64 cookie)
{
	struct vq_slot *slot = &drv->slots[head];
	__u16 at = drv->avail_idx & (drv->num - 1);

	drv->free_head = drv->slots[last].next;
	drv->free_count -= count;
	slot->cookie = cookie;
	slot->writable = (__u32)min_t(__u64, writable, 0xffffffff);
	slot->last = last;
	slot->count = (__u16)count;
	WRITE_ONCE(drv->avail->ring[at], driver_virtio16(head));
	drv->avail_idx++;
}

/* Whether a ring of @num can hold the pieces; no sum wraps around. */
static bool driver_count_valid(__u32 num, __u32 readable, __u32 writable)
{
	return readable <= num && writable <= num - readable &&
	       readable + writable;
}

int vq_driver_add(struct vq_driver *drv, const struct vq_buffer *buffers,
		  __u32 readable, __u32 writable, __u64 cookie)
{
	__u16 head = drv->free_head, at = head, last = head;
	__u32 total = readable + writable;
	__u64 writable_bytes = 0;

	if (!driver_count_valid(drv->num, readable, writable))
		return -EINVAL;
	if (total > drv->free_count)
		return -ENOSPC;
	for (__u32 i = 0; i < total; i++) {
		__u16 flags = i + 1 < total ? VRING_DESC_F_NEXT : 0;
		__u16 next = drv->slots[at].next;

		if (i >= readable) {
			flags |= VRING_DESC_F_WRITE;
			writable_bytes += buffers[i].len;
		}
		driver_desc_write(&drv->desc[at], &buffers[i], flags, next);
		last = at;
		at = next;
	}
	driver_offer(drv, head, total, last, writable_bytes, cookie);
	return 0;
}

int vq_driver_add_indirect(struct vq_driver *drv,
			   const struct vq_indirect *indirect,
			   const struct vq_buffer *buffers, __u32 readable,
			   __u32 writable, __u64 cookie)
{
	__u32 num = min_t(__u32, drv->num, indirect->capacity);
	__u32 total = readable + writable;
	__u16 head = drv->free_head;
	struct vq_buffer table = {.addr = indirect->addr};
	__u64 writable_bytes = 0;

	if (!driver_count_valid(num, readable, writable))
		return -EINVAL;
	if (!drv->free_count)
		return -ENOSPC;
	for (__u32 i = 0; i < total; i++) {
		__u16 flags = i + 1 < total ? VRING_DESC_F_NEXT : 0;

		if (i >= readable) {
			flags |= VRING_DESC_F_WRITE;
			writable_bytes += buffers[i].len;
		}
		driver_desc_write(&indirect->table[i], &buffers[i], flags,
				  (__u16)(i + 1));
	}
	table.len = total * sizeof(struct vring_desc);
	driver_desc_write(&drv->desc[head], &table, VRING_DESC_F_INDIRECT, 0);
	driver_offer(drv, head, 1, head, writable_bytes, cookie);
	return 0;
}

void vq_driver_publish(struct vq_driver *drv)
{
	/*
	 * Pairs with virt_load_acquire() in split_refill(): descriptors and
	 * entries are seen before the index that covers them.
	 */
	virt_store_release(&drv->avail->idx, driver_virtio16(drv->avail_idx));
}

/* Rereads the device's index once all that it showed us is reaped. */
static int driver_refill(struct vq_driver *drv)
{
	__virtio16 field;
	__u16 idx;

	if (drv->used_idx != drv->last_used)
		return 0;
	/*
	 * Pairs with virt_store_release() in vq_device_push_batch(): entries
	 * and buffers are read after the index that covers them.
	 */
	field = virt_load_acquire(&drv->used->idx);
	idx = le16_to_cpu((__force __le16)field);
	if ((__u16)(idx - drv->last_used) >
	    (__u16)(drv->avail_idx - drv->last_used))
		return -EINVAL;
	drv->used_idx = idx;
	return 0;
}

/* Takes the used entry at last_used, which the device has shown to us. */
static __always_inline int driver_take(struct vq_driver *drv,
				       struct vq_completion *done)
{
	const vring_used_elem_t *elem =
		&drv->used->ring[drv->last_used & (drv->num - 1)];
	__u32 id = le32_to_cpu((__force __le32)READ_ONCE(elem->id));
	__u32 len = le32_to_cpu((__force __le32)READ_ONCE(elem->len));
	struct vq_slot *slot;

	if (unlikely(id >= drv->num))
		return -EINVAL;
	slot = &drv->slots[id];
	if (unlikely(!slot->count))
		return -EINVAL;
	if (unlikely(len > slot->writable))
		return -EMSGSIZE;
	done->cookie = slot->cookie;
	done->len = len;
	drv->slots[slot->last].next = drv->free_head;
	drv->free_head = (__u16)id;
	drv->free_count += slot->count;
	slot->count = 0;
	drv->last_used++;
	return 0;
}

int vq_driver_reap(struct vq_driver *drv, struct vq_completion *done, __u32 max,
		   __u32 *count)
{
	int error = driver_refill(drv);
	__u32 taken = 0;

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
	int error = driver_refill(drv);

	if (unlikely(error))
		return error;
	if (drv->last_used == drv->used_idx)
		return -EAGAIN;
	return driver_take(drv, done);
}
