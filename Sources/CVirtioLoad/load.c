// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "latency.h"
#include "wait.h"

#include "virtio_scsi_request.h"

/* So many new requests are shown to the device at once. */
#define LOAD_SHOWN 4

/* SplitMix64: the same numbers in each run, so that runs compare. */
static __u64 load_random(struct vload *load)
{
	__u64 mixed = load->random += 0x9e3779b97f4a7c15ULL;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ULL;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebULL;
	return mixed ^ mixed >> 31;
}

/*
 * A number below @limit from the upper bits of a random one: a division would
 * be most of what a request costs.
 */
static __u64 load_below(__u64 random, __u64 limit)
{
	return (__u64)((unsigned __int128)random * limit >> 64);
}

/*
 * What the next request is. One random number for each, so that the places are
 * the same whatever the mix, and a run can be read back.
 */
static void load_choose(struct vload *load, struct vload_slot *slot)
{
	const struct vload_job *job = &load->job;
	__u64 random = load_random(load);
	__u64 place =
		job->is_random ? load_below(random, job->places) : load->cursor;
	__u64 start = place * job->step;

	load->cursor = load->cursor + 1 == job->places ? 0 : load->cursor + 1;
	slot->is_write = load_below(random << 32, 100) < job->write_percent;
	slot->address = job->first + start;
	slot->blocks = (__u32)min_t(__u64, job->step, job->blocks - start);
}

/*
 * What follows is made twice, once for each kind of device: the compiler knows
 * @block, and neither kind pays for the other.
 */

static __always_inline void load_header(const struct vload *load,
					const struct vload_slot *slot)
{
	struct virtio_blk_outhdr *header = slot->block;
	__u64 sector = slot->address * (load->job.block_size / 512);

	header->type = (__force __virtio32)cpu_to_le32(
		slot->is_write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN);
	header->ioprio = 0;
	header->sector = (__force __virtio64)cpu_to_le64(sector);
}

/* READ(10) or WRITE(10), or (16) where the numbers do not fit. */
static void load_command(const struct vload_slot *slot)
{
	__u64 at = slot->address;
	__u32 blocks = slot->blocks;

	if (at <= 0xffffffff && blocks <= 0xffff) {
		if (slot->is_write)
			vscsi_cdb_write_10(slot->cdb, (__u32)at, (__u16)blocks);
		else
			vscsi_cdb_read_10(slot->cdb, (__u32)at, (__u16)blocks);
	} else if (slot->is_write) {
		vscsi_cdb_write_16(slot->cdb, at, blocks);
	} else {
		vscsi_cdb_read_16(slot->cdb, at, blocks);
	}
}

/*
 * A read's data is cleared where it is compared: what an earlier request left
 * there could be the very data that is expected. Otherwise nobody looks at
 * what is written; one word tells writes apart.
 */
static void load_data(const struct vload *load, const struct vload_slot *slot,
		      __u32 bytes)
{
	const struct vload_job *job = &load->job;

	if (!slot->is_write && job->has_pattern)
		memset(slot->data, 0, bytes);
	else if (job->has_pattern)
		vload_pattern_fill(slot->data, bytes / 8, job->pattern,
				   slot->address * job->block_size);
	else if (slot->is_write)
		*(__u64 *)slot->data = slot->address;
}

/*
 * Whether the device has written complete success: residual, qualifier,
 * status and response are all 0, which are two words behind the first.
 */
static __always_inline bool load_succeeded(const struct vload_slot *slot,
					   const bool block)
{
	const __u32 *words = (const __u32 *)slot->response;

	if (block)
		return READ_ONCE(*slot->status) == VIRTIO_BLK_S_OK;
	return !(READ_ONCE(words[1]) | READ_ONCE(words[2]));
}

/* One that is left out must not look like an earlier one. */
static __always_inline void load_clear_outcome(const struct vload_slot *slot,
					       const bool block)
{
	__u32 *words = (__u32 *)slot->response;

	if (block) {
		WRITE_ONCE(*slot->status, 0xff);
		return;
	}
	WRITE_ONCE(words[1], ~0U);
	WRITE_ONCE(words[2], ~0U);
}

/* A block device's status comes last; a SCSI response before the data. */
static __always_inline int load_add(struct vload *load, __u32 index,
				    const bool block)
{
	struct vload_slot *slot = &load->slots[index];
	__u32 bytes = slot->blocks * load->job.block_size;
	__u32 readable = slot->is_write ? 2 : 1;
	struct vq_buffer header = {slot->header_addr, slot->header_len};
	struct vq_buffer data = {slot->data_addr, bytes};
	struct vq_buffer response = {
		slot->response_addr,
		block ? 1 : sizeof(struct virtio_scsi_cmd_resp)};
	bool behind = block || slot->is_write;
	struct vq_buffer pieces[3] = {header, behind ? data : response,
				      behind ? response : data};
	struct vq_indirect table = {slot->table, slot->table_addr, 3};

	if (load->uses_tables)
		return vq_driver_add_indirect(load->driver, &table, pieces,
					      readable, 3 - readable, index);
	return vq_driver_add(load->driver, pieces, readable, 3 - readable,
			     index);
}

