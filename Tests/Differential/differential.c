// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Our device side beside the kernel's, on the same random rings: same chains,
 * same errors, same used ring, same notifications. What may differ is in
 * Sources/CVirtqueue/DIFFERENCES.md.
 *
 * Usage: differential PEER FIRST-SEED SCENARIOS
 */
#define _GNU_SOURCE
#include "vq_platform.h"
#include "peer.h"
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>

#define TURNS	    24
#define ERRNO_MAX   128
#define DIFFER(...) differ(run, __VA_ARGS__)

struct run {
	struct scenario scenario;
	const struct peer *peers[2];
	__u64 seed;
	__u64 features;
	bool first_signal;
	bool pending;
	__u16 taken;
	__u16 used;
	struct peer_used held[MOCK_RING_MAX];
	__u32 held_count;
};

/* That all of it was met at all is part of the test. */
static struct {
	__u64 chains, segments, signals[2], enables[2], errors[ERRNO_MAX];
} seen;

static void differ(const struct run *run, const char *what, long ours,
		   long theirs)
{
	printf("differential: seed %llu: %s: ours %ld, %s %ld\n",
	       (unsigned long long)run->seed, what, ours, run->peers[1]->name,
	       theirs);
	exit(1);
}

static bool is_vringh(const struct run *run)
{
	return run->peers[1] == &peer_vringh;
}

/* The device area to its last byte: flags, index, entries, event index. */
static void compare_used(const struct run *run, const char *when)
{
	__u32 bytes = 6 + 8 * run->scenario.guests[0].rings.num;
	const unsigned char *a = run->scenario.guests[0].rings.used;
	const unsigned char *b = run->scenario.guests[1].rings.used;

	for (__u32 i = 0; i < bytes; i++)
		if (a[i] != b[i]) {
			printf("differential: used ring, byte %u, after %s\n",
			       i, when);
			DIFFER("value", a[i], b[i]);
		}
}

static void compare_chains(const struct run *run,
			   const struct peer_chain chains[2])
{
	__u32 count = chains[0].readable + chains[0].writable;

	if (chains[0].head != chains[1].head)
		DIFFER("head", chains[0].head, chains[1].head);
	if (chains[0].readable != chains[1].readable)
		DIFFER("readable", chains[0].readable, chains[1].readable);
	if (chains[0].writable != chains[1].writable)
		DIFFER("writable", chains[0].writable, chains[1].writable);
	for (__u32 i = 0; i < count; i++) {
		const struct iovec *a = &chains[0].segments[i];
		const struct iovec *b = &chains[1].segments[i];
		long at_a = (char *)a->iov_base - run->scenario.storage[0];
		long at_b = (char *)b->iov_base - run->scenario.storage[1];

		if (at_a != at_b)
			DIFFER("segment base", at_a, at_b);
		if (a->iov_len != b->iov_len)
			DIFFER("segment length", (long)a->iov_len,
			       (long)b->iov_len);
	}
	seen.chains++;
	seen.segments += count;
}

/* Whether the driver shows more chains than the queue can have. */
static bool index_is_bad(const struct run *run)
{
	const struct vring_avail *avail = run->scenario.guests[0].rings.avail;
	__u16 idx = le16_to_cpu((__force __le16)avail->idx);

	return (__u16)(idx - run->taken) > run->scenario.guests[0].rings.num;
}

/* vringh has two errors only. */
static bool errors_alike(const struct run *run, int ours, int theirs)
{
	if (ours == theirs)
		return true;
	return is_vringh(run) && ours && ours != -EAGAIN &&
	       (theirs == -EINVAL || theirs == -ELOOP);
}

/* Pops from both; 0, -EAGAIN, or an error that both agree on. */
static int pop_both(struct run *run)
{
	static struct peer_chain chains[2];
	int ours = run->peers[0]->pop(&chains[0]);
	int theirs = run->peers[1]->pop(&chains[1]);

	if (!errors_alike(run, ours, theirs))
		DIFFER("pop", ours, theirs);
	if (ours) {
		seen.errors[-ours]++;
		return ours;
	}
	compare_chains(run, chains);
	run->taken++;
	run->held[run->held_count].id = chains[0].head;
	run->held[run->held_count++].len =
		scenario_random(&run->scenario, 5000);
	return 0;
}

static void compare_signals(struct run *run, bool ours, bool theirs)
{
	bool event_idx = run->features >> VIRTIO_RING_F_EVENT_IDX & 1;

	/* vringh does not signal first of all whatever the event index is. */
	if (ours != theirs &&
	    !(is_vringh(run) && event_idx && run->first_signal))
		DIFFER("signal", ours, theirs);
	run->first_signal = false;
	seen.signals[ours]++;
}

static void signal_both(struct run *run)
{
	bool ours = run->peers[0]->signal();

	compare_signals(run, ours, run->peers[1]->signal());
}

/* Returns a chain, and decides on a signal at once where there is such a way.
 */
static void push_signal_both(struct run *run, const struct peer_used *used)
{
	bool ours = run->peers[0]->push_signal(used);

	run->peers[1]->push(used, 1);
	compare_signals(run, ours, run->peers[1]->signal());
}

static void push_both(struct run *run)
{
	__u32 count = scenario_random(&run->scenario, run->held_count + 1);

	if (is_vringh(run))
		count = run->held_count;
	/* The last ones first: the order of returning is free. */
	run->held_count -= count;
	if (!count)
		return;
	if (scenario_chance(&run->scenario, 2)) {
		for (__u32 i = 0; i < count; i++)
			push_signal_both(run, &run->held[run->held_count + i]);
	} else {
		for (int i = 0; i < 2; i++)
			run->peers[i]->push(run->held + run->held_count, count);
	}
	run->used = (__u16)(run->used + count);
	compare_used(run, "push");
}

