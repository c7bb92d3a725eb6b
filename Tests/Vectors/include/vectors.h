/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Vectors: what a driver, right or wrong, puts in a ring or a request, and
 * what the device side must make of it. They are data; whoever can link the
 * core can run them, in user space or in the kernel.
 */
#ifndef VECTORS_H
#define VECTORS_H

#include <linux/types.h>

#include "mock_driver.h"

#define VECTOR_DESCS	6
#define VECTOR_SEGMENTS 6

/**
 * struct vector_segment - a segment by guest address
 * @addr: guest-physical address
 * @len: bytes
 */
struct vector_segment {
	__u64 addr;
	__u64 len;
};

/**
 * vector_chain_compare() - compare a chain that was popped with a vector
 * @chain: the chain
 * @head: its head wanted
 * @readable: readable segments wanted
 * @writable: writable segments wanted
 * @wanted: the segments wanted
 * @driver: whose memory they lie in
 *
 * Return: NULL, or what differs.
 */
const char *vector_chain_compare(const struct vq_chain *chain, __u32 head,
				 __u32 readable, __u32 writable,
				 const struct vector_segment *wanted,
				 const struct mock_driver *driver);

/**
 * struct chain_vector - one chain at index 0 of a ring
 * @name: what it is about
 * @num: entries of the ring, 0 for 4
 * @idx: available index shown, 0 for 1
 * @head: the entry
 * @desc: descriptors 0 and following
 * @table: guest address of an indirect table, 0 for none
 * @indirect: its descriptors
 * @capacity: segments there is room for, 0 for VECTOR_SEGMENTS
 * @error: what pop must return, as a positive errno
 * @readable: readable segments wanted
 * @writable: writable segments wanted
 * @segments: the segments wanted
 */
struct chain_vector {
	const char *name;
	__u16 num;
	__u16 idx;
	__u16 head;
	struct mock_desc desc[VECTOR_DESCS];
	__u64 table;
	struct mock_desc indirect[VECTOR_DESCS];
	__u32 capacity;
	int error;
	__u32 readable;
	__u32 writable;
	struct vector_segment segments[VECTOR_SEGMENTS];
};

/* Entries of the ring of each packed vector. */
#define PACKED_VECTOR_NUM 3

/**
 * struct packed_vector - one chain of a packed ring, popped and pushed
 * @name: what it is about
 * @base: places and laps of both sides, 0 for the first entry of an odd lap
 * @even: the first entry of an even lap
 * @desc: the descriptors, ids in place of next
 * @table: guest address of an indirect table, 0 for none
 * @indirect: its descriptors
 * @error: what pop must return, as a positive errno
 * @head: the chain's head wanted
 * @readable: readable segments wanted
 * @writable: writable segments wanted
 * @segments: the segments wanted
 */
struct packed_vector {
	const char *name;
	__u32 base;
	_Bool even;
	struct mock_desc desc[PACKED_VECTOR_NUM];
	__u64 table;
	struct mock_desc indirect[PACKED_VECTOR_NUM];
	int error;
	__u32 head;
	__u32 readable;
	__u32 writable;
	struct vector_segment segments[VECTOR_SEGMENTS];
};

/**
 * struct signal_vector - chains returned, and who wants to know
 * @name: what it is about
 * @features: virtio features
 * @flags: flags of the available ring
 * @event: used event index
 * @used: used index at the start
 * @waiting: chains that are still available at the end
 * @first: chains pushed before the first decision
 * @second: chains pushed before the second decision
 * @signal: the decisions wanted
 */
struct signal_vector {
	const char *name;
	__u64 features;
	__u16 flags;
	__u16 event;
	__u16 used;
	__u16 waiting;
	__u32 first;
	__u32 second;
	_Bool signal[2];
};

/* Entries of the ring of each event vector. */
#define EVENT_VECTOR_NUM 4

/**
 * struct event_vector - entries of a packed ring passed, and who wants to know
 * @name: what it is about
 * @features: virtio features
 * @base: places and laps of the device, 0 for the first entry of an odd lap
 * @event: event structure of the other side
 * @first: entries passed before the first decision, in one chain
 * @second: entries passed before the second decision
 * @signal: decisions of the device wanted
 * @kick: decisions of the driver wanted, if it can get there
 */
struct event_vector {
	const char *name;
	__u64 features;
	__u32 base;
	__u32 event;
	__u16 first;
	__u16 second;
	_Bool signal[2];
	_Bool kick[2];
};

#define ORDER_VECTOR_BUFFERS 3

