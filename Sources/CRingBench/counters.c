// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Instructions and cache misses of one thread, where the processor counts. */
#include "bench.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int counter_open(__u64 what)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = what,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1,
			    PERF_FLAG_FD_CLOEXEC);
}

static void counters_close(struct bench_counters *counters)
{
	for (int i = 0; i < 2; i++)
		if (counters->fds[i] >= 0)
			close(counters->fds[i]);
}

void bench_count_start(struct bench_counters *counters)
{
	counters->error = 0;
	counters->fds[1] = -1;
	counters->fds[0] = counter_open(PERF_COUNT_HW_INSTRUCTIONS);
	if (counters->fds[0] >= 0)
		counters->fds[1] = counter_open(PERF_COUNT_HW_CACHE_MISSES);
	if (counters->fds[1] < 0)
		counters->error = errno;
}

/* Two threads may end at once. */
void bench_count_stop(struct bench_counters *counters,
		      struct ring_bench_run *run)
{
	__u64 counts[2] = {0, 0};

	for (int i = 0; !counters->error && i < 2; i++)
		if (read(counters->fds[i], &counts[i], sizeof(counts[i])) !=
		    sizeof(counts[i]))
			counters->error = EIO;
	counters_close(counters);
	__atomic_fetch_add(&run->instructions, counts[0], __ATOMIC_RELAXED);
	__atomic_fetch_add(&run->cache_misses, counts[1], __ATOMIC_RELAXED);
	if (counters->error)
		__atomic_store_n(&run->counter_error, counters->error,
				 __ATOMIC_RELAXED);
}
