// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <pthread.h>
#include <stdbool.h>

#include "nbd_link.h"

/**
 * struct waiting - a request that somebody waits for
 * @request: the request
 * @lock: held while the rest is used
 * @done: signalled at its end
 * @ended: whether it came
 * @result: how
 */
struct waiting {
	struct nbd_request request;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool ended;
	int result;
};

static void waiting_done(struct nbd_request *request, int result)
{
	struct waiting *waiting = (struct waiting *)request;

	pthread_mutex_lock(&waiting->lock);
	waiting->result = result;
	waiting->ended = true;
	pthread_cond_signal(&waiting->done);
	pthread_mutex_unlock(&waiting->lock);
}

int nbd_link_run(struct nbd_link *link, struct nbd_request *request)
{
	struct waiting waiting = {.request = *request,
				  .lock = PTHREAD_MUTEX_INITIALIZER,
				  .done = PTHREAD_COND_INITIALIZER};

	waiting.request.done = waiting_done;
	nbd_link_start(link, &waiting.request);
	pthread_mutex_lock(&waiting.lock);
	while (!waiting.ended)
		pthread_cond_wait(&waiting.done, &waiting.lock);
	pthread_mutex_unlock(&waiting.lock);
	return waiting.result;
}
