// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "library.h"
#include "nbd_link.h"

/* How long to wait before the server is looked for again, in milliseconds. */
#define RETRY_PERIOD 100
/* How long a server may say nothing while it is connected to. */
#define CONNECT_PERIOD 5000
/* How long one may say nothing to whom others wait for, in nanoseconds. */
#define SILENCE 5000000000u

/**
 * struct nbd_link - a connection
 * @nbd: the library
 * @lock: held while anything of the link is used
 * @handle: libnbd's, NULL while there is no server
 * @usable: whether the handle takes requests
 * @uri: where the server is
 * @shape: what the export was like at first
 * @thread: takes answers
 * @wake: eventfd that makes the thread look at the link anew
 * @ends: whether the thread is to end
 * @abandoned: whether the server is not looked for again
 * @asked: how many requests the server has not answered
 * @heard: when it last answered one, or was asked for the first of them
 * @written: writes that were answered and are not safe by themselves
 * @flushed: how many of them flushes have made safe
 * @lost: whether some of them may be gone
 */
struct nbd_link {
	const struct nbd_library *nbd;
	pthread_mutex_t lock;
	struct nbd_handle *handle;
	bool usable;
	char *uri;
	struct nbd_shape shape;
	pthread_t thread;
	int wake;
	bool ends;
	bool abandoned;
	__u32 asked;
	__u64 heard;
	__u64 written;
	__u64 flushed;
	bool lost;
};

/* Makes a handle that begins to connect. */
static int link_connect(struct nbd_link *link)
{
	const struct nbd_library *nbd = link->nbd;
	struct nbd_handle *handle = nbd->create();
	int result;

	if (!handle)
		return nbd_library_error(nbd);
	/* A file with a password is named by whoever starts the server. */
	result = nbd->set_uri_allow_local_file(handle, true);
	if (!result)
		result = nbd->aio_connect_uri(handle, link->uri);
	if (result) {
		result = nbd_library_error(nbd);
		nbd->close(handle);
		return result;
	}
	link->handle = handle;
	return 0;
}

static __u64 link_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000000000u + (__u64)now.tv_nsec;
}

static void link_wake(const struct nbd_link *link)
{
	(void)eventfd_write(link->wake, 1);
}

/* A server that comes back must not be another one. */
static bool link_same(const struct nbd_link *link)
{
	struct nbd_shape shape = {0};

	return !nbd_library_look(link->nbd, link->handle, &shape) &&
	       shape.bytes >= link->shape.bytes &&
	       shape.read_only == link->shape.read_only &&
	       shape.flushes == link->shape.flushes &&
	       shape.stable >= link->shape.stable &&
	       shape.zeroes >= link->shape.zeroes &&
	       shape.trims >= link->shape.trims;
}

static void link_drop(struct nbd_link *link)
{
	link->usable = false;
	if (link->flushed != link->written)
		link->lost = true;
	/* Nothing is under way: it was answered when the connection died. */
	link->nbd->close(link->handle);
	link->handle = NULL;
}

static bool link_is_down(const struct nbd_link *link)
{
	return link->nbd->aio_is_dead(link->handle) > 0 ||
	       link->nbd->aio_is_closed(link->handle) > 0;
}

/* Follows what became of the connection. */
static void link_settle(struct nbd_link *link)
{
	if (!link_is_down(link)) {
		if (link->usable || link->nbd->aio_is_ready(link->handle) <= 0)
			return;
		link->usable = !link->abandoned && link_same(link);
		if (link->usable)
			return;
	}
	link_drop(link);
}

static int link_notify(struct nbd_link *link, short events)
{
	unsigned int wanted = link->nbd->aio_get_direction(link->handle);

	/* A lost connection is found out by reading. */
	if (wanted & LIBNBD_AIO_DIRECTION_READ &&
	    events & (POLLIN | POLLHUP | POLLERR))
		return link->nbd->aio_notify_read(link->handle);
	if (wanted & LIBNBD_AIO_DIRECTION_WRITE &&
	    events & (POLLOUT | POLLHUP | POLLERR))
		return link->nbd->aio_notify_write(link->handle);
	return 0;
}

