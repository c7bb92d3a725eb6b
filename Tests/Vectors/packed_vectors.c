// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vectors.h"

#define NEXT  VRING_DESC_F_NEXT
#define INTO  VRING_DESC_F_WRITE
#define TABLE VRING_DESC_F_INDIRECT

/* What makes a descriptor available in odd laps, and in even ones. */
#define ODD  (1 << VRING_PACKED_DESC_F_AVAIL)
#define EVEN (1 << VRING_PACKED_DESC_F_USED)

/* Where the device starts: at the first entry, and at the last of three. */
#define LAST 0x80028002u

#define A MOCK_RAM
#define B (MOCK_RAM + 0x1000)
#define T (MOCK_RAM + 0x4000)

static const struct packed_vector packed_vectors[] = {
	{"packed, one readable", .desc = {{A, 51, ODD, 7}}, .head = 0x10007,
	 .readable = 1, .segments = {{A, 51}}},
	{"packed, read command",
	 .desc = {{A, 51, ODD | NEXT, 9},
		  {B, 108, ODD | NEXT | INTO, 9},
		  {MOCK_RAM_HIGH, 4096, ODD | INTO, 2}},
	 .head = 0x30002, .readable = 1, .writable = 2,
	 .segments = {{A, 51}, {B, 108}, {MOCK_RAM_HIGH, 4096}}},
	{"packed, available in the lap before", .desc = {{A, 51, EVEN, 7}},
	 .error = EAGAIN},
	{"packed, used in this lap", .desc = {{A, 51, ODD | EVEN, 7}},
	 .error = EAGAIN},
	{"packed, used in the lap before", .desc = {{A, 51, 0, 7}},
	 .error = EAGAIN},
	{"packed, around the end", .base = LAST,
	 .desc = {{B, 9, EVEN | INTO, 1}, {}, {A, 8, ODD | NEXT, 5}},
	 .head = 0x20001, .readable = 1, .writable = 1,
	 .segments = {{A, 8}, {B, 9}}},
	{"packed, even lap", .base = 0, .even = true, .desc = {{A, 8, EVEN, 1}},
	 .head = 0x10001, .readable = 1, .segments = {{A, 8}}},
	{"packed, as many as the ring has",
	 .desc = {{A, 1, ODD | NEXT}, {A, 2, ODD | NEXT}, {A, 3, ODD}},
	 .head = 0x30000, .readable = 3, .segments = {{A, 1}, {A, 2}, {A, 3}}},
	{"packed, no end",
	 .desc = {{A, 1, ODD | NEXT}, {A, 2, ODD | NEXT}, {A, 3, ODD | NEXT}},
	 .error = EINVAL},
	{"packed, no end, all empty",
	 .desc = {{A, 0, ODD | NEXT}, {A, 0, ODD | NEXT}, {A, 0, ODD | NEXT}},
	 .error = EINVAL},
	{"packed, length 0 makes no segment",
	 .desc = {{A, 0, ODD | NEXT}, {A, 8, ODD, 3}}, .head = 0x20003,
	 .readable = 1, .segments = {{A, 8}}},
	{"packed, across regions",
	 .desc = {{MOCK_RAM_HIGH - 16, 48, ODD | INTO, 1}}, .head = 0x10001,
	 .writable = 2,
	 .segments = {{MOCK_RAM_HIGH - 16, 16}, {MOCK_RAM_HIGH, 32}}},
	{"packed, readable behind writable",
	 .desc = {{A, 8, ODD | NEXT | INTO}, {A, 8, ODD}}, .error = EINVAL},
	{"packed, in a hole", .desc = {{0x28000, 1, ODD}}, .error = EFAULT},
	{"packed, write to what is only readable",
	 .desc = {{MOCK_READ_ONLY, 8, ODD | INTO}}, .error = EPERM},
	{"packed, id beyond the ring", .desc = {{A, 8, ODD, 0xffff}},
	 .head = 0x1ffff, .readable = 1, .segments = {{A, 8}}},

	{"packed, indirect", .desc = {{T, 48, ODD | TABLE, 6}}, .table = T,
	 .indirect = {{A, 51}, {B, 108, INTO}, {B, 512, INTO}}, .head = 0x10006,
	 .readable = 1, .writable = 2,
	 .segments = {{A, 51}, {B, 108}, {B, 512}}},
	{"packed, indirect, next does not matter",
	 .desc = {{T, 32, ODD | TABLE}}, .table = T,
	 .indirect = {{A, 51}, {B, 9, NEXT}}, .head = 0x10000, .readable = 2,
	 .segments = {{A, 51}, {B, 9}}},
	{"packed, indirect, empty", .desc = {{T, 0, ODD | TABLE}},
	 .error = EINVAL},
	{"packed, indirect, length no multiple of 16",
	 .desc = {{T, 24, ODD | TABLE}}, .table = T, .indirect = {{A, 8}},
	 .error = EINVAL},
	{"packed, indirect, nested", .desc = {{T, 16, ODD | TABLE}}, .table = T,
	 .indirect = {{T, 16, TABLE}}, .error = EINVAL},
	{"packed, indirect and next",
	 .desc = {{T, 16, ODD | TABLE | NEXT}, {A, 8, ODD}}, .table = T,
	 .indirect = {{A, 8}}, .error = EINVAL},
	{"packed, indirect behind another",
	 .desc = {{A, 8, ODD | NEXT}, {T, 16, ODD | TABLE}}, .table = T,
	 .indirect = {{A, 8}}, .error = EINVAL},
	{"packed, indirect, unmapped", .desc = {{0x28000, 16, ODD | TABLE}},
	 .error = EFAULT},
};

