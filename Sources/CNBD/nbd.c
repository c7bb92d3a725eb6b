// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <dlfcn.h>
#include <errno.h>
#include <libnbd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "nbd_link.h"

/* What is used of libnbd; each becomes a pointer of the function's type. */
#define NBD_FUNCTIONS(each)                                                    \
	each(create) each(close) each(get_errno) each(connect_uri)             \
		each(set_uri_allow_local_file) each(get_size)                  \
			each(is_read_only) each(can_flush) each(can_zero)      \
				each(can_trim) each(can_multi_conn)            \
					each(aio_is_dead) each(aio_is_closed)  \
						each(pread) each(pwrite)       \
							each(flush) each(zero)

#define NBD_POINTER(name) __typeof__(&nbd_##name) name;
#define NBD_LOAD(entry)                                                        \
	*(void **)&nbd.entry = dlsym(library, "nbd_" #entry);                  \
	if (!nbd.entry)                                                        \
		return;

static struct {
	NBD_FUNCTIONS(NBD_POINTER)
	bool loaded;
} nbd;

static void nbd_load(void)
{
	void *library = dlopen("libnbd.so.0", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return;
	NBD_FUNCTIONS(NBD_LOAD)
	nbd.loaded = true;
}

/* A connection is libnbd's own handle, under a name of ours. */
static struct nbd_handle *nbd_handle(struct nbd_link *link)
{
	return (struct nbd_handle *)link;
}

/* Errors without a number of their own are those of the connection. */
static int nbd_result(int result)
{
	int error;

	if (result >= 0)
		return 0;
	error = nbd.get_errno();
	return error > 0 ? -error : -EIO;
}

static int nbd_look(struct nbd_handle *handle, struct nbd_shape *shape)
{
	int64_t bytes = nbd.get_size(handle);

	if (bytes < 0)
		return nbd_result(-1);
	shape->bytes = (__u64)bytes;
	shape->read_only = nbd.is_read_only(handle) > 0;
	shape->flushes = nbd.can_flush(handle) > 0;
	shape->zeroes = nbd.can_zero(handle) > 0;
	shape->trims = nbd.can_trim(handle) > 0;
	shape->shared = nbd.can_multi_conn(handle) > 0;
	return 0;
}

int nbd_link_open(const char *uri, struct nbd_shape *shape,
		  struct nbd_link **link)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct nbd_handle *handle;
	int error;

	pthread_once(&once, nbd_load);
	if (!nbd.loaded)
		return -ENOSYS;
	handle = nbd.create();
	if (!handle)
		return nbd_result(-1);
	/* A file with a password is named by whoever starts the server. */
	error = nbd_result(nbd.set_uri_allow_local_file(handle, true));
	if (!error)
		error = nbd_result(nbd.connect_uri(handle, uri));
	if (!error)
		error = nbd_look(handle, shape);
	if (error) {
		nbd.close(handle);
		return error;
	}
	*link = (struct nbd_link *)handle;
	return 0;
}

void nbd_link_close(struct nbd_link *link)
{
	if (link)
		nbd.close(nbd_handle(link));
}

_Bool nbd_link_alive(struct nbd_link *link)
{
	return nbd.aio_is_dead(nbd_handle(link)) <= 0 &&
	       nbd.aio_is_closed(nbd_handle(link)) <= 0;
}

int nbd_link_read(struct nbd_link *link, void *data, __u64 bytes, __u64 offset)
{
	return nbd_result(nbd.pread(nbd_handle(link), data, bytes, offset, 0));
}

int nbd_link_write(struct nbd_link *link, const void *data, __u64 bytes,
		   __u64 offset)
{
	return nbd_result(nbd.pwrite(nbd_handle(link), data, bytes, offset, 0));
}

int nbd_link_flush(struct nbd_link *link)
{
	return nbd_result(nbd.flush(nbd_handle(link), 0));
}

int nbd_link_zero(struct nbd_link *link, __u64 bytes, __u64 offset, _Bool trims)
{
	return nbd_result(nbd.zero(nbd_handle(link), bytes, offset,
				   trims ? 0 : LIBNBD_CMD_FLAG_NO_HOLE));
}
