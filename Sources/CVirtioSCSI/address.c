// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "virtio_scsi_request.h"

/* The addressing method of a flat LUN, which drivers always set. */
#define ADDRESS_FLAT 0x40

int vscsi_address_encode(const struct vscsi_address *address, __u8 lun[8])
{
	if (address->lun > VSCSI_LUN_MAX)
		return -EINVAL;
	memset(lun, 0, 8);
	lun[0] = 1;
	lun[1] = address->target;
	lun[2] = (__u8)(ADDRESS_FLAT | address->lun >> 8);
	lun[3] = (__u8)address->lun;
	return 0;
}

int vscsi_address_decode(const __u8 lun[8], struct vscsi_address *address)
{
	if (lun[0] != 1)
		return -EINVAL;
	address->target = lun[1];
	address->lun = (__u16)((lun[2] << 8 | lun[3]) & VSCSI_LUN_MAX);
	return 0;
}
