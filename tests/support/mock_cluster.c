#include "tests/support/mock_cluster.h"

#include "common/base/check.h"

static void on_log(
	const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	(void)rk, (void)level, (void)fac, (void)text;
}

void tr_mock_cluster_start(struct tr_mock_cluster *m, int brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];

	rd_kafka_conf_set_log_cb(conf, on_log);
	m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	tr_assert(m->rk != NULL);
	m->cluster = rd_kafka_mock_cluster_new(m->rk, brokers);
	tr_assert(m->cluster != NULL);
	m->bootstrap = rd_kafka_mock_cluster_bootstraps(m->cluster);
}

void tr_mock_cluster_stop(struct tr_mock_cluster *m)
{
	rd_kafka_mock_cluster_destroy(m->cluster);
	rd_kafka_destroy(m->rk);
}
