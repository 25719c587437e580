/*
 * What the background threads of one librdkafka handle had to say.
 *
 * librdkafka reports connection and login trouble beside the calls that suffer
 * from it, which only time out. A watch keeps the newest report, so that such
 * a time-out can be explained in one line ("cannot reach Kafka at …: connection
 * refused"), and passes librdkafka's log on to ours as evt=kafka-log.
 *
 * Calling sequence: init, hand to tr_kafka_conf_build, create the handle, then
 * rd_kafka_poll(rk, 0) now and then (librdkafka delivers errors only when
 * polled) and tr_kafka_watch_reason after a time-out.
 *
 * Thread: the handle's owner, who also polls it. Only the log comes from
 * librdkafka's threads, and touches nothing here.
 */
#ifndef TR_COMMON_KAFKA_WATCH_H
#define TR_COMMON_KAFKA_WATCH_H

#include <stdbool.h>

#include <librdkafka/rdkafka.h>

#include "common/base/err.h"

enum {
	TR_KAFKA_REASON_MAX = 256
};

struct tr_kafka_watch {
	int code; /* TR_OK, TR_EUNREACH or TR_EAUTH */
	bool all_down;
	char reason[TR_KAFKA_REASON_MAX];
	char brokers[TR_KAFKA_REASON_MAX];
};

void tr_kafka_watch_init(struct tr_kafka_watch *w, const char *brokers);

/* Makes a configuration report to w. */
void tr_kafka_watch_attach(struct tr_kafka_watch *w, rd_kafka_conf_t *conf);

/* Whether every broker was unreachable when last heard of. */
bool tr_kafka_watch_all_down(const struct tr_kafka_watch *w);

/*
 * The newest connection or login trouble: TR_EUNREACH or TR_EAUTH with address
 * and reason. 0 when there was none since the last reset; err is untouched
 * then.
 */
int tr_kafka_watch_reason(const struct tr_kafka_watch *w, struct tr_error *err);

/* Forgets it, after a call that succeeded. */
void tr_kafka_watch_reset(struct tr_kafka_watch *w);

#endif /* TR_COMMON_KAFKA_WATCH_H */
