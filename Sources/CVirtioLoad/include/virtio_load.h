/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The hot loop of a load generator: keeps reads and writes in flight on one
 * request ring of a virtio-scsi or virtio-blk device, and counts what comes
 * back.
 *
 * Requests are added in batches with at most one kick for each. Where the
 * device is slow against a system call, it is asked to signal once most of
 * what is in flight has been used; where it is fast, the ring is polled.
 */
#ifndef VIRTIO_LOAD_H
#define VIRTIO_LOAD_H

#include <linux/types.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_scsi.h>

#include "vq_driver.h"

/* Entries of a latency table: 3 digits of numbers up to 2^36 - 1. */
#define VLOAD_LATENCIES (27 * 1024)

/**
 * enum vload_fault - why a run ended early, beside what errno says
 * @VLOAD_NONE: it did not
 * @VLOAD_REFUSED: a request failed; its slot has the response
 * @VLOAD_WEDGED: the device signalled an error on the ring
 * @VLOAD_GONE: the device went away
 * @VLOAD_SILENT: the device gave no answer in time
 * @VLOAD_BROKEN: the device broke the protocol of the ring
 * @VLOAD_SYSTEM: a system call failed
 */
enum vload_fault {
	VLOAD_NONE,
	VLOAD_REFUSED,
	VLOAD_WEDGED,
	VLOAD_GONE,
	VLOAD_SILENT,
	VLOAD_BROKEN,
	VLOAD_SYSTEM,
};

/**
 * struct vload_slot - the memory of one request in flight
 * @cdb: where the command goes, within the header
 * @block: the header itself, of a block device's request
 * @response: where the device answers
 * @status: the same for a block device
 * @data: where the data is
 * @table: room for three descriptors
 * @header_addr: guest address of the header; one of a SCSI device's request is
 *	complete but for the command
 * @header_len: its length
 * @response_addr: guest address of the response
 * @data_addr: guest address of the data
 * @table_addr: guest address of the table
 * @address: first block of the request that has the slot
 * @started: private; when it was handed over
 * @blocks: how many blocks it has
 * @is_write: whether it writes
 */
struct vload_slot {
	union {
		__u8 *cdb;
		struct virtio_blk_outhdr *block;
	};
	union {
		struct virtio_scsi_cmd_resp *response;
		__u8 *status;
	};
	void *data;
	struct vring_desc *table;
	__u64 header_addr;
	__u32 header_len;
	__u64 response_addr;
	__u64 data_addr;
	__u64 table_addr;
	__u64 address;
	__u64 started;
	__u32 blocks;
	_Bool is_write;
};

/**
 * struct vload_job - what the requests are
 * @first: first block of the part of the unit that is used
 * @blocks: how many blocks that part has
 * @places: requests from there to its end; the last may be shorter
 * @count: how many requests to make
 * @duration: for how long to make more, in nanoseconds; ~0 for ever
 * @seed: which random places, and which mix
 * @pattern: seed of the pattern
 * @step: blocks of one request
 * @block_size: bytes of a block
 * @write_percent: how many of 100 requests write
 * @is_random: whether places are random instead of one after the other
 * @has_pattern: whether writes carry the pattern, and reads are compared
 */
struct vload_job {
	__u64 first;
	__u64 blocks;
	__u64 places;
	__u64 count;
	__u64 duration;
	__u64 seed;
	__u64 pattern;
	__u32 step;
	__u32 block_size;
	__u32 write_percent;
	_Bool is_random;
	_Bool has_pattern;
};

/**
 * struct vload - a load on one ring
 * @driver: the ring; nothing is in flight
 * @slots: the requests' memory; slot n has the cookie n
 * @free: storage for as many numbers as there are slots
 * @reads: latencies of reads, VLOAD_LATENCIES counts
 * @writes: latencies of writes
 * @job: what the requests are
 * @depth: how many slots there are
 * @batch: how many to wait for at once, 0 for three quarters of those in
 *	flight
 * @uses_tables: whether requests use indirect descriptors
 * @is_block: whether the device is virtio-blk
 * @kick: eventfd to kick the device by
 * @call: eventfd that it signals by; reading it waits
 * @kicks: how often the device was kicked
 * @interrupts: how often it signalled
 * @fault: why the run ended early
 * @failed: with VLOAD_REFUSED, the slot
 * @mismatch: the first byte of the unit that differs from the pattern, ~0
 *	where none does. Reads that were in flight then are in it
 * @left: private; requests to make
 * @end: private; when to make no more
 * @cursor: private; next place
 * @random: private; state of the random numbers
 * @completed: private; see vload_completed()
 * @stop: private; see vload_stop()
 * @verdict: private; see vload_fail()
 * @pace: private; nanoseconds for each request, averaged
 * @now: private; the time when it was last looked at
 * @heard: private; when the device last answered
 * @free_count: private; slots that are free
 * @spins: private; how often to look again before sleeping
 */
struct vload {
	struct vq_driver *driver;
	struct vload_slot *slots;
	__u32 *free;
	__u32 *reads;
	__u32 *writes;
	struct vload_job job;
	__u32 depth;
	__u32 batch;
	_Bool uses_tables;
	_Bool is_block;
	int kick;
	int call;
	__u64 kicks;
	__u64 interrupts;
	enum vload_fault fault;
	__u32 failed;
	__u64 mismatch;
	__u64 left;
	__u64 end;
	__u64 cursor;
	__u64 random;
	__u64 completed;
	__u32 stop;
	__u32 verdict;
	__u64 pace;
	__u64 now;
	__u64 heard;
	__u32 free_count;
	__u32 spins;
};

/**
 * vload_run() - make the requests, and wait for all of them
 * @load: the load, with all but what is private set up, the results 0
 *
 * Ends when the job does, at a byte that differs, or at a fault, which leaves
 * the other requests with the device.
 *
 * Return: 0, or a negative errno with @load->fault.
 */
int vload_run(struct vload *load);

/**
 * vload_stop() - make no more requests; from any thread
 * @load: the load
 */
void vload_stop(struct vload *load);

/**
 * vload_fail() - give up on the device; from any thread
 * @load: the load
 * @fault: why, VLOAD_WEDGED, VLOAD_GONE or VLOAD_SILENT
 *
 * The caller then signals the eventfd by which the device would. The loop
 * itself waits for the device for ever, with one system call.
 */
void vload_fail(struct vload *load, enum vload_fault fault);

/**
 * vload_completed() - how many requests have succeeded; from any thread
 * @load: the load
 *
 * Return: the number.
 */
__u64 vload_completed(const struct vload *load);

/**
 * vload_latency() - the least number that is counted in an entry of a table
 * @entry: below VLOAD_LATENCIES
 *
 * Return: nanoseconds.
 */
__u64 vload_latency(__u32 entry);

/**
 * vload_pattern_fill() - write the pattern
 * @words: where to
 * @count: how many words
 * @seed: of the pattern
 * @position: where the words start in the unit, in bytes, a multiple of 8
 *
 * The word at byte 8 * n of a unit is (n + @seed) times an odd number: no two
 * are equal, so that a block in the wrong place shows.
 */
void vload_pattern_fill(__u64 *words, __u64 count, __u64 seed, __u64 position);

/**
 * vload_pattern_compare() - compare with the pattern
 * @words: what to compare
 * @count: how many words
 * @seed: of the pattern
 * @position: where the words start in the unit, in bytes, a multiple of 8
 *
 * Return: the offset in bytes of the first that differs, ~0 where none does.
 */
__u64 vload_pattern_compare(const __u64 *words, __u64 count, __u64 seed,
			    __u64 position);

#endif
