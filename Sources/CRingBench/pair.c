// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Driver and device in one thread, in turn, one batch after the other. */
#include "bench.h"

static const char *pair_batch(struct ring_bench *bench)
{
	const char *fault;
	__u32 count;

	if (bench_add(bench, bench->of.batch))
		return "the driver finds no room";
	bench->driver.kicks += vq_driver_kick_prepare(&bench->driver.queue);
	fault = bench_serve(&bench->device, bench->of.batch, &count);
	bench->device.signals += vq_device_signal_needed(&bench->device.queue);
	if (!fault && count != bench->of.batch)
		fault = "the device lost a chain";
	if (!fault)
		fault = bench_reap(bench, &count);
	if (!fault && count != bench->of.batch)
		fault = "the driver lost a chain";
	return fault;
}

const char *bench_pair_run(struct ring_bench *bench)
{
	const char *fault = NULL;

	for (__u32 i = 0; !fault && i < bench->run->count; i++) {
		__u64 start = bench_now();

		for (__u32 k = 0; !fault && k < bench->run->chains;
		     k += bench->of.batch)
			fault = pair_batch(bench);
		bench->run->slices[i] = bench_now() - start;
	}
	if (fault)
		return fault;
	return bench_check(bench, bench->of.batch,
			   (bench->driver.added - 1) & (bench->pool - 1));
}
