/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What is used of libnbd: each function of it becomes a pointer.
 */
#ifndef NBD_LIBRARY_H
#define NBD_LIBRARY_H

#include <libnbd.h>

#include "nbd_link.h"

/* clang-format off */
#define NBD_FUNCTIONS(each)                                                  \
	each(create) each(close) each(get_errno)                             \
	each(aio_connect_uri)                                                \
	each(set_uri_allow_local_file)                                       \
	each(get_size) each(is_read_only)                                    \
	each(can_flush) each(can_fua) each(can_zero) each(can_trim)          \
	each(aio_get_fd) each(aio_get_direction)                             \
	each(aio_notify_read) each(aio_notify_write)                         \
	each(aio_is_ready) each(aio_is_dead) each(aio_is_closed)             \
	each(aio_pread) each(aio_pwrite) each(aio_flush) each(aio_zero)
/* clang-format on */

#define NBD_POINTER(name) __typeof__(&nbd_##name) name;

struct nbd_library {
	NBD_FUNCTIONS(NBD_POINTER)
};

/* What went wrong last; errors without a number are those of the connection. */
int nbd_library_error(const struct nbd_library *nbd);

/* What the export is like that a handle is connected to. */
int nbd_library_look(const struct nbd_library *nbd, struct nbd_handle *handle,
		     struct nbd_shape *shape);

/* The library, or NULL where it is not installed. */
const struct nbd_library *nbd_library(void);

#endif
