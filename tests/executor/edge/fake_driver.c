#include "tests/executor/edge/fake_driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/sha256.h"
#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "tests/support/test.h"

#define TOKEN "test-token"

extern char **environ;

/* ------------------------------------------------------------------ driver */

static void start_at(
	struct fake *f, const char *url, const struct tr_tls_opts *tls)
{
	*f = (struct fake){ .term = 1, .lease_ms = 2000, .artefact = "" };
	f->seen_end = &f->seen;
	f->mailbox = tr_mailbox_new(1);
	f->net = tr_net_new(NULL, f->mailbox);
	struct tr_net_endpoint at = { .url = url, .tls = tls };
	struct tr_error err;
	assert_int_equal(tr_net_listen(f->net, &at, f->url, &err), 0);
}

void fake_start(struct fake *f)
{
	start_at(f, "tcp://127.0.0.1:0", NULL);
}

void fake_start_tls(struct fake *f, const struct tr_tls_opts *tls)
{
	start_at(f, "tls+tcp://127.0.0.1:0", tls);
}

void fake_stop(struct fake *f)
{
	tr_net_stop(f->net);
	tr_net_free(f->net);
	tr_mailbox_free(f->mailbox);
	struct seen *next;
	for (struct seen *s = f->seen; s; s = next) {
		next = s->next;
		tr_msg_free(s->msg);
		free(s->payload);
		free(s);
	}
}

static void send_to(struct fake *f, struct tr_conn_id conn, enum tr_kind kind,
	const void *msg, struct tr_slice payload)
{
	struct tr_buf body;
	tr_buf_init(&body, TR_FRAME_MAX);
	assert_int_equal(tr_msg_pack(&body, msg), 0);
	struct tr_frame frame = { .kind = (uint8_t)kind,
		.body = tr_slice_of(body.data, body.len),
		.payload = payload };
	int rc = tr_net_send(f->net, conn, &frame, TR_NET_FULL_CLOSE);
	(void)rc; /* a connection that has gone: the test sees it elsewhere */
	tr_buf_fini(&body);
}

void fake_send(struct fake *f, const struct fake_member *to, enum tr_kind kind,
	const void *msg)
{
	send_to(f, to->conn, kind, msg, TR_SLICE_ABSENT);
}

static Tranche__V1__Envelope envelope(const struct fake *f, uint64_t attempt)
{
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	env.term = f->term;
	env.job = FAKE_JOB;
	env.batch = 1;
	env.lane = (uint32_t)attempt;
	env.attempt = attempt;
	return env;
}

static void greet(struct fake *f, struct tr_conn_id conn)
{
	Tranche__V1__HelloReply m = TRANCHE__V1__HELLO_REPLY__INIT;
	Tranche__V1__ErrorInfo e = TRANCHE__V1__ERROR_INFO__INIT;
	char code[] = "auth", text[] = "wrong token for this role";
	e.code = code;
	e.text = text;
	f->hellos++;
	if (f->no_greeting)
		return;
	m.version = 1;
	m.term = f->term;
	m.heartbeat_ms = 50;
	m.lease_ms = f->lease_ms;
	char cluster[32] = "";
	if (f->cluster) {
		snprintf(cluster, sizeof(cluster), "%s", f->cluster);
		m.cluster_id = cluster;
	}
	if (f->refuse)
		m.error = &e;
	else
		tr_net_conn_authenticated(f->net, conn);
	send_to(f, conn, TR_KIND_HELLO_REPLY, &m, TR_SLICE_ABSENT);
	if (f->refuse)
		tr_net_conn_finish(f->net, conn);
}

static void remember(
	struct fake *f, struct tr_conn_id conn, const char *block_url)
{
	/* Names follow in Hello order: the test's processes are "a" and "b". */
	for (size_t i = 0; i < FAKE_MEMBERS; i++)
		if (f->members[i].conn.v == conn.v)
			snprintf(f->members[i].block_url,
				sizeof(f->members[i].block_url), "%s",
				block_url);
}

