// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A hostile driver against the device side: any descriptors, heads, indices
 * and flags, in any order, between any calls. FUZZ_PACKED is 0 or 1.
 */
#include "input.h"
#include "mock_driver.h"

#define FUZZ_BATCH 8
/* Chains that may be out at once: more than many rings have entries. */
#define FUZZ_HELD 1024
/* Where the dirty log has the rings; all pages are in one word. */
#define FUZZ_LOG_USED 0x34000
#define FUZZ_LOG_DESC 0x38000

/**
 * struct fuzz - a driver, the device, and what the device has taken
 * @driver: the driver
 * @device: the device
 * @held: chains that were taken and not returned
 * @count: how many
 * @last: the last one taken, until the next try
 * @segments: its segments
 * @log: a dirty log
 * @bitmap: its word, between two that must stay 0
 */
struct fuzz {
	struct mock_driver driver;
	struct vq_device device;
	struct vq_used held[FUZZ_HELD];
	__u32 count;
	struct vq_chain last;
	struct vq_segment segments[VQ_CHAIN_SEGMENTS_MAX];
	struct vq_log log;
	__u64 bitmap[3];
};

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

static void fuzz_check_chain(const struct fuzz *fuzz,
			     const struct vq_chain *chain, __u32 capacity)
{
	const struct vq_device *device = &fuzz->device;

	if (device->packed)
		CHECK(chain->head >> 16 && chain->head >> 16 <= device->num);
	else
		CHECK(chain->head < device->num);
	CHECK(chain->segments + chain->readable + chain->writable <=
	      fuzz->segments + capacity);
	fuzz_check_part(&fuzz->driver, chain->segments, chain->readable,
			VQ_ACCESS_READ, chain->readable_bytes);
	fuzz_check_part(&fuzz->driver, chain->segments + chain->readable,
			chain->writable, VQ_ACCESS_WRITE,
			chain->writable_bytes);
}

static void fuzz_hold(struct input *input, struct fuzz *fuzz,
		      const struct vq_chain *chain)
{
	fuzz->last = *chain;
	if (fuzz->count < FUZZ_HELD)
		fuzz->held[fuzz->count++] =
			(struct vq_used){chain->head, input_u8(input)};
}

static void fuzz_pop(struct input *input, struct fuzz *fuzz)
{
	struct vq_device *device = &fuzz->device;
	struct vq_chain chains[FUZZ_BATCH];
	__u16 before = device->last_avail;
	__u32 capacity = input_u8(input) * 4, count;
	int error;

	fuzz->last = (struct vq_chain){0};
	error = vq_device_pop_batch(device, fuzz->segments, capacity, chains,
				    FUZZ_BATCH, &count);

	CHECK(!error || !count);
	if (!device->packed)
		CHECK((__u16)(device->last_avail - before) == count);
	CHECK(!device->packed || device->last_avail < device->num);
	for (__u32 i = 0; i < count; i++) {
		fuzz_check_chain(fuzz, &chains[i], capacity);
		fuzz_hold(input, fuzz, &chains[i]);
	}
}

/* A chain by itself: the next one, or one that is named. */
static void fuzz_take(struct input *input, struct fuzz *fuzz)
{
	__u16 head = input_u16(input);
	struct vq_chain chain;
	int error;

	fuzz->last = (struct vq_chain){0};
	if (head & 0x8000)
		error = vq_device_pop(&fuzz->device, fuzz->segments,
				      VQ_CHAIN_SEGMENTS_MAX, &chain);
	else
		error = vq_device_take(&fuzz->device, head % 300,
				       fuzz->segments, VQ_CHAIN_SEGMENTS_MAX,
				       &chain);
	if (error)
		return;
	fuzz_check_chain(fuzz, &chain, VQ_CHAIN_SEGMENTS_MAX);
	fuzz_hold(input, fuzz, &chain);
}

