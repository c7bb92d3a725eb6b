// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "virtio_scsi_request.h"

_Static_assert(sizeof(struct virtio_scsi_cmd_req) == 51, "header");
_Static_assert(sizeof(struct virtio_scsi_cmd_req_pi) == 59, "PI header");
_Static_assert(sizeof(struct virtio_scsi_cmd_resp) == 108, "response");

#define REQUEST_OPCODE_VARIABLE 0x7f
#define REQUEST_VARIABLE_HEADER 8

/* The fields ahead of the command, which both headers begin with. */
#define REQUEST_COMMON(to, command)                                            \
	do {                                                                   \
		(to)->task_attr = (command)->task_attr;                        \
		(to)->prio = (command)->prio;                                  \
		(to)->crn = (command)->crn;                                    \
		memcpy((to)->cdb, (command)->cdb, sizeof((to)->cdb));          \
	} while (0)

int vscsi_command_build(const struct vscsi_command *command,
			struct virtio_scsi_cmd_req *header)
{
	if (vscsi_address_encode(&command->address, header->lun))
		return -EINVAL;
	header->tag = (__force __virtio64)cpu_to_le64(command->tag);
	REQUEST_COMMON(header, command);
	return 0;
}

int vscsi_command_build_pi(const struct vscsi_command *command,
			   struct virtio_scsi_cmd_req_pi *header)
{
	if (vscsi_address_encode(&command->address, header->lun))
		return -EINVAL;
	header->tag = (__force __virtio64)cpu_to_le64(command->tag);
	REQUEST_COMMON(header, command);
	header->pi_bytesout =
		(__force __virtio32)cpu_to_le32(command->pi_bytes_out);
	header->pi_bytesin =
		(__force __virtio32)cpu_to_le32(command->pi_bytes_in);
	return 0;
}

static int request_decode(const struct virtio_scsi_cmd_req_pi *header,
			  struct vscsi_command *command)
{
	command->tag = le64_to_cpu((__force __le64)header->tag);
	command->task_attr = header->task_attr;
	command->prio = header->prio;
	command->crn = header->crn;
	command->pi_bytes_out =
		le32_to_cpu((__force __le32)header->pi_bytesout);
	command->pi_bytes_in = le32_to_cpu((__force __le32)header->pi_bytesin);
	memcpy(command->cdb, header->cdb, sizeof(command->cdb));
	return vscsi_address_decode(header->lun, &command->address);
}

/* Reads either header as the larger one; the smaller has no PI counts. */
static int request_read(const struct vq_chain *chain, bool pi,
			struct virtio_scsi_cmd_req_pi *header)
{
	struct virtio_scsi_cmd_req plain;
	int error;

	if (pi)
		return vq_chain_read(chain, 0, header, sizeof(*header));
	error = vq_chain_read(chain, 0, &plain, sizeof(plain));
	if (error)
		return error;
	memset(header, 0, sizeof(*header));
	memcpy(header->lun, plain.lun, sizeof(plain.lun));
	header->tag = plain.tag;
	REQUEST_COMMON(header, &plain);
	return 0;
}

static void request_direct(const struct vq_chain *chain, __u64 header_bytes,
			   struct vscsi_request *request)
{
	__u64 response_bytes = sizeof(struct virtio_scsi_cmd_resp);

	request->direction = VSCSI_NO_DATA;
	request->data_offset = 0;
	request->data_bytes = 0;
	if (chain->readable_bytes > header_bytes) {
		request->direction = VSCSI_TO_DEVICE;
		request->data_offset = header_bytes;
		request->data_bytes = chain->readable_bytes - header_bytes;
	} else if (chain->writable_bytes > response_bytes) {
		request->direction = VSCSI_FROM_DEVICE;
		request->data_offset = response_bytes;
		request->data_bytes = chain->writable_bytes - response_bytes;
	}
}

/* Sets protection information aside; that of written data has precedence. */
static int request_protect(struct vscsi_request *request)
{
	const struct vscsi_command *command = &request->command;
	enum vscsi_direction needed = VSCSI_TO_DEVICE;
	__u32 bytes = command->pi_bytes_out;

	request->pi_bytes = 0;
	if (!bytes) {
		needed = VSCSI_FROM_DEVICE;
		bytes = command->pi_bytes_in;
	}
	if (!bytes)
		return 0;
	if (request->direction != needed || bytes >= request->data_bytes)
		return -EINVAL;
	request->pi_bytes = bytes;
	request->data_offset += bytes;
	request->data_bytes -= bytes;
	return 0;
}

static bool request_cdb_fits(const __u8 *cdb)
{
	return cdb[0] != REQUEST_OPCODE_VARIABLE ||
	       cdb[7] + REQUEST_VARIABLE_HEADER <= VSCSI_CDB_SIZE;
}

int vscsi_request_parse(const struct vq_chain *chain, _Bool pi,
			struct vscsi_request *request)
{
	__u64 header_bytes = pi ? sizeof(struct virtio_scsi_cmd_req_pi)
				: sizeof(struct virtio_scsi_cmd_req);
	struct virtio_scsi_cmd_req_pi header;

	if (chain->writable_bytes < sizeof(struct virtio_scsi_cmd_resp))
		return -ENOSPC;
	if (request_read(chain, pi, &header))
		return -EINVAL;
	if (request_decode(&header, &request->command))
		return -EINVAL;
	request_direct(chain, header_bytes, request);
	if (request_protect(request))
		return -EINVAL;
	return request_cdb_fits(request->command.cdb) ? 0 : -EINVAL;
}
