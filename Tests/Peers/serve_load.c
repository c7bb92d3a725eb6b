// SPDX-License-Identifier: MIT
/*
 * Reads at random from a vhost-user back-end, without a guest, and prints one
 * line: nanoseconds for each request, processor time of the back-end for each
 * in nanoseconds, kicks and interrupts for 1000 requests.
 *
 *	serve_load scsi|blk poll|sleep|adapt|idle DEPTH BLOCKS SECONDS \
 *		PID SOCKET
 *
 * It waits for answers by looking for them, by sleeping, or by looking for them
 * for 50 microseconds and then sleeping, as both ends of a busy host do.
 *
 * BLOCKS of 512 bytes are the device's size; before it measures, everything is
 * written and read back, unless it is negative.
 */
#include <linux/virtio_blk.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "serve_link.h"
#include "virtio_scsi_request.h"

#define DATA_BYTES     4096
#define DATA_BLOCKS    (DATA_BYTES / 512)
#define DEPTH_MAX      64
#define MEMORY_BYTES   (4ULL << 20)
#define CLOCK_REQUESTS 1024
#define SPIN_NS	       50000

/**
 * struct slot - a request
 * @scsi: header, if it is for a SCSI device
 * @blk: header, if it is for a block device
 * @response: response of a SCSI device; of a block device its first byte
 * @data: what is read or written
 */
struct slot {
	union {
		struct virtio_scsi_cmd_req scsi;
		struct virtio_blk_outhdr blk;
	} * header;
	union {
		struct virtio_scsi_cmd_resp scsi;
		__u8 blk;
	} * response;
	__u64 *data;
};

/**
 * struct load - what is measured
 * @link: the back-end
 * @slots: requests
 * @scsi: whether it is a SCSI device
 * @sleeps: whether we wait by sleeping
 * @spins: whether we look for answers for a while before we sleep
 * @since: when we ran out of answers, 0 while there are some
 * @depth: requests in flight
 * @chunks: pieces of DATA_BYTES that the device has
 * @random: state of the generator
 * @kicks: how often the back-end was signalled
 * @wakes: how often we were
 */
struct load {
	struct link link;
	struct slot slots[DEPTH_MAX];
	bool scsi;
	bool sleeps;
	bool spins;
	__u64 since;
	unsigned int depth;
	__u64 chunks;
	__u64 random;
	__u64 kicks;
	__u64 wakes;
};

static __u64 load_now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (__u64)time.tv_sec * 1000000000u + (__u64)time.tv_nsec;
}

static void load_ask(const struct load *load, const struct slot *slot,
		     __u64 chunk, bool write)
{
	__u64 block = chunk * DATA_BLOCKS;

	if (!load->scsi) {
		slot->header->blk.type =
			write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
		slot->header->blk.sector = block;
	} else if (write) {
		vscsi_cdb_write_10(slot->header->scsi.cdb, (__u32)block,
				   DATA_BLOCKS);
	} else {
		vscsi_cdb_read_10(slot->header->scsi.cdb, (__u32)block,
				  DATA_BLOCKS);
	}
}

static void load_add(struct load *load, unsigned int number, __u64 chunk,
		     bool write)
{
	const struct slot *slot = &load->slots[number];
	struct vq_buffer header = {link_guest(&load->link, slot->header),
				   load->scsi ? sizeof(slot->header->scsi)
					      : sizeof(slot->header->blk)};
	struct vq_buffer response = {link_guest(&load->link, slot->response),
				     load->scsi ? sizeof(slot->response->scsi)
						: 1};
	struct vq_buffer data = {link_guest(&load->link, slot->data),
				 DATA_BYTES};
	bool behind = load->scsi && !write;
	struct vq_buffer pieces[] = {header, behind ? response : data,
				     behind ? data : response};

	load_ask(load, slot, chunk, write);
	if (load->scsi)
		slot->response->scsi.response = 0xff;
	else
		slot->response->blk = 0xff;
	link_must(!vq_driver_add(&load->link.driver, pieces, write ? 2 : 1,
				 write ? 1 : 2, number),
		  "no room in the ring");
}

static bool load_good(const struct load *load, unsigned int number)
{
	const struct slot *slot = &load->slots[number];

	if (!load->scsi)
		return !slot->response->blk;
	return !slot->response->scsi.response && !slot->response->scsi.status &&
	       !slot->response->scsi.resid;
}

static void load_kick(struct load *load)
{
	if (!vq_driver_kick_prepare(&load->link.driver))
		return;
	load->kicks++;
	(void)eventfd_write(load->link.kick, 1);
}

/* Whether it is too early to sleep. */
static bool load_spin(struct load *load)
{
	__u64 now;

	if (!load->spins)
		return false;
	now = load_now(CLOCK_MONOTONIC);
	if (!load->since)
		load->since = now;
	return now - load->since < SPIN_NS;
}

static __u32 load_reap(struct load *load, struct vq_completion *done)
{
	__u32 count;

	for (;;) {
		struct pollfd event = {load->link.call, POLLIN, 0};
		eventfd_t signals;

		link_must(!vq_driver_reap(&load->link.driver, done, DEPTH_MAX,
					  &count),
			  "the back-end broke the ring");
		if (count || !load->sleeps) {
			load->since = 0;
			return count;
		}
		if (load_spin(load))
			continue;
		if (vq_driver_enable_callback(&load->link.driver))
			continue;
		load->wakes++;
		/* The back-end may have made it one that does not block. */
		(void)poll(&event, 1, -1);
		(void)eventfd_read(load->link.call, &signals);
		vq_driver_disable_callback(&load->link.driver);
		load->since = 0;
	}
}

