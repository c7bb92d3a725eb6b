// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A target's request queue on rings, requests and an in-flight area of any
 * content: whatever they are, it comes to its end, and writes nowhere but to
 * what was handed to it.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "input.h"
#include "target_queue.h"

#define FUZZ_NUM    32 /* entries of a ring at most; 2 at least */
#define FUZZ_PAGES  16
#define FUZZ_PAGE   4096
#define FUZZ_GUEST  0x10000
#define FUZZ_END    (FUZZ_GUEST + FUZZ_PAGES * FUZZ_PAGE)
#define FUZZ_BLOCKS 64

/**
 * struct fuzz - a guest, and the stores of its target
 * @num: entries of the ring
 * @desc: descriptors
 * @avail: available ring, and room for its event index
 * @used: used ring and its event index, with nothing behind
 * @inflight: the in-flight area
 * @memory: the guest's memory, in two regions with a gap of ours between them
 * @end: the command that ends the run, which no other may overwrite
 * @regions: those three
 * @table: of them
 * @map: the units: null, memory, a file, a file in memory
 * @units: those
 */
struct fuzz {
	__u32 num;
	struct vring_desc desc[FUZZ_NUM] __attribute__((aligned(16)));
	__u16 avail[FUZZ_NUM + 3];
	void *used;
	__u64 inflight[2 + 2 * FUZZ_NUM];
	__u8 *memory[2];
	__u8 end[64];
	struct vq_region regions[3];
	struct vq_memory table;
	struct tq_map map;
	struct tq_unit units[4];
};

/* The chain that ends the run, behind what the input says. */
static __u16 fuzz_last(const struct fuzz *fuzz)
{
	return (__u16)(fuzz->num - 2);
}

static struct fuzz *fuzz_make(void)
{
	static const enum tq_store stores[] = {TQ_STORE_NULL, TQ_STORE_MEMORY,
					       TQ_STORE_FILE, TQ_STORE_PAGES};
	struct fuzz *fuzz = calloc(1, sizeof(*fuzz));
	int file = memfd_create("disk", 0);

	CHECK(fuzz && file >= 0 && !ftruncate(file, FUZZ_BLOCKS * 512));
	for (int i = 0; i < 2; i++) {
		fuzz->memory[i] = malloc(FUZZ_PAGES / 2 * FUZZ_PAGE);
		fuzz->regions[i] = (struct vq_region){
			.guest = FUZZ_GUEST +
				 (__u64)i * FUZZ_PAGES / 2 * FUZZ_PAGE,
			.size = FUZZ_PAGES / 2 * FUZZ_PAGE,
			.host = fuzz->memory[i],
			.access = VQ_ACCESS_READ | VQ_ACCESS_WRITE,
		};
	}
	/* A command of no unit: the queue hands it over. */
	fuzz->end[0] = 1;
	fuzz->end[1] = 255;
	fuzz->regions[2] = (struct vq_region){FUZZ_END, sizeof(fuzz->end),
					      fuzz->end, VQ_ACCESS_READ};
	CHECK(!vq_memory_init(fuzz->regions, 3, &fuzz->table));
	for (int i = 0; i < 4; i++) {
		struct vscsi_address address = {.lun = (__u16)i};

		fuzz->units[i].store = stores[i];
		fuzz->units[i].block_shift = 9;
		fuzz->units[i].file = file;
		/* The sanitizer sees each byte behind its end. */
		fuzz->units[i].memory = malloc(FUZZ_BLOCKS * 512);
		memset(fuzz->units[i].memory, 0, FUZZ_BLOCKS * 512);
		tq_unit_open(&fuzz->units[i], FUZZ_BLOCKS,
			     TQ_OPEN_READ | TQ_OPEN_WRITE);
		tq_map_set(&fuzz->map, &address, &fuzz->units[i]);
	}
	return fuzz;
}

/* A descriptor, mostly one that can be. */
static void fuzz_descriptor(struct input *input, struct fuzz *fuzz,
			    struct vring_desc *desc)
{
	__u8 kind = input_u8(input);

	desc->addr = FUZZ_GUEST + input_u16(input);
	desc->len = input_u16(input);
	desc->flags = kind & 7;
	desc->next = input_u8(input) % (kind & 8 ? 256 : fuzz->num);
	if (kind & 16)
		desc->len = 51;
	if (kind & 32)
		desc->len = 108;
	if ((kind & 192) == 192)
		desc->addr = input_take(input, 8);
}