/* Returns some of what was taken, the last first. */
static void fuzz_push(struct input *input, struct fuzz *fuzz)
{
	__u8 kind = input_u8(input);
	__u32 count = min_t(__u32, fuzz->count, 1u << kind % 16);
	const struct vq_used *used;

	if (kind & 0xc0)
		count = min_t(__u32, count, 1);
	fuzz->count -= count;
	used = &fuzz->held[fuzz->count];
	if (!count)
		return;
	if ((kind & 0xc0) == 0x40)
		vq_device_push(&fuzz->device, used->id, used->len);
	else if (kind & 0xc0)
		vq_device_push_signal(&fuzz->device, used->id, used->len);
	else
		vq_device_push_batch(&fuzz->device, used, count);
	CHECK(!fuzz->device.packed ||
	      fuzz->device.last_used < fuzz->device.num);
}

/* Reads, writes and logs the bytes of the chain that was taken last. */
static void fuzz_data(struct input *input, struct fuzz *fuzz)
{
	static char data[4096];
	const struct vq_chain *chain = &fuzz->last;
	__u64 offset = input_u16(input), len = input_u16(input) % sizeof(data);

	CHECK(!vq_chain_read(chain, offset, data, len) ==
	      (offset + len <= chain->readable_bytes));
	CHECK(!vq_chain_write(chain, offset, data, len) ==
	      (offset + len <= chain->writable_bytes));
	CHECK(!vq_device_log_chain(&fuzz->device, chain, len) ==
	      (len <= chain->writable_bytes));
}

static void fuzz_log(struct input *input, struct fuzz *fuzz)
{
	bool on = input_u8(input) & 1;

	fuzz->log = (struct vq_log){.bitmap = &fuzz->bitmap[1],
				    .words = 1,
				    .desc = FUZZ_LOG_DESC,
				    .used = FUZZ_LOG_USED};
	CHECK(!vq_device_log(&fuzz->device, on ? &fuzz->log : NULL));
}

/* What the device does by itself. */
static void fuzz_serve(struct input *input, struct fuzz *fuzz, __u8 what)
{
	switch (what) {
	case 0:
		fuzz_pop(input, fuzz);
		break;
	case 1:
		fuzz_take(input, fuzz);
		break;
	case 2:
	case 3:
	case 4:
		fuzz_push(input, fuzz);
		break;
	case 5:
		fuzz_data(input, fuzz);
		break;
	case 6:
		fuzz_log(input, fuzz);
		break;
	default:
		vq_device_signal_needed(&fuzz->device);
	}
}

static void fuzz_step(struct input *input, struct fuzz *fuzz)
{
	struct mock_driver *driver = &fuzz->driver;
	struct vq_device *device = &fuzz->device;
	__u8 step = input_u8(input);
	struct mock_desc desc;
	__u16 index;

	if (step & 0x80) {
		fuzz_serve(input, fuzz, step % 8);
		return;
	}
	switch (step % 8) {
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
		fuzz_pop(input, fuzz);
		break;
	case 6:
		fuzz_push(input, fuzz);
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

/* The device's area is the last of the rings, with nothing behind it. */
static void fuzz_check_end(const struct fuzz *fuzz)
{
	const struct vq_rings *rings = &fuzz->driver.rings;
	const char *end = rings->used;

	end += FUZZ_PACKED ? VQ_PACKED_EVENT_BYTES
			   : VQ_RING_FIELDS_BYTES +
				     rings->num * sizeof(vring_used_elem_t);
	for (int i = 0; i < 8192; i++)
		CHECK(!end[i]);
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	static char storage[MOCK_BYTES] __attribute__((aligned(64)));
	struct input input = {data, size};
	static struct fuzz fuzz;

	memset(&fuzz, 0, sizeof(fuzz));
	CHECK(!fuzz_init(&input, storage, &fuzz.driver, &fuzz.device));
	while (input.left)
		fuzz_step(&input, &fuzz);
	CHECK(!fuzz.bitmap[0] && !fuzz.bitmap[2]);
	fuzz_check_end(&fuzz);
	return 0;
}
