/*
 * For tests of connections: ends of them, each a net with its own mailbox, all
 * driven by the test's one thread; and plain sockets as ill-behaved peers.
 */
#ifndef TR_TESTS_COMMON_NET_ENDS_H
#define TR_TESTS_COMMON_NET_ENDS_H

#include "common/net/net.h"

struct end {
	struct tr_mailbox *mb;
	struct tr_net *net;
	struct tr_mail *waiting; /* taken out, not yet looked at */
};

void end_open(struct end *e, const struct tr_net_opts *opts);

/* Stops the net, frees what is left in the mailbox. */
void end_close(struct end *e);

/* The next event within 10 s, or the test fails. Free with end_free_event. */
struct tr_net_event *end_next(struct end *e);

/* The same, and it must be of that kind. */
struct tr_net_event *end_expect(struct end *e, enum tr_net_event_kind kind);

/* The same, and frees it; returns its connection. */
struct tr_conn_id end_skip(struct end *e, enum tr_net_event_kind kind);

/* Expects a DOWN or DIAL_FAILED with that code; its text must contain `part`.
 */
void end_expect_end(
	struct end *e, enum tr_net_event_kind kind, int code, const char *part);

/* True when no event is there now. */
bool end_is_quiet(struct end *e);

void end_free_event(struct tr_net_event *ev);

/* Connects two ends; both sides are up and authenticated. */
struct link {
	struct end server;
	struct end client;
	char url[TR_NET_URL_MAX];
	struct tr_conn_id at_server;
	struct tr_conn_id at_client;
};

void link_open(struct link *l, const struct tr_net_opts *server_opts,
	const struct tr_net_endpoint *at);
void link_close(struct link *l);

/* Sends text as payload. */
int end_send_text(struct end *e, struct tr_conn_id c, const char *text);

/* Expects a frame with that payload. */
void end_expect_text(struct end *e, const char *text);

/* A blocking socket connected to a tcp://127.0.0.1:PORT URL. */
int raw_connect(const char *url);

/* True once the other side has closed: waits up to 10 s. */
bool raw_is_closed(int fd);

/* Waits up to 10 s until a counter of the net has that value. */
#define END_WAIT_COUNTER(end, field, value)                                    \
	do {                                                                   \
		struct tr_net_counters counters_;                              \
		for (int turn_ = 0; turn_ < 10000; turn_++) {                  \
			tr_net_counters((end)->net, &counters_);               \
			if (counters_.field == (value))                        \
				break;                                         \
			end_breathe();                                         \
		}                                                              \
		assert_int_equal(counters_.field, (value));                    \
	} while (0)

/* A millisecond for the other threads, between two looks at a condition. */
void end_breathe(void);

#endif /* TR_TESTS_COMMON_NET_ENDS_H */
