/*
 * Peers that do not belong: garbage, frames too large, other versions, wrong
 * tokens and roles, idle connections by the thousand; and a second driver. A
 * job runs all the while and does not notice.
 */
#include "tests/integration/cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/rng.h"
#include "common/wire/frame.h"
#include "common/wire/kinds.h"
#include "common/wire/msg.h"
#include "tests/integration/lines.h"
#include "tests/integration/shown.h"

enum {
	N_LINES = 60000,
	IDLE = 1000,
	CLOSED_MS = 10000,
	GARBAGE = 4096,
	GROWTH_KIB_MAX = 96 * 1024,
};

static struct cluster c;
static struct lines lines;
static struct cli beside;

static int setup(void **state)
{
	char script[PROCESS_PATH_MAX];
	struct rlimit files = { 4096, 4096 };

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	lines_init(&lines, "peers", 2, N_LINES);
	cluster_start(&c, &(struct cluster_opts){ .executors = 2 });
	cluster_write(&c, "beside.lua", lines_builtin, script);
	cli_start(&c, &beside, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "beside", "--max-rate", "4000", NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cli_free(&beside);
	cluster_stop(&c);
	return 0;
}

/* ---- connections of our own ---- */

static int dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const char *colon = strrchr(c.url, ':');
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_non_null(colon);
	to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (void *)&to, sizeof(to)), 0);
	return fd;
}

/* What comes until the other side closes; -1: it did not within the time. */
static ssize_t read_to_end(int fd, uint8_t *out, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	while (poll(&p, 1, CLOSED_MS) == 1) {
		ssize_t got = read(fd, out + n, size - n);
		if (got <= 0)
			return (ssize_t)n;
		n += (size_t)got;
	}
	return -1;
}

/* The driver closes on these bytes; returns what it answered before. */
static size_t send_bad(const void *bytes, size_t n, uint8_t *answer, size_t max)
{
	int fd = dial();

	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
	ssize_t got = read_to_end(fd, answer, max);
	close(fd);
	if (got < 0)
		fail_msg("the connection stays open");
	return (size_t)got;
}

static void test_peer__with_garbage_is_closed(void **state)
{
	uint8_t bytes[GARBAGE], answer[256];
	struct tr_rng rng;

	(void)state;
	tr_rng_init(&rng, 7);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)tr_rng_next(&rng);
	assert_int_equal(
		send_bad(bytes, sizeof(bytes), answer, sizeof(answer)), 0);
	assert_int_equal(
		send_bad("GET / HTTP/1.1\r\n\r\n", 18, answer, sizeof(answer)),
		0);
}

static void test_peer__with_a_frame_too_large_is_closed(void **state)
{
	/* A length of 1 GiB, of a frame that would be right otherwise. */
	static const uint8_t header[TR_FRAME_HEADER_SIZE] = { 0, 0, 0, 0x40,
		TR_FRAME_VERSION, TR_KIND_HELLO };
	uint8_t answer[256];

	(void)state;
	assert_int_equal(
		send_bad(header, sizeof(header), answer, sizeof(answer)), 0);
}

/* ---- Hello ---- */

/* Sends it as the first frame; the refusal's code. */
static void hello_refused(Tranche__V1__Hello *hello, char code[64])
{
	uint8_t answer[4096], header[TR_FRAME_HEADER_SIZE];
	struct tr_buf body, bytes;
	struct tr_frame f = { .kind = TR_KIND_HELLO };
	struct tr_error err;
	size_t size;

	tr_buf_init(&body, TR_FRAME_BODY_MAX);
	tr_buf_init(&bytes, TR_FRAME_MAX);
	assert_int_equal(tr_msg_pack(&body, hello), 0);
	f.body = tr_slice_of(body.data, body.len);
	assert_int_equal(tr_frame_header(&f, header), 0);
	assert_int_equal(tr_buf_append(&bytes, header, sizeof(header)), 0);
	assert_int_equal(tr_buf_append(&bytes, body.data, body.len), 0);
	size_t n = send_bad(bytes.data, bytes.len, answer, sizeof(answer));
	assert_int_equal(tr_frame_parse(answer, n, TR_FRAME_MAX, &f, &size), 0);
	assert_int_equal(f.kind, TR_KIND_HELLO_REPLY);
	Tranche__V1__HelloReply *reply = tr_msg_unpack(
		&tranche__v1__hello_reply__descriptor, f.body, &err);
	assert_non_null(reply);
	assert_non_null(reply->error);
	snprintf(code, 64, "%s", reply->error->code);
	tr_msg_free(reply);
	tr_buf_fini(&body);
	tr_buf_fini(&bytes);
}

