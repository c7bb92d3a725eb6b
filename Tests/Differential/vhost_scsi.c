// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Our device side beside the running kernel's vhost-scsi, on the same random
 * rings: same used ring, same number of signals, same index at the end, and an
 * error event where we refuse a chain. Linked statically, for a test VM.
 *
 * No request is for a target, so the kernel answers each as it takes it.
 *
 * Usage: vhost_scsi WWPN FIRST-SEED RINGS
 */
#define _GNU_SOURCE
#include "vq_platform.h"
#include "scenario.h"

#include <fcntl.h>
#include <linux/vhost.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TURNS	       6
#define QUEUE	       2
#define RESPONSE_BYTES 108
#define RINGS_BYTES    0x2000
#define PATIENCE_MS    3000

enum { KICK, CALL, ERROR, EVENTS };

/* What our side makes of a ring. */
struct expected {
	__u64 signals;
	__u64 chains;
	int error;
	__u32 index;
};

static struct scenario scenario;
static struct vhost_scsi_target target;
static int vhost, events[EVENTS];
static __u64 signals, errors, total_chains, total_signals, total_errors, seed;

static void fail(const char *what, long ours, long theirs)
{
	printf("vhost-scsi: seed %llu: %s: ours %ld, the kernel %ld\n",
	       (unsigned long long)seed, what, ours, theirs);
	exit(1);
}

static void must(const char *what, long result)
{
	if (result < 0) {
		printf("vhost-scsi: seed %llu: %s: %s\n",
		       (unsigned long long)seed, what, strerrorname_np(errno));
		exit(1);
	}
}

static __u64 drain(int event)
{
	__u64 count = 0;

	if (read(event, &count, sizeof(count)) < 0)
		return 0;
	return count;
}

static void open_device(const char *wwpn)
{
	static const unsigned long requests[EVENTS] = {VHOST_SET_VRING_KICK,
						       VHOST_SET_VRING_CALL,
						       VHOST_SET_VRING_ERR};

	snprintf((char *)target.vhost_wwpn, sizeof(target.vhost_wwpn), "%s",
		 wwpn);
	target.vhost_tpgt = 1;
	vhost = open("/dev/vhost-scsi", O_RDWR);
	must("open", vhost);
	must("SET_OWNER", ioctl(vhost, VHOST_SET_OWNER));
	for (int i = 0; i < EVENTS; i++) {
		struct vhost_vring_file file = {.index = QUEUE};

		events[i] = eventfd(0, EFD_NONBLOCK);
		file.fd = events[i];
		must("eventfd", ioctl(vhost, requests[i], &file));
	}
}

static void close_device(void)
{
	for (int i = 0; i < EVENTS; i++)
		close(events[i]);
	close(vhost);
}

static void set_memory(const struct mock_driver *guest)
{
	struct vhost_memory *table = calloc(
		1, sizeof(*table) + MOCK_REGIONS * sizeof(*table->regions));

	table->nregions = MOCK_REGIONS;
	for (int i = 0; i < MOCK_REGIONS; i++) {
		const struct vq_region *region = &guest->regions[i];

		table->regions[i].guest_phys_addr = region->guest;
		table->regions[i].memory_size = region->size;
		table->regions[i].userspace_addr = (unsigned long)region->host;
	}
	must("SET_MEM_TABLE", ioctl(vhost, VHOST_SET_MEM_TABLE, table));
	free(table);
}

static void start_kernel(const struct mock_driver *guest, __u64 features)
{
	struct vhost_vring_state num = {QUEUE, guest->rings.num};
	struct vhost_vring_state base = {QUEUE, scenario.avail};
	struct vhost_vring_addr addr = {
		.index = QUEUE,
		.desc_user_addr = (unsigned long)guest->rings.desc,
		.avail_user_addr = (unsigned long)guest->rings.avail,
		.used_user_addr = (unsigned long)guest->rings.used,
	};

	must("SET_FEATURES", ioctl(vhost, VHOST_SET_FEATURES, &features));
	set_memory(guest);
	must("SET_VRING_NUM", ioctl(vhost, VHOST_SET_VRING_NUM, &num));
	must("SET_VRING_BASE", ioctl(vhost, VHOST_SET_VRING_BASE, &base));
	must("SET_VRING_ADDR", ioctl(vhost, VHOST_SET_VRING_ADDR, &addr));
	must("SET_ENDPOINT", ioctl(vhost, VHOST_SCSI_SET_ENDPOINT, &target));
}

/* What vhost-scsi does when kicked, with our core. */
static void serve(struct vq_device *device, struct expected *expected)
{
	static struct vq_segment segments[VQ_CHAIN_SEGMENTS_MAX];
	struct vq_chain chain;
	int error;

	vq_device_disable_notify(device);
	for (;;) {
		error = vq_device_pop(device, segments, VQ_CHAIN_SEGMENTS_MAX,
				      &chain);
		if (error == -EAGAIN) {
			if (!vq_device_enable_notify(device))
				break;
			vq_device_disable_notify(device);
			continue;
		}
		if (error)
			break;
		expected->chains++;
		/* Without room for a response it never comes back. */
		if (chain.writable_bytes < RESPONSE_BYTES)
			continue;
		expected->signals +=
			vq_device_push_signal(device, chain.head, 0);
	}
	expected->error = error == -EAGAIN ? 0 : error;
	expected->index = device->last_avail;
}

