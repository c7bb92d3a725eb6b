// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vectors.h"

#define EVENT (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define EMPTY (1ULL << VIRTIO_F_NOTIFY_ON_EMPTY)

/* Event structures: the flags, the parity of the lap, the offset. */
#define ENABLE	     0
#define DISABLE	     (1u << 16)
#define ODD(offset)  (2u << 16 | 0x8000 | (offset))
#define EVEN(offset) (2u << 16 | (offset))

/* Places to start from in an odd lap: the last entry but one, and the last. */
#define LAST_BUT_ONE 0x80028002u
#define LAST	     0x80038003u

static const struct event_vector event_vectors[] = {
	{"event, enabled", .event = ENABLE, .first = 1, .second = 1,
	 .signal = {true, true}, .kick = {true, true}},
	{"event, disabled", .event = DISABLE, .first = 1, .second = 1},
	{"event, disabled, with the event index", .features = EVENT,
	 .event = DISABLE, .first = 1, .second = 1},
	{"event, nothing passed", .event = ENABLE, .first = 1,
	 .signal = {true, false}, .kick = {true, false}},
	{"event, first decision of a device", .features = EVENT,
	 .event = ODD(3), .first = 1, .second = 1, .signal = {true, false}},
	{"event at the entry just passed", .features = EVENT, .event = ODD(1),
	 .first = 1, .second = 1, .signal = {true, true},
	 .kick = {false, true}},
	{"event at the next entry", .features = EVENT, .event = ODD(2),
	 .first = 1, .second = 1, .signal = {true, false}},
	{"event within a chain", .features = EVENT, .event = ODD(2), .first = 1,
	 .second = 3, .signal = {true, true}, .kick = {false, true}},
	{"event in the past", .features = EVENT, .event = ODD(0), .first = 1,
	 .second = 1, .signal = {true, false}, .kick = {true, false}},
	{"event in the next lap", .features = EVENT, .event = EVEN(1),
	 .first = 1, .second = 1, .signal = {true, false}},
	{"event behind the end", .features = EVENT, .base = LAST,
	 .event = EVEN(0), .first = 1, .second = 1, .signal = {true, true}},
	{"event before the end", .features = EVENT, .base = LAST,
	 .event = ODD(3), .first = 1, .second = 1, .signal = {true, false}},
	{"event at the start of the lap that ended", .features = EVENT,
	 .base = LAST, .event = ODD(0), .first = 1, .second = 1,
	 .signal = {true, false}},
	{"event passed by a chain around the end", .features = EVENT,
	 .base = LAST_BUT_ONE, .event = EVEN(0), .first = 1, .second = 2,
	 .signal = {true, true}},
	{"event passed by a whole lap", .features = EVENT, .event = EVEN(0),
	 .first = 1, .second = 4, .signal = {true, true}},
	{"event a lap ahead of a whole lap", .features = EVENT,
	 .event = EVEN(1), .first = 1, .second = 4, .signal = {true, false}},
	{"event offset without the event index", .event = ODD(3), .first = 1,
	 .second = 1, .signal = {true, true}, .kick = {true, true}},
	{"event flag that virtio reserves", .features = EVENT,
	 .event = 3u << 16, .first = 1, .second = 1, .signal = {true, true},
	 .kick = {true, true}},
	{"event beyond the ring", .features = EVENT, .event = ODD(4),
	 .first = 1, .second = 1, .signal = {true, true}, .kick = {true, true}},
	{"event, disabled, but on empty", .features = EMPTY, .event = DISABLE,
	 .first = 1, .second = 1, .signal = {true, true}},
};

VECTORS_BY_NUMBER(event)

static const char *event_vector_device(const struct event_vector *vector,
				       struct mock_driver *driver)
{
	const __u16 entries[2] = {vector->first, vector->second};
	__u64 features = vector->features | 1ULL << VIRTIO_F_RING_PACKED;
	__u32 base = vector->base ? vector->base : VQ_PACKED_BASE;
	struct vq_device device;

	if (vq_device_init(&device, &driver->rings, driver->memory, features,
			   base))
		return "set up the device";
	mock_driver_event(driver, vector->event);
	for (int i = 0; i < 2; i++) {
		if (entries[i])
			vq_device_push(&device, (__u32)entries[i] << 16, 0);
		if (vq_device_signal_needed(&device) != vector->signal[i])
			return i ? "second signal" : "first signal";
	}
	return NULL;
}

/* The driver starts at the first entry, and must have room for all. */
static const char *event_vector_driver(const struct event_vector *vector,
				       struct mock_driver *mock)
{
	const __u16 entries[2] = {vector->first, vector->second};
	const struct vq_buffer buffers[EVENT_VECTOR_NUM] = {
		{MOCK_RAM, 1}, {MOCK_RAM, 1}, {MOCK_RAM, 1}, {MOCK_RAM, 1}};
	__u64 features = vector->features | 1ULL << VIRTIO_F_RING_PACKED;
	struct vq_slot slots[EVENT_VECTOR_NUM];
	struct vq_driver driver;

	if (vector->base || vector->first + vector->second > EVENT_VECTOR_NUM)
		return NULL;
	if (vq_driver_init(&driver, &mock->rings, slots, features))
		return "set up the driver side";
	*(__u32 *)mock->rings.used = (__force __u32)cpu_to_le32(vector->event);
	for (int i = 0; i < 2; i++) {
		if (entries[i] &&
		    vq_driver_add(&driver, buffers, entries[i], 0, 0))
			return "add";
		if (vq_driver_kick_prepare(&driver) != vector->kick[i])
			return i ? "second kick" : "first kick";
	}
	return NULL;
}

const char *event_vector_run(const struct event_vector *vector, void *storage)
{
	struct mock_driver driver;
	const char *fault;

	if (mock_driver_init_packed(&driver, storage, EVENT_VECTOR_NUM))
		return "set up the driver";
	fault = event_vector_device(vector, &driver);
	return fault ? fault : event_vector_driver(vector, &driver);
}
