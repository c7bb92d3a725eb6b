// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Our device side beside QEMU's, on the same random packed rings: same
 * chains, same refusals, same used descriptors, same notifications. What may
 * differ is in Sources/CVirtqueue/DIFFERENCES.md.
 *
 * Usage: packed_differential FIRST-SEED SCENARIOS
 */
#define _GNU_SOURCE
#include "vq_platform.h"
#include "packed.h"
#include "packed_scenario.h"

#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>

#define TURNS 48

static const struct packed_side *const sides[] = {&packed_ringside,
						  &packed_qemu};

/* One seed: what both sides hold, and which entries were used of late. */
struct run {
	struct packed_scenario scenario;
	__u64 seed;
	struct packed_used held[MOCK_RING_MAX];
	__u32 held_count;
	struct packed_place used;
	__u32 passed;
	bool first_signal;
	bool wrapped;
};

/* That all of it was met at all is part of the test. */
static struct {
	__u64 chains, segments, signals[2], enables[2], refused, extra;
} seen;

static void differ(const struct run *run, const char *what, long ours,
		   long theirs)
{
	printf("packed: seed %llu: %s: ours %ld, %s %ld\n",
	       (unsigned long long)run->seed, what, ours, sides[1]->name,
	       theirs);
	exit(1);
}

/* By what virtio says, whatever QEMU does. */
static void must_signal(const struct run *run, bool ours, bool wanted)
{
	if (ours == wanted)
		return;
	printf("packed: seed %llu: signal: ours %d, wanted %d\n",
	       (unsigned long long)run->seed, ours, wanted);
	exit(1);
}

static const struct vring_packed_desc *desc_at(const struct run *run, int g,
					       __u32 at)
{
	const struct vring_packed_desc *ring =
		run->scenario.base.guests[g].rings.desc;

	return &ring[at];
}

/* All descriptors. WRITE in a used one we set where bytes were written. */
static void compare_ring(const struct run *run)
{
	const __le16 write = cpu_to_le16(VRING_DESC_F_WRITE);

	for (__u32 i = 0; i < run->scenario.num; i++) {
		struct vring_packed_desc a = *desc_at(run, 0, i);
		struct vring_packed_desc b = *desc_at(run, 1, i);

		if (a.id != b.id)
			differ(run, "id", a.id, b.id);
		if (a.len != b.len)
			differ(run, "length", a.len, b.len);
		if ((a.flags | write) != (b.flags | write))
			differ(run, "flags", a.flags, b.flags);
		if (a.addr != b.addr)
			differ(run, "address", (long)a.addr, (long)b.addr);
	}
}

/* The offset only where it counts. */
static void compare_event(const struct run *run)
{
	const __u16 *a = run->scenario.base.guests[0].rings.used;
	const __u16 *b = run->scenario.base.guests[1].rings.used;

	if (a[1] != b[1])
		differ(run, "event flags", a[1], b[1]);
	if (a[1] == VRING_PACKED_EVENT_FLAG_DESC && a[0] != b[0])
		differ(run, "event offset", a[0], b[0]);
}

static void compare_chains(const struct run *run,
			   const struct packed_chain chains[2])
{
	__u32 count = chains[0].readable + chains[0].writable;

	if (chains[0].id != chains[1].id)
		differ(run, "chain id", chains[0].id, chains[1].id);
	if (chains[0].descs != chains[1].descs)
		differ(run, "entries", chains[0].descs, chains[1].descs);
	if (chains[0].readable != chains[1].readable)
		differ(run, "readable", chains[0].readable, chains[1].readable);
	if (chains[0].writable != chains[1].writable)
		differ(run, "writable", chains[0].writable, chains[1].writable);
	for (__u32 i = 0; i < count; i++) {
		const struct iovec *a = &chains[0].segments[i];
		const struct iovec *b = &chains[1].segments[i];
		long at_a = (char *)a->iov_base - run->scenario.base.storage[0];
		long at_b = (char *)b->iov_base - run->scenario.base.storage[1];

		if (at_a != at_b)
			differ(run, "segment base", at_a, at_b);
		if (a->iov_len != b->iov_len)
			differ(run, "segment length", (long)a->iov_len,
			       (long)b->iov_len);
	}
	seen.chains++;
	seen.segments += count;
}

/* Pops from both; 0, -EAGAIN, or any error that both have. */
static int pop_both(struct run *run)
{
	static struct packed_chain chains[2];
	int ours = sides[0]->pop(&chains[0]);
	int theirs = sides[1]->pop(&chains[1]);

	if (!ours != !theirs || (ours == -EAGAIN) != (theirs == -EAGAIN))
		differ(run, "pop", ours, theirs);
	if (ours)
		return ours;
	compare_chains(run, chains);
	run->held[run->held_count++] = (struct packed_used){
		chains[0].id, chains[0].descs,
		scenario_random(&run->scenario.base, 5000)};
	return 0;
}

/* Any of those that are held, in any order. */
static __u32 choose_used(struct run *run, struct packed_used *used)
{
	__u32 count = scenario_random(&run->scenario.base, run->held_count + 1);

	for (__u32 i = 0; i < count; i++) {
		__u32 at =
			scenario_random(&run->scenario.base, run->held_count);

		used[i] = run->held[at];
		run->held[at] = run->held[--run->held_count];
	}
	return count;
}

/* The driver takes them back. */
static void reclaim(struct run *run, const struct packed_used *used,
		    __u32 count)
{
	for (__u32 i = 0; i < count; i++) {
		__u16 before = run->used.at;

		packed_place_advance(&run->used, used[i].descs,
				     run->scenario.num);
		run->wrapped |= run->used.at <= before;
		run->passed += used[i].descs;
		packed_scenario_reclaim(&run->scenario, used[i].id,
					used[i].descs);
	}
	compare_ring(run);
}

