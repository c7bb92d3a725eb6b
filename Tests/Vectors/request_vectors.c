// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vectors.h"
#include "virtio_scsi_request.h"

#define HEADER	  51
#define HEADER_PI 59
#define RESPONSE  108

static const struct request_vector request_vectors[] = {
	{"no data", .out = HEADER, .in = RESPONSE, .lun = {1, 5, 0x40, 0},
	 .target = 5},
	{"read", .out = HEADER, .in = RESPONSE + 512, .lun = {1},
	 .direction = VSCSI_FROM_DEVICE, .data_offset = RESPONSE,
	 .data_bytes = 512},
	{"write", .out = HEADER + 512, .in = RESPONSE, .lun = {1},
	 .direction = VSCSI_TO_DEVICE, .data_offset = HEADER,
	 .data_bytes = 512},
	{"both is a write", .out = HEADER + 1, .in = RESPONSE + 512, .lun = {1},
	 .direction = VSCSI_TO_DEVICE, .data_offset = HEADER, .data_bytes = 1},
	{"header one byte short", .out = HEADER - 1, .in = RESPONSE, .lun = {1},
	 .error = EINVAL},
	{"response one byte short", .out = HEADER, .in = RESPONSE - 1,
	 .lun = {1}, .error = ENOSPC},
	{"both short", .out = 0, .in = 0, .error = ENOSPC},
	{"address does not start with 1", .out = HEADER, .in = RESPONSE,
	 .lun = {0, 5}, .error = EINVAL},
	{"address starts with 2", .out = HEADER, .in = RESPONSE, .lun = {2, 5},
	 .error = EINVAL},
	{"LUN above 255", .out = HEADER, .in = RESPONSE, .lun = {1, 5, 0x41, 2},
	 .target = 5, .number = 258},
	{"largest LUN, without method", .out = HEADER, .in = RESPONSE,
	 .lun = {1, 255, 0x3f, 0xff}, .target = 255, .number = 16383},
	{"largest LUN, all method bits", .out = HEADER, .in = RESPONSE,
	 .lun = {1, 0, 0xff, 0xff}, .number = 16383},
	{"command of 32 bytes", .out = HEADER, .in = RESPONSE, .lun = {1},
	 .opcode = 0x7f, .length = 24},
	{"command of 33 bytes", .out = HEADER, .in = RESPONSE, .lun = {1},
	 .opcode = 0x7f, .length = 25, .error = EINVAL},
	{"command of 263 bytes", .out = HEADER, .in = RESPONSE, .lun = {1},
	 .opcode = 0x7f, .length = 255, .error = EINVAL},
	{"length counts for one opcode only", .out = HEADER, .in = RESPONSE,
	 .lun = {1}, .opcode = 0x28, .length = 255},

	{"PI header one byte short", .pi = true, .out = HEADER_PI - 1,
	 .in = RESPONSE, .lun = {1}, .error = EINVAL},
	{"PI header, no PI", .pi = true, .out = HEADER_PI, .in = RESPONSE + 512,
	 .lun = {1}, .direction = VSCSI_FROM_DEVICE, .data_offset = RESPONSE,
	 .data_bytes = 512},
	{"PI of a read", .pi = true, .out = HEADER_PI, .in = RESPONSE + 520,
	 .lun = {1}, .pi_in = 8, .direction = VSCSI_FROM_DEVICE, .pi_bytes = 8,
	 .data_offset = RESPONSE + 8, .data_bytes = 512},
	{"PI of a write", .pi = true, .out = HEADER_PI + 520, .in = RESPONSE,
	 .lun = {1}, .pi_out = 8, .direction = VSCSI_TO_DEVICE, .pi_bytes = 8,
	 .data_offset = HEADER_PI + 8, .data_bytes = 512},
	{"PI of a write on a read", .pi = true, .out = HEADER_PI,
	 .in = RESPONSE + 520, .lun = {1}, .pi_out = 8, .error = EINVAL},
	{"PI of a read on a write", .pi = true, .out = HEADER_PI + 520,
	 .in = RESPONSE, .lun = {1}, .pi_in = 8, .error = EINVAL},
	{"PI of both, the write counts", .pi = true, .out = HEADER_PI + 520,
	 .in = RESPONSE, .lun = {1}, .pi_out = 8, .pi_in = 0xffffffff,
	 .direction = VSCSI_TO_DEVICE, .pi_bytes = 8,
	 .data_offset = HEADER_PI + 8, .data_bytes = 512},
	{"PI without data", .pi = true, .out = HEADER_PI, .in = RESPONSE,
	 .lun = {1}, .pi_in = 8, .error = EINVAL},
	{"PI is all there is", .pi = true, .out = HEADER_PI, .in = RESPONSE + 8,
	 .lun = {1}, .pi_in = 8, .error = EINVAL},
	{"PI is more than there is", .pi = true, .out = HEADER_PI,
	 .in = RESPONSE + 520, .lun = {1}, .pi_in = 0xffffffff,
	 .error = EINVAL},
};

