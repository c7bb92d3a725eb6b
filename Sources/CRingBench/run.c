// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A run: its threads on their processors, and somebody who ends it when
 * nothing comes back any more.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RUN_SECONDS_MAX 60

static bool run_has_two(const struct ring_bench *bench)
{
	return bench->of.kind == RING_BENCH_POLL ||
	       bench->of.kind == RING_BENCH_NOTIFY;
}

/* Threads that share a processor have no line to pass. */
static bool run_has_line(const struct ring_bench *bench)
{
	const int *cpus = bench->of.cpus;

	return run_has_two(bench) && (cpus[0] != cpus[1] || cpus[0] < 0);
}

int bench_thread_start(unsigned long *thread, int cpu, void *(*work)(void *),
		       void *argument)
{
	pthread_attr_t attributes;
	int error = pthread_attr_init(&attributes);
	cpu_set_t cpus;

	if (error)
		return -error;
	if (cpu >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET(cpu, &cpus);
		error = pthread_attr_setaffinity_np(&attributes, sizeof(cpus),
						    &cpus);
	}
	if (!error)
		error = pthread_create(thread, &attributes, work, argument);
	pthread_attr_destroy(&attributes);
	return -error;
}

/* Tells both sides that it is over, asleep or not. */
static void run_stop(struct ring_bench *bench)
{
	virt_store_release(&bench->stop, true);
	if (bench->kick < 0)
		return;
	eventfd_write(bench->kick, 1);
	eventfd_write(bench->call, 1);
}

static void *run_driver(void *argument)
{
	struct ring_bench *bench = argument;
	struct bench_counters counters;

	if (run_has_line(bench))
		bench->run->line[0] = bench_line_ask(&bench->lines[0]);
	bench_count_start(&counters);
	if (run_has_two(bench))
		bench->driver.fault = bench_driver_run(bench);
	else if (bench->of.kind == RING_BENCH_PAIR)
		bench->driver.fault = bench_pair_run(bench);
	else
		bench->driver.fault = bench_device_run(bench);
	bench_count_stop(&counters, bench->run);
	run_stop(bench);
	if (run_has_line(bench))
		bench->run->line[1] = bench_line_ask(&bench->lines[1]);
	return NULL;
}

static void *run_device(void *argument)
{
	struct ring_bench *bench = argument;
	struct bench_counters counters;

	if (run_has_line(bench))
		bench_line_answer(&bench->lines[0]);
	bench_count_start(&counters);
	bench->device.fault = bench_device_serve(bench);
	bench_count_stop(&counters, bench->run);
	if (run_has_line(bench))
		bench_line_answer(&bench->lines[1]);
	return NULL;
}

/* Waits for the driver's thread; one that gets nothing is told to stop. */
static int run_wait(struct ring_bench *bench, pthread_t driver)
{
	struct timespec end;
	int error;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += RUN_SECONDS_MAX;
	error = pthread_timedjoin_np(driver, NULL, &end);
	if (error) {
		run_stop(bench);
		pthread_join(driver, NULL);
	}
	return -error;
}

static int run_threads(struct ring_bench *bench)
{
	pthread_t driver, device;
	bool two = run_has_two(bench);
	int error = 0, waited;

	if (two)
		error = bench_thread_start(&device, bench->of.cpus[1],
					   run_device, bench);
	if (error)
		return error;
	error = bench_thread_start(&driver, bench->of.cpus[0], run_driver,
				   bench);
	/* Somebody has to ask, or the other one never ends. */
	if (error) {
		bench->run->count = 0;
		run_driver(bench);
	}
	waited = error ? error : run_wait(bench, driver);
	if (two)
		pthread_join(device, NULL);
	return waited;
}

static void run_close(struct ring_bench *bench)
{
	if (bench->kick >= 0)
		close(bench->kick);
	if (bench->call >= 0)
		close(bench->call);
	bench->kick = -1;
	bench->call = -1;
}

static int run_open(struct ring_bench *bench)
{
	bench->stop = false;
	if (bench->of.kind != RING_BENCH_NOTIFY)
		return 0;
	bench->kick = eventfd(0, EFD_CLOEXEC);
	bench->call = eventfd(0, EFD_CLOEXEC);
	return bench->kick < 0 || bench->call < 0 ? -errno : 0;
}

static void run_round(struct ring_bench *bench, struct ring_bench_run *run)
{
	__u32 unit = bench->of.kind == RING_BENCH_DEVICE ? bench->pool
							 : bench->of.batch;

	run->chains = run->chains < unit
			      ? unit
			      : (run->chains + unit - 1) / unit * unit;
	run->instructions = 0;
	run->cache_misses = 0;
	run->counter_error = 0;
	run->line[0] = 0;
	run->line[1] = 0;
	bench->driver.kicks = 0;
	bench->device.signals = 0;
	bench->driver.fault = NULL;
	bench->device.fault = NULL;
	memset(bench->lines, 0, sizeof(bench->lines));
	bench->run = run;
}

int ring_bench_run(struct ring_bench *bench, struct ring_bench_run *run)
{
	int error;

	run_round(bench, run);
	error = run_open(bench);
	if (!error)
		error = run_threads(bench);
	run_close(bench);
	run->kicks = bench->driver.kicks;
	run->signals = bench->device.signals;
	run->fault =
		bench->device.fault ? bench->device.fault : bench->driver.fault;
	return !error && run->fault ? -EPROTO : error;
}
