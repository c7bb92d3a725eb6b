// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "virtio_scsi_request.h"

_Static_assert(sizeof(struct virtio_scsi_ctrl_tmf_req) == 24, "TMF");
_Static_assert(sizeof(struct virtio_scsi_ctrl_tmf_resp) == 1, "TMF answer");
_Static_assert(sizeof(struct virtio_scsi_ctrl_an_req) == 16, "AN");
_Static_assert(sizeof(struct virtio_scsi_ctrl_an_resp) == 5, "AN answer");

int vscsi_control_build_tmf(const struct vscsi_control *control,
			    struct virtio_scsi_ctrl_tmf_req *header)
{
	if (vscsi_address_encode(&control->address, header->lun))
		return -EINVAL;
	header->type = (__force __virtio32)cpu_to_le32(VIRTIO_SCSI_T_TMF);
	header->subtype = (__force __virtio32)cpu_to_le32(control->subtype);
	header->tag = (__force __virtio64)cpu_to_le64(control->tag);
	return 0;
}

int vscsi_control_build_an(const struct vscsi_control *control,
			   struct virtio_scsi_ctrl_an_req *header)
{
	if (control->type != VIRTIO_SCSI_T_AN_QUERY &&
	    control->type != VIRTIO_SCSI_T_AN_SUBSCRIBE)
		return -EINVAL;
	if (vscsi_address_encode(&control->address, header->lun))
		return -EINVAL;
	header->type = (__force __virtio32)cpu_to_le32(control->type);
	header->event_requested =
		(__force __virtio32)cpu_to_le32(control->events);
	return 0;
}

static int control_parse_tmf(const struct vq_chain *chain,
			     struct vscsi_control *control)
{
	struct virtio_scsi_ctrl_tmf_req header;

	if (chain->writable_bytes < sizeof(struct virtio_scsi_ctrl_tmf_resp))
		return -ENOSPC;
	if (vq_chain_read(chain, 0, &header, sizeof(header)))
		return -EINVAL;
	control->subtype = le32_to_cpu((__force __le32)header.subtype);
	control->tag = le64_to_cpu((__force __le64)header.tag);
	return vscsi_address_decode(header.lun, &control->address);
}

static int control_parse_an(const struct vq_chain *chain,
			    struct vscsi_control *control)
{
	struct virtio_scsi_ctrl_an_req header;

	if (chain->writable_bytes < sizeof(struct virtio_scsi_ctrl_an_resp))
		return -ENOSPC;
	if (vq_chain_read(chain, 0, &header, sizeof(header)))
		return -EINVAL;
	control->events = le32_to_cpu((__force __le32)header.event_requested);
	return vscsi_address_decode(header.lun, &control->address);
}

int vscsi_control_parse(const struct vq_chain *chain,
			struct vscsi_control *control)
{
	__le32 type;

	memset(control, 0, sizeof(*control));
	if (vq_chain_read(chain, 0, &type, sizeof(type)))
		return -ENOSPC;
	control->type = le32_to_cpu(type);
	switch (control->type) {
	case VIRTIO_SCSI_T_TMF:
		return control_parse_tmf(chain, control);
	case VIRTIO_SCSI_T_AN_QUERY:
	case VIRTIO_SCSI_T_AN_SUBSCRIBE:
		return control_parse_an(chain, control);
	default:
		return -ENOSPC;
	}
}

int vscsi_control_respond(const struct vq_chain *chain,
			  const struct vscsi_control *control, __u8 response)
{
	struct virtio_scsi_ctrl_tmf_resp tmf = {.response = response};
	struct virtio_scsi_ctrl_an_resp an = {.response = response};
	int error;

	if (control->type == VIRTIO_SCSI_T_TMF)
		error = vq_chain_write(chain, 0, &tmf, sizeof(tmf));
	else
		error = vq_chain_write(chain, 0, &an, sizeof(an));
	return error ? -ENOSPC : 0;
}