static void link_expect(const struct nbd_link *link, struct pollfd *event)
{
	unsigned int wanted = link->nbd->aio_get_direction(link->handle);

	event->fd = link->nbd->aio_get_fd(link->handle);
	if (wanted & LIBNBD_AIO_DIRECTION_READ)
		event->events |= POLLIN;
	if (wanted & LIBNBD_AIO_DIRECTION_WRITE)
		event->events |= POLLOUT;
}

/* Sleeps until there is something to do; the lock is not held meanwhile. */
static void link_wait(struct nbd_link *link)
{
	struct pollfd events[] = {{link->wake, POLLIN, 0}, {-1, 0, 0}};
	int timeout = link->abandoned ? -1 : RETRY_PERIOD, ready;
	eventfd_t times;

	if (link->handle) {
		timeout = link->usable ? -1 : CONNECT_PERIOD;
		link_expect(link, &events[1]);
	}
	pthread_mutex_unlock(&link->lock);
	ready = poll(events, 2, timeout);
	if (ready > 0 && events[0].revents)
		(void)eventfd_read(link->wake, &times);
	pthread_mutex_lock(&link->lock);
	if (!ready && link->handle && !link->usable)
		link_drop(link);
	else if (link->handle && events[1].revents)
		(void)link_notify(link, events[1].revents);
}

static void *link_serve(void *opaque)
{
	struct nbd_link *link = opaque;

	(void)pthread_setname_np(pthread_self(), "nbd");
	pthread_mutex_lock(&link->lock);
	while (!link->ends) {
		link_wait(link);
		if (!link->handle && !link->ends && !link->abandoned) {
			/* May look up a name; nobody else has the handle. */
			pthread_mutex_unlock(&link->lock);
			(void)link_connect(link);
			pthread_mutex_lock(&link->lock);
		}
		if (link->handle)
			link_settle(link);
	}
	pthread_mutex_unlock(&link->lock);
	return NULL;
}

/* Signals are for the program's own threads. */
static int link_spawn(struct nbd_link *link)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&link->thread, NULL, link_serve, link);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

/* Waits until the connection stands. */
static int link_await(struct nbd_link *link)
{
	while (link->nbd->aio_is_ready(link->handle) <= 0) {
		struct pollfd event = {-1, 0, 0};
		int ready;

		link_expect(link, &event);
		ready = poll(&event, 1, CONNECT_PERIOD);
		if (!ready)
			return -ETIMEDOUT;
		if (ready > 0 && link_notify(link, event.revents))
			return nbd_library_error(link->nbd);
		if (link_is_down(link))
			return -ECONNRESET;
	}
	return 0;
}

static int link_begin(struct nbd_link *link, const char *uri)
{
	int error;

	link->uri = strdup(uri);
	link->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!link->uri || link->wake < 0)
		return -ENOMEM;
	error = link_connect(link);
	if (!error)
		error = link_await(link);
	if (!error)
		error = nbd_library_look(link->nbd, link->handle, &link->shape);
	if (error)
		return error;
	link->usable = true;
	return link_spawn(link);
}

static void link_free(struct nbd_link *link)
{
	if (link->handle)
		link->nbd->close(link->handle);
	(void)close(link->wake);
	pthread_mutex_destroy(&link->lock);
	free(link->uri);
	free(link);
}

int nbd_link_open(const char *uri, struct nbd_shape *shape,
		  struct nbd_link **link)
{
	struct nbd_link *made;
	int error;

	if (!nbd_library())
		return -ENOSYS;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->nbd = nbd_library();
	made->wake = -1;
	pthread_mutex_init(&made->lock, NULL);
	error = link_begin(made, uri);
	if (error) {
		link_free(made);
		return error;
	}
	*shape = made->shape;
	*link = made;
	return 0;
}

static void link_abandon(struct nbd_link *link)
{
	link->abandoned = true;
	/* The thread finds the connection dead, which answers everything. */
	if (link->handle)
		(void)shutdown(link->nbd->aio_get_fd(link->handle), SHUT_RDWR);
}

void nbd_link_abandon(struct nbd_link *link)
{
	pthread_mutex_lock(&link->lock);
	link_abandon(link);
	pthread_mutex_unlock(&link->lock);
}