static void on_hello(
	struct fake *f, struct tr_conn_id conn, const Tranche__V1__Hello *m)
{
	assert_string_equal(m->token, TOKEN);
	assert_int_equal(m->role, TRANCHE__V1__ROLE__ROLE_EXECUTOR);
	size_t i = 0;
	while (f->members[i].name[0] &&
		strcmp(f->members[i].name, m->name) != 0)
		i++;
	assert_true(i < FAKE_MEMBERS);
	snprintf(f->members[i].name, sizeof(f->members[i].name), "%s", m->name);
	f->members[i].conn = conn;
	f->members[i].block_url[0] = '\0';
	greet(f, conn);
}

static void send_registered(struct fake *f, struct tr_conn_id conn)
{
	Tranche__V1__Envelope env = envelope(f, 0);
	Tranche__V1__Envelope gone = envelope(f, f->drop);
	Tranche__V1__Envelope *drop[] = { &gone };
	Tranche__V1__RegisterReply r = TRANCHE__V1__REGISTER_REPLY__INIT;
	r.env = &env;
	r.executor = f->registers;
	r.drop = drop;
	r.n_drop = f->drop != 0;
	send_to(f, conn, TR_KIND_REGISTER_REPLY, &r, TR_SLICE_ABSENT);
}

void fake_send_registered(struct fake *f, const struct fake_member *to)
{
	send_registered(f, to->conn);
}

static void on_register(
	struct fake *f, struct tr_conn_id conn, const Tranche__V1__Register *m)
{
	f->registers++;
	remember(f, conn, m->block_url);
	if (!f->late)
		send_registered(f, conn);
}

static void on_artefact(struct fake *f, struct tr_conn_id conn,
	const Tranche__V1__ArtefactRequest *m)
{
	Tranche__V1__ArtefactReply r = TRANCHE__V1__ARTEFACT_REPLY__INIT;
	r.env = m->env;
	r.artefact = m->artefact;
	send_to(f, conn, TR_KIND_ARTEFACT_REPLY, &r,
		tr_slice_of(f->artefact, strlen(f->artefact)));
}

static void count_beat(struct fake *f, const Tranche__V1__Heartbeat *m)
{
	f->idle_beats += m->n_progress == 0;
}

static const ProtobufCMessageDescriptor *type_of(uint8_t kind)
{
	switch (kind) {
	case TR_KIND_HELLO:
		return &tranche__v1__hello__descriptor;
	case TR_KIND_HELLO_REPLY:
		return &tranche__v1__hello_reply__descriptor;
	case TR_KIND_REGISTER:
		return &tranche__v1__register__descriptor;
	case TR_KIND_HEARTBEAT:
		return &tranche__v1__heartbeat__descriptor;
	case TR_KIND_TASK_REPORT:
		return &tranche__v1__task_report__descriptor;
	case TR_KIND_RESULT_CHUNK:
		return &tranche__v1__result_chunk__descriptor;
	case TR_KIND_JOB_LOG:
		return &tranche__v1__job_log__descriptor;
	case TR_KIND_ARTEFACT_REQUEST:
		return &tranche__v1__artefact_request__descriptor;
	case TR_KIND_DRAIN:
		return &tranche__v1__drain__descriptor;
	case TR_KIND_BLOCK_DATA:
		return &tranche__v1__block_data__descriptor;
	default:
		return NULL;
	}
}

static void keep(struct fake *f, const struct tr_net_event *ev, void *msg)
{
	struct seen *s = tr_xcalloc(1, sizeof(*s));
	s->conn = ev->conn;
	s->kind = ev->frame.kind;
	s->msg = msg;
	s->payload_n = ev->frame.payload.n;
	if (s->payload_n)
		s->payload = tr_xmemdup(ev->frame.payload.p, s->payload_n);
	*f->seen_end = s;
	f->seen_end = &s->next;
}