static __u32 kernel_index(void)
{
	struct vhost_vring_state base = {.index = QUEUE};

	must("GET_VRING_BASE", ioctl(vhost, VHOST_GET_VRING_BASE, &base));
	return base.num;
}

/*
 * Whether the kernel has come as far as we did: a chain without room for a
 * response leaves nothing in the used ring, and one at fault nowhere a trace
 * but in the error event.
 */
static bool is_done(const struct expected *expected)
{
	return kernel_index() == expected->index &&
	       signals >= expected->signals && (errors || !expected->error) &&
	       !memcmp(scenario.guests[0].rings.used,
		       scenario.guests[1].rings.used,
		       6 + 8 * scenario.guests[0].rings.num);
}

static void compare(const struct expected *expected)
{
	const unsigned char *ours = scenario.guests[0].rings.used;
	const unsigned char *theirs = scenario.guests[1].rings.used;
	__u32 bytes = 6 + 8 * scenario.guests[0].rings.num;

	for (__u32 i = 0; i < bytes; i++)
		if (ours[i] != theirs[i]) {
			printf("vhost-scsi: used ring, byte %u\n", i);
			fail("value", ours[i], theirs[i]);
		}
	if (signals != expected->signals)
		fail("signals", (long)expected->signals, (long)signals);
}

/*
 * Kicks, and waits until the kernel has done what we did, or too long. The
 * kernel may still go round once more, with other flags meanwhile; what it
 * leaves is compared when it has stopped.
 */
static void kick(const struct expected *expected)
{
	must("kick", eventfd_write(events[KICK], 1));
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		signals += drain(events[CALL]);
		errors += drain(events[ERROR]);
		if (is_done(expected))
			return;
		usleep(1000);
	}
	compare(expected);
}

/* Both guests may be written to, and a response may leave its segment. */
static void prepare_guests(void)
{
	static char rings[2][RINGS_BYTES] __attribute__((aligned(64)));
	__u16 used = ((struct vring_used *)scenario.guests[0].rings.used)->idx;

	scenario.apart = true;
	for (int g = 0; g < 2; g++) {
		struct mock_driver *guest = &scenario.guests[g];

		memset(rings[g], 0, RINGS_BYTES);
		must("place",
		     vq_rings_place(rings[g], guest->rings.num, &guest->rings));
		((struct vring_used *)guest->rings.used)->idx = used;
		mock_driver_show(guest, 0, scenario.avail, used);
		for (int i = 0; i < MOCK_REGIONS; i++)
			guest->regions[i].access =
				VQ_ACCESS_READ | VQ_ACCESS_WRITE;
	}
}

static __u64 any_features(void)
{
	__u64 features = 1ULL << VIRTIO_F_VERSION_1;

	if (scenario_chance(&scenario, 2))
		features |= 1ULL << VIRTIO_RING_F_EVENT_IDX;
	if (scenario_chance(&scenario, 4))
		features |= 1ULL << VIRTIO_F_NOTIFY_ON_EMPTY;
	return features;
}

static void stop_kernel(const struct expected *expected)
{
	must("CLEAR_ENDPOINT",
	     ioctl(vhost, VHOST_SCSI_CLEAR_ENDPOINT, &target));
	signals += drain(events[CALL]);
	compare(expected);
	if (kernel_index() != expected->index)
		fail("index", expected->index, kernel_index());
	errors += drain(events[ERROR]);
	/* Every request here is at fault, too. */
	if (!errors != !(expected->error || expected->chains))
		fail("error event", expected->error, (long)errors);
}

static void run_seed(void)
{
	struct expected expected = {0};
	struct vq_device device;
	__u64 features;
	__u32 num;

	scenario_start(&scenario, seed, false);
	prepare_guests();
	num = scenario.guests[0].rings.num;
	features = any_features();
	signals = 0;
	errors = 0;
	start_kernel(&scenario.guests[1], features);
	must("init", vq_device_init(&device, &scenario.guests[0].rings,
				    scenario.guests[0].memory, features,
				    scenario.avail));
	for (int i = 0; i < TURNS && !expected.error; i++) {
		scenario_offer(&scenario, 1 + scenario_random(&scenario, num));
		scenario_show(&scenario, device.last_used);
		serve(&device, &expected);
		kick(&expected);
	}
	stop_kernel(&expected);
	total_chains += expected.chains;
	total_signals += expected.signals;
	total_errors += expected.error != 0;
}

int main(int argc, char **argv)
{
	static char storage[2][MOCK_BYTES] __attribute__((aligned(4096)));
	__u64 rings;

	if (argc != 4) {
		fprintf(stderr, "usage: vhost_scsi WWPN FIRST-SEED RINGS\n");
		return 2;
	}
	scenario.storage[0] = storage[0];
	scenario.storage[1] = storage[1];
	open_device(argv[1]);
	rings = strtoull(argv[3], NULL, 0);
	seed = strtoull(argv[2], NULL, 0);
	for (__u64 i = 0; i < rings; i++, seed++) {
		__u64 errors = total_errors;

		run_seed();
		if (errors == total_errors)
			continue;
		/* It would start the next queue with kicks disabled. */
		close_device();
		open_device(argv[1]);
	}
	close_device();
	printf("vhost-scsi: %llu rings, %llu chains, %llu signals, %llu "
	       "refused\n",
	       (unsigned long long)rings, (unsigned long long)total_chains,
	       (unsigned long long)total_signals,
	       (unsigned long long)total_errors);
	return !(total_chains && total_signals && total_errors);
}
