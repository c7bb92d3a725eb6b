/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * virtio-scsi requests: how the driver builds them, how the device takes them
 * apart and answers, with the semantics of the kernel's vhost-scsi. The wire
 * structures are those of <linux/virtio_scsi.h>; everything here is in the
 * byte order of the machine.
 *
 * Parsing has two kinds of failure. -ENOSPC: there is no room for an answer,
 * so give the chain back with length 0. Anything else: answer with
 * vscsi_command_reject() or vscsi_control_respond().
 */
#ifndef VIRTIO_SCSI_REQUEST_H
#define VIRTIO_SCSI_REQUEST_H

#include <linux/types.h>
#include <linux/virtio_scsi.h>

#include "vq_chain.h"

/* LUNs above this have no place in a virtio-scsi address. */
#define VSCSI_LUN_MAX 0x3fff

#define VSCSI_CDB_SIZE	 32
#define VSCSI_SENSE_SIZE 96

/**
 * struct vscsi_address - a logical unit
 * @target: virtio target; with vhost-scsi, the tag of its TPG
 * @lun: up to VSCSI_LUN_MAX
 */
struct vscsi_address {
	__u8 target;
	__u16 lun;
};

/**
 * vscsi_address_encode() - write a logical unit as eight bytes
 * @address: the logical unit
 * @lun: {1, target, 0x40 | LUN >> 8, LUN, 0, 0, 0, 0}
 *
 * Return: 0, or -EINVAL for a LUN above VSCSI_LUN_MAX.
 */
int vscsi_address_encode(const struct vscsi_address *address, __u8 lun[8]);

/**
 * vscsi_address_decode() - read a logical unit from eight bytes
 * @lun: the bytes
 * @address: the logical unit
 *
 * Only the first four bytes count, and the two bits of the addressing method
 * are ignored.
 *
 * Return: 0, or -EINVAL if the first byte is not 1.
 */
int vscsi_address_decode(const __u8 lun[8], struct vscsi_address *address);

/**
 * enum vscsi_direction - which way data goes
 * @VSCSI_NO_DATA: the command has none
 * @VSCSI_TO_DEVICE: in the readable part, behind the header
 * @VSCSI_FROM_DEVICE: in the writable part, behind the response
 */
enum vscsi_direction {
	VSCSI_NO_DATA,
	VSCSI_TO_DEVICE,
	VSCSI_FROM_DEVICE,
};

/**
 * struct vscsi_command - a SCSI command
 * @address: logical unit
 * @tag: the driver's name for the command
 * @task_attr: VIRTIO_SCSI_S_SIMPLE, _ORDERED, _HEAD or _ACA
 * @prio: priority
 * @crn: command reference number
 * @cdb: the command, zeroes behind its end
 * @pi_bytes_out: bytes of protection information ahead of written data
 * @pi_bytes_in: bytes of protection information ahead of read data
 */
struct vscsi_command {
	struct vscsi_address address;
	__u64 tag;
	__u8 task_attr;
	__u8 prio;
	__u8 crn;
	__u8 cdb[VSCSI_CDB_SIZE];
	__u32 pi_bytes_out;
	__u32 pi_bytes_in;
};

/**
 * vscsi_command_build() - make the header of a command
 * @command: the command; protection information is left out
 * @header: the header
 *
 * Return: 0, or -EINVAL for a LUN above VSCSI_LUN_MAX.
 */
int vscsi_command_build(const struct vscsi_command *command,
			struct virtio_scsi_cmd_req *header);

/**
 * vscsi_command_build_pi() - make the header under VIRTIO_SCSI_F_T10_PI
 * @command: the command
 * @header: the header
 *
 * Return: 0, or -EINVAL for a LUN above VSCSI_LUN_MAX.
 */
int vscsi_command_build_pi(const struct vscsi_command *command,
			   struct virtio_scsi_cmd_req_pi *header);

/**
 * struct vscsi_request - a command as the device found it in a chain
 * @command: the command
 * @direction: by the sizes of the two parts alone; both is VSCSI_TO_DEVICE
 * @data_offset: where data starts in its part, behind the protection
 *	information
 * @data_bytes: bytes of data
 * @pi_bytes: bytes of protection information just ahead of the data
 */
struct vscsi_request {
	struct vscsi_command command;
	enum vscsi_direction direction;
	__u64 data_offset;
	__u64 data_bytes;
	__u32 pi_bytes;
};

