/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of this directory share: the queue and its parts.
 */
#ifndef TQ_QUEUE_PRIVATE_H
#define TQ_QUEUE_PRIVATE_H

#include <liburing.h>
#include <sys/uio.h>

#include "nbd_link.h"
#include "peer_event.h"
#include "target_queue.h"
#include "vq_platform.h"

#define QUEUE_BATCH 32
/* Commands that stores may be busy with at a time, of as many as are there. */
#define QUEUE_SLOTS_MAX 1024

#define RESPONSE_BYTES sizeof(struct virtio_scsi_cmd_resp)

/**
 * struct slot - a command that a store is busy with
 * @remote: what an NBD server was asked for; the first, to be found by it
 * @queue: whose command it is
 * @unit: what it is for
 * @request: the command
 * @chain: its chain, pointing into @segments
 * @bytes: how much is to be read or written; 0 of a flush
 * @safe: whether its end says that writes are on stable storage
 * @failure: errno that it ends with, or 0 if it can be tried in another way
 * @turn: of what makes writes safe: see safe.c
 * @next: next free slot, next failed one, next in the queue's @returned, or
 *	next in a line of the unit
 * @copy: the data for an NBD server, which the guest cannot take away
 * @result: what came of it
 * @segments: the chain's segments
 * @vector: the part of them that data goes to or comes from
 */
struct slot {
	struct nbd_request remote;
	struct tq_queue *queue;
	struct tq_unit *unit;
	struct vscsi_request request;
	struct vq_chain chain;
	__u64 bytes;
	bool safe;
	int failure;
	__u64 turn;
	struct slot *next;
	void *copy;
	int result;
	struct vq_segment segments[VQ_CHAIN_SEGMENTS_MAX];
	struct iovec vector[VQ_CHAIN_SEGMENTS_MAX];
};

/**
 * struct tq_queue - a request queue
 * @device: the virtqueue
 * @map: the units
 * @inflight: the in-flight area or NULL
 * @inflight_num: how many entries it has
 * @log: where writes to the guest's memory are logged, if @device has a log
 * @request: the command that is looked at
 * @command: the command that the caller has
 * @command_chain: its chain
 * @command_slot: its slot, if it failed in a store
 * @at: next of @chains to look at
 * @taken: how many of @chains there are
 * @done: how many of @used wait to be published
 * @busy: commands that stores are busy with
 * @filing: of these, io_uring
 * @copied: size of the copies of data for NBD servers
 * @submitted: how many of the entries for the kernel it was not told of
 * @slots: all of them
 * @slot_count: how many they are
 * @fresh: how many of them were ever used
 * @free: slots that were used and are free
 * @failed: slots that the store did not serve in full
 * @returned: slots that others are done with; other threads add to it
 * @returning: how many threads are about to do that
 * @sleeps: whether the queue's thread may be asleep
 * @resume: heads that were in flight when the last device died
 * @resume_at: next of @resume
 * @resume_count: how many there are
 * @ring_works: whether there is io_uring here
 * @calling: whether the driver is being signalled
 * @protects: whether requests carry protection information
 * @kick: as in struct tq_setup
 * @call: as in struct tq_setup
 * @wake: eventfd to be woken by
 * @spin: nanoseconds to look for work before sleeping, for now
 * @spin_max: the most of it
 * @idle_since: when work ran out, 0 while there is some
 * @inflight_counter: number of the last chain in the in-flight area
 * @counters: what was done
 * @stop: whether to stop
 * @flush_wanted: number of flushes that were asked for
 * @flush_done: number of flushes that are done with
 * @uring: for files
 * @used: chains to publish
 * @chains: chains that were taken
 * @segments: their segments
 * @vector: pieces of a request that is served at once
 */
struct tq_queue {
	struct vq_device device;
	const struct tq_map *map;
	struct tq_inflight *inflight;
	__u16 inflight_num;
	struct vq_log log;
	struct vscsi_request request;
	const struct vscsi_request *command;
	const struct vq_chain *command_chain;
	struct slot *command_slot;
	__u32 at;
	__u32 taken;
	__u32 done;
	__u32 busy;
	__u32 filing;
	__u64 copied;
	__u32 submitted;
	struct slot *slots;
	__u32 slot_count;
	__u32 fresh;
	struct slot *free;
	struct slot *failed;
	struct slot *returned;
	__u32 returning;
	bool sleeps;
	__u16 *resume;
	__u32 resume_at;
	__u32 resume_count;
	bool ring_works;
	bool calling;
	bool protects;
	int kick;
	int call;
	int wake;
	__u64 spin;
	__u64 spin_max;
	__u64 idle_since;
	__u64 inflight_counter;
	struct tq_counters counters;
	bool stop;
	__u64 flush_wanted;
	__u64 flush_done;
	struct io_uring uring;
	struct vq_used used[QUEUE_BATCH];
	struct vq_chain chains[QUEUE_BATCH];
	struct vq_segment segments[VQ_CHAIN_SEGMENTS_MAX];
	struct iovec vector[VQ_CHAIN_SEGMENTS_MAX];
};

