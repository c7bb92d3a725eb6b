// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Requests of any bytes and sizes, cut in segments anywhere, on the request
 * and the control queue; and answers of any bytes, as the driver reads them.
 */
#include <stdlib.h>

#include "input.h"
#include "virtio_scsi_request.h"

#define FUZZ_SEGMENTS 16

/* Cuts a part of @bytes into allocations of their own. */
static __u32 fuzz_cut(struct input *input, __u64 bytes,
		      struct vq_segment *segments)
{
	__u32 count = 0;

	while (bytes && count < FUZZ_SEGMENTS) {
		__u64 len = 1 + input_u8(input) % bytes;

		if (count == FUZZ_SEGMENTS - 1)
			len = bytes;
		segments[count].base = calloc(1, len);
		segments[count].len = len;
		bytes -= len;
		count++;
	}
	return count;
}

static void fuzz_fill(struct input *input, const struct vq_chain *chain)
{
	for (__u32 i = 0; i < chain->readable; i++) {
		__u64 len = min_t(__u64, chain->segments[i].len, input->left);

		if (len)
			memcpy(chain->segments[i].base, input->data, len);
		input->data += len;
		input->left -= len;
	}
}

static void fuzz_request(const struct vq_chain *chain, bool pi)
{
	struct vscsi_response response = {.sense_bytes = 96};
	struct vscsi_request request;
	__u64 end = 0;
	int error = vscsi_request_parse(chain, pi, &request);

	if (error == -ENOSPC) {
		CHECK(vscsi_command_reject(chain, 3) == -ENOSPC);
		return;
	}
	CHECK(!vscsi_command_reject(chain, VIRTIO_SCSI_S_BAD_TARGET));
	if (error)
		return;
	if (request.direction == VSCSI_TO_DEVICE)
		end = chain->readable_bytes;
	else if (request.direction == VSCSI_FROM_DEVICE)
		end = chain->writable_bytes;
	CHECK(request.data_offset + request.data_bytes == end);
	CHECK(request.data_offset >= request.pi_bytes);
	CHECK(request.command.address.lun <= VSCSI_LUN_MAX);
	CHECK(!vscsi_response_write(&response, chain));
}

static void fuzz_control(const struct vq_chain *chain)
{
	struct vscsi_control control;
	int error = vscsi_control_parse(chain, &control);

	if (error != -ENOSPC)
		CHECK(!vscsi_control_respond(chain, &control, 3));
}

static void fuzz_response(struct input *input)
{
	struct virtio_scsi_cmd_resp wire = {0};
	struct vscsi_response response;

	memcpy(&wire, input->data, min_t(size_t, input->left, sizeof(wire)));
	if (!vscsi_response_parse(&wire, &response))
		CHECK(response.sense_bytes <= VSCSI_SENSE_SIZE);
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	struct vq_segment segments[2 * FUZZ_SEGMENTS];
	struct input input = {data, size};
	__u8 kind = input_u8(&input);
	struct vq_chain chain = {.segments = segments};

	if (input.left)
		fuzz_response(&input);
	chain.readable_bytes = input_u8(&input) + (kind & 2 ? 512 : 0);
	chain.writable_bytes = input_u8(&input) + (kind & 4 ? 512 : 0);
	chain.readable = fuzz_cut(&input, chain.readable_bytes, segments);
	chain.writable = fuzz_cut(&input, chain.writable_bytes,
				  segments + chain.readable);
	fuzz_fill(&input, &chain);
	fuzz_control(&chain);
	fuzz_request(&chain, kind & 1);
	for (__u32 i = 0; i < chain.readable + chain.writable; i++)
		free(segments[i].base);
	return 0;
}
