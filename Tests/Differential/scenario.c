// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "scenario.h"

#include <linux/virtio_ring.h>

#define SCENARIO_TABLE_MAX 1100

/* A chain while it is made: what goes to the ring, and to a table. */
struct draft {
	__u16 at[8];
	struct mock_desc desc[8];
	__u32 count;
	struct mock_desc table[SCENARIO_TABLE_MAX];
	__u32 table_count;
	__u64 table_addr;
};

/* splitmix64 */
__u32 scenario_random(struct scenario *scenario, __u32 bound)
{
	__u64 z = scenario->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (__u32)((z ^ (z >> 31)) >> 8) % bound;
}

_Bool scenario_chance(struct scenario *scenario, __u32 times)
{
	return scenario_random(scenario, times) == 0;
}

static __u16 scenario_index(struct scenario *scenario)
{
	if (scenario_chance(scenario, 2))
		return (__u16)(65520 + scenario_random(scenario, 20));
	return (__u16)scenario_random(scenario, 65536);
}

void scenario_start(struct scenario *scenario, __u64 seed, _Bool tame)
{
	__u16 used;

	scenario->random = seed;
	scenario->tame = tame;
	scenario->faults = 4u << scenario_random(scenario, 12);
	scenario->avail = scenario_index(scenario);
	used = scenario_index(scenario);
	__u32 num = 1u << scenario_random(scenario, 9);

	for (int i = 0; i < 2; i++) {
		struct mock_driver *guest = &scenario->guests[i];
		struct vring_used *ring;

		mock_driver_init(guest, scenario->storage[i], num);
		ring = guest->rings.used;
		ring->idx = (__force __virtio16)cpu_to_le16(used);
		mock_driver_show(guest, 0, scenario->avail, used);
	}
}

struct mock_desc scenario_buffer(struct scenario *scenario, _Bool write)
{
	struct mock_desc desc = {.flags = write ? VRING_DESC_F_WRITE : 0};

	desc.len = 1 + scenario_random(scenario, 600);
	switch (scenario_random(scenario, 6)) {
	case 0:
		desc.addr = MOCK_RAM_HIGH - 1 - scenario_random(scenario, 300);
		break;
	case 1:
		desc.addr = write ? MOCK_WRITE_ONLY : MOCK_READ_ONLY;
		desc.addr += scenario_random(scenario, 0x1000 - 600);
		break;
	default:
		desc.addr = MOCK_RAM + scenario_random(scenario, 0xf000);
		if (scenario->apart)
			desc.addr |= 0x8000;
	}
	if (!scenario->tame && scenario_chance(scenario, 24))
		desc.len = 0;
	return desc;
}

static void scenario_table(struct scenario *scenario, struct draft *draft,
			   __u32 readable)
{
	__u32 count = 1 + scenario_random(scenario, 12);

	if (scenario_chance(scenario, 64))
		count = (scenario->tame ? 400 : 1000) +
			scenario_random(scenario, 100);
	draft->table_count = count;
	draft->table_addr = MOCK_RAM + 16 * scenario_random(scenario, 0x300);
	if (!scenario->tame && !scenario->apart && scenario_chance(scenario, 4))
		draft->table_addr = MOCK_RAM_HIGH -
				    scenario_random(scenario, count * 16 + 1);
	for (__u32 i = 0; i < count; i++) {
		struct mock_desc *desc = &draft->table[i];

		*desc = scenario_buffer(scenario, i >= readable);
		desc->next = (__u16)(i + 1);
		if (i + 1 < count)
			desc->flags |= VRING_DESC_F_NEXT;
	}
}

/* Makes one thing wrong, or at least unusual. */
static void scenario_spoil(struct scenario *scenario, struct mock_desc *desc,
			   bool links)
{
	static const __u64 addrs[] = {0,
				      MOCK_RAM - 1,
				      MOCK_RAM_HIGH + 0x7fff,
				      MOCK_READ_ONLY,
				      MOCK_WRITE_ONLY,
				      ~0ULL,
				      ~0ULL - 100,
				      1ULL << 63};

	switch (scenario_random(scenario, links ? 7 : 4)) {
	case 0:
		desc->addr = addrs[scenario_random(scenario, 8)];
		break;
	case 1:
		desc->len = scenario_chance(scenario, 2) ? 0x8000u : ~0u;
		break;
	case 2:
		desc->flags ^= VRING_DESC_F_WRITE;
		break;
	case 3:
		desc->len = (desc->len & 0xffff) + 1 +
			    16 * scenario_random(scenario, 4);
		break;
	case 4:
		desc->next = (__u16)scenario_random(scenario, 70000);
		break;
	case 5:
		desc->flags ^= 1u << scenario_random(scenario, 16);
		if (scenario->tame)
			desc->flags &= ~VRING_DESC_F_INDIRECT;
		break;
	default:
		desc->next = (__u16)scenario_random(scenario, 8);
	}
}

