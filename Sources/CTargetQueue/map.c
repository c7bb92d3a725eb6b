// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "queue.h"

void tq_unit_open(struct tq_unit *unit, __u64 blocks, __u32 open)
{
	WRITE_ONCE(unit->blocks, blocks);
	virt_store_release(&unit->open, open);
}

void tq_map_set(struct tq_map *map, const struct vscsi_address *address,
		struct tq_unit *unit)
{
	if (address->lun < TQ_MAP_LUNS)
		virt_store_release(&map->units[address->target][address->lun],
				   unit);
}