/* Counters belong to the queue's thread; any other may read them meanwhile. */
static __always_inline void queue_count(__u64 *counter, __u64 more)
{
	WRITE_ONCE(*counter, *counter + more);
}

/**
 * enum served - what became of a command
 * @SERVED_DONE: it is answered, or a store is busy with it
 * @SERVED_HANDED: it is for the caller
 * @SERVED_LATER: it is to be looked at again once a store is done with another
 */
enum served {
	SERVED_DONE,
	SERVED_HANDED,
	SERVED_LATER,
};

/**
 * struct transfer - a plain read or write
 * @offset: first byte in the unit
 * @bytes: how many
 * @write: whether it is a write
 * @stable: whether a write must be on stable storage when it is answered
 */
struct transfer {
	__u64 offset;
	__u64 bytes;
	bool write;
	bool stable;
};

#if defined(__x86_64__)
#define cpu_relax() __builtin_ia32_pause()
#else
#define cpu_relax() barrier()
#endif

/* transfer.c: is this a read or write that needs nobody's opinion. */
bool transfer_decode(const struct vscsi_request *request,
		     const struct tq_unit *unit, struct transfer *transfer);

/* The same for SYNCHRONIZE CACHE. */
bool flush_decode(const struct vscsi_request *request,
		  const struct tq_unit *unit);

/* answer.c: answers go to a batch, which is published when it is full. */
void answer_good(struct tq_queue *queue, const struct vq_chain *chain,
		 const struct vscsi_request *request, __u64 bytes);
void answer_used(struct tq_queue *queue, const struct vq_chain *chain,
		 __u64 bytes);
void answer_publish(struct tq_queue *queue);

/* file.c: reads and writes of files, at once or through io_uring. */
int file_setup(struct tq_queue *queue);
void file_teardown(struct tq_queue *queue);
bool file_serve(struct tq_queue *queue, const struct tq_unit *unit,
		const struct transfer *transfer, const struct vq_chain *chain);
enum served file_start(struct tq_queue *queue, struct tq_unit *unit,
		       const struct transfer *transfer,
		       const struct vq_chain *chain);
enum served file_flush(struct tq_queue *queue, struct tq_unit *unit,
		       const struct vq_chain *chain);
void file_submit(struct tq_queue *queue);
bool file_reap(struct tq_queue *queue);

/* remote.c: reads, writes and flushes of NBD servers. */
enum served remote_start(struct tq_queue *queue, struct tq_unit *unit,
			 const struct transfer *transfer,
			 const struct vq_chain *chain);
enum served remote_flush(struct tq_queue *queue, struct tq_unit *unit,
			 const struct vq_chain *chain);
void remote_finish(struct tq_queue *queue, struct slot *slot);

/* safe.c: the order in which it is said that writes are safe. */
void safe_begin(struct slot *slot);
/* @result is noted; the slot is returned in its turn. */
void safe_end(struct slot *slot);

/* slot.c: commands that are under way; NULL if there are as many as can be. */
int slot_setup(struct tq_queue *queue);
void slot_teardown(struct tq_queue *queue);
struct slot *slot_take(struct tq_queue *queue, struct tq_unit *unit,
		       const struct vq_chain *chain);
void slot_release(struct tq_queue *queue, struct slot *slot);
/* What the slot is to move. */
void slot_transfer(struct slot *slot, const struct transfer *transfer);
/* The pieces that the data goes to or comes from; returns how many. */
int slot_vector(const struct vq_chain *chain,
		const struct vscsi_request *request,
		const struct transfer *transfer, struct iovec *vector);
/* What came of all slots of a batch is noted before the first is finished. */
void slot_note(struct slot *slot, int result);
void slot_finish(struct tq_queue *queue, struct slot *slot, int result);
/* Gives a slot with its result back to its queue; on any thread. */
void slot_return(struct slot *slot);
bool slot_reap(struct tq_queue *queue);

/* inflight.c: the area that survives this process. */
int inflight_recover(struct tq_queue *queue, __u32 *base);
void inflight_take(struct tq_queue *queue, const struct vq_chain *chains,
		   __u32 count);
void inflight_batch(struct tq_queue *queue);
void inflight_batch_done(struct tq_queue *queue);

/* rest.c: what to do when there is nothing to do. */
void rest(struct tq_queue *queue);
void rest_wait(struct tq_queue *queue);
void rest_wake(const struct tq_queue *queue);

#endif