static void test_peer__of_another_version_is_told_so(void **state)
{
	Tranche__V1__Hello hello = TRANCHE__V1__HELLO__INIT;
	char name[] = "future", code[64];

	(void)state;
	hello.version_min = 99;
	hello.version_max = 120;
	hello.role = TRANCHE__V1__ROLE__ROLE_EXECUTOR;
	hello.name = name;
	hello_refused(&hello, code);
	assert_string_equal(code, "version");
}

/* Each role has its own token; none opens for another. */
static void test_peer__with_the_token_of_another_role_is_refused(void **state)
{
	static const struct {
		Tranche__V1__Role role;
		const char *token;
	} cases[] = {
		{ TRANCHE__V1__ROLE__ROLE_EXECUTOR,
			"the-submitter-token-of-a-test" },
		{ TRANCHE__V1__ROLE__ROLE_EXECUTOR, "" },
		{ TRANCHE__V1__ROLE__ROLE_SUBMITTER,
			"the-reader-token-of-a-test" },
		{ TRANCHE__V1__ROLE__ROLE_SUBMITTER,
			"the-submitter-token-of-a-tes" },
		{ TRANCHE__V1__ROLE__ROLE_READER,
			"the-executor-token-of-a-test" },
		{ TRANCHE__V1__ROLE__ROLE_UNSPECIFIED, "" },
		{ (Tranche__V1__Role)77, "the-executor-token-of-a-test" },
	};
	char name[] = "stranger", token[64], code[64];

	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		Tranche__V1__Hello hello = TRANCHE__V1__HELLO__INIT;
		snprintf(token, sizeof(token), "%s", cases[i].token);
		hello.version_min = TR_PROTOCOL_MIN;
		hello.version_max = TR_PROTOCOL_MAX;
		hello.role = cases[i].role;
		hello.token = token;
		hello.name = name;
		hello_refused(&hello, code);
		assert_string_equal(code, "auth");
	}
}

/* ---- clients ---- */

static void run_with_token(
	struct cli *r, const char *token_file, const char *const *args)
{
	char path[PROCESS_PATH_MAX], entry[PROCESS_PATH_MAX + 32];
	const char *env[] = { entry, NULL };

	snprintf(entry, sizeof(entry), "TRANCHE_TOKEN_FILE=%s",
		cluster_path(&c, token_file, path));
	cli_start_list(&c, r, env, args);
	cli_wait(r, CLI_JOB_MS);
}

static void test_client__with_a_wrong_token_is_refused(void **state)
{
	static const char *const list[] = { "job", "list", NULL };
	struct cli r;

	(void)state;
	run_with_token(&r, "executor.token", list);
	assert_int_equal(r.status, 1);
	assert_non_null(strstr(r.err, "token"));
	assert_null(strstr(r.err, "the-executor-token"));
	cli_free(&r);
}

static void test_client__that_may_look_may_not_change(void **state)
{
	static const char *const list[] = { "job", "list", NULL };
	static const char *const cancel[] = { "job", "cancel", "beside", NULL };
	static const char *const drain[] = { "executor", "drain", "e0", NULL };
	char script[PROCESS_PATH_MAX];
	const char *submit[] = { "submit", script, lines.argument, "--offsets",
		"start:end", NULL };
	const char *const *changes[] = { cancel, drain, submit };
	struct cli r;

	(void)state;
	cluster_path(&c, "beside.lua", script);
	run_with_token(&r, "reader.token", list);
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "beside"));
	cli_free(&r);
	for (size_t i = 0; i < TR_ARRAY_LEN(changes); i++) {
		run_with_token(&r, "reader.token", changes[i]);
		assert_int_equal(r.status, 1);
		assert_non_null(strstr(r.err, "reader"));
		cli_free(&r);
	}
}

