// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vectors.h"
#include "virtio_scsi_request.h"

#define EVENT_BYTES 16
/* What is in the writable part before. */
#define UNTOUCHED 0xa5

static const struct report_vector report_vectors[] = {
	{"a unit has come", .in = EVENT_BYTES,
	 .type = VIRTIO_SCSI_T_TRANSPORT_RESET,
	 .reason = VIRTIO_SCSI_EVT_RESET_RESCAN, .target = 5, .number = 7,
	 .wire = {1, 0, 0, 0, 1, 5, 0, 7, 0, 0, 0, 0, 1}},
	{"a unit has gone, and events were missed", .in = EVENT_BYTES + 9,
	 .type = VIRTIO_SCSI_T_TRANSPORT_RESET,
	 .reason = VIRTIO_SCSI_EVT_RESET_REMOVED, .number = 255, .missed = true,
	 .wire = {1, 0, 0, 0x80, 1, 0, 0, 255, 0, 0, 0, 0, 2}},
	{"a LUN that needs an addressing method", .in = EVENT_BYTES,
	 .type = VIRTIO_SCSI_T_PARAM_CHANGE, .reason = 0x092a, .target = 255,
	 .number = 258,
	 .wire = {3, 0, 0, 0, 1, 255, 0x41, 2, 0, 0, 0, 0, 0x2a, 9}},
	{"nothing but that events were missed", .in = EVENT_BYTES,
	 .missed = true, .wire = {0, 0, 0, 0x80}},
	{"one byte short", .in = EVENT_BYTES - 1,
	 .type = VIRTIO_SCSI_T_TRANSPORT_RESET, .error = ENOSPC},
	{"no room at all", .missed = true, .error = ENOSPC},
	{"no such LUN", .in = EVENT_BYTES,
	 .type = VIRTIO_SCSI_T_TRANSPORT_RESET, .number = VSCSI_LUN_MAX + 1,
	 .error = EINVAL},
};

VECTORS_BY_NUMBER(report)

static const char *report_vector_read(const struct report_vector *vector,
				      const __u8 *in)
{
	struct virtio_scsi_event wire;
	struct vscsi_event event;

	memcpy(&wire, in, sizeof(wire));
	vscsi_event_parse(&wire, &event);
	if (event.type != vector->type || event.reason != vector->reason)
		return "event read back";
	if (event.address.target != vector->target ||
	    event.address.lun != vector->number)
		return "address read back";
	return event.missed == vector->missed ? NULL : "flag read back";
}

static const char *report_vector_write(const struct report_vector *vector,
				       const struct vq_chain *chain,
				       const __u8 *in)
{
	struct vscsi_event event = {
		.type = vector->type,
		.reason = vector->reason,
		.address = {vector->target, vector->number},
		.missed = vector->missed,
	};
	__u32 written = vector->error ? 0 : EVENT_BYTES;

	if (vscsi_event_write(&event, chain) != -vector->error)
		return "result";
	for (__u32 i = 0; i < vector->in; i++)
		if (in[i] != (i < written ? vector->wire[i] : UNTOUCHED))
			return "bytes";
	return vector->error ? NULL : report_vector_read(vector, in);
}

const char *report_vector_run(const struct report_vector *vector, void *storage)
{
	static const __u32 pieces[] = {4096, 7, 4, 1};
	__u8 *in = (__u8 *)storage + 4096;
	const char *fault = NULL;
	struct vq_chain chain;

	for (__u32 i = 0; !fault && i < 4; i++) {
		memset(in, UNTOUCHED, 4096);
		vector_chain_lay(&chain, storage, 0, vector->in, pieces[i]);
		fault = report_vector_write(vector, &chain, in);
	}
	return fault;
}
