#include "common/kafka/meta.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/kafka/patience.h"
#include "common/kafka/translate.h"

enum {
	CONFIG_WAIT_MS = 2000
};

struct tr_kafka_meta {
	rd_kafka_t *rk;
	struct tr_kafka_watch watch;
};

int tr_kafka_meta_open(struct tr_kafka_meta **out,
	const struct tr_kafka_conf *c, struct tr_error *err)
{
	struct tr_kafka_meta *m = tr_xcalloc(1, sizeof(*m));

	tr_kafka_watch_init(&m->watch, c->brokers);
	int rc = tr_kafka_consumer_open(
		&m->rk, TR_KAFKA_META, c, &m->watch, err);
	if (rc != 0) {
		tr_kafka_meta_close(m);
		return rc;
	}
	*out = m;
	return 0;
}

void tr_kafka_meta_close(struct tr_kafka_meta *m)
{
	if (m == NULL)
		return;
	if (m->rk != NULL)
		rd_kafka_destroy_flags(
			m->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	free(m);
}

static int topic_error(
	const char *topic, rd_kafka_resp_err_t code, struct tr_error *err)
{
	int ours = tr_kafka_translate(code);

	if (ours == TR_ENOTFOUND)
		return tr_error_set(err, ours, "unknown topic '%s'", topic);
	if (ours == TR_EAUTH)
		return tr_error_set(
			err, ours, "no permission to read '%s'", topic);
	return tr_error_set(
		err, ours, "topic '%s': %s", topic, rd_kafka_err2str(code));
}

/* TR_EAGAIN without a text where another try may help. */
static int partitions_ask(rd_kafka_t *rk, rd_kafka_topic_t *rkt, int timeout_ms,
	uint32_t *n, struct tr_error *err)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t code =
		rd_kafka_metadata(rk, 0, rkt, &md, timeout_ms);

	if (tr_kafka_translate(code) == TR_EAGAIN)
		return TR_EAGAIN;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return topic_error(rd_kafka_topic_name(rkt), code, err);

	int rc = 0;
	if (md->topic_cnt != 1)
		rc = TR_EAGAIN;
	else if (tr_kafka_translate(md->topics[0].err) == TR_EAGAIN)
		rc = TR_EAGAIN;
	else if (md->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
		rc = topic_error(
			rd_kafka_topic_name(rkt), md->topics[0].err, err);
	else
		*n = (uint32_t)md->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(md);
	return rc;
}

static int check_topic_name(const char *topic, struct tr_error *err)
{
	size_t len = strlen(topic);

	if (len == 0 || len > TR_TOPIC_NAME_MAX)
		return tr_error_set(err, TR_EINVAL,
			"a topic name has 1 to %u characters",
			TR_TOPIC_NAME_MAX);
	return 0;
}

int tr_kafka_topic_partitions(struct tr_kafka_meta *m, const char *topic,
	uint32_t *n, struct tr_error *err)
{
	struct tr_kafka_patience patience;
	int rc = check_topic_name(topic, err);

	if (rc != 0)
		return rc;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(m->rk, topic, NULL);
	tr_kafka_patience_init(&patience, TR_KAFKA_ASK_MS);
	for (;;) {
		rc = partitions_ask(
			m->rk, rkt, tr_kafka_patience_turn(&patience), n, err);
		if (rc != TR_EAGAIN)
			break;
		rc = tr_kafka_patience_check(&patience, m->rk, &m->watch, err);
		if (rc != 0)
			break;
	}
	rd_kafka_topic_destroy(rkt);
	if (rc == 0)
		tr_kafka_watch_reset(&m->watch);
	return rc;
}

int tr_kafka_meta_offsets(struct tr_kafka_meta *m,
	struct tr_offset_query *queries, size_t n, struct tr_error *err)
{
	return tr_kafka_offsets_find(
		m->rk, &m->watch, queries, n, TR_KAFKA_ASK_MS, err);
}

static void config_take(
	struct tr_topic_config *config, const rd_kafka_ConfigEntry_t *entry)
{
	const char *name = rd_kafka_ConfigEntry_name(entry);
	const char *value = rd_kafka_ConfigEntry_value(entry);

	if (value == NULL)
		return;
	if (strcmp(name, "cleanup.policy") == 0) {
		config->compacted = strstr(value, "compact") != NULL;
		config->deleted = strstr(value, "delete") != NULL;
	} else if (strcmp(name, "max.message.bytes") == 0) {
		config->max_message_bytes = strtoull(value, NULL, 10);
	}
}

static void config_take_result(
	struct tr_topic_config *config, rd_kafka_event_t *event)
{
	const rd_kafka_DescribeConfigs_result_t *result =
		rd_kafka_event_DescribeConfigs_result(event);
	size_t n_resources, n;

	if (result == NULL || rd_kafka_event_error(event) != 0)
		return;
	const rd_kafka_ConfigResource_t **resources =
		rd_kafka_DescribeConfigs_result_resources(result, &n_resources);
	if (n_resources != 1 ||
		rd_kafka_ConfigResource_error(resources[0]) != 0)
		return;
	const rd_kafka_ConfigEntry_t **entries =
		rd_kafka_ConfigResource_configs(resources[0], &n);
	for (size_t i = 0; i < n; i++)
		config_take(config, entries[i]);
	config->known = true;
}

int tr_kafka_topic_config(struct tr_kafka_meta *m, const char *topic,
	struct tr_topic_config *config, struct tr_error *err)
{
	int rc = check_topic_name(topic, err);
	char text[256];

	if (rc != 0)
		return rc;
	*config = (struct tr_topic_config){ .known = false };

	rd_kafka_queue_t *queue = rd_kafka_queue_new(m->rk);
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(
		m->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_AdminOptions_set_request_timeout(
		options, CONFIG_WAIT_MS, text, sizeof(text));
	rd_kafka_DescribeConfigs(m->rk, &resource, 1, options, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CONFIG_WAIT_MS);
	if (event != NULL) {
		config_take_result(config, event);
		rd_kafka_event_destroy(event);
	}
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
	rd_kafka_queue_destroy(queue);
	return 0;
}
