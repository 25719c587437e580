#include "common/kafka/watch.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "common/kafka/translate.h"
#include "common/log/log.h"

/*
 * librdkafka's syslog levels; a broker that is away is no error of ours, and
 * that an old broker cannot be told not to create topics is no news.
 */
static enum tr_log_level level_of(int level, const char *fac)
{
	if (strcmp(fac, "AUTOCREATE") == 0)
		return TR_LOG_DEBUG;
	if (level <= LOG_CRIT)
		return TR_LOG_ERR;
	if (level <= LOG_WARNING)
		return TR_LOG_WARN;
	if (level <= LOG_INFO)
		return TR_LOG_INFO;
	return TR_LOG_DEBUG;
}

static void on_log(
	const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	(void)rk;
	tr_log(level_of(level, fac), "kafka-log", "fac=%s text=%s", fac,
		TR_LOG_STR(text));
}

static void on_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
	struct tr_kafka_watch *w = opaque;
	int ours = tr_kafka_translate((rd_kafka_resp_err_t)code);

	(void)rk;
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		w->all_down = true;
	} else if (ours == TR_EAUTH) {
		w->code = TR_EAUTH;
		snprintf(w->reason, sizeof(w->reason), "%s", text);
	} else if (w->code != TR_EAUTH) {
		/* A refused login is followed by a disconnect. */
		w->code = TR_EUNREACH;
		snprintf(w->reason, sizeof(w->reason), "%s", text);
	}
}

void tr_kafka_watch_init(struct tr_kafka_watch *w, const char *brokers)
{
	*w = (struct tr_kafka_watch){ .code = TR_OK };
	snprintf(w->brokers, sizeof(w->brokers), "%s", brokers);
}

void tr_kafka_watch_attach(struct tr_kafka_watch *w, rd_kafka_conf_t *conf)
{
	rd_kafka_conf_set_opaque(conf, w);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_error_cb(conf, on_error);
}

bool tr_kafka_watch_all_down(const struct tr_kafka_watch *w)
{
	return w->all_down;
}

int tr_kafka_watch_reason(const struct tr_kafka_watch *w, struct tr_error *err)
{
	if (w->code == TR_OK)
		return TR_OK;
	return tr_error_set(err, w->code, "cannot %s Kafka at '%s': %s",
		w->code == TR_EAUTH ? "log in to" : "reach", w->brokers,
		w->reason);
}

void tr_kafka_watch_reset(struct tr_kafka_watch *w)
{
	w->code = TR_OK;
	w->all_down = false;
}
