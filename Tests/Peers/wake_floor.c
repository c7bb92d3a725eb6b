// SPDX-License-Identifier: MIT
/*
 * The least that a request can cost a driver that sleeps, at once or after a
 * while of looking for the answer: a thread that spins for the request, takes
 * as long as it is told to, and wakes the driver by an eventfd if that sleeps.
 * An answer that takes no time is there before the driver is asleep. Prints
 * what serve_load prints.
 *
 *	wake_floor SECONDS MICROSECONDS-OF-LOOKING NANOSECONDS-OF-ANSWERING
 */
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

static unsigned long asked, answered;
static bool sleeps;
static bool ended;
static int call;
static double answering;

static double now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

static void *answer(void *unused)
{
	while (!__atomic_load_n(&ended, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&asked, __ATOMIC_ACQUIRE) == answered)
			continue;
		for (double start = now(CLOCK_MONOTONIC);
		     now(CLOCK_MONOTONIC) - start < answering;)
			;
		/* Pairs with await(), which says first that it sleeps. */
		__atomic_add_fetch(&answered, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&sleeps, __ATOMIC_SEQ_CST))
			(void)eventfd_write(call, 1);
	}
	return unused;
}

static bool is_answered(void)
{
	return __atomic_load_n(&answered, __ATOMIC_SEQ_CST) == asked;
}

/* Waits for the answer; returns whether that took sleeping. */
static bool await(double spin)
{
	double start = spin ? now(CLOCK_MONOTONIC) : 0;
	struct pollfd event = {call, POLLIN, 0};
	eventfd_t signals;

	while (spin && now(CLOCK_MONOTONIC) - start < spin)
		if (is_answered())
			return false;
	__atomic_store_n(&sleeps, true, __ATOMIC_SEQ_CST);
	while (!is_answered()) {
		(void)poll(&event, 1, 1);
		(void)eventfd_read(call, &signals);
	}
	__atomic_store_n(&sleeps, false, __ATOMIC_SEQ_CST);
	return true;
}

int main(int argc, char **argv)
{
	double start, end, seconds = argc > 1 ? atof(argv[1]) : 0.3, cpu;
	double spin = argc > 2 ? 1e3 * atof(argv[2]) : 0;
	unsigned long wakes = 0;
	clockid_t clock;
	pthread_t thread;

	answering = argc > 3 ? atof(argv[3]) : 0;
	call = eventfd(0, EFD_NONBLOCK);
	if (call < 0 || pthread_create(&thread, NULL, answer, NULL))
		return 1;
	pthread_getcpuclockid(thread, &clock);
	cpu = now(clock);
	start = end = now(CLOCK_MONOTONIC);
	while (end - start < seconds * 1e9) {
		__atomic_store_n(&asked, asked + 1, __ATOMIC_RELEASE);
		wakes += await(spin);
		end = now(CLOCK_MONOTONIC);
	}
	cpu = now(clock) - cpu;
	__atomic_store_n(&ended, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	printf("%.1f\t%.1f\t0\t%.1f\n", (end - start) / (double)asked,
	       cpu / (double)asked, 1e3 * (double)wakes / (double)asked);
	return 0;
}
