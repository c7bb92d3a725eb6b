// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A hostile device against the driver side: any used entries and index, any
 * flags, and a descriptor table that it scribbles over. FUZZ_PACKED is 0 or 1.
 */
#include "input.h"
#include "virtqueue.h"

#define FUZZ_RING_MAX	 64
#define FUZZ_PIECES	 8
#define FUZZ_RINGS_BYTES 4096

/* A driver, and what must come back at most once. */
struct fuzz {
	struct vq_rings rings;
	struct vq_driver driver;
	struct vring_desc table[FUZZ_PIECES];
	__u8 outstanding[256];
	__u32 writable[256];
	__u32 count;
};

static void fuzz_add(struct input *input, struct fuzz *fuzz)
{
	struct vq_indirect indirect = {fuzz->table, 0x1000, FUZZ_PIECES};
	__u32 before = fuzz->driver.free_count;
	struct vq_buffer buffers[FUZZ_PIECES];
	__u8 cookie = input_u8(input), kind = input_u8(input);
	__u32 readable = kind & 3, writable = kind >> 2 & 3;
	__u32 bytes = 0;
	int error;

	if (fuzz->outstanding[cookie])
		return;
	for (int i = 0; i < FUZZ_PIECES; i++) {
		buffers[i].addr = input_u8(input);
		buffers[i].len = input_u16(input);
	}
	for (__u32 i = readable; i < readable + writable; i++)
		bytes += buffers[i].len;
	if (kind & 16)
		error = vq_driver_add_indirect(&fuzz->driver, &indirect,
					       buffers, readable, writable,
					       cookie);
	else
		error = vq_driver_add(&fuzz->driver, buffers, readable,
				      writable, cookie);
	if (error) {
		CHECK(error == -EINVAL || error == -ENOSPC);
		CHECK(fuzz->driver.free_count == before);
		return;
	}
	fuzz->outstanding[cookie] = 1;
	fuzz->writable[cookie] = bytes;
	fuzz->count++;
}

static void fuzz_take(struct fuzz *fuzz, const struct vq_completion *done)
{
	CHECK(done->cookie < 256);
	CHECK(fuzz->outstanding[done->cookie]);
	CHECK(done->len <= fuzz->writable[done->cookie]);
	fuzz->outstanding[done->cookie] = 0;
	fuzz->count--;
}

static void fuzz_reap(struct fuzz *fuzz, bool one)
{
	struct vq_completion done[4];
	__u32 count = 0;
	int error;

	if (one) {
		error = vq_driver_get_used(&fuzz->driver, done);
		count = !error;
		error = error == -EAGAIN ? 0 : error;
	} else {
		error = vq_driver_reap(&fuzz->driver, done, 4, &count);
	}
	CHECK(!error || !count);
	CHECK(!error || error == -EINVAL || error == -EMSGSIZE);
	CHECK(fuzz->driver.free_count <= fuzz->driver.num);
	for (__u32 i = 0; i < count; i++)
		fuzz_take(fuzz, &done[i]);
	/* When all is back, all is free. */
	if (!fuzz->count)
		CHECK(fuzz->driver.free_count == fuzz->driver.num);
}

static void fuzz_scribble(struct input *input, struct fuzz *fuzz)
{
	__u64 bytes = fuzz->driver.packed ? vq_packed_size(fuzz->rings.num)
					  : vq_rings_size(fuzz->rings.num);
	char *start = fuzz->rings.desc;

	start[input_u16(input) % bytes] = (char)input_u8(input);
}

/* A used descriptor where the driver looks for one. */
static void fuzz_give(struct input *input, struct fuzz *fuzz)
{
	struct vring_packed_desc *ring = fuzz->rings.desc;
	struct vring_packed_desc *desc = &ring[fuzz->driver.last_used];

	desc->id = cpu_to_le16(input_u8(input) % 80);
	desc->len = cpu_to_le32(input_u16(input));
	desc->flags = cpu_to_le16(fuzz->driver.used_wrap ? 0x8080 : 0);
}

static void fuzz_step(struct input *input, struct fuzz *fuzz)
{
	struct vring_used *used = fuzz->rings.used;
	__u8 kind = input_u8(input);
	__u16 index;

	switch (kind % 8) {
	case 0:
	case 1:
		fuzz_add(input, fuzz);
		break;
	case 2:
		if (kind & 8)
			vq_driver_publish(&fuzz->driver);
		else
			vq_driver_kick_prepare(&fuzz->driver);
		break;
	case 3:
		if (fuzz->driver.packed)
			break;
		index = input_u8(input) % fuzz->rings.num;
		used->ring[index].id = cpu_to_le32(input_u8(input) % 80);
		used->ring[index].len = cpu_to_le32(input_u16(input));
		break;
	case 4:
		if (fuzz->driver.packed) {
			fuzz_give(input, fuzz);
			break;
		}
		used->idx = cpu_to_le16(fuzz->driver.last_used +
					input_u8(input) % 8);
		break;
	case 5:
		fuzz_reap(fuzz, kind & 8);
		break;
	case 6:
		fuzz_scribble(input, fuzz);
		break;
	default:
		vq_driver_disable_callback(&fuzz->driver);
		if (kind & 8)
			vq_driver_delay_callback(&fuzz->driver, kind >> 4);
		else
			vq_driver_enable_callback(&fuzz->driver);
	}
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	static char storage[FUZZ_RINGS_BYTES] __attribute__((aligned(64)));
	static struct vq_slot slots[FUZZ_RING_MAX];
	struct input input = {data, size};
	__u8 size_byte = input_u8(&input);
	/* Packed rings of any size, split ones of powers of two. */
	__u32 num = FUZZ_PACKED ? 1 + size_byte % 64 : 1u << size_byte % 7;
	__u64 features = (__u64)input_u16(&input) << 24;
	struct fuzz fuzz = {0};

	CHECK(vq_rings_size(num) <= sizeof(storage));
	features &= ~(1ULL << VIRTIO_F_RING_PACKED);
	features |= (__u64)FUZZ_PACKED << VIRTIO_F_RING_PACKED;
	if (FUZZ_PACKED)
		CHECK(!vq_packed_place(storage, num, &fuzz.rings));
	else
		CHECK(!vq_rings_place(storage, num, &fuzz.rings));
	CHECK(!vq_driver_init(&fuzz.driver, &fuzz.rings, slots, features));
	while (input.left)
		fuzz_step(&input, &fuzz);
	return 0;
}