bool nbd_link_abandon_silent(struct nbd_link *link)
{
	bool silent;

	pthread_mutex_lock(&link->lock);
	silent = link->asked && !link->abandoned &&
		 link_now() - link->heard > SILENCE;
	if (silent)
		link_abandon(link);
	pthread_mutex_unlock(&link->lock);
	return silent;
}

void nbd_link_close(struct nbd_link *link)
{
	pthread_mutex_lock(&link->lock);
	link->ends = true;
	pthread_mutex_unlock(&link->lock);
	link_wake(link);
	pthread_join(link->thread, NULL);
	link_free(link);
}

static bool link_makes_safe(const struct nbd_request *request)
{
	return request->operation == NBD_FLUSH || request->stable;
}

/* Keeps count of what is safe; the failure of a flush is told only once. */
static void link_note(struct nbd_link *link, const struct nbd_request *request,
		      int error)
{
	bool unsafe = link->flushed != link->written;

	if (error && request->operation == NBD_FLUSH)
		link->lost |= error != ENOTCONN || unsafe;
	else if (error)
		link->lost |= request->stable && error == EIO && unsafe;
	else if (request->operation == NBD_FLUSH &&
		 request->mark > link->flushed)
		link->flushed = request->mark;
	else if (request->operation > NBD_FLUSH ||
		 request->operation == NBD_WRITE)
		link->written += link->shape.flushes && !request->stable;
}

/* What a request comes to; the lock is held. */
static void link_answer(struct nbd_request *request, int error)
{
	/* A server that shuts down carries out nothing more. */
	if (error == ESHUTDOWN)
		error = ENOTCONN;
	link_note(request->link, request, error);
	/* Another one may have met the failure meanwhile. */
	if (request->link->lost && link_makes_safe(request) &&
	    (!error || error == ENOTCONN))
		error = EIO;
	request->done(request, -error);
}

static int link_done(void *opaque, int *error)
{
	struct nbd_request *request = opaque;

	request->link->asked--;
	request->link->heard = link_now();
	link_answer(request, *error);
	/* libnbd may forget it. */
	return 1;
}

static int64_t link_send(struct nbd_link *link, struct nbd_request *request)
{
	nbd_completion_callback done = {.callback = link_done,
					.user_data = request};
	__u32 flags = request->stable ? LIBNBD_CMD_FLAG_FUA : 0;

	switch (request->operation) {
	case NBD_READ:
		return link->nbd->aio_pread(link->handle, request->data,
					    request->bytes, request->offset,
					    done, 0);
	case NBD_WRITE:
		return link->nbd->aio_pwrite(link->handle, request->data,
					     request->bytes, request->offset,
					     done, flags);
	case NBD_FLUSH:
		return link->nbd->aio_flush(link->handle, done, 0);
	default:
		if (!request->trims)
			flags |= LIBNBD_CMD_FLAG_NO_HOLE;
		return link->nbd->aio_zero(link->handle, request->bytes,
					   request->offset, done, flags);
	}
}

static void link_ask(struct nbd_link *link, struct nbd_request *request)
{
	if (!link->asked++)
		link->heard = link_now();
	if (link_send(link, request) >= 0)
		return;
	link->asked--;
	link_answer(request, link_is_down(link)
				     ? ENOTCONN
				     : -nbd_library_error(link->nbd));
}

void nbd_link_start(struct nbd_link *link, struct nbd_request *request)
{
	pthread_mutex_lock(&link->lock);
	request->link = link;
	request->mark = link->written;
	if (link->lost && link_makes_safe(request))
		link_answer(request, EIO);
	else if (!link->usable)
		link_answer(request, ENOTCONN);
	else if (request->operation == NBD_FLUSH && !link->shape.flushes)
		link_answer(request, 0);
	else
		link_ask(link, request);
	/* The thread waits for answers alone, unless it is told. */
	if (link->usable && link->nbd->aio_get_direction(link->handle) !=
				    LIBNBD_AIO_DIRECTION_READ)
		link_wake(link);
	pthread_mutex_unlock(&link->lock);
}
