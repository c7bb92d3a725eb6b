// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Memory that another process shares with us can be taken away under our
 * hands, by truncating its file; touching it is then a SIGBUS. Instead of
 * dying, the process gets private zeroes in its place, and a note.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "memory_guard.h"

#define GUARD_RANGES 1024

/**
 * struct guard_range - a mapping that may fault
 * @base: its first byte; NULL if the entry is free, &claimed while it is filled
 * @bytes: its size
 * @lost: whether it was replaced
 * @event: eventfd to tell of that, or -1
 */
struct guard_range {
	char *base;
	unsigned long bytes;
	bool lost;
	int event;
};

static struct guard_range ranges[GUARD_RANGES];
static struct sigaction before;
static char claimed;

/*
 * The size belongs to the base if that is still the same afterwards: an entry
 * may be another mapping's at any time.
 */
static bool guard_holds(struct guard_range *range, const char *address,
			char **base, unsigned long *bytes)
{
	*base = __atomic_load_n(&range->base, __ATOMIC_ACQUIRE);
	if (!*base || *base == &claimed || address < *base)
		return false;
	*bytes = __atomic_load_n(&range->bytes, __ATOMIC_ACQUIRE);
	return (unsigned long)(address - *base) < *bytes &&
	       *base == __atomic_load_n(&range->base, __ATOMIC_RELAXED);
}

/* Puts zeroes in the place of the mapping that holds @address. */
static bool guard_replace(const char *address)
{
	for (unsigned int i = 0; i < GUARD_RANGES; i++) {
		unsigned long bytes;
		char *base;

		if (!guard_holds(&ranges[i], address, &base, &bytes))
			continue;
		if (mmap(base, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED |
				 MAP_NORESERVE,
			 -1, 0) == MAP_FAILED)
			return false;
		__atomic_store_n(&ranges[i].lost, true, __ATOMIC_RELEASE);
		/* It stays open while the range is there. */
		(void)eventfd_write(ranges[i].event, 1);
		return true;
	}
	return false;
}

static void guard_fault(int number, siginfo_t *info, void *context)
{
	int error = errno;

	(void)number;
	(void)context;
	/* Not ours: the same fault again, as if there was no handler. */
	if (!guard_replace(info->si_addr))
		(void)sigaction(SIGBUS, &before, NULL);
	errno = error;
}

int memory_guard_install(void)
{
	struct sigaction action = {.sa_sigaction = guard_fault,
				   .sa_flags = SA_SIGINFO};

	return sigaction(SIGBUS, &action, &before) ? -errno : 0;
}

/* Several threads may look for a free entry at once. */
static bool guard_claim(struct guard_range *range)
{
	char *nobody = NULL;

	return __atomic_compare_exchange_n(&range->base, &nobody, &claimed,
					   false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

int memory_guard_add(void *base, unsigned long bytes, int event)
{
	for (int i = 0; i < GUARD_RANGES; i++) {
		if (!guard_claim(&ranges[i]))
			continue;
		__atomic_store_n(&ranges[i].bytes, bytes, __ATOMIC_RELEASE);
		__atomic_store_n(&ranges[i].lost, false, __ATOMIC_RELAXED);
		ranges[i].event = event;
		__atomic_store_n(&ranges[i].base, base, __ATOMIC_RELEASE);
		return i;
	}
	return -ENOSPC;
}

void memory_guard_remove(int range)
{
	__atomic_store_n(&ranges[range].base, NULL, __ATOMIC_RELEASE);
}

_Bool memory_guard_lost(int range)
{
	return __atomic_load_n(&ranges[range].lost, __ATOMIC_ACQUIRE);
}
