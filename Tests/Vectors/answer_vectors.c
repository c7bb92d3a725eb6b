// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vectors.h"
#include "virtio_scsi_request.h"

#define ANSWER_BYTES 108
#define HEAD_BYTES   12
/* What is in the writable part before. */
#define UNTOUCHED 0xa5

static const struct answer_vector answer_vectors[] = {
	{"good", .in = ANSWER_BYTES},
	{"ahead of data", .in = ANSWER_BYTES + 512, .resid = 0x01020304,
	 .head = {0, 0, 0, 0, 4, 3, 2, 1}},
	{"sense data", .in = ANSWER_BYTES, .status = 2, .sense_bytes = 18,
	 .head = {18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}},
	{"all the sense data that there can be", .in = ANSWER_BYTES,
	 .status = 2, .sense_bytes = VSCSI_SENSE_SIZE,
	 .head = {VSCSI_SENSE_SIZE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}},
	{"status qualifier", .in = ANSWER_BYTES, .status = 0x28,
	 .qualifier = 0xc012,
	 .head = {0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0xc0, 0x28}},
	{"rejected", .in = ANSWER_BYTES, .response = VIRTIO_SCSI_S_BAD_TARGET,
	 .head = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, VIRTIO_SCSI_S_BAD_TARGET}},
	{"too much sense data", .in = ANSWER_BYTES,
	 .sense_bytes = VSCSI_SENSE_SIZE + 1, .error = EINVAL},
	{"no room", .in = ANSWER_BYTES - 1, .error = ENOSPC},
	{"no room for anything", .error = ENOSPC},
};

VECTORS_BY_NUMBER(answer)

/* Nothing else is written, and nothing at all by an answer that fails. */
static const char *answer_vector_check(const struct answer_vector *vector,
				       const __u8 *in)
{
	__u32 written = vector->error ? 0 : ANSWER_BYTES;

	for (__u32 i = 0; i < vector->in; i++) {
		__u8 wanted = UNTOUCHED;

		if (i < written)
			wanted = i < HEAD_BYTES ? vector->head[i] : 0;
		if (i < written && i >= HEAD_BYTES &&
		    i - HEAD_BYTES < vector->sense_bytes)
			wanted = (__u8)(i - HEAD_BYTES + 1);
		if (in[i] != wanted)
			return i < HEAD_BYTES ? "head" : "rest";
	}
	return NULL;
}

static const char *answer_vector_write(const struct answer_vector *vector,
				       const struct vq_chain *chain, __u8 *in)
{
	struct vscsi_response response = {
		.response = vector->response,
		.status = vector->status,
		.qualifier = vector->qualifier,
		.resid = vector->resid,
		.sense_bytes = vector->sense_bytes,
	};

	for (__u32 i = 0; i < VSCSI_SENSE_SIZE; i++)
		response.sense[i] = (__u8)(i + 1);
	memset(in, UNTOUCHED, 4096);
	if (vscsi_response_write(&response, chain) != -vector->error)
		return "result";
	return answer_vector_check(vector, in);
}

/* A rejection is an answer without anything but the response. */
static const char *answer_vector_reject(const struct answer_vector *vector,
					const struct vq_chain *chain, __u8 *in)
{
	if (!vector->response)
		return NULL;
	memset(in, UNTOUCHED, 4096);
	if (vscsi_command_reject(chain, vector->response))
		return "result of a rejection";
	return answer_vector_check(vector, in);
}

const char *answer_vector_run(const struct answer_vector *vector, void *storage)
{
	static const __u32 pieces[] = {4096, 51, 13, 1};
	__u8 *in = (__u8 *)storage + 4096;
	const char *fault = NULL;
	struct vq_chain chain;

	for (__u32 i = 0; !fault && i < 4; i++) {
		vector_chain_lay(&chain, storage, 51, vector->in, pieces[i]);
		fault = answer_vector_write(vector, &chain, in);
		if (!fault)
			fault = answer_vector_reject(vector, &chain, in);
	}
	return fault;
}
