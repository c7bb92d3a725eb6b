// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "library.h"

#define NBD_LOAD(name)                                                         \
	*(void **)&loaded.name = dlsym(library, "nbd_" #name);                 \
	if (!loaded.name)                                                      \
		return;

static struct nbd_library loaded;
static bool is_loaded;

static void nbd_load(void)
{
	void *library = dlopen("libnbd.so.0", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return;
	NBD_FUNCTIONS(NBD_LOAD)
	is_loaded = true;
}

const struct nbd_library *nbd_library(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, nbd_load);
	return is_loaded ? &loaded : NULL;
}

int nbd_library_error(const struct nbd_library *nbd)
{
	int error = nbd->get_errno();

	return error > 0 ? -error : -EIO;
}

int nbd_library_look(const struct nbd_library *nbd, struct nbd_handle *handle,
		     struct nbd_shape *shape)
{
	int64_t bytes = nbd->get_size(handle);

	if (bytes < 0)
		return nbd_library_error(nbd);
	shape->bytes = (__u64)bytes;
	shape->read_only = nbd->is_read_only(handle) > 0;
	shape->flushes = nbd->can_flush(handle) > 0;
	shape->stable = nbd->can_fua(handle) > 0;
	shape->zeroes = nbd->can_zero(handle) > 0;
	shape->trims = nbd->can_trim(handle) > 0;
	return 0;
}
