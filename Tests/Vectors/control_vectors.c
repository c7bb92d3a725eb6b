// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vectors.h"
#include "virtio_scsi_request.h"

#define TMF_BYTES 24
#define AN_BYTES  16
/* What is in the writable part before, and the response that is written. */
#define UNTOUCHED 0xa5
#define RESPONSE  0x5b

/* Little-endian fields of the two requests. */
#define TMF(subtype) 0, 0, 0, 0, subtype, 0, 0, 0
#define LUN(target, number)                                                    \
	1, target, 0x40 | (number) >> 8, (number)&0xff, 0, 0, 0, 0
#define AN(type) type, 0, 0, 0

static const struct control_vector control_vectors[] = {
	{"LUN reset", .out = TMF_BYTES, .in = 1,
	 .header = {TMF(VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET), LUN(5, 258)},
	 .subtype = VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, .target = 5,
	 .number = 258, .answer = 1},
	{"abort of a task, by its tag", .out = TMF_BYTES, .in = 5,
	 .header = {TMF(VIRTIO_SCSI_T_TMF_ABORT_TASK), LUN(0, 0), 8, 7, 6, 5, 4,
		    3, 2, 1},
	 .tag = 0x0102030405060708, .answer = 1},
	{"a function that nobody knows", .out = TMF_BYTES, .in = 1,
	 .header = {TMF(0xee), LUN(1, 0)}, .subtype = 0xee, .target = 1,
	 .answer = 1},
	{"more than the request", .out = TMF_BYTES + 9, .in = 12,
	 .header = {TMF(VIRTIO_SCSI_T_TMF_QUERY_TASK), LUN(1, 1)},
	 .subtype = VIRTIO_SCSI_T_TMF_QUERY_TASK, .target = 1, .number = 1,
	 .answer = 1},
	{"task management one byte short", .out = TMF_BYTES - 1, .in = 1,
	 .header = {TMF(0), LUN(1, 0)}, .error = EINVAL, .answer = 1},
	{"no room for the answer to task management", .out = TMF_BYTES,
	 .header = {TMF(0), LUN(1, 0)}, .error = ENOSPC},
	{"task management of an address that starts with 0", .out = TMF_BYTES,
	 .in = 1, .header = {TMF(0), 0, 5}, .error = EINVAL, .answer = 1},
	{"query of events", .out = AN_BYTES, .in = 5,
	 .header = {AN(VIRTIO_SCSI_T_AN_QUERY), LUN(7, 3), 4, 3, 2, 1},
	 .type = VIRTIO_SCSI_T_AN_QUERY, .target = 7, .number = 3,
	 .events = 0x01020304, .answer = 5},
	{"subscription to events", .out = AN_BYTES, .in = 108,
	 .header = {AN(VIRTIO_SCSI_T_AN_SUBSCRIBE), LUN(1, 0), 2},
	 .type = VIRTIO_SCSI_T_AN_SUBSCRIBE, .target = 1, .events = 2,
	 .answer = 5},
	{"subscription one byte short", .out = AN_BYTES - 1, .in = 5,
	 .header = {AN(VIRTIO_SCSI_T_AN_SUBSCRIBE), LUN(1, 0)}, .error = EINVAL,
	 .type = VIRTIO_SCSI_T_AN_SUBSCRIBE, .answer = 5},
	{"query of an address that starts with 2", .out = AN_BYTES, .in = 5,
	 .header = {AN(VIRTIO_SCSI_T_AN_QUERY), 2, 5}, .error = EINVAL,
	 .type = VIRTIO_SCSI_T_AN_QUERY, .answer = 5},
	{"no room for the answer to a query", .out = AN_BYTES, .in = 4,
	 .header = {AN(VIRTIO_SCSI_T_AN_QUERY), LUN(1, 0)}, .error = ENOSPC,
	 .type = VIRTIO_SCSI_T_AN_QUERY},
	{"unknown type", .out = TMF_BYTES, .in = 108, .header = {3},
	 .error = ENOSPC, .type = 3},
	{"type one byte short", .out = 3, .in = 108, .error = ENOSPC},
	{"nothing to read", .in = 108, .error = ENOSPC},
};

VECTORS_BY_NUMBER(control)

static const char *control_vector_parse(const struct control_vector *vector,
					const struct vq_chain *chain,
					struct vscsi_control *control)
{
	int error = vscsi_control_parse(chain, control);

	if (error != -vector->error)
		return "result";
	if (control->type != vector->type)
		return "type";
	if (error)
		return NULL;
	if (control->address.target != vector->target ||
	    control->address.lun != vector->number)
		return "address";
	if (control->subtype != vector->subtype || control->tag != vector->tag)
		return "task";
	return control->events == vector->events ? NULL : "events";
}

static const char *control_vector_answer(const struct control_vector *vector,
					 const struct vq_chain *chain,
					 const struct vscsi_control *control,
					 const __u8 *in)
{
	if (vscsi_control_respond(chain, control, RESPONSE))
		return "answer";
	for (__u32 i = 0; i < vector->in; i++) {
		__u8 wanted = i < vector->answer ? 0 : UNTOUCHED;

		if (in[i] != (i + 1 == vector->answer ? RESPONSE : wanted))
			return "bytes of the answer";
	}
	return NULL;
}

const char *control_vector_run(const struct control_vector *vector,
			       void *storage)
{
	static const __u32 pieces[] = {4096, 7, 3, 1};
	__u8 *in = (__u8 *)storage + 4096;
	const char *fault = NULL;
	struct vscsi_control control;
	struct vq_chain chain;

	memset(storage, 0, 4096);
	memcpy(storage, vector->header, sizeof(vector->header));
	for (__u32 i = 0; !fault && i < 4; i++) {
		memset(in, UNTOUCHED, 4096);
		vector_chain_lay(&chain, storage, vector->out, vector->in,
				 pieces[i]);
		fault = control_vector_parse(vector, &chain, &control);
		if (!fault && vector->answer)
			fault = control_vector_answer(vector, &chain, &control,
						      in);
	}
	return fault;
}