static void count_chunk(struct fake *f, const Tranche__V1__ResultChunk *m)
{
	f->chunks++;
	if (m->seq != f->chunk_expected)
		f->chunk_disorder = true;
	f->chunk_expected = m->seq + 1;
}

static void on_frame(struct fake *f, const struct tr_net_event *ev)
{
	struct tr_error err;
	const ProtobufCMessageDescriptor *type = type_of(ev->frame.kind);
	assert_non_null(type);
	void *m = tr_msg_unpack(type, ev->frame.body, &err);
	assert_non_null(m);
	if (ev->frame.kind == TR_KIND_HELLO)
		on_hello(f, ev->conn, m);
	else if (ev->frame.kind == TR_KIND_REGISTER)
		on_register(f, ev->conn, m);
	else if (ev->frame.kind == TR_KIND_ARTEFACT_REQUEST)
		on_artefact(f, ev->conn, m);
	else if (ev->frame.kind == TR_KIND_DRAIN)
		f->drains++;
	else if (ev->frame.kind == TR_KIND_HEARTBEAT)
		count_beat(f, m);
	bool chunk = ev->frame.kind == TR_KIND_RESULT_CHUNK;
	if (chunk)
		count_chunk(f, m);
	if (ev->frame.kind == TR_KIND_HEARTBEAT || (chunk && f->flood))
		tr_msg_free(m);
	else
		keep(f, ev, m);
}

static void beat(struct fake *f, uint64_t now)
{
	if (f->mute || now < f->beat_ms)
		return;
	f->beat_ms = now + 50;
	Tranche__V1__Envelope env = envelope(f, 0);
	Tranche__V1__Heartbeat m = TRANCHE__V1__HEARTBEAT__INIT;
	m.env = &env;
	for (size_t i = 0; i < FAKE_MEMBERS; i++)
		if (f->members[i].block_url[0])
			fake_send(f, &f->members[i], TR_KIND_HEARTBEAT, &m);
}

void fake_turn(struct fake *f, int ms)
{
	struct pollfd p = { .fd = tr_mailbox_fd(f->mailbox), .events = POLLIN };
	uint64_t now = tr_clock_mono_ms();
	tr_net_tick(f->net, now);
	beat(f, now);
	poll(&p, 1, ms < 20 ? ms : 20);
	struct tr_mail *next, *m = tr_mailbox_take_all(f->mailbox);
	for (; m; m = next) {
		next = m->next;
		struct tr_net_event *ev = tr_net_event_of(m);
		if (ev && ev->kind == TR_NET_FRAME)
			on_frame(f, ev);
		else if (ev && ev->kind == TR_NET_UP && ev->dialed)
			f->dialled = ev->conn;
		tr_mail_free(m);
	}
}

struct fake_member *fake_member(struct fake *f, const char *name)
{
	uint64_t end = tr_clock_mono_ms() + FAKE_DEADLINE_MS;
	while (tr_clock_mono_ms() < end) {
		for (size_t i = 0; i < FAKE_MEMBERS; i++)
			if (strcmp(f->members[i].name, name) == 0 &&
				f->members[i].block_url[0])
				return &f->members[i];
		fake_turn(f, 20);
	}
	fail_msg("executor '%s' did not register", name);
	return NULL;
}

static uint64_t attempt_of(const struct seen *s)
{
	/* env is the first field of all these messages. */
	const Tranche__V1__TaskReport *m = s->msg;
	if (s->kind == TR_KIND_HELLO || s->kind == TR_KIND_HELLO_REPLY)
		return 0;
	return m->env ? m->env->attempt : 0;
}

struct seen *fake_peek(struct fake *f, enum tr_kind kind, uint64_t attempt)
{
	for (struct seen *s = f->seen; s; s = s->next)
		if (!s->taken && s->kind == kind &&
			(attempt == 0 || attempt_of(s) == attempt)) {
			s->taken = true;
			return s;
		}
	return NULL;
}

