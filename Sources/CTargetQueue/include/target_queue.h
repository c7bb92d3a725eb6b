/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A request queue of a SCSI target in user space: takes virtio-scsi commands
 * from a virtqueue, carries out plain reads and writes itself, and hands every
 * other command to its caller.
 *
 * One thread runs one queue:
 *
 *	for (;;) {
 *		result = tq_queue_run(queue);
 *		if (result != TQ_COMMAND)
 *			break;
 *		... tq_queue_command() says what is asked for ...
 *		tq_queue_answer(queue, &response, data, bytes);
 *	}
 *
 * tq_queue_stop() ends that from any thread, once everything that was taken
 * is answered.
 */
#ifndef TARGET_QUEUE_H
#define TARGET_QUEUE_H

#include <linux/types.h>
#include <pthread.h>

#include "virtio_scsi_request.h"
#include "virtqueue.h"

struct nbd_link;

/* What may be done to a unit without asking its owner. */
#define TQ_OPEN_READ  1
#define TQ_OPEN_WRITE 2
/* Writes are answered when they are on stable storage. */
#define TQ_OPEN_WRITE_THROUGH 4

/**
 * enum tq_store - where a unit's blocks are
 * @TQ_STORE_NULL: nowhere: reads leave the buffer as it is, writes are lost
 * @TQ_STORE_MEMORY: in memory of this process
 * @TQ_STORE_FILE: in a file or block device, read and written by io_uring
 * @TQ_STORE_REMOTE: behind an NBD server, asked over a connection
 * @TQ_STORE_PAGES: in a file that is memory, read and written at once:
 *	io_uring would hand its requests to threads that do just that
 */
enum tq_store {
	TQ_STORE_NULL,
	TQ_STORE_MEMORY,
	TQ_STORE_FILE,
	TQ_STORE_REMOTE,
	TQ_STORE_PAGES,
};

/**
 * tq_store_of() - what a file is as a store
 * @file: descriptor of a file or block device
 *
 * Return: TQ_STORE_FILE or TQ_STORE_PAGES.
 */
enum tq_store tq_store_of(int file);

struct slot;

/**
 * struct tq_line - commands in an order; zeroes while there is none
 * @first: the first
 * @last: the last, if there is a first
 */
struct tq_line {
	struct slot *first;
	struct slot *last;
};

/**
 * struct tq_unit - a logical unit, as far as reads and writes need it
 * @store: where the blocks are
 * @block_shift: logarithm of the block size, 9 or 12
 * @blocks: how many blocks there are
 * @memory: TQ_STORE_MEMORY: the first block
 * @file: TQ_STORE_FILE, TQ_STORE_PAGES: descriptor
 * @link: TQ_STORE_REMOTE: the connection
 * @stable: TQ_STORE_REMOTE: whether single writes can be made stable
 * @open: TQ_OPEN_*
 * @failure: errno by which writes that were answered may be lost, or 0: from
 *	then on, nothing says any more that they are safe
 * @lock: held while what follows is used
 * @begun: TQ_STORE_FILE: how many commands were begun that are to make writes
 *	safe
 * @pending: those of them whose end is not known, the oldest first
 * @held: those that wait for the ends of others
 *
 * Zeroes at first, from @failure on. @blocks and @open are changed by
 * tq_unit_open() alone, what is behind them by queues; everything else stays
 * as it is for as long as a queue may use it. A file description that two
 * units share would tell only one of them that it lost writes.
 */
struct tq_unit {
	enum tq_store store;
	__u32 block_shift;
	__u64 blocks;
	void *memory;
	int file;
	struct nbd_link *link;
	_Bool stable;
	__u32 open;
	__u32 failure;
	pthread_mutex_t lock;
	__u64 begun;
	struct tq_line pending;
	struct tq_line held;
};

/**
 * tq_unit_open() - allow and forbid reads and writes
 * @unit: the unit; queues may be using it
 * @blocks: how many blocks there are now
 * @open: TQ_OPEN_*; what is not open goes to the caller of tq_queue_run()
 */
void tq_unit_open(struct tq_unit *unit, __u64 blocks, __u32 open);

/* LUNs from here on are never looked up here. */
#define TQ_MAP_LUNS 256

/**
 * struct tq_map - which unit is behind an address
 * @units: by target and LUN; NULL sends commands to the caller
 *
 * Entries are changed by tq_map_set() alone, while queues use them.
 */
struct tq_map {
	struct tq_unit *units[256][TQ_MAP_LUNS];
};

/**
 * tq_map_set() - put a unit behind an address, or take it away
 * @map: the map
 * @address: target and LUN; LUNs from TQ_MAP_LUNS on are left out
 * @unit: the unit or NULL
 *
 * Queues may use the former unit until each of them went through
 * tq_queue_flush() once.
 */
void tq_map_set(struct tq_map *map, const struct vscsi_address *address,
		struct tq_unit *unit);

/**
 * struct tq_inflight_entry - a descriptor's state in the in-flight area
 * @inflight: 1 from taking a chain to publishing it
 * @padding: zeroes
 * @next: head that was used before this one in the same batch
 * @counter: order of taking
 *
 * The layout of the vhost-user protocol for split rings.
 */
struct tq_inflight_entry {
	__u8 inflight;
	__u8 padding[5];
	__u16 next;
	__u64 counter;
};

/**
 * struct tq_inflight - the in-flight area of one split ring
 * @features: 0
 * @version: 1; 0 in an area that was never used
 * @desc_num: entries of @desc
 * @last_batch_head: head that was used last
 * @used_idx: used index as of the last completed batch
 * @desc: one for each descriptor
 */
