// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vectors.h"

#define EVENT (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define EMPTY (1ULL << VIRTIO_F_NOTIFY_ON_EMPTY)
#define QUIET VRING_AVAIL_F_NO_INTERRUPT

static const struct signal_vector signal_vectors[] = {
	{"flags clear", .first = 1, .second = 1, .signal = {true, true}},
	{"no interrupt", .flags = QUIET, .first = 1, .second = 1},
	{"no interrupt, but on empty", .features = EMPTY, .flags = QUIET,
	 .first = 1, .second = 1, .signal = {true, true}},
	{"no interrupt, on empty, not empty", .features = EMPTY, .flags = QUIET,
	 .waiting = 1, .first = 1, .second = 1},
	{"event index, first decision", .features = EVENT, .event = 100,
	 .first = 1, .second = 1, .signal = {true, false}},
	{"event index, flags do not matter", .features = EVENT, .flags = QUIET,
	 .event = 1, .first = 1, .second = 1, .signal = {true, true}},
	{"event is the entry just used", .features = EVENT, .event = 1,
	 .first = 1, .second = 1, .signal = {true, true}},
	{"event is the next entry", .features = EVENT, .event = 2, .first = 1,
	 .second = 1, .signal = {true, false}},
	{"event is in the past", .features = EVENT, .event = 0, .first = 1,
	 .second = 3, .signal = {true, false}},
	{"event within the batch", .features = EVENT, .event = 2, .first = 1,
	 .second = 3, .signal = {true, true}},
	{"nothing pushed", .features = EVENT, .event = 1, .first = 1,
	 .second = 0, .signal = {true, false}},
	{"wraps, event at the last index", .features = EVENT, .used = 0xfffe,
	 .event = 0xffff, .first = 1, .second = 1, .signal = {true, true}},
	{"wraps, event behind the wrap", .features = EVENT, .used = 0xfffe,
	 .event = 0, .first = 1, .second = 1, .signal = {true, false}},
	{"wraps, batch over the event", .features = EVENT, .used = 0xfffe,
	 .event = 0, .first = 1, .second = 2, .signal = {true, true}},
	{"a lap of all indices", .features = EVENT, .event = 100, .first = 1,
	 .second = 65536, .signal = {true, true}},
	{"more than a lap of all indices", .features = EVENT, .event = 100,
	 .first = 1, .second = 65537, .signal = {true, true}},
	{"event index, but on empty", .features = EVENT | EMPTY, .event = 100,
	 .first = 1, .second = 1, .signal = {true, true}},
};

VECTORS_BY_NUMBER(signal)

/* The last one with the decision at once, which is the same. */
static bool signal_vector_push(struct vq_device *device, __u32 count,
			       bool at_once)
{
	for (__u32 i = at_once && count; i < count; i++)
		vq_device_push(device, 0, 0);
	return at_once && count ? vq_device_push_signal(device, 0, 0)
				: vq_device_signal_needed(device);
}

static const char *signal_vector_decide(const struct signal_vector *vector,
					void *storage, bool at_once)
{
	struct vq_segment segment;
	struct mock_driver driver;
	struct vring_used *used;
	struct vq_device device;
	struct vq_chain chain;

	if (mock_driver_init(&driver, storage, 4))
		return "set up the driver";
	used = driver.rings.used;
	used->idx = (__force __virtio16)cpu_to_le16(vector->used);
	mock_driver_show(&driver, vector->flags, 1 + vector->waiting,
			 vector->event);
	if (vq_device_init(&device, &driver.rings, driver.memory,
			   vector->features, 0))
		return "set up the device";
	if (vq_device_pop(&device, &segment, 1, &chain))
		return "pop";
	if (signal_vector_push(&device, vector->first, at_once) !=
	    vector->signal[0])
		return "first decision";
	if (signal_vector_push(&device, vector->second, at_once) !=
	    vector->signal[1])
		return "second decision";
	if (le16_to_cpu((__force __le16)used->idx) !=
	    (__u16)(vector->used + vector->first + vector->second))
		return "used index";
	return NULL;
}

const char *signal_vector_run(const struct signal_vector *vector, void *storage)
{
	const char *fault = signal_vector_decide(vector, storage, false);

	return fault ? fault : signal_vector_decide(vector, storage, true);
}
