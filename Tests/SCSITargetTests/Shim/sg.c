/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program that speaks to SCSI devices through SG_IO: paths
 * that begin with /dev/sg-ringside are not opened but connected to the socket
 * that RINGSIDE_SG_SOCKET names, and commands go there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <scsi/sg.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define PREFIX "/dev/sg-ringside"

struct request {
	uint8_t nexus[4];
	uint8_t cdb[32];
	uint32_t out_bytes;
	uint32_t in_room;
};

struct answer {
	uint8_t status;
	uint8_t sense_bytes;
	uint8_t sense[30];
	uint32_t in_bytes;
	uint32_t out_bytes;
};

/* The number of the device that each descriptor is, plus one. */
static unsigned char devices[1024];

static int transfer(int fd, void *bytes, size_t count, int is_write)
{
	char *at = bytes;

	while (count) {
		ssize_t done =
			is_write ? write(fd, at, count) : read(fd, at, count);

		if (done <= 0)
			return -1;
		at += done;
		count -= done;
	}
	return 0;
}

/* The data of a command, which may be scattered. */
static int transfer_data(int fd, const sg_io_hdr_t *io, size_t count,
			 int is_write)
{
	const sg_iovec_t *pieces = io->dxferp;

	if (!io->iovec_count)
		return transfer(fd, io->dxferp, count, is_write);
	for (int i = 0; i < io->iovec_count && count; i++) {
		size_t size =
			pieces[i].iov_len < count ? pieces[i].iov_len : count;

		if (transfer(fd, pieces[i].iov_base, size, is_write))
			return -1;
		count -= size;
	}
	return count ? -1 : 0;
}

static int connect_device(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, getenv("RINGSIDE_SG_SOCKET"),
		sizeof(address.sun_path) - 1);
	if (fd < 0 || fd >= (int)sizeof(devices) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	devices[fd] = 1 + atoi(path + strlen(PREFIX));
	return fd;
}

static int execute(int fd, sg_io_hdr_t *io)
{
	struct request request = {.nexus = {devices[fd] - 1}};
	struct answer answer;

	memcpy(request.cdb, io->cmdp, io->cmd_len < 32 ? io->cmd_len : 32);
	if (io->dxfer_direction == SG_DXFER_TO_DEV)
		request.out_bytes = io->dxfer_len;
	else if (io->dxfer_direction != SG_DXFER_NONE)
		request.in_room = io->dxfer_len;
	if (transfer(fd, &request, sizeof(request), 1) ||
	    transfer_data(fd, io, request.out_bytes, 1) ||
	    transfer(fd, &answer, sizeof(answer), 0) ||
	    transfer_data(fd, io, answer.in_bytes, 0)) {
		errno = EIO;
		return -1;
	}
	io->status = answer.status;
	io->masked_status = answer.status >> 1 & 0x1f;
	io->msg_status = 0;
	io->host_status = 0;
	io->driver_status = answer.sense_bytes ? 8 : 0;
	io->sb_len_wr = answer.sense_bytes < io->mx_sb_len ? answer.sense_bytes
							   : io->mx_sb_len;
	memcpy(io->sbp, answer.sense, io->sb_len_wr);
	io->resid =
		io->dxfer_direction == SG_DXFER_NONE
			? 0
			: io->dxfer_len - answer.in_bytes - answer.out_bytes;
	io->duration = 0;
	io->info = answer.status ? SG_INFO_CHECK : 0;
	return 0;
}

#define OPEN(name)                                                             \
	int name(const char *path, int flags, ...)                             \
	{                                                                      \
		int (*next)(const char *, int, ...);                           \
		va_list list;                                                  \
		int mode;                                                      \
                                                                               \
		if (!strncmp(path, PREFIX, strlen(PREFIX)))                    \
			return connect_device(path);                           \
		va_start(list, flags);                                         \
		mode = va_arg(list, int);                                      \
		va_end(list);                                                  \
		next = dlsym(RTLD_NEXT, #name);                                \
		return next(path, flags, mode);                                \
	}

OPEN(open)
OPEN(open64)
OPEN(__open_2)
OPEN(__open64_2)

/* A character device of sg's major number. */
static int stat_device(const char *path, struct stat *status)
{
	memset(status, 0, sizeof(*status));
	status->st_mode = S_IFCHR | 0600;
	status->st_rdev = makedev(21, atoi(path + strlen(PREFIX)));
	return 0;
}

int stat(const char *restrict path, struct stat *restrict status)
{
	int (*next)(const char *, struct stat *);

	if (!strncmp(path, PREFIX, strlen(PREFIX)))
		return stat_device(path, status);
	next = dlsym(RTLD_NEXT, "stat");
	return next(path, status);
}

int close(int fd)
{
	int (*next)(int) = dlsym(RTLD_NEXT, "close");

	if (fd >= 0 && fd < (int)sizeof(devices))
		devices[fd] = 0;
	return next(fd);
}

int ioctl(int fd, unsigned long command, ...)
{
	int (*next)(int, unsigned long, void *) = dlsym(RTLD_NEXT, "ioctl");
	va_list list;
	void *argument;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	if (fd < 0 || fd >= (int)sizeof(devices) || !devices[fd])
		return next(fd, command, argument);
	switch (command) {
	case SG_GET_VERSION_NUM:
		*(int *)argument = 30536;
		return 0;
	case SG_IO:
		if (((sg_io_hdr_t *)argument)->interface_id == 'S')
			return execute(fd, argument);
		errno = EINVAL;
		return -1;
	case SG_SET_TIMEOUT:
		return 0;
	default:
		errno = ENOTTY;
		return -1;
	}
}