/**
 * struct order_vector - one used entry for buffers in order
 * @name: what it is about
 * @split: for split rings alone
 * @idx: used index of a split ring
 * @id: what the device says it used last
 * @len: bytes that it says it wrote there
 * @count: buffers that come back
 * @lens: bytes written to each
 * @error: what the next call must return, as a positive errno
 */
struct order_vector {
	const char *name;
	_Bool split;
	__u16 idx;
	__u16 id;
	__u32 len;
	__u32 count;
	__u32 lens[ORDER_VECTOR_BUFFERS];
	int error;
};

/**
 * struct request_vector - a request of virtio-scsi
 * @name: what it is about
 * @pi: whether VIRTIO_SCSI_F_T10_PI is in use
 * @out: bytes of the readable part
 * @in: bytes of the writable part
 * @lun: first four bytes of the address
 * @pi_out: bytes of protection information of written data
 * @pi_in: bytes of protection information of read data
 * @opcode: first byte of the command
 * @length: its additional length, at byte 7
 * @error: what parsing must return, as a positive errno
 * @direction: enum vscsi_direction wanted
 * @target: target wanted
 * @number: LUN wanted
 * @pi_bytes: bytes of protection information wanted
 * @data_offset: offset of the data wanted
 * @data_bytes: bytes of data wanted
 */
struct request_vector {
	const char *name;
	_Bool pi;
	__u32 out;
	__u32 in;
	__u8 lun[4];
	__u32 pi_out;
	__u32 pi_in;
	__u8 opcode;
	__u8 length;
	int error;
	__u32 direction;
	__u8 target;
	__u16 number;
	__u32 pi_bytes;
	__u64 data_offset;
	__u64 data_bytes;
};

/**
 * struct control_vector - a request of the control queue, and its answer
 * @name: what it is about
 * @out: bytes of the readable part
 * @in: bytes of the writable part
 * @header: what the readable part begins with
 * @error: what parsing must return, as a positive errno
 * @type: type wanted, also with EINVAL
 * @subtype: subtype wanted
 * @target: target wanted
 * @number: LUN wanted
 * @tag: tag wanted
 * @events: events wanted
 * @answer: bytes of the answer wanted, of which all but the last are 0
 */
struct control_vector {
	const char *name;
	__u32 out;
	__u32 in;
	__u8 header[24];
	int error;
	__u32 type;
	__u32 subtype;
	__u8 target;
	__u16 number;
	__u64 tag;
	__u32 events;
	__u32 answer;
};

/**
 * struct answer_vector - how a command ended
 * @name: what it is about
 * @in: bytes of the writable part
 * @response: VIRTIO_SCSI_S_*
 * @status: SCSI status
 * @qualifier: status qualifier
 * @resid: bytes of data that were not transferred
 * @sense_bytes: bytes of sense data, which count from 1
 * @error: what writing must return, as a positive errno
 * @head: the first bytes of the answer wanted; sense data follows
 */
struct answer_vector {
	const char *name;
	__u32 in;
	__u8 response;
	__u8 status;
	__u16 qualifier;
	__u32 resid;
	__u32 sense_bytes;
	int error;
	__u8 head[12];
};

/**
 * struct report_vector - an event of the device
 * @name: what it is about
 * @in: bytes of the writable part
 * @type: VIRTIO_SCSI_T_*
 * @reason: reason
 * @target: target
 * @number: LUN
 * @missed: whether events were missed
 * @error: what writing must return, as a positive errno
 * @wire: the bytes wanted
 */
struct report_vector {
	const char *name;
	__u32 in;
	__u32 type;
	__u32 reason;
	__u8 target;
	__u16 number;
	_Bool missed;
	int error;
	__u8 wire[16];
};

/**
 * vector_chain_lay() - make a chain over the storage of a vector
 * @chain: the chain
 * @storage: MOCK_BYTES: the readable part is at 0, the writable one at 4096
 * @out: bytes of the readable part
 * @in: bytes of the writable part
 * @piece: bytes of each segment but the last one of a part
 */
void vector_chain_lay(struct vq_chain *chain, void *storage, __u32 out,
		      __u32 in, __u32 piece);

