// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What no ring can beat: a number that two threads pass to and fro in one
 * cache line.
 */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>

#define LINE_ROUNDS 100
#define LINE_SLICES 9

static void line_pass(struct bench_line *line, __u64 from)
{
	while (virt_load_acquire(&line->number) != from)
		;
	virt_store_release(&line->number, from + 1);
}

void bench_line_answer(struct bench_line *line)
{
	for (__u64 i = 0; i < LINE_SLICES * LINE_ROUNDS; i++)
		line_pass(line, 2 * i + 1);
}

static int line_ascending(const void *left, const void *right)
{
	__u64 a = *(const __u64 *)left, b = *(const __u64 *)right;

	return (a > b) - (a < b);
}

double bench_line_ask(struct bench_line *line)
{
	__u64 times[LINE_SLICES], number = 0;

	for (int i = 0; i < LINE_SLICES; i++) {
		__u64 start = bench_now();

		for (int k = 0; k < LINE_ROUNDS; k++, number += 2)
			line_pass(line, number);
		times[i] = bench_now() - start;
	}
	qsort(times, LINE_SLICES, sizeof(times[0]), line_ascending);
	return (double)times[LINE_SLICES / 2] / LINE_ROUNDS;
}

static void *line_thread(void *argument)
{
	bench_line_answer(argument);
	return NULL;
}

static void *line_asking_thread(void *argument)
{
	struct bench_line *line = argument;

	line->nanoseconds = bench_line_ask(line);
	return NULL;
}

int ring_bench_line(const int cpus[2], double *nanoseconds)
{
	struct bench_line line = {0};
	pthread_t ask, answer;
	int error;

	*nanoseconds = 0;
	if (cpus[0] == cpus[1] && cpus[0] >= 0)
		return 0;
	error = bench_thread_start(&answer, cpus[1], line_thread, &line);
	if (error)
		return error;
	error = bench_thread_start(&ask, cpus[0], line_asking_thread, &line);
	/* Somebody has to ask, or the other one never ends. */
	if (error)
		line_asking_thread(&line);
	else
		pthread_join(ask, NULL);
	pthread_join(answer, NULL);
	*nanoseconds = line.nanoseconds;
	return error;
}
