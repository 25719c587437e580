/*
 * How long one question to Kafka goes on, and how its failure is explained.
 *
 * A question is a blocking librdkafka call that is repeated until it succeeds
 * or patience ends. Each turn may take longer than the one before, so that a
 * slow cluster is answered too:
 *
 *     tr_kafka_patience_init(&p, timeout_ms);
 *     while (librdkafka says "later" to a call of tr_kafka_patience_turn(&p))
 *         if ((rc = tr_kafka_patience_check(&p, rk, watch, err)) != 0)
 *             return rc;
 *
 * Thread: the handle's owner; check sleeps between turns.
 */
#ifndef TR_COMMON_KAFKA_PATIENCE_H
#define TR_COMMON_KAFKA_PATIENCE_H

#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "common/base/err.h"
#include "common/kafka/watch.h"

struct tr_kafka_patience {
	uint64_t start_ms;
	uint64_t deadline_ms;
	uint32_t turns;
};

void tr_kafka_patience_init(struct tr_kafka_patience *p, uint32_t timeout_ms);

/* Time-out in milliseconds of the next call. */
int tr_kafka_patience_turn(struct tr_kafka_patience *p);

/*
 * After a call that failed for now: 0 to try again, or why not. TR_EAUTH at
 * once when the login is refused, TR_EUNREACH when no broker has been up for
 * TR_KAFKA_ALL_DOWN_MS or when time is up and a reason is known, else
 * TR_ETIMEOUT.
 */
int tr_kafka_patience_check(struct tr_kafka_patience *p, rd_kafka_t *rk,
	struct tr_kafka_watch *watch, struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_KAFKA_PATIENCE_H */
