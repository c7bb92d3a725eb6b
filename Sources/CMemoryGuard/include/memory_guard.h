/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Survives shared memory whose owner takes it away. One thread at a time
 * installs, adds and removes; any may touch the memory.
 */
#ifndef MEMORY_GUARD_H
#define MEMORY_GUARD_H

/**
 * memory_guard_install() - handle SIGBUS from now on
 *
 * Return: 0, or what sigaction() gives.
 */
int memory_guard_install(void);

/**
 * memory_guard_add() - guard a mapping
 * @base: its first byte
 * @bytes: its size
 * @event: eventfd that is signalled when it is lost, or -1; stays open as long
 *
 * Return: a number for it, or -ENOSPC.
 */
int memory_guard_add(void *base, unsigned long bytes, int event);

/**
 * memory_guard_remove() - forget a mapping, before it is unmapped
 * @range: its number
 */
void memory_guard_remove(int range);

/**
 * memory_guard_lost() - was memory taken away
 * @range: the mapping's number
 *
 * Return: whether the mapping holds private zeroes instead of its memory.
 */
_Bool memory_guard_lost(int range);

#endif
