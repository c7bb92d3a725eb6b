// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "peer_event.h"

/* Ignored by who has no handler for it, and sent by nobody unasked. */
#define EVENT_INTERRUPT SIGURG
/* How long a write may wait, in nanoseconds. */
#define EVENT_PATIENCE 1000000

static void event_interrupted(int number)
{
	(void)number;
}

static void event_install(void)
{
	/* Without SA_RESTART: who waits is to give up. */
	struct sigaction action = {.sa_handler = event_interrupted};

	(void)sigaction(EVENT_INTERRUPT, &action, NULL);
}

static void event_prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, event_install);
}

void peer_event_interruptible(void)
{
	sigset_t interrupt;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, EVENT_INTERRUPT);
	(void)pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL);
}

int peer_event_drain(int event, __u64 *count)
{
	struct iovec room = {.iov_base = count, .iov_len = sizeof(*count)};

	return preadv2(event, &room, 1, -1, RWF_NOWAIT) < 0 ? -errno : 0;
}

void peer_event_signal(int event)
{
	struct itimerspec again = {.it_interval.tv_nsec = EVENT_PATIENCE,
				   .it_value.tv_nsec = EVENT_PATIENCE};
	struct sigevent interrupt = {.sigev_notify = SIGEV_THREAD_ID,
				     .sigev_signo = EVENT_INTERRUPT};
	struct pollfd room = {.fd = event, .events = POLLOUT};
	timer_t timer;

	if (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT))
		return;
	event_prepare();
	peer_event_interruptible();
	/* It may be filled meanwhile; writes know no RWF_NOWAIT. */
	interrupt._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &interrupt, &timer))
		return;
	if (!timer_settime(timer, 0, &again, NULL))
		(void)eventfd_write(event, 1);
	(void)timer_delete(timer);
}

void peer_event_interrupt(pthread_t thread)
{
	event_prepare();
	(void)pthread_kill(thread, EVENT_INTERRUPT);
}