/**
 * vscsi_request_parse() - take a command from a chain
 * @chain: the chain, of a request queue
 * @pi: whether VIRTIO_SCSI_F_T10_PI is in use
 * @request: the command
 *
 * Whether there is such a target is for the caller to see; if there is none,
 * vscsi_command_reject() with VIRTIO_SCSI_S_BAD_TARGET.
 *
 * Return: 0; -ENOSPC if the writable part has no room for a response; -EINVAL
 * (the answer is VIRTIO_SCSI_S_BAD_TARGET) if the header is short, the
 * address or the length of the command is not valid, or the protection
 * information does not fit the direction or the payload.
 */
int vscsi_request_parse(const struct vq_chain *chain, _Bool pi,
			struct vscsi_request *request);

/**
 * struct vscsi_response - how a command ended
 * @response: VIRTIO_SCSI_S_*
 * @status: SCSI status
 * @qualifier: status qualifier
 * @resid: bytes of data that were not transferred
 * @sense_bytes: bytes of @sense that count
 * @sense: sense data
 */
struct vscsi_response {
	__u8 response;
	__u8 status;
	__u16 qualifier;
	__u32 resid;
	__u32 sense_bytes;
	__u8 sense[VSCSI_SENSE_SIZE];
};

/**
 * vscsi_response_write() - answer a command
 * @response: the answer
 * @chain: the chain that it came with
 *
 * Return: 0, -ENOSPC if the writable part has no room for it, or -EINVAL for
 * too much sense data.
 */
int vscsi_response_write(const struct vscsi_response *response,
			 const struct vq_chain *chain);

/**
 * vscsi_command_reject() - answer a command that was not carried out
 * @chain: the chain that it came with
 * @response: VIRTIO_SCSI_S_*, such as VIRTIO_SCSI_S_BAD_TARGET
 *
 * Return: 0, or -ENOSPC if the writable part has no room for it.
 */
int vscsi_command_reject(const struct vq_chain *chain, __u8 response);

/**
 * vscsi_response_parse() - read what the device answered
 * @wire: the answer, in memory that the device can still write
 * @response: the answer
 *
 * Return: 0, or -EINVAL if it claims more sense data than there can be.
 */
int vscsi_response_parse(const struct virtio_scsi_cmd_resp *wire,
			 struct vscsi_response *response);

/**
 * struct vscsi_control - a request of the control queue
 * @type: VIRTIO_SCSI_T_TMF, _AN_QUERY or _AN_SUBSCRIBE
 * @subtype: VIRTIO_SCSI_T_TMF_*, for VIRTIO_SCSI_T_TMF
 * @address: logical unit
 * @tag: the command meant, for VIRTIO_SCSI_T_TMF
 * @events: asynchronous events asked for, for the two others
 */
struct vscsi_control {
	__u32 type;
	__u32 subtype;
	struct vscsi_address address;
	__u64 tag;
	__u32 events;
};

/**
 * vscsi_control_build_tmf() - make a task management request
 * @control: the request; its type and events do not matter
 * @header: the header
 *
 * Return: 0, or -EINVAL for a LUN above VSCSI_LUN_MAX.
 */
int vscsi_control_build_tmf(const struct vscsi_control *control,
			    struct virtio_scsi_ctrl_tmf_req *header);

/**
 * vscsi_control_build_an() - make an asynchronous notification request
 * @control: the request, of type VIRTIO_SCSI_T_AN_QUERY or _AN_SUBSCRIBE
 * @header: the header
 *
 * Return: 0, or -EINVAL for another type, or a LUN above VSCSI_LUN_MAX.
 */
int vscsi_control_build_an(const struct vscsi_control *control,
			   struct virtio_scsi_ctrl_an_req *header);

/**
 * vscsi_control_parse() - take a control request from a chain
 * @chain: the chain, of the control queue
 * @control: the request; with -EINVAL, its type at least
 *
 * Return: 0; -ENOSPC if the type is unknown or missing, so that the size of
 * an answer is not known, or if the writable part has no room for it; -EINVAL
 * (the answer is VIRTIO_SCSI_S_BAD_TARGET) if the request is short or its
 * address is not valid.
 */
int vscsi_control_parse(const struct vq_chain *chain,
			struct vscsi_control *control);

