#include "driver/edge/driver.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "common/config/libexec.h"
#include "common/config/secret.h"
#include "common/log/log.h"

/* ------------------------------------------------------------------ tables */

struct tr_edge_job *tr_driver_job(struct tr_driver *d, struct tr_job_id id)
{
	struct tr_edge_job *j = d->jobs;
	while (j && j->id.v != id.v)
		j = j->next;
	return j;
}

struct tr_edge_job *tr_driver_job_named(struct tr_driver *d, const char *text)
{
	struct tr_edge_job *found = NULL;
	char id[24];
	for (struct tr_edge_job *j = d->jobs; j; j = j->next) {
		if (!j->durable)
			continue;
		snprintf(id, sizeof(id), "%" PRIu64, j->id.v);
		if (strcmp(id, text) == 0)
			return j;
		if (strcmp(j->request->name, text) == 0)
			found = j;
	}
	return found;
}

void tr_driver_job_add(struct tr_driver *d, struct tr_edge_job *j)
{
	struct tr_edge_job **at = &d->jobs;
	while (*at)
		at = &(*at)->next;
	*at = j;
	if (j->id.v > d->last_job)
		d->last_job = j->id.v;
}

void tr_driver_job_remove(struct tr_driver *d, struct tr_edge_job *j)
{
	struct tr_edge_job **at = &d->jobs;
	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	tr_edge_job_free(j);
}

struct tr_peer *tr_driver_peer(struct tr_driver *d, struct tr_conn_id conn)
{
	uint32_t slot = tr_conn_slot(conn);
	struct tr_peer *p = slot < d->n_peers ? d->peers[slot] : NULL;
	return p && p->conn.v == conn.v ? p : NULL;
}

