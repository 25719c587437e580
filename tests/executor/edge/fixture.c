#include "tests/executor/edge/fixture.h"

#include <stdio.h>

#include "common/clock/clock.h"
#include "tests/support/test.h"

struct fake f;
struct process a, b;
char gate[96];

int setup(void **state)
{
	(void)state;
	fake_start(&f);
	process_make_dir(&a, "a");
	process_make_dir(&b, "b");
	snprintf(gate, sizeof(gate), "%s/gate", a.dir);
	f.artefact = gate;
	return 0;
}

int teardown(void **state)
{
	(void)state;
	process_remove(&a);
	process_remove(&b);
	fake_stop(&f);
	return 0;
}

void open_gate(void)
{
	FILE *file = fopen(gate, "we");
	assert_non_null(file);
	fclose(file);
}

struct fake_member *start(struct process *p, const char *const *sets)
{
	process_start(p, f.url, sets);
	struct fake_member *m = fake_member(&f, p->name);
	fake_send_job(&f, m);
	return m;
}

const Tranche__V1__TaskReport *report(uint64_t attempt)
{
	return fake_wait(&f, TR_KIND_TASK_REPORT, attempt)->msg;
}

void settle(const struct fake_member *m, uint64_t attempt)
{
	fake_send_task(&f, m, attempt, "ok", 1);
	assert_non_null(report(attempt)->receipt);
}

struct fake_member *reconnect(struct fake_member *m)
{
	tr_net_conn_close(f.net, m->conn);
	m->block_url[0] = '\0';
	return fake_member(&f, "a");
}

void wait_for_count(const uint64_t *count, uint64_t want)
{
	uint64_t end = tr_clock_mono_ms() + FAKE_DEADLINE_MS;
	while (*count < want && tr_clock_mono_ms() < end)
		fake_turn(&f, 20);
	assert_true(*count >= want);
}

struct tr_conn_id dial_blocks(const char *url, const char *token)
{
	return dial_blocks_of(url, token, "");
}

struct tr_conn_id dial_blocks_of(
	const char *url, const char *token, const char *cluster)
{
	struct tr_error err;
	struct tr_conn_id conn;
	struct tr_net_endpoint to = { .url = url };
	assert_int_equal(tr_net_dial(f.net, &to, &conn, &err), 0);
	uint64_t end = tr_clock_mono_ms() + FAKE_DEADLINE_MS;
	while (f.dialled.v != conn.v && tr_clock_mono_ms() < end)
		fake_turn(&f, 20);
	char text[32], id[32];
	snprintf(id, sizeof(id), "%s", cluster);
	snprintf(text, sizeof(text), "%s", token);
	Tranche__V1__Hello h = TRANCHE__V1__HELLO__INIT;
	h.version_min = h.version_max = 1;
	h.role = TRANCHE__V1__ROLE__ROLE_EXECUTOR;
	h.token = text;
	h.cluster_id = id;
	struct fake_member peer = { .conn = conn };
	fake_send(&f, &peer, TR_KIND_HELLO, &h);
	return conn;
}