/* One request, from its beginning to its end; false if it failed. */
static bool load_one(struct load *load, __u64 chunk, bool write)
{
	struct vq_completion done[DEPTH_MAX];

	load_add(load, 0, chunk, write);
	load_kick(load);
	while (!load_reap(load, done))
		;
	return load_good(load, 0);
}

static void load_check(struct load *load)
{
	__u64 *data = load->slots[0].data;

	for (__u64 chunk = 0; chunk < load->chunks; chunk++) {
		data[0] = data[DATA_BYTES / 8 - 1] = chunk * 0x9e3779b97f4a7c15;
		link_must(load_one(load, chunk, true), "a write failed");
	}
	for (__u64 chunk = 0; chunk < load->chunks; chunk++) {
		data[0] = data[DATA_BYTES / 8 - 1] = ~0ULL;
		link_must(load_one(load, chunk, false), "a read failed");
		link_must(data[0] == chunk * 0x9e3779b97f4a7c15 &&
				  data[DATA_BYTES / 8 - 1] == data[0],
			  "something else was read than was written");
	}
}

static __u64 load_next(struct load *load)
{
	load->random = load->random * 6364136223846793005u + 1;
	return (load->random >> 33) * load->chunks >> 31;
}

static __u64 load_run(struct load *load, __u64 until)
{
	struct vq_completion done[DEPTH_MAX];
	__u64 served = 0, looked = 0;
	unsigned int flying = load->depth;

	for (unsigned int i = 0; i < flying; i++)
		load_add(load, i, load_next(load), false);
	load_kick(load);
	while (flying) {
		__u32 count = load_reap(load, done);

		if (!count)
			continue;
		served += count;
		for (__u32 i = 0; i < count; i++)
			link_must(load_good(load, (unsigned int)done[i].cookie),
				  "a read failed");
		if (served - looked >= CLOCK_REQUESTS) {
			looked = served;
			if (load_now(CLOCK_MONOTONIC) >= until)
				until = 0;
		}
		if (!until) {
			flying -= count;
			continue;
		}
		for (__u32 i = 0; i < count; i++)
			load_add(load, (unsigned int)done[i].cookie,
				 load_next(load), false);
		load_kick(load);
	}
	return served;
}

static void load_make(struct load *load, const char *path)
{
	struct vscsi_command command = {.tag = 1};

	link_open(&load->link, path, MEMORY_BYTES);
	for (unsigned int i = 0; i < DEPTH_MAX; i++) {
		struct slot *slot = &load->slots[i];

		slot->header = link_take(&load->link, sizeof(*slot->header));
		slot->response =
			link_take(&load->link, sizeof(*slot->response));
		slot->data = link_take(&load->link, DATA_BYTES);
		if (load->scsi)
			link_must(!vscsi_command_build(&command,
						       &slot->header->scsi),
				  "no address");
	}
	link_start(&load->link, load->scsi ? 2 : 0);
	if (!load->sleeps || load->spins)
		vq_driver_disable_callback(&load->link.driver);
	/* A SCSI device has something to say first. */
	if (load->scsi)
		(void)load_one(load, 0, false);
}

static void load_measure(struct load *load, double seconds, bool idle,
			 clockid_t back_end)
{
	__u64 cpu, start, served = 1, end;

	if (!idle)
		(void)load_run(load, load_now(CLOCK_MONOTONIC) + 50000000);
	else
		usleep(300000);
	load->kicks = load->wakes = 0;
	cpu = load_now(back_end);
	start = load_now(CLOCK_MONOTONIC);
	if (!idle)
		served = load_run(load, start + (__u64)(seconds * 1e9));
	else
		usleep((useconds_t)(seconds * 1e6));
	end = load_now(CLOCK_MONOTONIC);
	cpu = load_now(back_end) - cpu;
	printf("%.1f\t%.1f\t%.1f\t%.1f\n", (double)(end - start) / served,
	       (double)cpu / served, 1e3 * load->kicks / served,
	       1e3 * load->wakes / served);
}

int main(int argc, char **argv)
{
	static struct load load;
	clockid_t back_end;
	long long blocks;

	if (argc != 8) {
		fprintf(stderr, "usage: serve_load scsi|blk "
				"poll|sleep|adapt|idle "
				"DEPTH BLOCKS SECONDS PID SOCKET\n");
		return 2;
	}
	blocks = atoll(argv[4]);
	load.scsi = !strcmp(argv[1], "scsi");
	load.sleeps = strcmp(argv[2], "poll");
	load.spins = !strcmp(argv[2], "adapt");
	load.depth = (unsigned int)atoi(argv[3]);
	load.chunks = (__u64)llabs(blocks) / DATA_BLOCKS;
	load.random = 1;
	link_must(load.depth >= 1 && load.depth <= DEPTH_MAX && load.chunks,
		  "no such depth or size");
	link_must(!clock_getcpuclockid(atoi(argv[6]), &back_end),
		  "no such process");
	load_make(&load, argv[7]);
	if (blocks > 0)
		load_check(&load);
	load_measure(&load, atof(argv[5]), !strcmp(argv[2], "idle"), back_end);
	link_close(&load.link);
	return 0;
}
