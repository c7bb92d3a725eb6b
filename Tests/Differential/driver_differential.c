// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The kernel's driver of packed rings beside ours, each with our device side:
 * every chain that the kernel adds must come out of our device as it went in,
 * every used one must come back; and both drivers must make the same ring,
 * the same kicks and the same wishes to be signalled. Ids are free to choose.
 *
 * Usage: driver_differential FIRST-SEED RINGS
 */
#define _GNU_SOURCE
#include "vq_platform.h"
#include "linux_packed.h"
#include "scenario.h"
#include "virtqueue.h"

#include <stdio.h>
#include <stdlib.h>

#define NUM_MAX	   64
#define TURNS	   64
#define ARENA	   65536
#define TABLE_SIZE (LINUX_PACKED_PIECES * sizeof(struct vring_desc))

enum { OURS, KERNELS, SIDES };

/* What a chain was when it was added; its cookie is its number and 1. */
struct sent {
	struct iovec pieces[LINUX_PACKED_PIECES];
	__u32 readable;
	__u32 writable;
	__u64 writable_bytes;
	bool out;
};

struct run {
	struct scenario random;
	__u64 seed;
	__u32 num;
	bool event_idx;
	bool indirect;
	struct vq_region region;
	struct vq_memory memory;
	struct vq_driver driver;
	struct vq_rings rings[SIDES];
	struct vq_device devices[SIDES];
	struct sent sent[NUM_MAX];
	__u32 order[NUM_MAX];
	__u32 added, popped;
	__u32 held[NUM_MAX];
	__u32 heads[SIDES][NUM_MAX];
	__u32 held_count;
};

static struct {
	__u64 chains, full, kicks[2], signals[2], wishes[2];
} seen;

static char arena[ARENA];

static void differ(const struct run *run, const char *what, long ours,
		   long theirs)
{
	printf("driver: seed %llu: %s: ours %ld, the kernel's %ld\n",
	       (unsigned long long)run->seed, what, ours, theirs);
	exit(1);
}

static void same(const struct run *run, const char *what, long ours,
		 long theirs)
{
	if (ours != theirs)
		differ(run, what, ours, theirs);
}

/* All of our own memory is the guest's, but for what is at 0. */
static void start_memory(struct run *run)
{
	run->region = (struct vq_region){
		.guest = 4096,
		.size = 1ULL << 47,
		.host = (void *)4096UL,
		.access = VQ_ACCESS_READ | VQ_ACCESS_WRITE,
	};
	same(run, "memory", vq_memory_init(&run->region, 1, &run->memory), 0);
}

static void start(struct run *run, __u64 seed)
{
	static char ours[NUM_MAX * 16 + 256] __attribute__((aligned(64)));
	static struct vq_slot slots[NUM_MAX];
	struct linux_packed_areas areas;
	__u64 features = 1ULL << VIRTIO_F_RING_PACKED;

	memset(run, 0, sizeof(*run));
	run->seed = seed;
	run->random.random = seed;
	run->num = 1 + scenario_random(&run->random, NUM_MAX);
	run->event_idx = scenario_chance(&run->random, 2);
	run->indirect = scenario_chance(&run->random, 2);
	if (run->event_idx)
		features |= 1ULL << VIRTIO_RING_F_EVENT_IDX;
	start_memory(run);
	same(run, "place", vq_packed_place(ours, run->num, &run->rings[OURS]),
	     0);
	same(run, "driver",
	     vq_driver_init(&run->driver, &run->rings[OURS], slots, features),
	     linux_packed_start(run->num, run->event_idx, run->indirect,
				&areas));
	run->rings[KERNELS] = (struct vq_rings){areas.desc, areas.driver,
						areas.device, run->num};
	for (int i = 0; i < SIDES; i++)
		same(run, "device",
		     vq_device_init(&run->devices[i], &run->rings[i],
				    &run->memory, features, VQ_PACKED_BASE),
		     0);
}

