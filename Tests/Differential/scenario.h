/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a driver does, made from a seed: the same for two guests, so that two
 * device sides can be told apart.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "mock_driver.h"

/**
 * struct scenario - a driver of two guests that are always the same
 * @guests: the guests
 * @storage: their memory
 * @random: state of the random numbers
 * @tame: leave out what vringh is known to do in another way
 * @apart: no buffer lies on an indirect table, so that devices may write
 * @faults: one in so many chains has a fault
 * @avail: available index with all chains that were offered
 */
struct scenario {
	struct mock_driver guests[2];
	char *storage[2];
	__u64 random;
	_Bool tame;
	_Bool apart;
	__u32 faults;
	__u16 avail;
};

/* A number below @bound. */
__u32 scenario_random(struct scenario *scenario, __u32 bound);

/* One time in @times. */
_Bool scenario_chance(struct scenario *scenario, __u32 times);

/* A buffer in a region that allows it, often across two of them. */
struct mock_desc scenario_buffer(struct scenario *scenario, _Bool write);

/* Both guests with an empty queue at any indices; its size from the seed. */
void scenario_start(struct scenario *scenario, __u64 seed, _Bool tame);

/* Offers up to @most chains, right and wrong ones; none is shown yet. */
void scenario_offer(struct scenario *scenario, __u32 most);

/* Shows index, flags and an event index near @used; sometimes a bad index. */
void scenario_show(struct scenario *scenario, __u16 used);

#endif
