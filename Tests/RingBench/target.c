// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Serves READ(10) of 4 KiB from a target queue, driver and device in one
 * thread, for counting the instructions that a request costs both of them.
 *
 *	target [WORKLOAD REQUESTS]
 *
 * Without arguments it prints the workloads.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target_queue.h"

#define GUEST	   0x100000000ULL
#define RING	   256
#define BATCH	   32
#define DATA_BYTES 4096

static const char *const workloads[] = {
	[TQ_STORE_NULL] = "target-null",
	[TQ_STORE_MEMORY] = "target-memory",
};

/* The guest's memory: rings, and a request for each of a batch. */
static struct {
	char rings[8192];
	struct {
		struct virtio_scsi_cmd_req header;
		struct virtio_scsi_cmd_resp response;
		char data[DATA_BYTES];
	} request[BATCH];
} guest __attribute__((aligned(4096)));

static char disk[BATCH * DATA_BYTES];
static struct tq_map map;
static struct tq_unit unit = {.memory = disk,
			      .block_shift = 9,
			      .blocks = sizeof(disk) / 512,
			      .open = TQ_OPEN_READ};
static struct vq_driver driver;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "target: %s\n", what);
	exit(1);
}

static __u64 guest_address(const void *at)
{
	return GUEST + (__u64)((const char *)at - (const char *)&guest);
}

/* The last request of a batch is for nobody, so that the queue stops there. */
static void add(unsigned int number)
{
	struct vscsi_command command = {.tag = number};
	struct vq_buffer pieces[] = {
		{guest_address(&guest.request[number].header),
		 sizeof(guest.request[number].header)},
		{guest_address(&guest.request[number].response),
		 sizeof(guest.request[number].response)},
		{guest_address(guest.request[number].data), DATA_BYTES},
	};

	command.address.target = number == BATCH - 1;
	vscsi_cdb_read_10(command.cdb, number * DATA_BYTES / 512,
			  DATA_BYTES / 512);
	must(!vscsi_command_build(&command, &guest.request[number].header) &&
		     !vq_driver_add(&driver, pieces, 1, 2, number),
	     "no room in the ring");
}

static void serve(struct tq_queue *queue)
{
	struct vscsi_response response = {.response = 3};
	struct vq_completion done[BATCH];
	__u32 count;

	for (unsigned int i = 0; i < BATCH; i++)
		add(i);
	vq_driver_publish(&driver);
	must(tq_queue_run(queue) == TQ_COMMAND, "the queue went on");
	/* Answering it fills the batch, which publishes it. */
	tq_queue_answer(queue, &response, NULL, 0);
	must(!vq_driver_reap(&driver, done, BATCH, &count) && count == BATCH,
	     "not all came back");
}

static struct tq_queue *make(void)
{
	static struct vq_region region = {GUEST, sizeof(guest), &guest,
					  VQ_ACCESS_READ | VQ_ACCESS_WRITE};
	static struct vq_memory memory;
	static struct vq_slot slots[RING];
	static const struct vscsi_address address;
	struct tq_setup setup = {.memory = &memory,
				 .map = &map,
				 .features = 1ULL << VIRTIO_RING_F_EVENT_IDX,
				 .kick = -1,
				 .call = -1};
	struct tq_queue *queue;

	must(!vq_memory_init(&region, 1, &memory) &&
		     !vq_rings_place(guest.rings, RING, &setup.rings) &&
		     !vq_driver_init(&driver, &setup.rings, slots,
				     setup.features) &&
		     !tq_queue_create(&setup, &queue),
	     "no queue");
	vq_driver_disable_callback(&driver);
	tq_map_set(&map, &address, &unit);
	return queue;
}

int main(int argc, char **argv)
{
	struct tq_queue *queue;

	if (argc != 3) {
		for (int i = 0; i < 2; i++)
			puts(workloads[i]);
		return argc != 1;
	}
	unit.store = strcmp(argv[1], workloads[TQ_STORE_NULL]) ? TQ_STORE_MEMORY
							       : TQ_STORE_NULL;
	queue = make();
	for (int left = atoi(argv[2]); left > 0; left -= BATCH)
		serve(queue);
	tq_queue_destroy(queue);
	return 0;
}