VECTORS_BY_NUMBER(packed)

static __u32 packed_vector_base(const struct packed_vector *vector)
{
	if (vector->even)
		return 0;
	return vector->base ? vector->base : VQ_PACKED_BASE;
}

/* The used descriptor stands where the device began, in the lap's colours. */
static const char *packed_vector_push(const struct packed_vector *vector,
				      const struct mock_driver *driver,
				      struct vq_device *device)
{
	const struct vring_packed_desc *ring = driver->rings.desc;
	__u32 base = packed_vector_base(vector);
	__u16 flags = VRING_DESC_F_WRITE | (vector->even ? 0 : ODD | EVEN);
	const struct vring_packed_desc *desc = &ring[base >> 16 & 0x7fff];

	vq_device_push(device, vector->head, 5);
	if (le16_to_cpu(desc->id) != (__u16)vector->head ||
	    le32_to_cpu(desc->len) != 5 || le16_to_cpu(desc->flags) != flags)
		return "used descriptor";
	if (device->last_used != device->last_avail ||
	    device->used_wrap != device->avail_wrap)
		return "used place";
	return NULL;
}

const char *packed_vector_run(const struct packed_vector *vector, void *storage)
{
	struct vq_segment segments[VECTOR_SEGMENTS];
	struct mock_driver driver;
	struct vq_device device;
	struct vq_chain chain;
	const char *fault;

	if (mock_driver_init_packed(&driver, storage, PACKED_VECTOR_NUM))
		return "set up the driver";
	for (__u32 i = 0; i < PACKED_VECTOR_NUM; i++) {
		mock_driver_describe_packed(&driver, i, &vector->desc[i]);
		if (vector->table)
			mock_driver_describe_packed_at(&driver, vector->table,
						       i, &vector->indirect[i]);
	}
	if (vq_device_init(&device, &driver.rings, driver.memory,
			   1ULL << VIRTIO_F_RING_PACKED,
			   packed_vector_base(vector)))
		return "set up the device";
	for (int i = 0; i < (vector->error ? 2 : 1); i++)
		if (vq_device_pop(&device, segments, VECTOR_SEGMENTS, &chain) !=
		    -vector->error)
			return "result";
	if (vector->error)
		return NULL;
	fault = vector_chain_compare(&chain, vector->head, vector->readable,
				     vector->writable, vector->segments,
				     &driver);
	return fault ? fault : packed_vector_push(vector, &driver, &device);
}
