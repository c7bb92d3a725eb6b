// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A file tells once that it lost what was written, and it may be any command
 * that is to make writes safe which it tells: one that runs beside that ends
 * well. So none is answered before the ends of all are known that had begun
 * when its own became known, on whichever queue of the unit.
 */
#include "queue.h"

static void line_add(struct tq_line *line, struct slot *slot)
{
	slot->next = NULL;
	if (line->first)
		line->last->next = slot;
	else
		line->first = slot;
	line->last = slot;
}

static void line_remove(struct tq_line *line, struct slot *slot)
{
	struct slot *before = NULL;

	for (struct slot *at = line->first; at != slot; at = at->next)
		before = at;
	if (before)
		before->next = slot->next;
	else
		line->first = slot->next;
	if (line->last == slot)
		line->last = before;
}

/* Takes those out of line that wait for nobody any more. */
static struct tq_line safe_known(struct tq_unit *unit)
{
	struct tq_line known = {NULL, NULL};
	const struct slot *oldest = unit->pending.first;
	struct slot *slot;

	while ((slot = unit->held.first) != NULL &&
	       (!oldest || oldest->turn > slot->turn)) {
		line_remove(&unit->held, slot);
		line_add(&known, slot);
	}
	return known;
}

void safe_begin(struct slot *slot)
{
	struct tq_unit *unit = slot->unit;

	pthread_mutex_lock(&unit->lock);
	slot->turn = ++unit->begun;
	line_add(&unit->pending, slot);
	pthread_mutex_unlock(&unit->lock);
}

void safe_end(struct slot *slot)
{
	struct tq_unit *unit = slot->unit;
	struct tq_line known;

	pthread_mutex_lock(&unit->lock);
	line_remove(&unit->pending, slot);
	slot->turn = unit->begun;
	line_add(&unit->held, slot);
	known = safe_known(unit);
	pthread_mutex_unlock(&unit->lock);
	while (known.first) {
		slot = known.first;
		/* Once it is returned, its queue may use it. */
		known.first = slot->next;
		slot_return(slot);
	}
}
