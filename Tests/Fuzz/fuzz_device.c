// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A hostile driver against the device side: any descriptors, heads, indices
 * and flags, in any order, between any calls. FUZZ_PACKED is 0 or 1.
 */
#include "input.h"
#include "mock_driver.h"

#define FUZZ_BATCH 8

/* Mostly where something is mapped, or just beside it. */
static __u64 fuzz_addr(struct input *input)
{
	static const __u64 starts[] = {MOCK_RAM,	MOCK_RAM_HIGH - 64,
				       MOCK_READ_ONLY,	MOCK_READ_ONLY - 64,
				       MOCK_WRITE_ONLY, 0,
				       ~0ULL - 64,	MOCK_RAM + 0x4000};

	return starts[input_u8(input) % 8] + input_u16(input) % 256;
}

static struct mock_desc fuzz_desc(struct input *input)
{
	struct mock_desc desc = {.addr = fuzz_addr(input)};
	__u8 kind = input_u8(input);

	desc.flags = kind & 7;
	if (kind & 64)
		desc.flags |= 1 << VRING_PACKED_DESC_F_AVAIL;
	if (kind & 128)
		desc.flags |= 1 << VRING_PACKED_DESC_F_USED;
	desc.len = kind & 8 ? input_u32(input) : input_u8(input);
	if (kind & 16)
		desc.len &= ~15u;
	desc.next = kind & 32 ? input_u16(input) : input_u8(input) % 8;
	return desc;
}

/* Every segment lies in a region that allows it, and the sums are right. */
static void fuzz_check_part(const struct mock_driver *driver,
			    const struct vq_segment *segment, __u32 count,
			    __u32 access, __u64 bytes)
{
	for (; count; count--, segment++) {
		bool found = false;

		CHECK(segment->len);
		for (int i = 0; i < MOCK_REGIONS; i++) {
			const struct vq_region *region = &driver->regions[i];
			unsigned long at = (unsigned long)segment->base -
					   (unsigned long)region->host;

			found |= at < region->size &&
				 segment->len <= region->size - at &&
				 (region->access & access);
		}
		CHECK(found);
		bytes -= segment->len;
	}
	CHECK(!bytes);
}

static void fuzz_pop(struct input *input, struct mock_driver *driver,
		     struct vq_device *device)
{
	static struct vq_segment segments[VQ_CHAIN_SEGMENTS_MAX];
	struct vq_chain chains[FUZZ_BATCH];
	struct vq_used used[FUZZ_BATCH];
	__u16 before = device->last_avail;
	__u32 capacity = input_u8(input) * 4, count;
	int error = vq_device_pop_batch(device, segments, capacity, chains,
					FUZZ_BATCH, &count);

	CHECK(!error || !count);
	if (!device->packed)
		CHECK((__u16)(device->last_avail - before) == count);
	CHECK(!device->packed || device->last_avail < device->num);
	for (__u32 i = 0; i < count; i++) {
		struct vq_chain *chain = &chains[i];

		if (device->packed)
			CHECK(chain->head >> 16 &&
			      chain->head >> 16 <= device->num);
		else
			CHECK(chain->head < device->num);
		CHECK(chain->segments + chain->readable + chain->writable <=
		      segments + capacity);
		fuzz_check_part(driver, chain->segments, chain->readable,
				VQ_ACCESS_READ, chain->readable_bytes);
		fuzz_check_part(driver, chain->segments + chain->readable,
				chain->writable, VQ_ACCESS_WRITE,
				chain->writable_bytes);
		used[i].id = chain->head;
		used[i].len = input_u8(input);
	}
	vq_device_push_batch(device, used, min_t(__u32, count, device->num));
}

static void fuzz_step(struct input *input, struct mock_driver *driver,
		      struct vq_device *device)
{
	struct mock_desc desc;
	__u16 index;

	switch (input_u8(input) % 8) {
	case 0:
	case 1:
		index = input_u8(input) % device->num;
		desc = fuzz_desc(input);
		if (device->packed)
			mock_driver_describe_packed(driver, index, &desc);
		else
			mock_driver_describe(driver, index, &desc);
		break;
	case 2:
		desc = fuzz_desc(input);
		mock_driver_describe_at(driver, fuzz_addr(input),
					input_u8(input) % 8, &desc);
		break;
	case 3:
		index = input_u16(input);
		if (device->packed) {
			mock_driver_event(driver, input_u32(input));
			break;
		}
		mock_driver_offer(driver, index, input_u16(input) % 300);
		break;
	case 4:
		if (device->packed) {
			index = device->last_avail;
			desc = fuzz_desc(input);
			desc.flags &= 7;
			desc.flags |= device->avail_wrap ? 1 << 7 : 1 << 15;
			mock_driver_describe_packed(driver, index, &desc);
			break;
		}
		index = device->last_avail + input_u8(input) % 64;
		mock_driver_show(driver, input_u8(input), index,
				 input_u16(input));
		break;
	case 5:
		fuzz_pop(input, driver, device);
		break;
	case 6:
		vq_device_signal_needed(device);
		break;
	default:
		vq_device_disable_notify(device);
		vq_device_enable_notify(device);
	}
}

/* Sizes up to 256; of packed rings also those that are no power of two. */
static int fuzz_init(struct input *input, void *storage,
		     struct mock_driver *driver, struct vq_device *device)
{
	__u32 num = 1u << (input_u8(input) % 9);
	__u64 features = (__u64)input_u8(input) << 24;
	__u32 base = input_u16(input);

	if (FUZZ_PACKED) {
		features |= 1ULL << VIRTIO_F_RING_PACKED;
		num = 1 + base % 256;
		base = base % num * 0x10001 | (base & 0x100 ? 0x80008000 : 0);
		CHECK(!mock_driver_init_packed(driver, storage, num));
	} else {
		CHECK(!mock_driver_init(driver, storage, num));
	}
	return vq_device_init(device, &driver->rings, driver->memory, features,
			      base);
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	static char storage[MOCK_BYTES] __attribute__((aligned(64)));
	struct input input = {data, size};
	struct mock_driver driver;
	struct vq_device device;

	CHECK(!fuzz_init(&input, storage, &driver, &device));
	while (input.left)
		fuzz_step(&input, &driver, &device);
	return 0;
}