struct seen *fake_wait(struct fake *f, enum tr_kind kind, uint64_t attempt)
{
	uint64_t end = tr_clock_mono_ms() + FAKE_DEADLINE_MS;
	while (tr_clock_mono_ms() < end) {
		struct seen *s = fake_peek(f, kind, attempt);
		if (s)
			return s;
		fake_turn(f, 20);
	}
	fail_msg("no frame of kind %d for attempt %d came", (int)kind,
		(int)attempt);
	return NULL;
}

void fake_send_job(struct fake *f, const struct fake_member *to)
{
	uint8_t digest[TR_SHA256_SIZE];
	Tranche__V1__Envelope env = envelope(f, 0);
	Tranche__V1__JobSpec m = TRANCHE__V1__JOB_SPEC__INIT;
	Tranche__V1__JobPlan plan = TRANCHE__V1__JOB_PLAN__INIT;
	Tranche__V1__Operator ops[3], *list[3];
	char name[] = "job.lua";
	char where[] = "job.lua:3";
	for (size_t i = 0; i < 3; i++) {
		tranche__v1__operator__init(&ops[i]);
		ops[i].where = where;
		list[i] = &ops[i];
	}
	plan.n_operators = 3;
	plan.operators = list;
	tr_sha256(f->artefact, strlen(f->artefact), digest);
	m.env = &env;
	m.artefact.data = digest;
	m.artefact.len = sizeof(digest);
	m.artefact_name = name;
	m.plan = &plan;
	char property[128] = "";
	Tranche__V1__Property p = TRANCHE__V1__PROPERTY__INIT,
			      *props[] = { &p };
	Tranche__V1__KafkaConf kafka = TRANCHE__V1__KAFKA_CONF__INIT;
	if (f->property) {
		snprintf(property, sizeof(property), "%s", f->property);
		char *value = strchr(property, '=');
		*value = '\0';
		p.name = property;
		p.value = value + 1;
		kafka.properties = props;
		kafka.n_properties = 1;
		m.kafka = &kafka;
	}
	fake_send(f, to, TR_KIND_JOB_SPEC, &m);
}

void fake_send_task(struct fake *f, const struct fake_member *to,
	uint64_t attempt, const char *topic, int64_t until)
{
	char order[32];
	snprintf(order, sizeof(order), "%s", topic);
	Tranche__V1__Envelope env = envelope(f, attempt);
	Tranche__V1__TaskSpec m = TRANCHE__V1__TASK_SPEC__INIT;
	Tranche__V1__Range range = TRANCHE__V1__RANGE__INIT;
	range.topic = order;
	range.until = until;
	m.env = &env;
	m.range = &range;
	fake_send(f, to, TR_KIND_TASK_SPEC, &m);
}

void fake_send_reduce(struct fake *f, const struct fake_member *to,
	uint64_t attempt, const char *const *urls, const uint64_t *from,
	const uint64_t *sizes, size_t n)
{
	Tranche__V1__BlockRef refs[8], *list[8];
	char *copies[8];
	assert_true(n <= 8);
	for (size_t i = 0; i < n; i++) {
		tranche__v1__block_ref__init(&refs[i]);
		refs[i].lane = (uint32_t)from[i];
		refs[i].attempt = from[i];
		refs[i].source = (uint32_t)i;
		refs[i].stored_bytes = sizes[i];
		list[i] = &refs[i];
		copies[i] = tr_xstrdup(urls[i]);
	}
	Tranche__V1__Envelope env = envelope(f, attempt);
	Tranche__V1__TaskSpec m = TRANCHE__V1__TASK_SPEC__INIT;
	env.stage = 1;
	env.lane = 0;
	m.env = &env;
	m.n_block_urls = n;
	m.block_urls = copies;
	m.n_blocks = n;
	m.blocks = list;
	fake_send(f, to, TR_KIND_TASK_SPEC, &m);
	for (size_t i = 0; i < n; i++)
		free(copies[i]);
}