struct tr_peer *tr_driver_member(
	struct tr_driver *d, struct tr_executor_id executor)
{
	size_t low = 0, high = d->n_members;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		uint64_t v = d->members[mid]->executor.v;
		if (v == executor.v)
			return d->members[mid];
		if (v < executor.v)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* ---------------------------------------------------------------- messages */

Tranche__V1__Envelope tr_driver_env(const struct tr_driver *d,
	const struct tr_attempt_ref *ref, uint64_t request_id)
{
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	env.term = tr_store_term(d->store).v;
	env.request_id = request_id;
	if (ref) {
		env.job = ref->job.v;
		env.batch = ref->batch;
		env.stage = ref->lane.stage;
		env.lane = ref->lane.lane;
		env.attempt = ref->attempt.v;
	}
	return env;
}

int tr_driver_send(struct tr_driver *d, struct tr_conn_id conn,
	enum tr_kind kind, const void *msg, struct tr_slice payload)
{
	tr_buf_reset(&d->body);
	int rc = tr_msg_pack(&d->body, msg);
	if (rc == TR_ENOMEM)
		tr_net_conn_close(d->net, conn);
	if (rc != 0)
		return rc;
	struct tr_frame f = { .kind = (uint8_t)kind,
		.body = { d->body.data, d->body.len },
		.payload = payload };
	if (tr_frame_size(&f) > TR_FRAME_MAX)
		return TR_ELIMIT;
	rc = tr_net_send(d->net, conn, &f, TR_NET_FULL_CLOSE);
	if (rc == 0)
		return 0;
	/* What does not reach a peer must not be missed by it alone. */
	tr_net_conn_close(d->net, conn);
	return TR_ECLOSED;
}

void tr_driver_misbehaved(
	struct tr_driver *d, struct tr_peer *p, const struct tr_error *why)
{
	tr_log_warn("peer-misbehaved", "peer=%s name=%s code=%s text=%s",
		p->address, TR_LOG_STR(p->name), tr_err_name(why->code),
		TR_LOG_STR(why->text));
	p->closing = true;
	tr_net_conn_close(d->net, p->conn);
}

/* ------------------------------------------------------------------- hello */

/* Whole length always: the time taken tells nothing about where it differs. */
static bool token_is(const char *given, const char *right)
{
	size_t n = strlen(given), m = strlen(right);
	unsigned char diff = (unsigned char)(n != m || m == 0);
	for (size_t i = 0; i < n && i < TR_TOKEN_MAX; i++)
		diff |= (unsigned char)(given[i] ^ right[m ? i % m : 0]);
	return diff == 0;
}

static const char *token_of(const struct tr_driver *d, Tranche__V1__Role role)
{
	switch ((int)role) {
	case TRANCHE__V1__ROLE__ROLE_EXECUTOR:
		return d->executor_token;
	case TRANCHE__V1__ROLE__ROLE_SUBMITTER:
		return d->submitter_token;
	case TRANCHE__V1__ROLE__ROLE_READER:
		return d->reader_token;
	default:
		return "";
	}
}

static int check_hello(const struct tr_driver *d, const Tranche__V1__Hello *m,
	struct tr_error *err)
{
	if (m->version_min > TR_PROTOCOL_MAX ||
		m->version_max < TR_PROTOCOL_MIN)
		return tr_error_set(err, TR_EVERSION,
			"protocol %u to %u offered, this driver speaks %u to "
			"%u: upgrade the older side",
			m->version_min, m->version_max, TR_PROTOCOL_MIN,
			TR_PROTOCOL_MAX);
	if (m->cluster_id[0] &&
		strcmp(m->cluster_id, tr_store_cluster_id(d->store)) != 0)
		return tr_error_set(
			err, TR_EAUTH, "this driver is of another cluster");
	if (!token_is(m->token, token_of(d, m->role)))
		return tr_error_set(err, TR_EAUTH, "wrong token for this role");
	if (m->name[0] == '\0' || strlen(m->name) >= TR_NAME_MAX ||
		strlen(m->instance) >= TR_NAME_MAX)
		return tr_error_set(err, TR_EPROTO,
			"a name of 1 to %u bytes is needed", TR_NAME_MAX - 1);
	return 0;
}

static void on_hello(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	Tranche__V1__Envelope env = tr_driver_env(d, NULL, 0);
	Tranche__V1__HelloReply r = TRANCHE__V1__HELLO_REPLY__INIT;
	Tranche__V1__ErrorInfo info;
	union {
		const char *in;
		char *out;
	} cluster = { tr_store_cluster_id(d->store) };
	Tranche__V1__Hello *m =
		f->kind == TR_KIND_HELLO
			? tr_msg_unpack(&tranche__v1__hello__descriptor,
				  f->body, &err)
			: NULL;
	if (f->kind != TR_KIND_HELLO)
		tr_error_set(&err, TR_EPROTO,
			"the first frame is of kind %u, not Hello", f->kind);
	if (!m) {
		tr_driver_misbehaved(d, p, &err);
		return;
	}
	if (check_hello(d, m, &err) != 0) {
		tr_log_warn("hello-refused", "peer=%s code=%s text=%s",
			p->address, tr_err_name(err.code),
			TR_LOG_STR(err.text));
		tr_msg_error_info(&info, &err);
		r.error = &info;
		(void)tr_driver_send(d, p->conn, TR_KIND_HELLO_REPLY, &r,
			(struct tr_slice){ 0 });
		tr_net_conn_finish(d->net, p->conn);
		tr_msg_free(m);
		return;
	}
	p->role = m->role;
	snprintf(p->name, sizeof(p->name), "%s", m->name);
	snprintf(p->instance, sizeof(p->instance), "%s", m->instance);
	tr_net_conn_authenticated(d->net, p->conn);
	r.version = m->version_max < TR_PROTOCOL_MAX ? m->version_max
						     : TR_PROTOCOL_MAX;
	r.cluster_id = cluster.out;
	r.term = env.term;
	r.heartbeat_ms = d->conf->heartbeat_ms;
	r.lease_ms = d->conf->lease_ms;
	(void)tr_driver_send(
		d, p->conn, TR_KIND_HELLO_REPLY, &r, (struct tr_slice){ 0 });
	tr_msg_free(m);
}

/* ------------------------------------------------------------------ events */

static void on_up(struct tr_driver *d, const struct tr_net_event *ev)
{
	uint32_t slot = tr_conn_slot(ev->conn);
	if (slot >= d->n_peers) {
		uint32_t n = slot + 16;
		d->peers = tr_xrealloc(d->peers, n * sizeof(*d->peers));
		memset(d->peers + d->n_peers, 0,
			(n - d->n_peers) * sizeof(*d->peers));
		d->n_peers = n;
	}
	d->peers[slot] = tr_peer_new(ev->conn, ev->peer);
}

static void on_down(struct tr_driver *d, const struct tr_net_event *ev)
{
	struct tr_peer *p = tr_driver_peer(d, ev->conn);
	if (!p)
		return;
	tr_log(p->executor.v ? TR_LOG_WARN : TR_LOG_DEBUG, "peer-down",
		"peer=%s name=%s exec=%" PRIu64 " code=%s text=%s", p->address,
		TR_LOG_STR(p->name), p->executor.v,
		tr_err_name(ev->error->code), TR_LOG_STR(ev->error->text));
	tr_watch_down(d, p);
	tr_cluster_down(d, p);
	d->peers[tr_conn_slot(ev->conn)] = NULL;
	tr_peer_free(p);
}

/* Returns true when the event was kept. */
static bool on_frame(struct tr_driver *d, struct tr_net_event *ev)
{
	struct tr_peer *p = tr_driver_peer(d, ev->conn);
	if (!p || p->closing)
		return false;
	if (p->role == TRANCHE__V1__ROLE__ROLE_UNSPECIFIED)
		on_hello(d, p, &ev->frame);
	else if (p->role == TRANCHE__V1__ROLE__ROLE_EXECUTOR)
		return tr_cluster_frame(d, p, ev);
	else
		tr_control_frame(d, p, &ev->frame);
	return false;
}

static bool on_net(struct tr_driver *d, struct tr_net_event *ev)
{
	switch (ev->kind) {
	case TR_NET_UP:
		on_up(d, ev);
		break;
	case TR_NET_FRAME:
		return on_frame(d, ev);
	case TR_NET_DOWN:
		on_down(d, ev);
		break;
	case TR_NET_DRAINED:
	case TR_NET_DIAL_FAILED:
		break;
	}
	return false;
}

static void take_mail(struct tr_driver *d)
{
	struct tr_mail *next;
	for (struct tr_mail *m = tr_mailbox_take_all(d->mailbox); m; m = next) {
		next = m->next;
		struct tr_net_event *ev = tr_net_event_of(m);
		if (ev) {
			if (on_net(d, ev))
				continue;
		} else if (m->type == &tr_work_type) {
			struct tr_work *w = (struct tr_work *)m;
			w->done(w);
		} else if (m->type == &tr_write_type) {
			d->durable_seq = ((struct tr_write *)m)->seq;
			tr_driver_perform(d);
		}
		tr_mail_free(m);
	}
}

/* -------------------------------------------------------------------- loop */

static void read_clocks(struct tr_driver *d)
{
	d->now_ms = tr_clock_mono_ms();
	d->wall_ms = tr_clock_wall_ms();
}

/* When the core is to hear that time has passed. */
static uint64_t core_due(const struct tr_driver *d)
{
	return d->core_deadline_ms > d->listen_until_ms ? d->core_deadline_ms
							: d->listen_until_ms;
}

/*
 * A driver that was stopped for a while (SIGSTOP, swapping, a busy machine)
 * must not take its own pause for its executors' silence: what they sent
 * meanwhile is still on its way through the network's threads.
 */
static void look_at_pause(struct tr_driver *d)
{
	uint64_t late = d->wake_ms && d->now_ms > d->wake_ms
				? d->now_ms - d->wake_ms
				: 0;
	if (late > d->conf->lease_ms / 4)
		d->listen_until_ms = d->now_ms + d->conf->lease_ms / 4;
}

/* Whatever time brings. Returns when to look again at the latest. */
static uint64_t tick(struct tr_driver *d)
{
	if (d->now_ms >= core_due(d)) {
		struct tr_core_event ev = { .kind = TR_CORE_TICK };
		tr_driver_step(d, &ev);
	}
	if (d->now_ms >= d->next_heartbeat_ms) {
		tr_cluster_heartbeat(d);
		d->next_heartbeat_ms = d->now_ms + d->conf->heartbeat_ms;
	}
	uint64_t next = tr_net_tick(d->net, d->now_ms);
	uint64_t watch = tr_watch_tick(d);
	if (watch < next)
		next = watch;
	if (core_due(d) < next)
		next = core_due(d);
	/* Without executors nobody waits for a heartbeat. */
	if (d->n_members && d->next_heartbeat_ms < next)
		next = d->next_heartbeat_ms;
	return next;
}

static int wait_ms(const struct tr_driver *d, uint64_t next)
{
	if (next <= d->now_ms)
		return 0;
	uint64_t ms = next - d->now_ms;
	return ms > 60000 ? 60000 : (int)ms;
}

static void loop(struct tr_driver *d, int signals)
{
	while (!d->stopping) {
		int wait = wait_ms(d, tick(d));
		d->wake_ms = d->now_ms + (uint64_t)wait;
		struct pollfd fds[] = {
			{ .fd = tr_mailbox_fd(d->mailbox), .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
		};
		poll(fds, TR_ARRAY_LEN(fds), wait);
		/* Mail first, at this time, and the tick after it. */
		read_clocks(d);
		look_at_pause(d);
		if (fds[1].revents) {
			struct signalfd_siginfo si;
			ssize_t n = read(signals, &si, sizeof(si));
			tr_log_info("driver-stopping", "signal=%u",
				n == sizeof(si) ? si.ssi_signo : 0);
			d->stopping = true;
		}
		take_mail(d);
	}
}

/* -------------------------------------------------------------- start, stop */

static int resolve_tokens(struct tr_driver *d, struct tr_error *err)
{
	const struct {
		const char *ref;
		char *out;
		const char *name;
	} tokens[] = {
		{ d->conf->executor_token, d->executor_token,
			"executor_token" },
		{ d->conf->submitter_token, d->submitter_token,
			"submitter_token" },
		{ d->conf->reader_token, d->reader_token, "reader_token" },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(tokens); i++) {
		if (!tokens[i].ref)
			continue; /* nobody has this role */
		if (tr_secret_resolve(tokens[i].ref, tokens[i].out,
			    TR_TOKEN_MAX, err) != 0)
			return tr_error_prefix(err, "%s", tokens[i].name);
	}
	return 0;
}

/* Where clients find a driver that chose its own port. */
static int write_url(
	const struct tr_driver *d, const char *url, struct tr_error *err)
{
	char path[4096], tmp[4096];
	snprintf(path, sizeof(path), "%s/driver.url", d->conf->data_dir);
	snprintf(tmp, sizeof(tmp), "%s/driver.url.tmp", d->conf->data_dir);
	FILE *f = fopen(tmp, "we");
	bool written = f && fprintf(f, "%s\n", url) > 0;
	if (f && fclose(f) != 0)
		written = false;
	if (!written || rename(tmp, path) != 0)
		return tr_error_set(err, TR_EIO, "cannot write '%s': %s", path,
			strerror(errno));
	return 0;
}

/* `tls` is the caller's memory for what the endpoint points to. */
static struct tr_net_endpoint endpoint_of(
	const struct tr_driver_conf *c, struct tr_tls_opts *tls)
{
	*tls = (struct tr_tls_opts){ .ca_file = c->tls.ca,
		.cert_key_file = c->tls.cert,
		.server_name = c->tls.server_name };
	return (struct tr_net_endpoint){ .url = c->listen,
		.tls = c->tls.ca ? tls : NULL,
		.insecure = c->insecure };
}

static int start_listening(struct tr_driver *d, struct tr_error *err)
{
	struct tr_tls_opts tls;
	struct tr_net_endpoint at = endpoint_of(d->conf, &tls);
	char bound[TR_NET_URL_MAX];
	int rc = tr_net_listen(d->net, &at, bound, err);
	if (rc != 0)
		return rc;
	tr_log_info("driver-listening",
		"url=%s term=%" PRIu64 " cluster=%s pid=%d", bound,
		tr_store_term(d->store).v, tr_store_cluster_id(d->store),
		(int)getpid());
	return write_url(d, bound, err);
}

static int start_core(struct tr_driver *d, struct tr_error *err)
{
	struct tr_core_limits limits;
	uint64_t seed = 0;
	tr_core_limits_default(&limits);
	limits.lease_ms = d->conf->lease_ms;
	/* Executors dial again within a fraction of it; see executor/core. */
	if (limits.grace_ms > d->conf->lease_ms)
		limits.grace_ms = d->conf->lease_ms;
	d->core = tr_core_new(&limits);
	d->update = tr_xcalloc(1, sizeof(*d->update));
	ssize_t n = getrandom(&seed, sizeof(seed), 0);
	tr_assert(n == sizeof(seed));
	struct tr_core_event ev = { .kind = TR_CORE_INIT,
		.u.init = { tr_store_term(d->store), seed } };
	tr_driver_step(d, &ev);
	return tr_driver_recover(d, err);
}

/* Everything that can be wrong before anything is touched. */
static int prepare(struct tr_driver *d, struct tr_error *err)
{
	struct tr_tls_opts tls;
	struct tr_net_endpoint at = endpoint_of(d->conf, &tls);
	int rc = resolve_tokens(d, err);
	if (rc == 0)
		rc = tr_libexec_find("tranche-worker", d->conf->worker,
			d->worker, sizeof(d->worker), err);
	if (rc == 0)
		rc = tr_net_endpoint_check(&at, err);
	return rc == 0 && at.tls ? tr_tls_check(at.tls, err) : rc;
}

int tr_driver_check(const struct tr_driver_conf *conf, struct tr_error *err)
{
	struct tr_driver d = { .conf = conf };
	return prepare(&d, err);
}

static int start(struct tr_driver *d, struct tr_error *err)
{
	struct tr_store_opts opts = { .path = d->conf->data_dir };
	int rc = prepare(d, err);
	if (rc != 0)
		return rc;
	/* Before any thread: it looks for corruption in a child process. */
	rc = tr_store_open(&d->store, &opts, err);
	if (rc != 0)
		return rc;
	d->last_job = tr_store_last_job(d->store).v;
	read_clocks(d);
	d->mailbox = tr_mailbox_new(SIZE_MAX);
	d->writer = tr_writer_new(d->store, d->mailbox);
	d->net = tr_net_new(NULL, d->mailbox);
	d->readers = tr_reads_pool(d);
	d->planners = tr_planning_pool(d);
	rc = start_core(d, err);
	return rc == 0 ? start_listening(d, err) : rc;
}

/*
 * The end when a plan does not come to one, because Kafka does not answer:
 * nothing that is stored waits for it, and its worker dies with this process.
 */
static _Noreturn void leave(struct tr_driver *d)
{
	tr_pool_free(d->readers);
	tr_writer_free(d->writer);
	tr_store_close(d->store);
	_exit(EXIT_SUCCESS);
}

static void stop(struct tr_driver *d)
{
	if (d->net) {
		tr_net_close(d->net);
		tr_net_stop(d->net);
	}
	if (d->planners && !tr_pool_stop(d->planners, TR_PLAN_STOP_MS))
		leave(d);
	tr_pool_free(d->planners);
	tr_pool_free(d->readers);
	tr_writer_free(d->writer);
	/* Mail left over borrows nothing but what it owns. */
	if (d->mailbox)
		tr_mailbox_free(d->mailbox);
	tr_net_free(d->net);
	tr_driver_pending_free(d);
	while (d->jobs)
		tr_driver_job_remove(d, d->jobs);
	for (uint32_t i = 0; i < d->n_peers; i++)
		if (d->peers[i]) {
			tr_watch_down(d, d->peers[i]);
			tr_peer_free(d->peers[i]);
		}
	if (d->core)
		tr_core_free(d->core);
	tr_store_close(d->store);
	tr_buf_fini(&d->body);
	tr_buf_fini(&d->rows);
	tr_xfree(d->peers);
	tr_xfree(d->members);
	tr_xfree(d->update);
}

int tr_driver_run(const struct tr_driver_conf *conf, struct tr_error *err)
{
	struct tr_driver d = { .conf = conf, .core_deadline_ms = UINT64_MAX };
	sigset_t set;
	d.pending_tail = &d.pending;
	tr_buf_init(&d.body, TR_FRAME_BODY_MAX);
	tr_block_scratch_init(&d.rows);
	/* Threads inherit the mask: signals come to the loop only. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* Dozens of mostly idle threads need no arenas of their own. */
	mallopt(M_ARENA_MAX, 2);
	int signals = signalfd(-1, &set, SFD_CLOEXEC);
	int rc = start(&d, err);
	if (rc == 0)
		loop(&d, signals);
	stop(&d);
	close(signals);
	return rc;
}
