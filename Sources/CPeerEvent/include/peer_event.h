/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Eventfds that another process has, too. Whether they block is a flag of the
 * open file, which is the other one's to change at any time: nothing here
 * waits, whatever it says and however full the counter is.
 */
#ifndef PEER_EVENT_H
#define PEER_EVENT_H

#include <linux/types.h>
#include <pthread.h>

/**
 * peer_event_drain() - take the counter
 * @event: the eventfd
 * @count: what it was at, above 0
 *
 * Return: 0; -EAGAIN if it is at 0.
 */
int peer_event_drain(int event, __u64 *count);

/**
 * peer_event_signal() - add 1 to the counter
 * @event: the eventfd; one that is full wakes who waits for it all the same
 *
 * It takes some system calls more than eventfd_write().
 */
void peer_event_signal(int event);

/**
 * peer_event_interruptible() - let this thread be interrupted
 *
 * Who started it may have blocked all signals.
 */
void peer_event_interruptible(void);

/**
 * peer_event_interrupt() - end another thread's eventfd_write() that waits
 * @thread: a thread that nobody has joined, and that is interruptible
 *
 * The write fails with EINTR, as whatever else the thread waits in does.
 */
void peer_event_interrupt(pthread_t thread);

#endif
