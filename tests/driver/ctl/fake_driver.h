/*
 * A driver's door without a driver behind it, for tests of its clients: it
 * listens, checks Hello as told, and hands every request to the test's own
 * function, which answers with fake_reply().
 *
 * Its thread calls `answer`; the test reads what that wrote after fake_stop(),
 * or through the atomics.
 */
#ifndef TR_TESTS_DRIVER_CTL_FAKE_DRIVER_H
#define TR_TESTS_DRIVER_CTL_FAKE_DRIVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/net/net.h"
#include "common/wire/kinds.h"
#include "common/wire/msg.h"
#include "tests/driver/ctl/scratch.h"

struct fake;

/* One request, unpacked. */
struct fake_request {
	struct tr_conn_id conn;
	enum tr_kind kind;
	uint64_t id;
	const void *msg;
	struct tr_slice payload;
};

typedef void fake_answer_fn(struct fake *f, const struct fake_request *r);

struct fake {
	/* Set before fake_start. */
	const char *submitter_token; /* NULL: nobody's */
	const char *reader_token;
	const char *cluster_id; /* "" is "c1" */
	bool silent;            /* takes Hello and says nothing */
	fake_answer_fn *answer;
	void *arg;
	/* Since the first start. */
	atomic_uint hellos, requests;
	/* Its own. */
	struct scratch scratch;
	char url[TR_NET_URL_MAX];
	struct tr_mailbox *mailbox;
	struct tr_net *net;
	pthread_t thread;
	atomic_bool stopping;
	int wake;
};

/* Makes its folder and starts; again after fake_stop: at the same URL. */
void fake_start(struct fake *f);

/* All connections break. */
void fake_stop(struct fake *f);
void fake_remove(struct fake *f);

/* The envelope of `msg` gets the request's id and `job`. */
void fake_reply(struct fake *f, const struct fake_request *r, enum tr_kind kind,
	void *msg, uint64_t job, struct tr_slice payload);

/* Refuses with an Ack. */
void fake_refuse(struct fake *f, const struct fake_request *r, int code,
	const char *text);

/* Closes the request's connection. */
void fake_hang_up(struct fake *f, const struct fake_request *r);

#endif /* TR_TESTS_DRIVER_CTL_FAKE_DRIVER_H */
