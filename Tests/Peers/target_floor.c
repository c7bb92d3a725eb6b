// SPDX-License-Identifier: MIT
/*
 * The least that provisioning can cost: the system calls that the kernel asks
 *for, and nothing else.
 *
 *	target_floor create|delete TARGETS [WORKERS]
 *
 * makes what `ringside target apply` makes of targets with a portal group, a
 * nexus and two ramdisks of 64 KiB: the same directories, attributes and links.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BASE "/sys/kernel/config/target/"

static char path[512];

static void check(int result, const char *what)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s %s: %s\n", what, path, strerror(errno));
	exit(1);
}

#define PATH(...) ((void)snprintf(path, sizeof(path), BASE __VA_ARGS__), path)

static void put(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	check(fd, "open");
	check((int)write(fd, value, strlen(value)), "write");
	close(fd);
}

static void make_backstore(int target, int lun)
{
	char serial[64];
	int n = 2 * (target - 1) + lun;

	snprintf(serial, sizeof(serial), "6001405-0000-0000-%012d", n);
	check(mkdir(PATH("core/rd_mcp_%d", n), 0755), "mkdir");
	check(mkdir(PATH("core/rd_mcp_%d/r%d", n, n), 0755), "mkdir");
	put(PATH("core/rd_mcp_%d/r%d/control", n, n), "rd_pages=16");
	put(PATH("core/rd_mcp_%d/r%d/enable", n, n), "1");
	put(PATH("core/rd_mcp_%d/r%d/wwn/vpd_unit_serial", n, n), serial);
}

static void make_target(int target)
{
	char source[512], nexus[64];

	for (int lun = 0; lun < 2; lun++)
		make_backstore(target, lun);
	check(mkdir(PATH("vhost/naa.5001405%09x", target), 0755), "mkdir");
	check(mkdir(PATH("vhost/naa.5001405%09x/tpgt_1", target), 0755),
	      "mkdir");
	snprintf(nexus, sizeof(nexus), "naa.5001406%09x", target);
	put(PATH("vhost/naa.5001405%09x/tpgt_1/nexus", target), nexus);
	for (int lun = 0; lun < 2; lun++) {
		int n = 2 * (target - 1) + lun;

		check(mkdir(PATH("vhost/naa.5001405%09x/tpgt_1/lun/lun_%d",
				 target, lun),
			    0755),
		      "mkdir");
		snprintf(source, sizeof(source), BASE "core/rd_mcp_%d/r%d", n,
			 n);
		check(symlink(source,
			      PATH("vhost/naa.5001405%09x/tpgt_1/lun/lun_%d/l",
				   target, lun)),
		      "symlink");
	}
}

static void delete_target(int target)
{
	for (int lun = 0; lun < 2; lun++) {
		check(unlink(PATH("vhost/naa.5001405%09x/tpgt_1/lun/lun_%d/l",
				  target, lun)),
		      "unlink");
		check(rmdir(PATH("vhost/naa.5001405%09x/tpgt_1/lun/lun_%d",
				 target, lun)),
		      "rmdir");
	}
	check(rmdir(PATH("vhost/naa.5001405%09x/tpgt_1", target)), "rmdir");
	check(rmdir(PATH("vhost/naa.5001405%09x", target)), "rmdir");
	for (int lun = 0; lun < 2; lun++) {
		int n = 2 * (target - 1) + lun;

		check(rmdir(PATH("core/rd_mcp_%d/r%d", n, n)), "rmdir");
		check(rmdir(PATH("core/rd_mcp_%d", n)), "rmdir");
	}
}

int main(int argc, char **argv)
{
	int targets = argc > 2 ? atoi(argv[2]) : 0, status = 0;
	int workers = argc > 3 ? atoi(argv[3]) : 1;
	int creates = argc > 1 && !strcmp(argv[1], "create");
	struct timespec start, end;

	if (targets < 1 || workers < 1) {
		fprintf(stderr, "usage: target_floor create|delete TARGETS "
				"[WORKERS]\n");
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (creates)
		check(mkdir(PATH("vhost"), 0755), "mkdir");
	for (int worker = 0; worker < workers; worker++) {
		if (fork())
			continue;
		for (int i = worker; i < targets; i += workers) {
			if (creates)
				make_target(i + 1);
			else
				delete_target(i + 1);
		}
		return 0;
	}
	for (int worker = 0, one; worker < workers; worker++) {
		check(wait(&one), "wait");
		status |= one;
	}
	if (!creates)
		check(rmdir(PATH("vhost")), "rmdir");
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.3f\n", (double)(end.tv_sec - start.tv_sec) +
				 (double)(end.tv_nsec - start.tv_nsec) / 1e9);
	return status ? 1 : 0;
}