static void fuzz_rings(struct input *input, struct fuzz *fuzz)
{
	__u16 end = fuzz_last(fuzz);
	struct vring_desc *last = &fuzz->desc[end];

	for (__u32 i = 0; i < end; i++)
		fuzz_descriptor(input, fuzz, &fuzz->desc[i]);
	last[0] = (struct vring_desc){FUZZ_END, 51, VRING_DESC_F_NEXT, end + 1};
	last[1] = (struct vring_desc){FUZZ_GUEST +
					      (FUZZ_PAGES - 1) * FUZZ_PAGE + 64,
				      108, VRING_DESC_F_WRITE, 0};
}

/* Makes chains available from an index on, the last one behind. */
static void fuzz_offer(struct input *input, struct fuzz *fuzz, __u16 base)
{
	__u16 count = input_u8(input) % fuzz->num;

	fuzz->avail[0] = input_u8(input) & 1;
	for (__u16 i = 0; i < count; i++)
		fuzz->avail[2 + (__u16)(base + i) % fuzz->num] =
			input_u8(input) % fuzz->num;
	fuzz->avail[2 + (__u16)(base + count) % fuzz->num] = fuzz_last(fuzz);
	fuzz->avail[1] = base + count + 1;
}

static void fuzz_memory(struct input *input, struct fuzz *fuzz)
{
	memset(fuzz->memory[0], 0, FUZZ_PAGES / 2 * FUZZ_PAGE);
	memset(fuzz->memory[1], 0, FUZZ_PAGES / 2 * FUZZ_PAGE);
	fuzz->num = 2u << input_u8(input) % 5;
	fuzz->used = calloc(1, VQ_RING_FIELDS_BYTES +
				       fuzz->num * sizeof(vring_used_elem_t));
	CHECK(fuzz->used);
	memset(fuzz->inflight, 0, sizeof(fuzz->inflight));
	if (input_u8(input) & 1)
		for (size_t i = 0; i < 2 + 2 * FUZZ_NUM; i++)
			fuzz->inflight[i] = input_take(input, 8);
	fuzz_rings(input, fuzz);
	/* Headers lie where many descriptors point to. */
	if (input->left)
		memcpy(fuzz->memory[0], input->data,
		       min_t(size_t, input->left, FUZZ_PAGE));
}

/*
 * The chain that ends the run ends it only when the input is used up: before,
 * more follow, whether the device has returned any or not.
 */
static void fuzz_run(struct input *input, struct fuzz *fuzz,
		     struct tq_queue *queue)
{
	static const __u8 data[512];
	int result;

	while ((result = tq_queue_run(queue)) == TQ_COMMAND) {
		struct vscsi_response response = {.response = 3};
		const struct vscsi_request *request;
		const struct vq_chain *chain;
		__u64 bytes = 0;

		request = tq_queue_command(queue, &chain);
		if (request->direction == VSCSI_FROM_DEVICE)
			bytes = min_t(__u64, request->data_bytes, sizeof(data));
		if (chain->head == fuzz_last(fuzz) && input->left)
			fuzz_offer(input, fuzz, fuzz->avail[1]);
		else if (chain->head == fuzz_last(fuzz))
			tq_queue_stop(queue);
		tq_queue_answer(queue, &response, data, bytes);
	}
	CHECK(result <= 0);
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	static struct fuzz *fuzz;
	struct input input = {data, size};
	__u64 bitmap[1] = {0};
	struct vq_log log = {.bitmap = bitmap, .words = 1, .used = 0};
	struct tq_setup setup = {.kick = -1, .call = -1};
	struct tq_queue *queue;
	__u8 kind = input_u8(&input);
	int error;

	if (!fuzz)
		fuzz = fuzz_make();
	fuzz_memory(&input, fuzz);
	setup.rings = (struct vq_rings){fuzz->desc, fuzz->avail, fuzz->used,
					fuzz->num};
	setup.memory = &fuzz->table;
	setup.map = &fuzz->map;
	setup.inflight = kind & 1 ? (void *)fuzz->inflight : NULL;
	setup.inflight_num = kind & 8 ? FUZZ_NUM : (__u16)fuzz->num;
	setup.log = kind & 2 ? &log : NULL;
	setup.features = kind & 4 ? 1ULL << VIRTIO_RING_F_EVENT_IDX : 0;
	error = tq_queue_create(&setup, &queue);
	/* Only what is said to be in flight can be refused. */
	CHECK(!error || (setup.inflight && error == -EPROTO));
	if (!error) {
		fuzz_offer(&input, fuzz, tq_queue_base(queue));
		fuzz_run(&input, fuzz, queue);
		tq_queue_destroy(queue);
	}
	free(fuzz->used);
	return 0;
}
