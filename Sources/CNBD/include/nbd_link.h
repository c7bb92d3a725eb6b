/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A connection to an NBD server, through libnbd, which is loaded when the
 * first is made: who needs none need not have it.
 *
 * Any number of requests may be under way on it at a time. A thread of its own
 * takes the answers, and makes the connection anew where it is lost: until
 * then, requests fail with -ENOTCONN. Writes that were answered and not made
 * safe by a flush may be lost with a connection; from then on, flushes and
 * stable writes fail with -EIO, however often they are tried.
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
 * @stable: whether single writes can be made stable (FUA)
 * @zeroes: whether ranges can be made zero
 * @trims: whether ranges can be given back
 */
struct nbd_shape {
	__u64 bytes;
	_Bool read_only;
	_Bool flushes;
	_Bool stable;
	_Bool zeroes;
	_Bool trims;
};

/**
 * nbd_link_open() - connect to an export
 * @uri: as in nbd://HOST/EXPORT or nbd+unix:///EXPORT?socket=PATH
 * @shape: what the export is like
 * @link: the connection
 *
 * A server that says nothing for 5 seconds is given up.
 *
 * Return: 0; -ENOSYS if libnbd is not installed; -ETIMEDOUT; what libnbd gives.
 */
int nbd_link_open(const char *uri, struct nbd_shape *shape,
		  struct nbd_link **link);

/**
 * nbd_link_abandon() - fail what is under way, and what still comes
 * @link: the connection; any thread may do this
 */
void nbd_link_abandon(struct nbd_link *link);

/**
 * nbd_link_abandon_silent() - the same, if the server may never answer
 * @link: the connection; any thread may do this
 *
 * It may not have answered anything for 5 seconds, with requests under way. It
 * is not looked for again: it may still carry them out, behind later ones.
 *
 * Return: whether it was abandoned by this.
 */
_Bool nbd_link_abandon_silent(struct nbd_link *link);

/**
 * nbd_link_close() - end a connection that has no request under way
 * @link: the connection
 */
void nbd_link_close(struct nbd_link *link);

/**
 * enum nbd_operation - what a request is for
 * @NBD_READ: read
 * @NBD_WRITE: write
 * @NBD_FLUSH: make safe what was written and answered
 * @NBD_ZERO: make a range zero
 */
enum nbd_operation {
	NBD_READ,
	NBD_WRITE,
	NBD_FLUSH,
	NBD_ZERO,
};

/**
 * struct nbd_request - a request
 * @operation: what it is for
 * @data: where to read to, or what to write
 * @bytes: how much, up to 32 MiB; of NBD_ZERO up to 4 GiB - 1
 * @offset: where
 * @stable: whether what it writes is to be safe when it is answered; the
 *	export's shape says whether it can be
 * @trims: whether the space of what becomes zero may be given back
 * @done: called with 0, -ENOTCONN, or what the server gives; on any thread, at
 *	times before nbd_link_start() returns. It must not use the link
 * @link: for the link
 * @mark: for the link
 */
struct nbd_request {
	enum nbd_operation operation;
	void *data;
	__u64 bytes;
	__u64 offset;
	_Bool stable;
	_Bool trims;
	void (*done)(struct nbd_request *request, int result);
	struct nbd_link *link;
	__u64 mark;
};

/**
 * nbd_link_start() - send a request
 * @link: the connection; any thread may do this
 * @request: the request; stays where it is, as its data does, until @done
 */
void nbd_link_start(struct nbd_link *link, struct nbd_request *request);

/**
 * nbd_link_run() - send a request and wait for its answer
 * @link: the connection; any thread may do this
 * @request: the request, without @done
 *
 * Return: what @done would be given.
 */
int nbd_link_run(struct nbd_link *link, struct nbd_request *request);

#endif
