// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vectors.h"

/* Bytes that the device may write to each buffer. */
static const __u32 order_bytes[ORDER_VECTOR_BUFFERS] = {64, 32, 16};

static const struct order_vector order_vectors[] = {
	{"in order, the first", .idx = 1, .id = 0, .len = 60, .count = 1,
	 .lens = {60}},
	{"in order, the second for two", .idx = 2, .id = 1, .len = 0,
	 .count = 2, .lens = {64, 0}},
	{"in order, the last for all", .idx = 3, .id = 2, .len = 5, .count = 3,
	 .lens = {64, 32, 5}},
	{"in order, the last, full", .idx = 3, .id = 2, .len = 16, .count = 3,
	 .lens = {64, 32, 16}},
	{"in order, the last, more than it has", .idx = 3, .id = 2, .len = 17,
	 .error = EMSGSIZE},
	{"in order, none of them", .idx = 3, .id = 3, .error = EINVAL},
	{"in order, beyond the ring", .idx = 3, .id = 0xffff, .error = EINVAL},
	{"in order, the index covers too few", .split = true, .idx = 1, .id = 2,
	 .len = 5, .count = 1, .lens = {64}, .error = EINVAL},
	{"in order, the index covers too many", .split = true, .idx = 4,
	 .id = 2, .error = EINVAL},
	{"in order, the index goes backwards", .split = true, .idx = 0xffff,
	 .id = 2, .error = EINVAL},
	{"in order, the index covers none", .split = true, .idx = 0, .id = 2},
};

VECTORS_BY_NUMBER(order)

/* What the device writes: one entry, and in a split ring the index. */
static void order_vector_use(const struct order_vector *vector,
			     struct mock_driver *mock, bool packed)
{
	const struct mock_desc desc = {.len = vector->len,
				       .flags = 1 << VRING_PACKED_DESC_F_AVAIL |
						1 << VRING_PACKED_DESC_F_USED,
				       .next = vector->id};
	struct vring_used *used = mock->rings.used;

	if (packed) {
		mock_driver_describe_packed(mock, 0, &desc);
		return;
	}
	used->ring[0].id = (__force __virtio32)cpu_to_le32(vector->id);
	used->ring[0].len = (__force __virtio32)cpu_to_le32(vector->len);
	used->idx = (__force __virtio16)cpu_to_le16(vector->idx);
}

static const char *order_vector_reap(const struct order_vector *vector,
				     struct vq_driver *driver)
{
	struct vq_completion done[ORDER_VECTOR_BUFFERS + 1];
	__u32 count;

	if (vector->count) {
		if (vq_driver_reap(driver, done, ORDER_VECTOR_BUFFERS + 1,
				   &count))
			return "result";
		if (count != vector->count)
			return "number of buffers";
		for (__u32 i = 0; i < count; i++)
			if (done[i].cookie != i ||
			    done[i].len != vector->lens[i])
				return "buffer";
	}
	/* There is no more, or a fault, each time. */
	for (int i = 0; i < 2; i++)
		if (vq_driver_reap(driver, done, ORDER_VECTOR_BUFFERS + 1,
				   &count) != -vector->error ||
		    count)
			return "result of the next call";
	return NULL;
}

static const char *order_vector_ring(const struct order_vector *vector,
				     void *storage, bool packed)
{
	__u64 features = 1ULL << VIRTIO_F_IN_ORDER |
			 (__u64)packed << VIRTIO_F_RING_PACKED;
	struct vq_slot slots[4];
	struct mock_driver mock;
	struct vq_driver driver;

	if (packed ? mock_driver_init_packed(&mock, storage, 4)
		   : mock_driver_init(&mock, storage, 4))
		return "set up the guest";
	if (vq_driver_init(&driver, &mock.rings, slots, features))
		return "set up the driver side";
	for (__u32 i = 0; i < ORDER_VECTOR_BUFFERS; i++) {
		const struct vq_buffer buffer = {MOCK_RAM, order_bytes[i]};

		if (vq_driver_add(&driver, &buffer, 0, 1, i))
			return "add";
	}
	vq_driver_publish(&driver);
	order_vector_use(vector, &mock, packed);
	return order_vector_reap(vector, &driver);
}

const char *order_vector_run(const struct order_vector *vector, void *storage)
{
	const char *fault = order_vector_ring(vector, storage, false);

	if (fault || vector->split)
		return fault;
	return order_vector_ring(vector, storage, true);
}