void fake_send_kill(
	struct fake *f, const struct fake_member *to, uint64_t attempt)
{
	Tranche__V1__Envelope env = envelope(f, attempt);
	Tranche__V1__TaskKill m = TRANCHE__V1__TASK_KILL__INIT;
	m.env = &env;
	fake_send(f, to, TR_KIND_TASK_KILL, &m);
}

void fake_send_job_end(struct fake *f, const struct fake_member *to)
{
	Tranche__V1__Envelope env = envelope(f, 0);
	Tranche__V1__JobEnd m = TRANCHE__V1__JOB_END__INIT;
	m.env = &env;
	fake_send(f, to, TR_KIND_JOB_END, &m);
}

/* ----------------------------------------------------------------- process */

void process_make_dir(struct process *p, const char *name)
{
	*p = (struct process){ 0 };
	snprintf(p->name, sizeof(p->name), "%s", name);
	snprintf(p->dir, sizeof(p->dir), "/tmp/tranche-edge-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	char path[80];
	snprintf(path, sizeof(path), "%s/t", p->dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, TOKEN "\n", sizeof(TOKEN)), sizeof(TOKEN));
	close(fd);
}

void process_start(
	struct process *p, const char *driver, const char *const *sets)
{
	char text[8][320];
	char *argv[40];
	size_t n = 0, t = 0;
	char program[] = TR_TEST_EXECUTOR, set[] = "--set";
	argv[n++] = program;
	snprintf(text[t++], sizeof(text[0]), "driver=%s", driver);
	snprintf(text[t++], sizeof(text[0]), "name=%s", p->name);
	snprintf(text[t++], sizeof(text[0]), "token=file:%s/t", p->dir);
	snprintf(text[t++], sizeof(text[0]), "spool_dir=%s/spool", p->dir);
	snprintf(text[t++], sizeof(text[0]), "worker=%s", TR_TEST_WORKER);
	snprintf(text[t++], sizeof(text[0]), "slots=2");
	for (size_t i = 0; i < t; i++) {
		argv[n++] = set;
		argv[n++] = text[i];
	}
	for (size_t i = 0; sets && sets[i]; i++) {
		argv[n++] = set;
		argv[n++] = strdup(sets[i]);
	}
	size_t copied = 1 + 2 * t;
	argv[n] = NULL;
	assert_int_equal(
		posix_spawn(&p->pid, argv[0], NULL, NULL, argv, environ), 0);
	for (size_t i = copied + 1; i < n; i += 2)
		free(argv[i]);
}

int process_wait(struct process *p)
{
	uint64_t end = tr_clock_mono_ms() + FAKE_DEADLINE_MS;
	int status;
	while (tr_clock_mono_ms() < end) {
		pid_t got = waitpid(p->pid, &status, WNOHANG);
		if (got == p->pid) {
			p->pid = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status)
						 : -WTERMSIG(status);
		}
		poll(NULL, 0, 2);
	}
	fail_msg("the executor does not end");
	return 0;
}

static void remove_all(int fd)
{
	DIR *d = fdopendir(fd);
	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (e->d_name[0] == '.' || unlinkat(fd, e->d_name, 0) == 0)
			continue;
		remove_all(openat(fd, e->d_name, O_RDONLY | O_DIRECTORY));
		unlinkat(fd, e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

void process_remove(struct process *p)
{
	if (p->pid) {
		kill(p->pid, SIGKILL);
		process_wait(p);
	}
	remove_all(open(p->dir, O_RDONLY | O_DIRECTORY));
	rmdir(p->dir);
}

uint64_t process_memory(const struct process *p)
{
	char path[64], line[128];
	unsigned long long kib = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)p->pid);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
			break;
	fclose(f);
	return kib * 1024;
}
