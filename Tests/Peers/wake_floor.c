// SPDX-License-Identifier: MIT
/*
 * The least that a request can cost a driver that sleeps: a thread that spins
 * for it, does nothing, and wakes the driver by an eventfd. Prints what
 * serve_load prints.
 *
 *	wake_floor SECONDS
 */
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

static unsigned long asked;
static bool ended;
static int call;

static double now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

static void *answer(void *unused)
{
	unsigned long answered = 0;

	while (!__atomic_load_n(&ended, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&asked, __ATOMIC_ACQUIRE) == answered)
			continue;
		answered++;
		(void)eventfd_write(call, 1);
	}
	return unused;
}

int main(int argc, char **argv)
{
	double start, end, seconds = argc > 1 ? atof(argv[1]) : 0.3, cpu;
	clockid_t clock;
	pthread_t thread;

	call = eventfd(0, 0);
	if (call < 0 || pthread_create(&thread, NULL, answer, NULL))
		return 1;
	pthread_getcpuclockid(thread, &clock);
	cpu = now(clock);
	start = end = now(CLOCK_MONOTONIC);
	while (end - start < seconds * 1e9) {
		struct pollfd event = {call, POLLIN, 0};
		eventfd_t signals;

		__atomic_store_n(&asked, asked + 1, __ATOMIC_RELEASE);
		(void)poll(&event, 1, -1);
		(void)eventfd_read(call, &signals);
		end = now(CLOCK_MONOTONIC);
	}
	cpu = now(clock) - cpu;
	__atomic_store_n(&ended, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	printf("%.1f\t%.1f\t0\t1000\n", (end - start) / (double)asked,
	       cpu / (double)asked);
	return 0;
}
