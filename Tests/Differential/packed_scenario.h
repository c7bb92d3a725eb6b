/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a driver does with a packed ring, made from a seed: the same for two
 * guests. Right and wrong chains, but for what QEMU is known to do in another
 * way: buffers and tables of length 0, tables across regions or beside other
 * descriptors, and a flag INDIRECT within one.
 */
#ifndef PACKED_SCENARIO_H
#define PACKED_SCENARIO_H

#include "scenario.h"

/* A place in a packed ring, in an odd lap or an even one. */
struct packed_place {
	__u16 at;
	_Bool wrap;
};

/**
 * struct packed_scenario - a driver of two guests that are always the same
 * @base: guests, random numbers, odds of faults
 * @num: entries of the ring
 * @next: where the next descriptor goes
 * @free: entries that the driver may use
 * @ids: ids that are free, @id_count of them
 * @event_idx: VIRTIO_RING_F_EVENT_IDX
 */
struct packed_scenario {
	struct scenario base;
	__u16 num;
	struct packed_place next;
	__u32 free;
	__u16 ids[MOCK_RING_MAX];
	__u32 id_count;
	_Bool event_idx;
};

/* Goes on by so many entries. */
void packed_place_advance(struct packed_place *place, __u32 entries, __u16 num);

/* An empty queue of any size, at any place; both from the seed. */
void packed_scenario_start(struct packed_scenario *scenario, __u64 seed);

/* Makes up to @most chains available, right and wrong ones. */
void packed_scenario_offer(struct packed_scenario *scenario, __u32 most);

/* Takes a chain back: its entries and its id are free again. */
void packed_scenario_reclaim(struct packed_scenario *scenario, __u16 id,
			     __u16 descs);

/* Says when to be signalled: the driver's event structure. */
void packed_scenario_wish(struct packed_scenario *scenario,
			  struct packed_place near);

#endif