/* Whether the driver's event is one of the entries passed; one by one. */
static bool event_was_passed(const struct run *run)
{
	const __u16 *event = run->scenario.base.guests[0].rings.avail;
	struct packed_place place = run->used;
	__u16 num = run->scenario.num;

	if (event[1] != VRING_PACKED_EVENT_FLAG_DESC)
		return event[1] == VRING_PACKED_EVENT_FLAG_ENABLE;
	for (__u32 i = 0; i < run->passed; i++) {
		packed_place_advance(&place, num - 1u, num);
		place.wrap = !place.wrap;
		if ((place.at | (place.wrap ? 0x8000 : 0)) == event[0])
			return true;
	}
	return false;
}

/* QEMU forgets where it signalled when a lap ends, and signals for sure. */
static void compare_signals(struct run *run, bool ours, bool theirs)
{
	const __u16 *event = run->scenario.base.guests[0].rings.avail;

	if (ours != theirs && !(theirs && run->wrapped))
		differ(run, "signal", ours, theirs);
	must_signal(run, ours,
		    run->first_signal
			    ? event[1] != VRING_PACKED_EVENT_FLAG_DISABLE
			    : event_was_passed(run));
	seen.extra += theirs && !ours;
	seen.signals[ours]++;
	run->first_signal = false;
	run->wrapped = false;
	run->passed = 0;
}

/* Returns some, and decides on a signal at once, later, or never. */
static void push_both(struct run *run)
{
	struct packed_used used[MOCK_RING_MAX];
	__u32 count = choose_used(run, used);
	bool signals[2];

	if (!count)
		return;
	if (count == 1 && scenario_chance(&run->scenario.base, 2)) {
		for (int g = 0; g < 2; g++)
			signals[g] = sides[g]->push_signal(used);
		reclaim(run, used, count);
		compare_signals(run, signals[0], signals[1]);
		return;
	}
	for (int g = 0; g < 2; g++)
		sides[g]->push(used, count);
	reclaim(run, used, count);
	if (scenario_chance(&run->scenario.base, 2))
		compare_signals(run, sides[0]->signal(), sides[1]->signal());
}

/* One more chain may slip in before kicks are enabled. */
static void sleep_both(struct run *run)
{
	bool ours, theirs;

	if (scenario_chance(&run->scenario.base, 4))
		packed_scenario_offer(&run->scenario, 1);
	ours = sides[0]->enable();
	theirs = sides[1]->enable();
	if (ours != theirs)
		differ(run, "enable", ours, theirs);
	compare_event(run);
	seen.enables[ours]++;
}

/* What a device does from one kick to the next; false when stuck. */
static bool turn(struct run *run)
{
	struct scenario *base = &run->scenario.base;
	__u32 most = run->scenario.num + 1u;
	int error = 0;

	if (scenario_chance(base, 8))
		most = 1 + scenario_random(base, most);
	for (int g = 0; g < 2; g++)
		sides[g]->disable();
	compare_event(run);
	while (!error && most--)
		error = pop_both(run);
	if (error && error != -EAGAIN) {
		seen.refused++;
		for (int i = 0; i < 2; i++)
			if (pop_both(run) != error)
				differ(run, "pop after an error", error, 0);
		compare_ring(run);
		return false;
	}
	packed_scenario_wish(&run->scenario, run->used);
	push_both(run);
	if (error)
		sleep_both(run);
	return true;
}

static void run_seed(struct run *run, __u64 seed)
{
	struct packed_scenario *scenario = &run->scenario;
	__u64 features;

	packed_scenario_start(scenario, seed);
	features = scenario->event_idx ? 1ULL << VIRTIO_RING_F_EVENT_IDX : 0;
	run->seed = seed;
	run->held_count = 0;
	run->used = scenario->next;
	run->passed = 0;
	run->first_signal = true;
	run->wrapped = false;
	for (int g = 0; g < 2; g++)
		if (sides[g]->start(&scenario->base.guests[g], features,
				    scenario->next.at, scenario->next.wrap))
			differ(run, "start", g, 0);
	compare_event(run);
	for (int i = 0; i < TURNS; i++) {
		packed_scenario_offer(
			scenario,
			1 + scenario_random(&scenario->base, scenario->num));
		if (!turn(run))
			return;
	}
}

int main(int argc, char **argv)
{
	static char storage[2][MOCK_BYTES] __attribute__((aligned(64)));
	static struct run run;
	__u64 first, count;

	if (argc != 3) {
		fprintf(stderr,
			"usage: packed_differential FIRST-SEED RINGS\n");
		return 2;
	}
	run.scenario.base.storage[0] = storage[0];
	run.scenario.base.storage[1] = storage[1];
	first = strtoull(argv[1], NULL, 0);
	count = strtoull(argv[2], NULL, 0);
	for (__u64 i = 0; i < count; i++)
		run_seed(&run, first + i);
	printf("packed: QEMU: %llu rings, %llu chains of %llu segments, "
	       "%llu refused, %llu signals, %llu without, %llu of QEMU alone\n",
	       (unsigned long long)count, (unsigned long long)seen.chains,
	       (unsigned long long)seen.segments,
	       (unsigned long long)seen.refused,
	       (unsigned long long)seen.signals[1],
	       (unsigned long long)seen.signals[0],
	       (unsigned long long)seen.extra);
	return !(seen.chains && seen.refused && seen.signals[0] &&
		 seen.signals[1] && seen.enables[0] && seen.enables[1]);
}
