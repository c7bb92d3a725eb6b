// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Our dirty log beside that of the kernel's vhost, on the same random rings:
 * the same pages after each turn of a device that takes chains, says that it
 * wrote some of their bytes, and returns them.
 *
 * Usage: log_differential FIRST-SEED SCENARIOS
 */
#include "vq_platform.h"
#include "peer.h"
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>

#define TURNS	  12
#define LOG_BYTES 4096

/* Behind the guest's memory; the ring begins anywhere on some pages. */
#define USED_BASE 0x100000

struct side {
	const struct peer *peer;
	struct peer_region regions[MOCK_REGIONS];
	struct peer_chain chain;
	__u8 *log;
};

static struct side sides[2] = {{.peer = &peer_ringside}, {.peer = &peer_vhost}};
static struct scenario scenario;
static __u64 bits;

static void fail(const char *what, long ours, long theirs)
{
	printf("log: %s: ours %ld, vhost %ld\n", what, ours, theirs);
	exit(1);
}

static void start(void)
{
	__u64 used = USED_BASE + 4 * scenario_random(&scenario, 4096);
	__u64 features = (__u64)scenario_chance(&scenario, 2)
			 << VIRTIO_RING_F_EVENT_IDX;

	for (int g = 0; g < 2; g++) {
		struct mock_driver *guest = &scenario.guests[g];
		struct peer_queue queue = {
			guest->rings.desc, guest->rings.avail,
			guest->rings.used, guest->rings.num,
			scenario.avail,	   features,
			sides[g].regions,  MOCK_REGIONS};

		for (int i = 0; i < MOCK_REGIONS; i++)
			sides[g].regions[i] = (struct peer_region){
				guest->regions[i].guest, guest->regions[i].size,
				guest->regions[i].host,
				guest->regions[i].access};
		memset(sides[g].log, 0, LOG_BYTES);
		if (sides[g].peer->start(&queue))
			fail("start", g, 0);
		sides[g].peer->log(sides[g].log, used);
	}
}

/* Takes a chain from both, and logs that so many of its bytes were written. */
static int pop(struct peer_used *used)
{
	int ours = sides[0].peer->pop(&sides[0].chain);
	int theirs = sides[1].peer->pop(&sides[1].chain);
	const struct peer_chain *chain = &sides[0].chain;
	__u32 bytes = 0;

	if (ours != theirs)
		fail("pop", ours, theirs);
	if (ours)
		return ours;
	for (__u32 i = 0; i < chain->writable; i++)
		bytes += (__u32)chain->segments[chain->readable + i].iov_len;
	*used = (struct peer_used){chain->head, 0};
	if (bytes) {
		used->len = 1 + scenario_random(&scenario, bytes);
		for (int g = 0; g < 2; g++)
			sides[g].peer->log_chain(&sides[g].chain, used->len);
	}
	return 0;
}

static void compare(void)
{
	for (int i = 0; i < LOG_BYTES; i++) {
		if (sides[0].log[i] != sides[1].log[i])
			fail("pages of a byte of the log", sides[0].log[i],
			     sides[1].log[i]);
		bits += (__u64)__builtin_popcount(sides[0].log[i]);
	}
}

/* What a device does from one kick to the next; false when stuck. */
static bool turn(void)
{
	static struct peer_used used[MOCK_RING_MAX];
	__u32 num = scenario.guests[0].rings.num, count = 0;
	int error = 0;

	for (int g = 0; g < 2; g++)
		sides[g].peer->disable();
	while (count < num && !error) {
		error = pop(&used[count]);
		count += !error;
	}
	for (int g = 0; count && g < 2; g++)
		sides[g].peer->push(used, count);
	for (int g = 0; g < 2; g++)
		sides[g].peer->enable();
	compare();
	return !error || error == -EAGAIN;
}

static void offer(void)
{
	const struct vring_used *used = scenario.guests[0].rings.used;

	scenario_offer(&scenario, scenario.guests[0].rings.num);
	scenario_show(&scenario, le16_to_cpu((__force __le16)used->idx));
}

int main(int argc, char **argv)
{
	static char storage[2][MOCK_BYTES] __attribute__((aligned(64)));
	static __u8 logs[2][LOG_BYTES] __attribute__((aligned(LOG_BYTES)));
	__u64 first = argc == 3 ? strtoull(argv[1], NULL, 0) : 1;
	__u64 count = argc == 3 ? strtoull(argv[2], NULL, 0) : 0;

	for (int g = 0; g < 2; g++) {
		scenario.storage[g] = storage[g];
		sides[g].log = logs[g];
	}
	for (__u64 seed = first; seed < first + count; seed++) {
		scenario_start(&scenario, seed, false);
		start();
		for (int i = 0; i < TURNS; i++) {
			offer();
			if (!turn())
				break;
		}
	}
	printf("log: vhost: %llu rings, %llu dirty pages seen\n",
	       (unsigned long long)count, (unsigned long long)bits);
	return bits ? 0 : 1;
}
