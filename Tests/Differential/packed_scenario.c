// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "packed_scenario.h"

#include <linux/virtio_ring.h>

#define CHAIN_MAX 8
#define TABLE_MAX 1100

/* A chain while it is made: what goes to the ring, and to a table. */
struct draft {
	struct mock_desc desc[CHAIN_MAX];
	__u32 count;
	struct mock_desc table[TABLE_MAX];
	__u32 table_count;
	__u64 table_addr;
};

void packed_place_advance(struct packed_place *place, __u32 entries, __u16 num)
{
	__u32 at = place->at + entries;

	if (at >= num) {
		at -= num;
		place->wrap = !place->wrap;
	}
	place->at = (__u16)at;
}

void packed_scenario_start(struct packed_scenario *scenario, __u64 seed)
{
	struct scenario *base = &scenario->base;

	base->random = seed;
	base->tame = true;
	base->faults = 4u << scenario_random(base, 12);
	scenario->num = (__u16)(1 + scenario_random(base, MOCK_RING_MAX));
	if (scenario_chance(base, 2))
		scenario->num = (__u16)(1 + scenario->num % 8);
	scenario->next.at = (__u16)scenario_random(base, scenario->num);
	scenario->next.wrap = scenario_chance(base, 2);
	scenario->free = scenario->num;
	scenario->event_idx = scenario_chance(base, 2);
	for (__u16 i = 0; i < scenario->num; i++)
		scenario->ids[i] = i;
	scenario->id_count = scenario->num;
	for (int g = 0; g < 2; g++)
		mock_driver_init_packed(&base->guests[g], base->storage[g],
					scenario->num);
	/* Used in the lap before: there is nothing to take. */
	for (__u16 i = 0; i < scenario->num; i++) {
		struct mock_desc used = {.flags = 0};
		bool same = scenario->next.wrap == (i >= scenario->next.at);

		if (!same)
			used.flags = 1 << VRING_PACKED_DESC_F_AVAIL |
				     1 << VRING_PACKED_DESC_F_USED;
		for (int g = 0; g < 2; g++)
			mock_driver_describe_packed(&base->guests[g], i, &used);
	}
}

/* Sometimes more entries than a chain may have segments. */
static void draft_table(struct scenario *base, struct draft *draft)
{
	__u32 count = 1 + scenario_random(base, 12), readable;

	if (scenario_chance(base, 64))
		count = 1000 + scenario_random(base, 100);
	readable = scenario_random(base, count + 1);
	draft->table_count = count;
	draft->table_addr = MOCK_RAM + 16 * scenario_random(base, 0x300);
	for (__u32 i = 0; i < count; i++) {
		draft->table[i] = scenario_buffer(base, i >= readable);
		/* Which virtio reserves there. */
		if (scenario_chance(base, 4))
			draft->table[i].flags |= VRING_DESC_F_NEXT;
	}
	draft->count = 1;
	draft->desc[0] = (struct mock_desc){.addr = draft->table_addr,
					    .len = 16 * count,
					    .flags = VRING_DESC_F_INDIRECT};
}

static void draft_chain(struct scenario *base, struct draft *draft, __u32 count)
{
	__u32 readable = scenario_random(base, count + 1);

	draft->table_count = 0;
	draft->count = count;
	for (__u32 i = 0; i < count; i++) {
		draft->desc[i] = scenario_buffer(base, i >= readable);
		if (i + 1 < count)
			draft->desc[i].flags |= VRING_DESC_F_NEXT;
	}
}

/* Makes one thing wrong; a table that moves goes where none can be. */
static void draft_spoil(struct scenario *base, struct mock_desc *desc)
{
	static const __u64 addrs[] = {0,
				      ~0ULL,
				      MOCK_WRITE_ONLY,
				      MOCK_RAM - 1,
				      MOCK_READ_ONLY,
				      MOCK_READ_ONLY + 0xff0};
	bool table = desc->flags & VRING_DESC_F_INDIRECT;

	switch (scenario_random(base, 3)) {
	case 0:
		desc->addr = addrs[scenario_random(base, table ? 4 : 6)];
		break;
	case 1:
		desc->len = table ? desc->len | (1 + scenario_random(base, 15))
				  : 0x80000000u + scenario_random(base, 9);
		break;
	default:
		desc->flags ^= table ? 0 : VRING_DESC_F_WRITE;
	}
}