VECTORS_BY_NUMBER(request)

static void request_vector_place(const struct request_vector *vector, void *at)
{
	struct virtio_scsi_cmd_req_pi *pi = at;
	struct virtio_scsi_cmd_req *plain = at;
	__u8 *cdb = vector->pi ? pi->cdb : plain->cdb;

	memset(at, 0, HEADER_PI);
	memcpy(plain->lun, vector->lun, sizeof(vector->lun));
	cdb[0] = vector->opcode;
	cdb[7] = vector->length;
	if (!vector->pi)
		return;
	pi->pi_bytesout = (__force __virtio32)cpu_to_le32(vector->pi_out);
	pi->pi_bytesin = (__force __virtio32)cpu_to_le32(vector->pi_in);
}

/* Cuts @bytes at @base in segments of @piece bytes. */
static __u32 vector_cut(char *base, __u64 bytes, __u32 piece,
			struct vq_segment *segments)
{
	__u32 count = 0;

	for (__u64 at = 0; at < bytes; at += piece, count++) {
		segments[count].base = base + at;
		segments[count].len = min_t(__u64, piece, bytes - at);
	}
	return count;
}

/* Behind both parts in storage: too much for the kernel's stack. */
#define SEGMENTS_AT 8192

void vector_chain_lay(struct vq_chain *chain, void *storage, __u32 out,
		      __u32 in, __u32 piece)
{
	char *at = storage;
	struct vq_segment *segments = (void *)(at + SEGMENTS_AT);

	memset(chain, 0, sizeof(*chain));
	chain->segments = segments;
	chain->readable_bytes = out;
	chain->writable_bytes = in;
	chain->readable = vector_cut(at, out, piece, segments);
	chain->writable =
		vector_cut(at + 4096, in, piece, segments + chain->readable);
}

static const char *request_vector_check(const struct request_vector *vector,
					const struct vq_chain *chain)
{
	struct vscsi_request request;
	int error = vscsi_request_parse(chain, vector->pi, &request);

	if (error != -vector->error)
		return "result";
	if (error)
		return NULL;
	if (request.command.address.target != vector->target ||
	    request.command.address.lun != vector->number)
		return "address";
	if (request.command.cdb[0] != vector->opcode)
		return "command";
	if (request.direction != vector->direction)
		return "direction";
	if (request.data_offset != vector->data_offset ||
	    request.data_bytes != vector->data_bytes)
		return "data";
	return request.pi_bytes == vector->pi_bytes ? NULL : "PI";
}

const char *request_vector_run(const struct request_vector *vector,
			       void *storage)
{
	static const __u32 pieces[] = {4096, 108, 51, 7};
	const char *fault = NULL;
	struct vq_chain chain;

	request_vector_place(vector, storage);
	for (__u32 i = 0; !fault && i < 4; i++) {
		vector_chain_lay(&chain, storage, vector->out, vector->in,
				 pieces[i]);
		fault = request_vector_check(vector, &chain);
	}
	return fault;
}