static void enable_both(struct run *run)
{
	bool ours = run->peers[0]->enable();
	bool theirs = run->peers[1]->enable();

	/* vhost goes to sleep on a bad index, we let the next pop refuse it. */
	if (ours != theirs && !(ours && index_is_bad(run)))
		DIFFER("enable", ours, theirs);
	seen.enables[ours]++;
	compare_used(run, "enable");
}

/* The queue is stuck: the same again, and again. */
static void stay_stuck(struct run *run, int error)
{
	for (int i = 0; i < 2; i++)
		if (pop_both(run) != error)
			DIFFER("pop after an error", error, 0);
	compare_used(run, "error");
}

/* One more chain may slip in before kicks are enabled. */
static void sleep_both(struct run *run)
{
	if (scenario_chance(&run->scenario, 2)) {
		scenario_offer(&run->scenario, 1);
		scenario_show(&run->scenario, run->used);
		run->pending = true;
	}
	enable_both(run);
}

/* What a device does from one kick to the next; false when stuck. */
static bool turn(struct run *run)
{
	__u32 num = run->scenario.guests[0].rings.num;
	__u32 most = num + 1;
	int error = 0;

	/* What is left may be written over by the next turn's chains. */
	if (!is_vringh(run) && scenario_chance(&run->scenario, 8))
		most = 1 + scenario_random(&run->scenario, num);
	for (int i = 0; i < 2; i++)
		run->peers[i]->disable();
	compare_used(run, "disable");
	while (!error && most-- && run->held_count < num)
		error = pop_both(run);
	if (error && error != -EAGAIN) {
		stay_stuck(run, error);
		return false;
	}
	push_both(run);
	if (scenario_chance(&run->scenario, 2))
		signal_both(run);
	if (error)
		sleep_both(run);
	return true;
}

static void start_both(struct run *run)
{
	static struct peer_region regions[2][MOCK_REGIONS];

	for (int g = 0; g < 2; g++) {
		struct mock_driver *guest = &run->scenario.guests[g];
		struct peer_queue queue = {
			guest->rings.desc,   guest->rings.avail,
			guest->rings.used,   guest->rings.num,
			run->scenario.avail, run->features,
			regions[g],	     MOCK_REGIONS};

		for (int i = 0; i < MOCK_REGIONS; i++) {
			const struct vq_region *region = &guest->regions[i];

			regions[g][i] = (struct peer_region){
				region->guest, region->size, region->host,
				is_vringh(run) ? PEER_READ | PEER_WRITE
					       : region->access};
		}
		if (run->peers[g]->start(&queue))
			DIFFER("start", g, 0);
	}
	compare_used(run, "start");
}

static void run_seed(struct run *run, __u64 seed)
{
	__u32 num;

	scenario_start(&run->scenario, seed, is_vringh(run));
	num = run->scenario.guests[0].rings.num;
	run->seed = seed;
	run->features = 0;
	if (scenario_chance(&run->scenario, 2))
		run->features |= 1ULL << VIRTIO_RING_F_EVENT_IDX;
	if (!is_vringh(run) && scenario_chance(&run->scenario, 4))
		run->features |= 1ULL << VIRTIO_F_NOTIFY_ON_EMPTY;
	run->first_signal = true;
	run->pending = false;
	run->taken = run->scenario.avail;
	run->held_count = 0;
	run->used = le16_to_cpu(
		(__force __le16)(
			(struct vring_used *)run->scenario.guests[0].rings.used)
			->idx);
	start_both(run);
	for (int i = 0; i < TURNS; i++) {
		if (!run->pending) {
			scenario_offer(&run->scenario,
				       scenario_random(&run->scenario, num) +
					       1);
			scenario_show(&run->scenario, run->used);
		}
		run->pending = false;
		if (!turn(run))
			return;
	}
}

static void report(const struct run *run, __u64 count)
{
	bool all = seen.chains && seen.signals[0] && seen.signals[1] &&
		   seen.enables[0] && seen.enables[1] && seen.errors[EINVAL] &&
		   seen.errors[EFAULT];

	if (!is_vringh(run))
		all = all && seen.errors[EPERM] && seen.errors[ENOBUFS];
	printf("differential: %s: %llu rings, %llu chains of %llu segments, "
	       "%llu signals, %llu without; refused:",
	       run->peers[1]->name, (unsigned long long)count,
	       (unsigned long long)seen.chains,
	       (unsigned long long)seen.segments,
	       (unsigned long long)seen.signals[1],
	       (unsigned long long)seen.signals[0]);
	for (int i = 1; i < ERRNO_MAX; i++)
		if (seen.errors[i] && i != EAGAIN)
			printf(" %s %llu", strerrorname_np(i),
			       (unsigned long long)seen.errors[i]);
	printf("\n");
	if (!all) {
		printf("differential: too few rings to meet every case\n");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static char storage[2][MOCK_BYTES] __attribute__((aligned(64)));
	static struct run run;
	__u64 first, count;

	if (argc != 4) {
		fprintf(stderr, "usage: differential PEER FIRST-SEED RINGS\n");
		return 2;
	}
	run.peers[0] = &peer_ringside;
	run.peers[1] = strcmp(argv[1], "vringh") ? &peer_vhost : &peer_vringh;
	run.scenario.storage[0] = storage[0];
	run.scenario.storage[1] = storage[1];
	first = strtoull(argv[2], NULL, 0);
	count = strtoull(argv[3], NULL, 0);
	for (__u64 i = 0; i < count; i++)
		run_seed(&run, first + i);
	report(&run, count);
	return 0;
}
