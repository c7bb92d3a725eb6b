// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <dlfcn.h>
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