static bool load_has_more(const struct vload *load)
{
	return load->left && load->now < load->end && load->mismatch == ~0ULL &&
	       !READ_ONCE(load->stop);
}

/* Adds a request for each free slot. */
static __always_inline int load_refill(struct vload *load, const bool block)
{
	while (load->free_count && load_has_more(load)) {
		__u32 index = load->free[load->free_count - 1];
		struct vload_slot *slot = &load->slots[index];
		int error;

		load_choose(load, slot);
		if (block)
			load_header(load, slot);
		else
			load_command(slot);
		load_data(load, slot, slot->blocks * load->job.block_size);
		load_clear_outcome(slot, block);
		slot->started = load->now;
		error = load_add(load, index, block);
		if (error)
			return wait_fault(load, VLOAD_BROKEN, error);
		load->free_count--;
		load->left--;
	}
	return 0;
}

static void load_compare(struct vload *load, const struct vload_slot *slot)
{
	__u64 position = slot->address * load->job.block_size;
	__u64 words = (__u64)slot->blocks * load->job.block_size / 8;
	__u64 offset = vload_pattern_compare(slot->data, words,
					     load->job.pattern, position);

	if (offset != ~0ULL)
		load->mismatch =
			min_t(__u64, load->mismatch, position + offset);
}

static __always_inline int load_finish(struct vload *load, __u32 index,
				       const bool block)
{
	const struct vload_slot *slot = &load->slots[index];

	load->free[load->free_count++] = index;
	if (unlikely(!load_succeeded(slot, block))) {
		load->failed = index;
		return wait_fault(load, VLOAD_REFUSED, -EIO);
	}
	latency_count(slot->is_write ? load->writes : load->reads,
		      load->now - slot->started);
	if (!slot->is_write && load->job.has_pattern)
		load_compare(load, slot);
	WRITE_ONCE(load->completed, load->completed + 1);
	return 0;
}

/*
 * Finishes what came back, with a new request for each. The device is shown
 * them while there are more to come, so that it need not wait for the last.
 */
static __always_inline int load_exchange(struct vload *load,
					 const struct vq_completion *done,
					 __u32 count, const bool block)
{
	for (__u32 i = 0; i < count; i++) {
		int error = load_finish(load, (__u32)done[i].cookie, block);

		if (!error)
			error = load_refill(load, block);
		if (error)
			return error;
		if (i % LOAD_SHOWN == LOAD_SHOWN - 1)
			vq_driver_publish(load->driver);
	}
	return wait_kick(load);
}

/* Waits for requests to come back, and exchanges them for new ones. */
static __always_inline int load_turn(struct vload *load, const bool block)
{
	struct vq_completion done[WAIT_BATCH];
	__u32 count, total = 0;
	int error = wait_any(load, done, &count);

	while (!error && count) {
		total += count;
		error = load_exchange(load, done, count, block);
		if (!error)
			error = wait_reap(load, done, WAIT_BATCH, &count);
	}
	if (!error)
		wait_learn(load, total);
	return error;
}

static void load_start(struct vload *load)
{
	for (__u32 i = 0; i < load->depth; i++)
		load->free[i] = load->depth - 1 - i;
	load->free_count = load->depth;
	load->left = load->job.count;
	load->random = load->job.seed;
	load->mismatch = ~0ULL;
	wait_start(load);
	load->end = load->now + min_t(__u64, load->job.duration, ~load->now);
}

static __always_inline int load_loop(struct vload *load, const bool block)
{
	int error = load_refill(load, block);

	if (!error)
		error = wait_kick(load);
	while (!error && load->free_count < load->depth)
		error = load_turn(load, block);
	return error;
}

int vload_run(struct vload *load)
{
	load_start(load);
	return load->is_block ? load_loop(load, true) : load_loop(load, false);
}

void vload_stop(struct vload *load)
{
	WRITE_ONCE(load->stop, 1);
}

void vload_fail(struct vload *load, enum vload_fault fault)
{
	WRITE_ONCE(load->verdict, fault);
}

__u64 vload_completed(const struct vload *load)
{
	return READ_ONCE(load->completed);
}

__u64 vload_latency(__u32 entry)
{
	__u32 shift = entry < 2 * LATENCY_HALF ? 0 : entry / LATENCY_HALF - 1;

	return (__u64)(entry - shift * LATENCY_HALF) << shift;
}