struct tq_inflight {
	__u64 features;
	__u16 version;
	__u16 desc_num;
	__u16 last_batch_head;
	__u16 used_idx;
	struct tq_inflight_entry desc[];
};

/**
 * struct tq_setup - what a queue works with
 * @rings: the ring areas
 * @memory: the memory table; outlives the queue
 * @map: the units; outlives the queue
 * @inflight: the in-flight area, or NULL
 * @inflight_num: the descriptors that it has entries for: the ring's or more
 * @log: where to log writes to the guest's memory, copied; or NULL
 * @features: the virtio features in use
 * @base: as vq_device_init() takes it
 * @kick: eventfd that the driver signals, or -1 to poll the ring
 * @call: eventfd to signal the driver by, or -1
 * @spin_ns: the longest that the queue looks for work before it sleeps
 */
struct tq_setup {
	struct vq_rings rings;
	const struct vq_memory *memory;
	const struct tq_map *map;
	struct tq_inflight *inflight;
	__u16 inflight_num;
	const struct vq_log *log;
	__u64 features;
	__u32 base;
	int kick;
	int call;
	__u64 spin_ns;
};

struct tq_queue;

/**
 * tq_queue_create() - make a queue
 * @setup: what it works with; copied
 * @queue: the queue
 *
 * A queue that goes on where another one died signals the driver once: the
 * other one may have answered without doing so.
 *
 * Return: 0; -ENOMEM; what vq_device_init() gives for the ring, and
 * vq_device_log() for the log; -EPROTO if the in-flight area contradicts the
 * ring; what eventfd() and io_uring_queue_init() give.
 */
int tq_queue_create(const struct tq_setup *setup, struct tq_queue **queue);

/**
 * tq_queue_destroy() - free a queue that does not run
 * @queue: the queue, or NULL
 */
void tq_queue_destroy(struct tq_queue *queue);

#define TQ_STOPPED 0
#define TQ_COMMAND 1

/**
 * tq_queue_run() - serve the driver
 * @queue: the queue
 *
 * Return: TQ_COMMAND if the caller has a command to answer; TQ_STOPPED after
 * tq_queue_stop(); the errors of vq_device_pop() if the driver broke the ring.
 * Except with TQ_COMMAND, everything that was taken is answered.
 */
int tq_queue_run(struct tq_queue *queue);

/**
 * tq_queue_command() - what is asked for
 * @queue: a queue that tq_queue_run() returned TQ_COMMAND for
 * @chain: the chain that the command came with
 *
 * Return: the command. It came through vscsi_request_parse() without error.
 */
const struct vscsi_request *tq_queue_command(const struct tq_queue *queue,
					     const struct vq_chain **chain);

/**
 * tq_queue_failure() - what went wrong already
 * @queue: a queue that tq_queue_run() returned TQ_COMMAND for
 * @loses: whether writes that were answered before may be lost by it
 *
 * Return: 0 for a command that the caller is to carry out; the errno that the
 * store failed with, which is to be the answer.
 */
int tq_queue_failure(const struct tq_queue *queue, _Bool *loses);

/**
 * tq_queue_answer() - answer the command that the caller has
 * @queue: the queue
 * @response: how the command ended
 * @data: protection information and data for the driver, behind the response;
 *	of the former as much as the command has room for, or no data at all
 * @bytes: how much; no more than the command's pi_bytes and data_bytes
 */
void tq_queue_answer(struct tq_queue *queue,
		     const struct vscsi_response *response, const void *data,
		     __u64 bytes);

/**
 * tq_queue_stop() - end tq_queue_run()
 * @queue: the queue; any thread may do this
 */
void tq_queue_stop(struct tq_queue *queue);

/**
 * tq_queue_flush() - ask for a sign that all taken commands are answered
 * @queue: the queue; any thread may do this
 *
 * Return: what tq_queue_flushed() will reach.
 */
__u64 tq_queue_flush(struct tq_queue *queue);

/**
 * tq_queue_flushed() - how far flushing came
 * @queue: the queue; any thread may do this
 *
 * Return: the highest number from tq_queue_flush() that is done with.
 */
__u64 tq_queue_flushed(const struct tq_queue *queue);

/**
 * tq_queue_calls() - is the driver being signalled just now
 * @queue: the queue; any thread may do this
 *
 * The driver can fill the counter and have the write wait. Who waits for the
 * queue ends that by peer_event_interrupt().
 *
 * Return: whether the queue's thread is in that system call, or about to be.
 */
_Bool tq_queue_calls(const struct tq_queue *queue);

/**
 * tq_queue_base() - where the next start has to go on
 * @queue: a queue that does not run
 *
 * Return: the available index.
 */
__u16 tq_queue_base(const struct tq_queue *queue);

/**
 * struct tq_counters - what a queue did
 * @commands: commands answered
 * @handed: of these, by the caller
 * @sleeps: times that the queue slept
 * @kicks: times that the driver kicked
 * @calls: times that the driver was signalled
 */
struct tq_counters {
	__u64 commands;
	__u64 handed;
	__u64 sleeps;
	__u64 kicks;
	__u64 calls;
};

/**
 * tq_queue_counters() - what a queue did up to about now
 * @queue: the queue; any thread may do this
 * @counters: the numbers
 */
void tq_queue_counters(const struct tq_queue *queue,
		       struct tq_counters *counters);

#endif