/* ---- idle connections ---- */

static long driver_kib(void)
{
	char path[64];
	long kib = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)c.driver.pid);
	char *text = file_text(path);
	assert_non_null(text);
	const char *rss = strstr(text, "VmRSS:");
	assert_non_null(rss);
	assert_int_equal(sscanf(rss, "VmRSS: %ld", &kib), 1);
	free(text);
	return kib;
}

struct idle {
	struct pollfd fds[IDLE];
	unsigned open;
};

static bool are_all_closed(void *arg)
{
	struct idle *idle = arg;
	char byte;

	if (poll(idle->fds, IDLE, 0) <= 0)
		return false;
	for (unsigned i = 0; i < IDLE; i++) {
		if (idle->fds[i].revents == 0 ||
			read(idle->fds[i].fd, &byte, 1) > 0)
			continue;
		close(idle->fds[i].fd);
		idle->fds[i].fd = -1;
		idle->fds[i].revents = 0;
		idle->open--;
	}
	return idle->open == 0;
}

/* They say nothing, and are gone when the hello deadline is. */
static void test_peers__idle_by_the_thousand_cost_little(void **state)
{
	static struct idle idle;
	long before = driver_kib();

	(void)state;
	for (unsigned i = 0; i < IDLE; i++)
		idle.fds[i] = (struct pollfd){ dial(), POLLIN, 0 };
	idle.open = IDLE;
	assert_true(driver_kib() - before < GROWTH_KIB_MAX);
	if (!wait_until(are_all_closed, &idle, SOON_MS))
		fail_msg("%u connections are still open", idle.open);
	assert_true(driver_kib() - before < GROWTH_KIB_MAX);
	assert_int_equal(cli_active_executors(&c), 2);
}

/* ---- a second driver ---- */

static void test_driver__second_on_the_same_data_is_refused(void **state)
{
	char program[PROCESS_PATH_MAX], conf[PROCESS_PATH_MAX];
	char log[PROCESS_PATH_MAX];
	const char *argv[] = { program, "-c", conf, "-s",
		"driver.listen=tcp://127.0.0.1:0", NULL };
	struct process second = { 0 };

	(void)state;
	cluster_program("tranche-driver", program);
	cluster_path(&c, "driver.conf", conf);
	cluster_path(&c, "second.log", log);
	process_start(&second,
		&(struct process_spec){ .argv = argv, .out = log, .err = log });
	assert_int_equal(process_wait(&second, SOON_MS), 1);
	assert_true(file_has(log, "another driver"));
	assert_true(process_is_running(&c.driver));
}

/* Its job goes on as if nothing of the above had happened. */
static void test_job__beside_all_this_is_right(void **state)
{
	struct shown s;

	(void)state;
	assert_int_equal(cli_wait(&beside, CLI_JOB_MS), 0);
	lines_check_table(&c, "beside", "counts", &lines.gen);
	assert_true(shown_get(&c, &s, "beside"));
	assert_int_equal(shown_number(&s, "retries"), 0);
	shown_free(&s);
}

INTEGRATION_MAIN(setup, teardown,
	cmocka_unit_test(test_peer__with_garbage_is_closed),
	cmocka_unit_test(test_peer__with_a_frame_too_large_is_closed),
	cmocka_unit_test(test_peer__of_another_version_is_told_so),
	cmocka_unit_test(test_peer__with_the_token_of_another_role_is_refused),
	cmocka_unit_test(test_client__with_a_wrong_token_is_refused),
	cmocka_unit_test(test_client__that_may_look_may_not_change),
	cmocka_unit_test(test_peers__idle_by_the_thousand_cost_little),
	cmocka_unit_test(test_driver__second_on_the_same_data_is_refused),
	cmocka_unit_test(test_job__beside_all_this_is_right));
