/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Descriptors that go over a UNIX socket: Swift cannot call the CMSG_ macros.
 */
#ifndef RINGSIDE_CLINUX_UNIX_H
#define RINGSIDE_CLINUX_UNIX_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The most descriptors that a vhost-user message carries. */
#define RINGSIDE_RIGHTS_MAX 32

/*
 * Receives up to count bytes; descriptors that came with them are stored in
 * rights, room for RINGSIDE_RIGHTS_MAX, and counted in found. Returns the
 * number of bytes, 0 at the end, or -1 with errno; EMSGSIZE if there were more
 * descriptors than that.
 */
static inline long ringside_receive(int socket, void *bytes,
				    unsigned long count, int *rights,
				    int *found)
{
	union {
		char bytes[CMSG_SPACE(RINGSIDE_RIGHTS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = {bytes, count};
	struct msghdr message = {0};
	struct cmsghdr *header;
	long result;

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	*found = 0;
	result = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (result < 0)
		return result;
	for (header = CMSG_FIRSTHDR(&message); header;
	     header = CMSG_NXTHDR(&message, header)) {
		unsigned long size = header->cmsg_len - CMSG_LEN(0);

		if (header->cmsg_level != SOL_SOCKET ||
		    header->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(rights + *found, CMSG_DATA(header), size);
		*found += (int)(size / sizeof(int));
	}
	if (!(message.msg_flags & MSG_CTRUNC))
		return result;
	while (*found)
		close(rights[--*found]);
	errno = EMSGSIZE;
	return -1;
}

/* Sends count bytes, and with them descriptors; returns as sendmsg() does. */
static inline long ringside_send(int socket, const void *bytes,
				 unsigned long count, const int *rights,
				 int number)
{
	union {
		char bytes[CMSG_SPACE(RINGSIDE_RIGHTS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = {(void *)bytes, count};
	struct msghdr message = {0};
	struct cmsghdr *header;

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	if (number > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen =
			CMSG_SPACE((unsigned long)number * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len =
			CMSG_LEN((unsigned long)number * sizeof(int));
		memcpy(CMSG_DATA(header), rights,
		       (unsigned long)number * sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* Fills in a name; returns 0, or -1 with ENAMETOOLONG. */
static inline int ringside_unix_name(struct sockaddr_un *address,
				     const char *path)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address->sun_path, path);
	return 0;
}

#endif
