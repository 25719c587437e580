#include "tests/support/broker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "tests/support/test.h"

enum {
	ADDRESS_MAX = 128,
	DATA_MAX = 256,
	WAIT_MS = 30000,
	EXIT_UNAVAILABLE = 3, /* of kafka-broker */
};

static struct {
	char address[ADDRESS_MAX];
	char sasl_address[ADDRESS_MAX];
	char data[DATA_MAX];
	rd_kafka_t *rk;
	pid_t pid;
	int stdin_fd;
	unsigned n_names;
} broker = { .stdin_fd = -1 };

/* ---- its process ---- */

static void run_script(const char *host, int in, int out)
{
	/* The script ends with us even when nobody closes its stdin. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(1);
	execl(TR_KAFKA_BROKER_SCRIPT, TR_KAFKA_BROKER_SCRIPT, "run", "--host",
		host, "--sasl", TR_BROKER_USER ":" TR_BROKER_PASSWORD,
		(char *)NULL);
	_exit(1);
}

static void take_line(const char *line)
{
	sscanf(line, "bootstrap=%127s", broker.address);
	sscanf(line, "sasl=%127s", broker.sasl_address);
	sscanf(line, "data=%255s", broker.data);
}

/* True once it says that it is ready. */
static bool read_addresses(int fd)
{
	char line[256];
	bool ready = false;
	FILE *in = fdopen(fd, "r");

	while (!ready && fgets(line, sizeof(line), in) != NULL) {
		take_line(line);
		ready = strcmp(line, "ready\n") == 0;
	}
	fclose(in);
	return ready;
}

static int exit_status(void)
{
	int status = 0;

	waitpid(broker.pid, &status, 0);
	broker.pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int not_started(void)
{
	bool unavailable = exit_status() == EXIT_UNAVAILABLE;

	if (unavailable && getenv("TRANCHE_TEST_REQUIRE_KAFKA") == NULL) {
		fprintf(stderr, "skipped: no Kafka broker can be had here\n");
		return TR_BROKER_SKIPPED;
	}
	fprintf(stderr, "the Kafka broker did not start\n");
	return 1;
}

static int start_process(const char *host)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		return 1;
	broker.pid = fork();
	if (broker.pid == 0)
		run_script(host, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	broker.stdin_fd = in[1];
	return read_addresses(out[0]) ? 0 : not_started();
}

static void on_log(
	const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	(void)rk, (void)level, (void)fac, (void)text;
}

static int open_client(void)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];

	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set(
		conf, "bootstrap.servers", broker.address, text, sizeof(text));
	broker.rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	return broker.rk != NULL ? 0 : 1;
}

int tr_broker_setup_on(const char *host)
{
	int rc = start_process(host);

	return rc != 0 ? rc : open_client();
}

int tr_broker_setup(void)
{
	const char *shared = getenv("TRANCHE_TEST_BROKER");
	const char *sasl = getenv("TRANCHE_TEST_BROKER_SASL");
	const char *data = getenv("TRANCHE_TEST_BROKER_DATA");

	if (shared == NULL)
		return tr_broker_setup_on("127.0.0.1");
	snprintf(broker.address, ADDRESS_MAX, "%s", shared);
	snprintf(broker.sasl_address, ADDRESS_MAX, "%s",
		sasl != NULL ? sasl : "");
	snprintf(broker.data, DATA_MAX, "%s", data != NULL ? data : "");
	return open_client();
}

void tr_broker_teardown(void)
{
	rd_kafka_destroy(broker.rk);
	if (broker.pid == 0)
		return;
	close(broker.stdin_fd);
	exit_status();
}

const char *tr_broker_address(void)
{
	return broker.address;
}

const char *tr_broker_sasl_address(void)
{
	return broker.sasl_address;
}

const char *tr_broker_data(void)
{
	return broker.data[0] != '\0' ? broker.data : NULL;
}

const char *tr_broker_topic_name(
	char name[TR_BROKER_TOPIC_MAX], const char *prefix)
{
	snprintf(name, TR_BROKER_TOPIC_MAX, "%s.%ld.%u", prefix, (long)getpid(),
		broker.n_names++);
	return name;
}

/* ---- administration ---- */