/**
 * vscsi_control_respond() - answer a control request
 * @chain: the chain that it came with
 * @control: the request
 * @response: VIRTIO_SCSI_S_*
 *
 * One byte for task management, five for asynchronous notification, of which
 * the events are always none.
 *
 * Return: 0, or -ENOSPC if the writable part has no room for it.
 */
int vscsi_control_respond(const struct vq_chain *chain,
			  const struct vscsi_control *control, __u8 response);

/**
 * struct vscsi_event - something that happened to the device
 * @type: VIRTIO_SCSI_T_NO_EVENT, _TRANSPORT_RESET, _ASYNC_NOTIFY or
 *	_PARAM_CHANGE
 * @reason: what happened, by the type
 * @address: the logical unit; without meaning where there is no event
 * @missed: whether earlier events had no buffer, VIRTIO_SCSI_T_EVENTS_MISSED
 */
struct vscsi_event {
	__u32 type;
	__u32 reason;
	struct vscsi_address address;
	_Bool missed;
};

/**
 * vscsi_event_write() - report an event
 * @event: the event
 * @chain: a chain of the event queue
 *
 * A LUN below 256 has no addressing method, as with the kernel's target, for
 * Linux's driver takes its bits for a part of the number.
 *
 * Return: 0; -ENOSPC if the writable part has no room for it; or -EINVAL for a
 * LUN above VSCSI_LUN_MAX.
 */
int vscsi_event_write(const struct vscsi_event *event,
		      const struct vq_chain *chain);

/**
 * vscsi_event_parse() - read what the device reported
 * @wire: the event, in memory that the device can still write
 * @event: the event
 */
void vscsi_event_parse(const struct virtio_scsi_event *wire,
		       struct vscsi_event *event);

/**
 * vscsi_cdb_test_unit_ready() - TEST UNIT READY
 * @cdb: the command
 */
void vscsi_cdb_test_unit_ready(__u8 cdb[VSCSI_CDB_SIZE]);

/**
 * vscsi_cdb_inquiry() - INQUIRY, for standard data
 * @cdb: the command
 * @bytes: the most to answer
 */
void vscsi_cdb_inquiry(__u8 cdb[VSCSI_CDB_SIZE], __u16 bytes);

/**
 * vscsi_cdb_inquiry_page() - INQUIRY, for a page of vital product data
 * @cdb: the command
 * @page: page code
 * @bytes: the most to answer
 */
void vscsi_cdb_inquiry_page(__u8 cdb[VSCSI_CDB_SIZE], __u8 page, __u16 bytes);

/**
 * vscsi_cdb_report_luns() - REPORT LUNS
 * @cdb: the command
 * @bytes: the most to answer, at least 16
 */
void vscsi_cdb_report_luns(__u8 cdb[VSCSI_CDB_SIZE], __u32 bytes);

/**
 * vscsi_cdb_read_capacity_10() - READ CAPACITY(10), which answers 8 bytes
 * @cdb: the command
 */
void vscsi_cdb_read_capacity_10(__u8 cdb[VSCSI_CDB_SIZE]);

/**
 * vscsi_cdb_read_capacity_16() - READ CAPACITY(16), which answers 32 bytes
 * @cdb: the command
 */
void vscsi_cdb_read_capacity_16(__u8 cdb[VSCSI_CDB_SIZE]);

/**
 * vscsi_cdb_read_10() - READ(10)
 * @cdb: the command
 * @block: first logical block
 * @count: number of blocks
 */
void vscsi_cdb_read_10(__u8 cdb[VSCSI_CDB_SIZE], __u32 block, __u16 count);

/**
 * vscsi_cdb_write_10() - WRITE(10)
 * @cdb: the command
 * @block: first logical block
 * @count: number of blocks
 */
void vscsi_cdb_write_10(__u8 cdb[VSCSI_CDB_SIZE], __u32 block, __u16 count);

/**
 * vscsi_cdb_read_16() - READ(16)
 * @cdb: the command
 * @block: first logical block
 * @count: number of blocks
 */
void vscsi_cdb_read_16(__u8 cdb[VSCSI_CDB_SIZE], __u64 block, __u32 count);

/**
 * vscsi_cdb_write_16() - WRITE(16)
 * @cdb: the command
 * @block: first logical block
 * @count: number of blocks
 */
void vscsi_cdb_write_16(__u8 cdb[VSCSI_CDB_SIZE], __u64 block, __u32 count);

#endif