static void draft_spoil_some(struct scenario *base, struct draft *draft)
{
	while (scenario_chance(base, base->faults)) {
		__u32 at = scenario_random(base, draft->count);

		if (draft->table_count && scenario_chance(base, 2)) {
			at = scenario_random(base, draft->table_count);
			draft_spoil(base, &draft->table[at]);
		} else {
			draft_spoil(base, &draft->desc[at]);
		}
	}
}

/* Makes a descriptor available behind the others, in both guests. */
static void scenario_put(struct packed_scenario *scenario,
			 struct mock_desc desc)
{
	desc.flags |= 1 << (scenario->next.wrap ? VRING_PACKED_DESC_F_AVAIL
						: VRING_PACKED_DESC_F_USED);
	for (int g = 0; g < 2; g++)
		mock_driver_describe_packed(&scenario->base.guests[g],
					    scenario->next.at, &desc);
	packed_place_advance(&scenario->next, 1, scenario->num);
	scenario->free--;
}

static void draft_write(struct packed_scenario *scenario,
			const struct draft *draft)
{
	__u16 id = scenario->ids[--scenario->id_count];

	for (__u32 i = 0; i < draft->count; i++) {
		struct mock_desc desc = draft->desc[i];

		desc.next = id;
		scenario_put(scenario, desc);
	}
	for (__u32 i = 0; i < draft->table_count; i++)
		for (int g = 0; g < 2; g++)
			mock_driver_describe_packed_at(
				&scenario->base.guests[g], draft->table_addr, i,
				&draft->table[i]);
}

/* A chain of all entries that does not end. */
static void scenario_loop(struct packed_scenario *scenario)
{
	const struct mock_desc desc = {
		.addr = MOCK_RAM, .len = 1, .flags = VRING_DESC_F_NEXT};

	while (scenario->free)
		scenario_put(scenario, desc);
}

void packed_scenario_offer(struct packed_scenario *scenario, __u32 most)
{
	static struct draft draft;
	struct scenario *base = &scenario->base;

	if (scenario->free == scenario->num &&
	    scenario_chance(base, 16 * base->faults))
		scenario_loop(scenario);
	while (most-- && scenario->free && scenario->id_count) {
		if (scenario_chance(base, 3))
			draft_table(base, &draft);
		else
			draft_chain(base, &draft,
				    1 + scenario_random(base,
							min_t(__u32, CHAIN_MAX,
							      scenario->free)));
		draft_spoil_some(base, &draft);
		draft_write(scenario, &draft);
	}
}

void packed_scenario_reclaim(struct packed_scenario *scenario, __u16 id,
			     __u16 descs)
{
	scenario->ids[scenario->id_count++] = id;
	scenario->free += descs;
}

void packed_scenario_wish(struct packed_scenario *scenario,
			  struct packed_place near)
{
	__u32 kinds = scenario->event_idx ? 4 : 2, kind, value;
	struct scenario *base = &scenario->base;

	kind = scenario_random(base, kinds);
	if (kind >= VRING_PACKED_EVENT_FLAG_DESC) {
		packed_place_advance(&near,
				     scenario_random(base, scenario->num),
				     scenario->num);
		if (scenario_chance(base, 8))
			near.wrap = !near.wrap;
		kind = VRING_PACKED_EVENT_FLAG_DESC;
	}
	value = near.at | (near.wrap ? 0x8000u : 0) | kind << 16;
	for (int g = 0; g < 2; g++)
		mock_driver_event(&base->guests[g], value);
}
