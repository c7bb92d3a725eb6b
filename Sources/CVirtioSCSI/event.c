// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "virtio_scsi_request.h"

_Static_assert(sizeof(struct virtio_scsi_event) == 16, "event");

int vscsi_event_write(const struct vscsi_event *event,
		      const struct vq_chain *chain)
{
	__u32 flags = event->missed ? VIRTIO_SCSI_T_EVENTS_MISSED : 0;
	struct virtio_scsi_event wire = {
		.event = (__force __virtio32)cpu_to_le32(event->type | flags),
		.reason = (__force __virtio32)cpu_to_le32(event->reason),
	};

	if (event->type != VIRTIO_SCSI_T_NO_EVENT) {
		if (vscsi_address_encode(&event->address, wire.lun))
			return -EINVAL;
		if (event->address.lun < 256)
			wire.lun[2] = 0;
	}
	return vq_chain_write(chain, 0, &wire, sizeof(wire)) ? -ENOSPC : 0;
}

void vscsi_event_parse(const struct virtio_scsi_event *wire,
		       struct vscsi_event *event)
{
	struct virtio_scsi_event copy;
	__u32 type;

	/* One copy, which the device cannot change. */
	memcpy(&copy, wire, sizeof(copy));
	barrier();
	type = le32_to_cpu((__force __le32)copy.event);
	event->type = type & ~VIRTIO_SCSI_T_EVENTS_MISSED;
	event->missed = type & VIRTIO_SCSI_T_EVENTS_MISSED;
	event->reason = le32_to_cpu((__force __le32)copy.reason);
	/* Where there is no event, there is no address either. */
	if (vscsi_address_decode(copy.lun, &event->address))
		memset(&event->address, 0, sizeof(event->address));
}
