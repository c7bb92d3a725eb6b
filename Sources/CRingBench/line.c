// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What no ring can beat: a number that two threads pass to and fro in one
 * cache line.
 */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>

#define LINE_ROUNDS 2000
#define LINE_SLICES 21

struct line {
	__u64 number BENCH_APART;
	__u64 times[LINE_SLICES] BENCH_APART;
};

static void line_pass(struct line *line, __u64 from)
{
	while (virt_load_acquire(&line->number) != from)
		;
	virt_store_release(&line->number, from + 1);
}

static void *line_answer(void *argument)
{
	for (__u64 i = 0; i < LINE_SLICES * LINE_ROUNDS; i++)
		line_pass(argument, 2 * i + 1);
	return NULL;
}

static void *line_ask(void *argument)
{
	struct line *line = argument;
	__u64 number = 0;

	for (int i = 0; i < LINE_SLICES; i++) {
		__u64 start = bench_now();

		for (int k = 0; k < LINE_ROUNDS; k++, number += 2)
			line_pass(line, number);
		line->times[i] = bench_now() - start;
	}
	return NULL;
}

static int line_ascending(const void *left, const void *right)
{
	__u64 a = *(const __u64 *)left, b = *(const __u64 *)right;

	return (a > b) - (a < b);
}

int ring_bench_line(const int cpus[2], double *nanoseconds)
{
	struct line line = {0};
	pthread_t ask, answer;
	int error;

	*nanoseconds = 0;
	if (cpus[0] == cpus[1] && cpus[0] >= 0)
		return 0;
	error = bench_thread_start(&answer, cpus[1], line_answer, &line);
	if (error)
		return error;
	error = bench_thread_start(&ask, cpus[0], line_ask, &line);
	/* Somebody has to ask, or the other one never ends. */
	if (error)
		line_ask(&line);
	else
		pthread_join(ask, NULL);
	pthread_join(answer, NULL);
	qsort(line.times, LINE_SLICES, sizeof(line.times[0]), line_ascending);
	*nanoseconds = (double)line.times[LINE_SLICES / 2] / LINE_ROUNDS;
	return error;
}
