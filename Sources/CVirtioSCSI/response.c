// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "virtio_scsi_request.h"

int vscsi_response_write(const struct vscsi_response *response,
			 const struct vq_chain *chain)
{
	struct virtio_scsi_cmd_resp wire = {
		.status = response->status,
		.response = response->response,
	};

	if (response->sense_bytes > VSCSI_SENSE_SIZE)
		return -EINVAL;
	wire.sense_len = (__force __virtio32)cpu_to_le32(response->sense_bytes);
	wire.resid = (__force __virtio32)cpu_to_le32(response->resid);
	wire.status_qualifier =
		(__force __virtio16)cpu_to_le16(response->qualifier);
	memcpy(wire.sense, response->sense, response->sense_bytes);
	return vq_chain_write(chain, 0, &wire, sizeof(wire)) ? -ENOSPC : 0;
}

int vscsi_command_reject(const struct vq_chain *chain, __u8 response)
{
	struct vscsi_response rejected = {.response = response};

	return vscsi_response_write(&rejected, chain);
}

int vscsi_response_parse(const struct virtio_scsi_cmd_resp *wire,
			 struct vscsi_response *response)
{
	struct virtio_scsi_cmd_resp copy;

	/* One copy, which the device cannot change, is checked and used. */
	memcpy(&copy, wire, sizeof(copy));
	barrier();
	response->response = copy.response;
	response->status = copy.status;
	response->qualifier =
		le16_to_cpu((__force __le16)copy.status_qualifier);
	response->resid = le32_to_cpu((__force __le32)copy.resid);
	response->sense_bytes = le32_to_cpu((__force __le32)copy.sense_len);
	if (response->sense_bytes > VSCSI_SENSE_SIZE)
		return -EINVAL;
	memset(response->sense, 0, sizeof(response->sense));
	memcpy(response->sense, copy.sense, response->sense_bytes);
	return 0;
}