static int add_ours(struct run *run, const struct sent *sent, __u32 at)
{
	static struct vring_desc tables[NUM_MAX][LINUX_PACKED_PIECES];
	struct vq_indirect table = {tables[at], (unsigned long)tables[at],
				    LINUX_PACKED_PIECES};
	struct vq_buffer buffers[LINUX_PACKED_PIECES];
	__u32 count = sent->readable + sent->writable;

	for (__u32 i = 0; i < count; i++) {
		buffers[i].addr = (unsigned long)sent->pieces[i].iov_base;
		buffers[i].len = (__u32)sent->pieces[i].iov_len;
	}
	/* As the kernel chooses. */
	if (run->indirect && count > 1 && run->driver.free_count)
		return vq_driver_add_indirect(&run->driver, &table, buffers,
					      sent->readable, sent->writable,
					      at + 1);
	return vq_driver_add(&run->driver, buffers, sent->readable,
			     sent->writable, at + 1);
}

static void draft(struct run *run, struct sent *sent)
{
	__u32 most = min_t(__u32, run->num, LINUX_PACKED_PIECES);
	__u32 count = 1 + scenario_random(&run->random, most);

	sent->readable = scenario_random(&run->random, count + 1);
	sent->writable = count - sent->readable;
	sent->writable_bytes = 0;
	for (__u32 i = 0; i < count; i++) {
		sent->pieces[i].iov_base =
			arena + scenario_random(&run->random, ARENA - 600);
		sent->pieces[i].iov_len =
			1 + scenario_random(&run->random, 600);
		if (i >= sent->readable)
			sent->writable_bytes += sent->pieces[i].iov_len;
	}
}

/* Adds a chain to both; false when both are full. */
static bool add(struct run *run)
{
	struct sent *sent = run->sent;
	int ours, theirs;
	__u32 at = 0;

	while (at < NUM_MAX && sent[at].out)
		at++;
	if (at == NUM_MAX)
		return false;
	draft(run, &sent[at]);
	ours = add_ours(run, &sent[at], at);
	theirs = linux_packed_add(sent[at].pieces, sent[at].readable,
				  sent[at].writable, at + 1);
	same(run, "add", ours, theirs);
	seen.full += ours != 0;
	if (ours)
		return false;
	sent[at].out = true;
	run->order[run->added++ % NUM_MAX] = at;
	return true;
}

/* All that the drivers wrote; addresses of tables differ, and ids may. */
static void compare_rings(const struct run *run)
{
	const struct vring_packed_desc *a = run->rings[OURS].desc;
	const struct vring_packed_desc *b = run->rings[KERNELS].desc;

	for (__u32 i = 0; i < run->num; i++, a++, b++) {
		same(run, "flags", a->flags, b->flags);
		same(run, "length", a->len, b->len);
		if (!(le16_to_cpu(a->flags) & VRING_DESC_F_INDIRECT) &&
		    !run->indirect)
			same(run, "address", (long)a->addr, (long)b->addr);
	}
}

static void kick(struct run *run)
{
	bool ours = vq_driver_kick_prepare(&run->driver);

	same(run, "kick", ours, linux_packed_kick_prepare());
	seen.kicks[ours]++;
	compare_rings(run);
}

static void compare_chain(const struct run *run, const struct vq_chain *chain,
			  const struct sent *sent)
{
	same(run, "readable", chain->readable, sent->readable);
	same(run, "writable", chain->writable, sent->writable);
	for (__u32 i = 0; i < sent->readable + sent->writable; i++) {
		same(run, "base", (long)chain->segments[i].base,
		     (long)sent->pieces[i].iov_base);
		same(run, "length of a piece", (long)chain->segments[i].len,
		     (long)sent->pieces[i].iov_len);
	}
	seen.chains++;
}

/* Takes the next chain from both rings; false when there is none. */
static bool pop(struct run *run)
{
	struct vq_segment segments[LINUX_PACKED_PIECES];
	__u32 next = run->order[run->popped % NUM_MAX];
	bool more = run->popped != run->added;
	struct vq_chain chain;

	for (int i = 0; i < SIDES; i++) {
		same(run, "pop",
		     vq_device_pop(&run->devices[i], segments,
				   LINUX_PACKED_PIECES, &chain),
		     more ? 0 : -EAGAIN);
		if (!more)
			continue;
		compare_chain(run, &chain, &run->sent[next]);
		run->heads[i][run->held_count] = chain.head;
	}
	if (!more)
		return false;
	run->held[run->held_count++] = next;
	run->popped++;
	return true;
}

