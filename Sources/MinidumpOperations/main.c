// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Does one batch of an operation on minidump tables, to be counted by
 * valgrind, which does not get along with the threads of a Swift program.
 */
#include <minidump_bench.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	const struct minidump_bench *bench;
	__u64 nanoseconds;
	__u32 i;

	for (i = 0; argc == 3 && (bench = minidump_bench_at(i)); i++) {
		if (strcmp(bench->name, argv[1]) == 0)
			return bench->run((__u32)strtoul(argv[2], NULL, 10), 1,
					  &nanoseconds) != 0;
	}
	fprintf(stderr, "usage: %s OPERATION REGIONS\n", argv[0]);
	return 2;
}