/* Defines KIND_vector_at() over the table KIND_vectors. */
#define VECTORS_BY_NUMBER(kind)                                                \
	const struct kind##_vector *kind##_vector_at(__u32 index)              \
	{                                                                      \
		if (index >=                                                   \
		    sizeof(kind##_vectors) / sizeof(kind##_vectors[0]))        \
			return NULL;                                           \
		return &kind##_vectors[index];                                 \
	}

/**
 * chain_vector_at() - the vectors by number
 * @index: which
 *
 * Return: the vector, NULL behind the last.
 */
const struct chain_vector *chain_vector_at(__u32 index);

/**
 * packed_vector_at() - the vectors by number
 * @index: which
 *
 * Return: the vector, NULL behind the last.
 */
const struct packed_vector *packed_vector_at(__u32 index);

/**
 * signal_vector_at() - the vectors by number
 * @index: which
 *
 * Return: the vector, NULL behind the last.
 */
const struct signal_vector *signal_vector_at(__u32 index);

/**
 * event_vector_at() - the vectors by number
 * @index: which
 *
 * Return: the vector, NULL behind the last.
 */
const struct event_vector *event_vector_at(__u32 index);

/**
 * order_vector_at() - the vectors by number
 * @index: which
 *
 * Return: the vector, NULL behind the last.
 */
const struct order_vector *order_vector_at(__u32 index);

/**
 * request_vector_at() - the vectors by number
 * @index: which
 *
 * Return: the vector, NULL behind the last.
 */
const struct request_vector *request_vector_at(__u32 index);

/**
 * control_vector_at() - the vectors by number
 * @index: which
 *
 * Return: the vector, NULL behind the last.
 */
const struct control_vector *control_vector_at(__u32 index);

/**
 * answer_vector_at() - the vectors by number
 * @index: which
 *
 * Return: the vector, NULL behind the last.
 */
const struct answer_vector *answer_vector_at(__u32 index);

/**
 * report_vector_at() - the vectors by number
 * @index: which
 *
 * Return: the vector, NULL behind the last.
 */
const struct report_vector *report_vector_at(__u32 index);

/**
 * chain_vector_run() - pop the chain, twice if it is at fault
 * @vector: the vector
 * @storage: MOCK_BYTES, aligned to 64
 *
 * Return: NULL, or what went wrong.
 */
const char *chain_vector_run(const struct chain_vector *vector, void *storage);

/**
 * packed_vector_run() - pop the chain, and push it if it is valid
 * @vector: the vector
 * @storage: MOCK_BYTES, aligned to 64
 *
 * Return: NULL, or what went wrong.
 */
const char *packed_vector_run(const struct packed_vector *vector,
			      void *storage);

/**
 * signal_vector_run() - push the chains
 * @vector: the vector
 * @storage: MOCK_BYTES, aligned to 64
 *
 * Return: NULL, or what went wrong.
 */
const char *signal_vector_run(const struct signal_vector *vector,
			      void *storage);

/**
 * event_vector_run() - pass the entries on both sides
 * @vector: the vector
 * @storage: MOCK_BYTES, aligned to 64
 *
 * Return: NULL, or what went wrong.
 */
const char *event_vector_run(const struct event_vector *vector, void *storage);

/**
 * order_vector_run() - reap the buffers, of a split ring and a packed one
 * @vector: the vector
 * @storage: MOCK_BYTES, aligned to 64
 *
 * Return: NULL, or what went wrong.
 */
const char *order_vector_run(const struct order_vector *vector, void *storage);

/**
 * request_vector_run() - parse the request, split in pieces of any size
 * @vector: the vector
 * @storage: MOCK_BYTES, aligned to 64
 *
 * Return: NULL, or what went wrong.
 */
const char *request_vector_run(const struct request_vector *vector,
			       void *storage);

/**
 * control_vector_run() - parse and answer the request, in pieces of any size
 * @vector: the vector
 * @storage: MOCK_BYTES, aligned to 64
 *
 * Return: NULL, or what went wrong.
 */
const char *control_vector_run(const struct control_vector *vector,
			       void *storage);

/**
 * answer_vector_run() - write the answer, in pieces of any size
 * @vector: the vector
 * @storage: MOCK_BYTES, aligned to 64
 *
 * Return: NULL, or what went wrong.
 */
const char *answer_vector_run(const struct answer_vector *vector,
			      void *storage);

/**
 * report_vector_run() - write the event in pieces of any size, and read it
 * @vector: the vector
 * @storage: MOCK_BYTES, aligned to 64
 *
 * Return: NULL, or what went wrong.
 */
const char *report_vector_run(const struct report_vector *vector,
			      void *storage);

/**
 * vector_run() - run one of the vectors, whatever its kind
 * @index: which, all kinds counted through
 * @storage: MOCK_BYTES, aligned to 64
 * @fault: what went wrong, NULL if nothing
 *
 * Return: its name, NULL behind the last.
 */
const char *vector_run(__u32 index, void *storage, const char **fault);

#endif
