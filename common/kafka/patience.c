#include "common/kafka/patience.h"

#include "common/base/bounds.h"
#include "common/clock/clock.h"

enum {
	TURN_MS = 1000,
	PAUSE_MS = 20,
	PAUSE_MS_MAX = 320,
};

void tr_kafka_patience_init(struct tr_kafka_patience *p, uint32_t timeout_ms)
{
	uint64_t now = tr_clock_mono_ms();

	*p = (struct tr_kafka_patience){
		.start_ms = now,
		.deadline_ms = now + timeout_ms,
	};
}

int tr_kafka_patience_turn(struct tr_kafka_patience *p)
{
	uint64_t now = tr_clock_mono_ms();
	uint64_t left = p->deadline_ms > now ? p->deadline_ms - now : 1;
	uint64_t turn = (uint64_t)TURN_MS << (p->turns < 4 ? p->turns : 4);

	p->turns++;
	return (int)(turn < left ? turn : left);
}

/* Delivers librdkafka's reports while it waits. */
static void pause_between(struct tr_kafka_patience *p, rd_kafka_t *rk)
{
	int pause = PAUSE_MS << (p->turns < 5 ? p->turns - 1 : 4);

	rd_kafka_poll(rk, pause < PAUSE_MS_MAX ? pause : PAUSE_MS_MAX);
}

int tr_kafka_patience_check(struct tr_kafka_patience *p, rd_kafka_t *rk,
	struct tr_kafka_watch *watch, struct tr_error *err)
{
	pause_between(p, rk);
	while (rd_kafka_poll(rk, 0) > 0)
		;

	uint64_t now = tr_clock_mono_ms();
	struct tr_error why = { .code = TR_OK };
	int rc = tr_kafka_watch_reason(watch, &why);
	bool down = tr_kafka_watch_all_down(watch) &&
		    now - p->start_ms >= TR_KAFKA_ALL_DOWN_MS;

	if (rc == TR_EAUTH || (rc != 0 && (down || now >= p->deadline_ms)))
		return tr_error_set(err, rc, "%s", why.text);
	if (now >= p->deadline_ms)
		return tr_error_set(err, TR_ETIMEOUT,
			"no answer from Kafka at '%s' within %llu ms",
			watch->brokers,
			(unsigned long long)(p->deadline_ms - p->start_ms));
	return 0;
}