/* A chain with one fault may have another. */
static void scenario_spoil_some(struct scenario *scenario, struct draft *draft)
{
	bool links = !scenario->tame || !draft->table_count;

	for (__u32 odds = scenario->faults; scenario_chance(scenario, odds);
	     odds = 4) {
		__u32 at = scenario_random(scenario, draft->count);

		if (draft->table_count && scenario_chance(scenario, 2)) {
			at = scenario_random(scenario, draft->table_count);
			scenario_spoil(scenario, &draft->table[at], links);
		} else if (links ||
			   !(draft->desc[at].flags & VRING_DESC_F_INDIRECT)) {
			scenario_spoil(scenario, &draft->desc[at], links);
		}
	}
}

/* The descriptor of the table goes last, or anywhere. */
static void scenario_insert_table(struct scenario *scenario,
				  struct draft *draft, __u32 readable)
{
	__u32 at = scenario_chance(scenario, 2)
			   ? draft->count - 1
			   : scenario_random(scenario, draft->count);
	struct mock_desc *desc = &draft->desc[at];

	if (at >= readable)
		readable = 0;
	else if (at + 1 == readable)
		readable = scenario_random(scenario, 16);
	else
		readable = SCENARIO_TABLE_MAX;
	scenario_table(scenario, draft, readable);
	desc->addr = draft->table_addr;
	desc->len = draft->table_count * 16;
	desc->flags = VRING_DESC_F_INDIRECT;
	/* vringh takes a chain that goes on at descriptor 0 for its end. */
	if (scenario->tame && at + 1 < draft->count && !draft->at[at + 1])
		draft->count = at + 1;
}

static void scenario_draft(struct scenario *scenario, struct draft *draft,
			   const __u16 *free, __u32 count)
{
	__u32 readable = scenario_random(scenario, count + 1);

	draft->count = count;
	draft->table_count = 0;
	for (__u32 i = 0; i < count; i++) {
		draft->at[i] = free[i];
		draft->desc[i] = scenario_buffer(scenario, i >= readable);
	}
	if (scenario_chance(scenario, 3))
		scenario_insert_table(scenario, draft, readable);
	for (__u32 i = 0; i + 1 < draft->count; i++) {
		draft->desc[i].flags |= VRING_DESC_F_NEXT;
		draft->desc[i].next = draft->at[i + 1];
	}
	scenario_spoil_some(scenario, draft);
}

static void scenario_write(struct scenario *scenario, const struct draft *draft)
{
	__u16 head = draft->at[0];

	if (scenario_chance(scenario, 16 * scenario->faults))
		head = (__u16)scenario_random(scenario, 65536);
	for (int g = 0; g < 2; g++) {
		struct mock_driver *guest = &scenario->guests[g];

		for (__u32 i = 0; i < draft->count; i++)
			mock_driver_describe(guest, draft->at[i],
					     &draft->desc[i]);
		for (__u32 i = 0; i < draft->table_count; i++)
			mock_driver_describe_at(guest, draft->table_addr, i,
						&draft->table[i]);
		mock_driver_offer(guest, scenario->avail, head);
	}
	scenario->avail++;
}

/* Leaves nothing old that a wrong link could lead to. */
static void scenario_forget(struct scenario *scenario)
{
	const struct mock_desc desc = {.addr = MOCK_RAM, .len = 1};

	for (int g = 0; g < 2; g++)
		for (__u32 i = 0; i < scenario->guests[g].rings.num; i++)
			mock_driver_describe(&scenario->guests[g], i, &desc);
}

void scenario_offer(struct scenario *scenario, __u32 most)
{
	static struct draft draft;
	__u32 num = scenario->guests[0].rings.num, at = 0;
	__u16 free[MOCK_RING_MAX];

	for (__u32 i = 0; i < num; i++) {
		__u32 j = scenario_random(scenario, i + 1);

		free[i] = free[j];
		free[j] = (__u16)i;
	}
	if (scenario->tame)
		scenario_forget(scenario);
	while (most-- && at < num) {
		__u32 limit = min_t(__u32, num - at, 8);
		__u32 count = 1 + scenario_random(scenario, limit);

		scenario_draft(scenario, &draft, free + at, count);
		scenario_write(scenario, &draft);
		at += count;
		/* Tables may lie over one another only if all is allowed. */
		if (scenario->tame && draft.table_count)
			break;
	}
}

void scenario_show(struct scenario *scenario, __u16 used)
{
	__u16 event = (__u16)(used - 3 + scenario_random(scenario, 8));
	__u16 flags = (__u16)scenario_random(scenario, 2);
	__u16 idx = scenario->avail;

	if (!scenario->tame && scenario_chance(scenario, 8 * scenario->faults))
		idx = (__u16)(idx + scenario_random(scenario, 65536));
	for (int i = 0; i < 2; i++)
		mock_driver_show(&scenario->guests[i], flags, idx, event);
}
