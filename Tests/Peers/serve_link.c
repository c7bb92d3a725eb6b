// SPDX-License-Identifier: MIT
#include <errno.h>
#include <linux/vhost_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve_link.h"

enum link_request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	SET_VRING_ENABLE = 18,
};

#define PROTOCOL_FEATURES (1ULL << 30)
#define PROTOCOL_MQ	  1ULL

struct link_message {
	__u32 request;
	__u32 flags;
	__u32 bytes;
	union {
		__u64 number;
		struct vhost_vring_state state;
		struct vhost_vring_addr address;
		struct {
			__u32 count;
			__u32 padding;
			__u64 guest, bytes, user, offset;
		} memory;
	};
} __attribute__((packed));

#define MESSAGE_HEADER 12

void link_must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "serve: %s (%s)\n", what, strerror(errno));
	exit(1);
}

static void link_send(const struct link *link, struct link_message *message,
		      int fd)
{
	struct iovec bytes = {message, MESSAGE_HEADER + message->bytes};
	char space[CMSG_SPACE(sizeof(fd))] = {0};
	struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};

	message->flags = 1;
	if (fd >= 0) {
		header.msg_control = space;
		header.msg_controllen = sizeof(space);
		*CMSG_FIRSTHDR(&header) = (struct cmsghdr){
			CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), &fd, sizeof(fd));
	}
	link_must(sendmsg(link->socket, &header, MSG_NOSIGNAL) ==
			  (ssize_t)bytes.iov_len,
		  "the back-end takes no message");
}

static void link_tell(const struct link *link, enum link_request request,
		      __u64 number, int fd)
{
	struct link_message message = {
		.request = request, .bytes = 8, .number = number};

	link_send(link, &message, fd);
}

static void link_state(const struct link *link, enum link_request request,
		       unsigned int ring, unsigned int value)
{
	link_tell(link, request, (__u64)value << 32 | ring, -1);
}

static __u64 link_answer(const struct link *link)
{
	struct link_message message;

	link_must(recv(link->socket, &message, MESSAGE_HEADER, MSG_WAITALL) ==
				  MESSAGE_HEADER &&
			  message.bytes == sizeof(message.number),
		  "the back-end gives no answer");
	link_must(recv(link->socket, &message.number, message.bytes,
		       MSG_WAITALL) == (ssize_t)message.bytes,
		  "the back-end gives half an answer");
	return message.number;
}

static __u64 link_ask(const struct link *link, enum link_request request)
{
	struct link_message message = {.request = request};

	link_send(link, &message, -1);
	return link_answer(link);
}

static void link_share(struct link *link, __u64 bytes)
{
	struct link_message message = {
		.request = SET_MEM_TABLE,
		.bytes = sizeof(message.memory),
		.memory = {.count = 1, .guest = LINK_GUEST, .bytes = bytes},
	};
	int file = memfd_create("guest", MFD_CLOEXEC);

	link_must(file >= 0 && !ftruncate(file, (off_t)bytes), "no memory");
	link->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, file, 0);
	link_must(link->memory != MAP_FAILED, "no memory");
	link->bytes = bytes;
	message.memory.user = (unsigned long)link->memory;
	link_send(link, &message, file);
	close(file);
}

void link_open(struct link *link, const char *path, __u64 bytes)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	__u64 offered;

	memset(link, 0, sizeof(*link));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	link->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	link_must(!connect(link->socket, (struct sockaddr *)&address,
			   sizeof(address)),
		  path);
	offered = link_ask(link, GET_FEATURES);
	link_must(!(~offered & (LINK_FEATURES | PROTOCOL_FEATURES)),
		  "the back-end lacks features");
	link_must(link_ask(link, GET_PROTOCOL_FEATURES) & PROTOCOL_MQ,
		  "the back-end has one queue only");
	link_tell(link, SET_PROTOCOL_FEATURES, PROTOCOL_MQ, -1);
	link_send(link, &(struct link_message){.request = SET_OWNER}, -1);
	link_tell(link, SET_FEATURES, LINK_FEATURES | PROTOCOL_FEATURES, -1);
	link_share(link, bytes);
}

void *link_take(struct link *link, __u64 bytes)
{
	char *at = link->memory + link->free;

	link->free += (bytes + 63) & ~63ULL;
	link_must(link->free <= link->bytes, "too little memory");
	return at;
}

__u64 link_guest(const struct link *link, const void *at)
{
	return LINK_GUEST + (__u64)((const char *)at - link->memory);
}

static void link_hand(struct link *link, unsigned int ring,
		      const struct vq_rings *rings)
{
	struct link_message message = {
		.request = SET_VRING_ADDR,
		.bytes = sizeof(message.address),
		.address =
			{
				.index = ring,
				.desc_user_addr = (unsigned long)rings->desc,
				.used_user_addr = (unsigned long)rings->used,
				.avail_user_addr = (unsigned long)rings->avail,
			},
	};

	link_state(link, SET_VRING_NUM, ring, rings->num);
	link_state(link, SET_VRING_BASE, ring, 0);
	link_send(link, &message, -1);
	link_tell(link, SET_VRING_CALL, ring, link->call);
	link_tell(link, SET_VRING_KICK, ring, link->kick);
	link_state(link, SET_VRING_ENABLE, ring, 1);
}

void link_start(struct link *link, unsigned int queue)
{
	struct vq_rings rings;

	link->queue = queue;
	link->kick = eventfd(0, EFD_CLOEXEC);
	link->call = eventfd(0, EFD_CLOEXEC);
	link_must(link->kick >= 0 && link->call >= 0, "no eventfd");
	for (unsigned int ring = 0; ring <= queue; ring++) {
		char *at = link_take(link, vq_rings_size(LINK_RING));

		link_must(!vq_rings_place(at, LINK_RING, &rings) &&
				  !vq_driver_init(&link->driver, &rings,
						  link->slots, LINK_FEATURES),
			  "no rings");
		if (ring == queue)
			link_hand(link, ring, &rings);
	}
	/* All of it is done when this is answered. */
	(void)link_ask(link, GET_FEATURES);
}

void link_close(struct link *link)
{
	link_state(link, GET_VRING_BASE, link->queue, 0);
	(void)link_answer(link);
	close(link->socket);
	close(link->kick);
	close(link->call);
	munmap(link->memory, link->bytes);
}
