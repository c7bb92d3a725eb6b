/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A connection to an NBD server, through libnbd, which is loaded when the
 * first is made: who needs none need not have it.
 *
 * Each function but nbd_link_close() may be called from any thread, one at a
 * time for a connection.
 */
#ifndef NBD_LINK_H
#define NBD_LINK_H

#include <linux/types.h>

struct nbd_link;

/**
 * struct nbd_shape - what an export is like
 * @bytes: its size
 * @read_only: whether writes are refused
 * @flushes: whether it has a cache that can be flushed
 * @zeroes: whether ranges can be made zero
 * @trims: whether ranges can be given back
 * @shared: whether several connections see each other's writes at once
 */
struct nbd_shape {
	__u64 bytes;
	_Bool read_only;
	_Bool flushes;
	_Bool zeroes;
	_Bool trims;
	_Bool shared;
};

/**
 * nbd_link_open() - connect to an export
 * @uri: as in nbd://HOST/EXPORT or nbd+unix:///EXPORT?socket=PATH
 * @shape: what the export is like
 * @link: the connection
 *
 * Return: 0; -ENOSYS if libnbd is not installed; what libnbd gives.
 */
int nbd_link_open(const char *uri, struct nbd_shape *shape,
		  struct nbd_link **link);

/**
 * nbd_link_close() - end a connection
 * @link: the connection, or NULL
 */
void nbd_link_close(struct nbd_link *link);

/**
 * nbd_link_alive() - whether the server is still there
 * @link: the connection
 *
 * Return: false if it is of no use any more.
 */
_Bool nbd_link_alive(struct nbd_link *link);

/**
 * nbd_link_read() - read
 * @link: the connection
 * @data: where to
 * @bytes: how much, up to 32 MiB
 * @offset: from where
 *
 * Return: 0, or what the server or libnbd gives.
 */
int nbd_link_read(struct nbd_link *link, void *data, __u64 bytes, __u64 offset);

/**
 * nbd_link_write() - write
 * @link: the connection
 * @data: what
 * @bytes: how much, up to 32 MiB
 * @offset: where to
 *
 * Return: 0, or what the server or libnbd gives.
 */
int nbd_link_write(struct nbd_link *link, const void *data, __u64 bytes,
		   __u64 offset);

/**
 * nbd_link_flush() - make safe what was written, over any connection
 * @link: the connection
 *
 * Return: 0, or what the server or libnbd gives.
 */
int nbd_link_flush(struct nbd_link *link);

/**
 * nbd_link_zero() - make a range zero
 * @link: the connection
 * @bytes: its size, up to 4 GiB - 1
 * @offset: its beginning
 * @trims: whether its space may be given back
 *
 * Return: 0, or what the server or libnbd gives.
 */
int nbd_link_zero(struct nbd_link *link, __u64 bytes, __u64 offset,
		  _Bool trims);

#endif