static void check_result(
	const rd_kafka_topic_result_t **results, size_t n, const char *what)
{
	assert_int_equal(n, 1);
	if (rd_kafka_topic_result_error(results[0]) != 0)
		fail_msg("%s: %s", what,
			rd_kafka_topic_result_error_string(results[0]));
}

static rd_kafka_event_t *wait_event(rd_kafka_queue_t *queue, const char *what)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);

	if (event == NULL)
		fail_msg("%s: no answer", what);
	if (rd_kafka_event_error(event) != 0)
		fail_msg("%s: %s", what, rd_kafka_event_error_string(event));
	return event;
}

static void set_config(rd_kafka_NewTopic_t *topic, const char *config)
{
	char name[128];
	const char *eq = strchr(config, '=');

	assert_non_null(eq);
	snprintf(name, sizeof(name), "%.*s", (int)(eq - config), config);
	rd_kafka_NewTopic_set_config(topic, name, eq + 1);
}

/* The broker answers before every partition has its leader. */
static void wait_for_partitions(const char *topic, int partitions)
{
	for (int i = 0; i < partitions; i++)
		tr_broker_offset(topic, i, RD_KAFKA_OFFSET_BEGINNING);
}

void tr_broker_topic_create(
	const char *topic, int partitions, const char *const *configs)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(broker.rk);
	rd_kafka_NewTopic_t *new_topic =
		rd_kafka_NewTopic_new(topic, partitions, 1, NULL, 0);
	size_t n;

	for (; configs != NULL && *configs != NULL; configs++)
		set_config(new_topic, *configs);
	rd_kafka_CreateTopics(broker.rk, &new_topic, 1, NULL, queue);
	rd_kafka_event_t *event = wait_event(queue, "create topic");
	const rd_kafka_topic_result_t **results =
		rd_kafka_CreateTopics_result_topics(
			rd_kafka_event_CreateTopics_result(event), &n);
	check_result(results, n, "create topic");
	rd_kafka_event_destroy(event);
	rd_kafka_NewTopic_destroy(new_topic);
	rd_kafka_queue_destroy(queue);
	wait_for_partitions(topic, partitions);
}

void tr_broker_topic_delete(const char *topic)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(broker.rk);
	rd_kafka_DeleteTopic_t *old = rd_kafka_DeleteTopic_new(topic);
	size_t n;

	rd_kafka_DeleteTopics(broker.rk, &old, 1, NULL, queue);
	rd_kafka_event_t *event = wait_event(queue, "delete topic");
	const rd_kafka_topic_result_t **results =
		rd_kafka_DeleteTopics_result_topics(
			rd_kafka_event_DeleteTopics_result(event), &n);
	check_result(results, n, "delete topic");
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteTopic_destroy(old);
	rd_kafka_queue_destroy(queue);
}

void tr_broker_records_delete(
	const char *topic, int32_t partition, int64_t before)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(broker.rk);
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, topic, partition)->offset =
		before;
	rd_kafka_DeleteRecords_t *command = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(broker.rk, &command, 1, NULL, queue);
	rd_kafka_event_t *event = wait_event(queue, "delete records");
	const rd_kafka_topic_partition_list_t *done =
		rd_kafka_DeleteRecords_result_offsets(
			rd_kafka_event_DeleteRecords_result(event));
	assert_int_equal(done->elems[0].err, 0);
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteRecords_destroy(command);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_queue_destroy(queue);
}

int64_t tr_broker_offset(const char *topic, int32_t partition, int64_t spec)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *part =
		rd_kafka_topic_partition_list_add(list, topic, partition);
	int64_t offset = -1;

	for (int waited_ms = 0; waited_ms < WAIT_MS && offset < 0;
		waited_ms += 20) {
		const struct rd_kafka_metadata *md;
		part->offset = spec;
		part->err = RD_KAFKA_RESP_ERR_NO_ERROR;
		if (rd_kafka_offsets_for_times(broker.rk, list, WAIT_MS) == 0 &&
			part->err == 0) {
			offset = part->offset;
		} else if (rd_kafka_metadata(
				   broker.rk, 1, NULL, &md, WAIT_MS) == 0) {
			rd_kafka_metadata_destroy(md);
			rd_kafka_poll(broker.rk, 20);
		}
	}
	rd_kafka_topic_partition_list_destroy(list);
	if (offset < 0)
		fail_msg("no offset of %s %d", topic, partition);
	return offset;
}