/* Returns one of the chains that are held to both drivers. */
static void push(struct run *run)
{
	__u32 at = scenario_random(&run->random, run->held_count);
	const struct sent *sent = &run->sent[run->held[at]];
	__u32 len =
		scenario_random(&run->random, (__u32)sent->writable_bytes + 1);

	run->held_count--;
	run->held[at] = run->held[run->held_count];
	for (int i = 0; i < SIDES; i++) {
		vq_device_push(&run->devices[i], run->heads[i][at], len);
		run->heads[i][at] = run->heads[i][run->held_count];
	}
}

static void signal(struct run *run)
{
	bool ours = vq_device_signal_needed(&run->devices[OURS]);

	same(run, "signal", ours,
	     vq_device_signal_needed(&run->devices[KERNELS]));
	seen.signals[ours]++;
}

/* A device: takes some, returns some, and asks for kicks or not. */
static void serve(struct run *run)
{
	__u32 most = scenario_random(&run->random, run->num + 2);
	bool awake = true;

	for (int i = 0; i < SIDES; i++)
		vq_device_disable_notify(&run->devices[i]);
	while (awake && most--)
		awake = pop(run);
	most = scenario_random(&run->random, run->held_count + 1);
	for (__u32 i = 0; i < most; i++)
		push(run);
	if (most)
		signal(run);
	if (awake && scenario_chance(&run->random, 2))
		return;
	for (int i = 0; i < SIDES; i++)
		same(run, "more to take",
		     vq_device_enable_notify(&run->devices[i]),
		     run->popped != run->added);
}

static bool reap_one(struct run *run)
{
	int error;
	unsigned long cookie;
	struct vq_completion done;
	__u32 len;

	error = vq_driver_get_used(&run->driver, &done);
	same(run, "used", error,
	     linux_packed_get_used(&cookie, &len) ? 0 : -EAGAIN);
	if (error)
		return false;
	same(run, "cookie", (long)done.cookie, (long)cookie);
	same(run, "used length", done.len, len);
	run->sent[cookie - 1].out = false;
	return true;
}

/* A driver: quiet while it reaps, then asks for a signal, or not. */
static void reap(struct run *run)
{
	__u32 most = scenario_random(&run->random, run->num + 2);
	bool ours;

	vq_driver_disable_callback(&run->driver);
	linux_packed_disable_callback();
	while (most && reap_one(run))
		most--;
	if (scenario_chance(&run->random, 4))
		return;
	ours = vq_driver_enable_callback(&run->driver);
	same(run, "more to reap", ours, linux_packed_enable_callback());
	/* The offset is left alone where it does not count. */
	if (run->event_idx)
		same(run, "event", *(__u32 *)run->rings[OURS].avail,
		     *(__u32 *)run->rings[KERNELS].avail);
	seen.wishes[ours]++;
}

static void run_seed(struct run *run, __u64 seed)
{
	start(run, seed);
	reap(run);
	for (int i = 0; i < TURNS; i++) {
		__u32 most = scenario_random(&run->random, run->num + 1);

		__u32 before = run->added;

		while (most && add(run))
			most--;
		if (run->added != before)
			kick(run);
		serve(run);
		reap(run);
	}
	linux_packed_stop();
}

int main(int argc, char **argv)
{
	static struct run run;
	__u64 first, count;

	if (argc != 3) {
		fprintf(stderr,
			"usage: driver_differential FIRST-SEED RINGS\n");
		return 2;
	}
	first = strtoull(argv[1], NULL, 0);
	count = strtoull(argv[2], NULL, 0);
	for (__u64 i = 0; i < count; i++)
		run_seed(&run, first + i);
	printf("driver: virtio_ring: %llu rings, %llu chains, %llu times full, "
	       "%llu kicks, %llu without, %llu signals, %llu without\n",
	       (unsigned long long)count, (unsigned long long)seen.chains,
	       (unsigned long long)seen.full, (unsigned long long)seen.kicks[1],
	       (unsigned long long)seen.kicks[0],
	       (unsigned long long)seen.signals[1],
	       (unsigned long long)seen.signals[0]);
	return !(seen.chains && seen.full && seen.kicks[0] && seen.kicks[1] &&
		 seen.signals[0] && seen.signals[1] && seen.wishes[0] &&
		 seen.wishes[1]);
}
