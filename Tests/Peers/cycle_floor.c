// SPDX-License-Identifier: MIT
/*
 * What the kernel alone takes to load and unload a module: the bare system
 * calls, as often as told.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return difference < 0 ? -1 : difference > 0;
}

static int round_trip(const char *file, const char *name)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
		return -1;
	close(fd);
	return (int)syscall(SYS_delete_module, name, O_NONBLOCK);
}

int main(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[2]) : 0;
	char *base = argc == 3 ? strrchr(argv[1], '/') : NULL;
	double *times;
	char name[64];

	if (count < 1 || !base) {
		fputs("usage: cycle_floor DIRECTORY/MODULE.ko COUNT\n", stderr);
		return 2;
	}
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(base + 1, "."),
		 base + 1);
	times = calloc((size_t)count, sizeof(*times));
	for (int i = 0; times && i < count; i++) {
		double start = milliseconds();

		if (round_trip(argv[1], name) < 0) {
			fprintf(stderr, "cycle_floor: %s: %s\n", name,
				strerror(errno));
			return 1;
		}
		times[i] = milliseconds() - start;
	}
	if (!times)
		return 1;
	qsort(times, (size_t)count, sizeof(*times), compare);
	printf("%s, bare system calls: least %.2f ms, median %.2f, most %.2f\n",
	       name, times[0], times[count / 2], times[count - 1]);
	free(times);
	return 0;
}
