#include "driver/ctl/client.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "common/config/secret.h"
#include "common/mailbox/mailbox.h"
#include "common/net/net.h"

struct kept {
	struct tr_reply reply; /* first: what callers hold */
	struct kept *next;
	struct tr_net_event *event; /* the payload's memory */
	void *msg;
};

struct tr_client {
	char url[TR_NET_URL_MAX];
	char cluster_id[TR_NAME_MAX];
	uint32_t timeout_ms;
	int wake_fd;
	struct tr_mailbox *mailbox;
	struct tr_net *net;
	struct tr_conn_id conn;
	bool asking; /* an answer is near: not to be woken */
	bool up, broken;
	struct tr_error why; /* broken: the reason */
	uint64_t last_request;
	struct kept *first, **end; /* answers nobody has taken yet */
	struct tr_buf body;        /* scratch for packing */
};

/* ---------------------------------------------------------------- answers */

/*
 * The type of an answer and, in messages that have one, where the refusal
 * stands. A job's status has an error that is the job's, not the request's.
 */
static const struct answer {
	enum tr_kind kind;
	const ProtobufCMessageDescriptor *type;
	size_t error;
} answers[] = {
	{ TR_KIND_HELLO_REPLY, &tranche__v1__hello_reply__descriptor,
		offsetof(Tranche__V1__HelloReply, error) },
	{ TR_KIND_ACK, &tranche__v1__ack__descriptor,
		offsetof(Tranche__V1__Ack, error) },
	{ TR_KIND_SUBMIT_REPLY, &tranche__v1__submit_reply__descriptor,
		offsetof(Tranche__V1__SubmitReply, error) },
	{ TR_KIND_PLAN_REPLY, &tranche__v1__plan_reply__descriptor,
		offsetof(Tranche__V1__PlanReply, error) },
	{ TR_KIND_JOB_STATUS, &tranche__v1__job_status__descriptor, 0 },
	{ TR_KIND_JOB_LIST_REPLY, &tranche__v1__job_list_reply__descriptor,
		offsetof(Tranche__V1__JobListReply, error) },
	{ TR_KIND_JOB_SHOW_REPLY, &tranche__v1__job_show_reply__descriptor,
		offsetof(Tranche__V1__JobShowReply, error) },
	{ TR_KIND_JOB_LOGS_REPLY, &tranche__v1__job_logs_reply__descriptor,
		offsetof(Tranche__V1__JobLogsReply, error) },
	{ TR_KIND_EXECUTOR_LIST_REPLY,
		&tranche__v1__executor_list_reply__descriptor,
		offsetof(Tranche__V1__ExecutorListReply, error) },
	{ TR_KIND_TABLE_GET_REPLY, &tranche__v1__table_get_reply__descriptor,
		offsetof(Tranche__V1__TableGetReply, error) },
	{ TR_KIND_TABLE_SCAN_REPLY, &tranche__v1__table_scan_reply__descriptor,
		offsetof(Tranche__V1__TableScanReply, error) },
};

static const struct answer *answer_of(uint8_t kind)
{
	for (size_t i = 0; i < TR_ARRAY_LEN(answers); i++)
		if (answers[i].kind == kind)
			return &answers[i];
	return NULL;
}

static const Tranche__V1__ErrorInfo *refusal_of(const struct tr_reply *r)
{
	size_t at = answer_of((uint8_t)r->kind)->error;
	if (at == 0)
		return NULL;
	return *(Tranche__V1__ErrorInfo *const *)(const void *)((const char *)
									r->msg +
								at);
}

/* The envelope is the first field of every answer but the one to Hello. */
static uint64_t request_id_of(enum tr_kind kind, const void *msg)
{
	const Tranche__V1__Ack *any = msg;
	return kind == TR_KIND_HELLO_REPLY ? 0
					   : tr_msg_env(any->env)->request_id;
}

void tr_reply_free(struct tr_reply *r)
{
	struct kept *k = (struct kept *)r;
	if (!k)
		return;
	tr_msg_free(k->msg);
	tr_mail_free(&k->event->mail);
	tr_xfree(k);
}

void tr_client_error(struct tr_error *err, const Tranche__V1__ErrorInfo *info)
{
	bool told = strstr(info->text, info->where) != NULL; /* "" is in all */
	bool at = info->position[0] && !strstr(info->text, info->position);
	tr_error_set(err, tr_err_from_name(info->code), "%s%s%s%s%s%s",
		told ? "" : info->where, told ? "" : ": ", info->text,
		at ? " (record " : "", at ? info->position : "", at ? ")" : "");
}

/* ----------------------------------------------------------------- events */

static void break_off(struct tr_client *c, int code, const char *fmt, ...)
	TR_PRINTF(3, 4);

/* The first reason stays. */
static void break_off(struct tr_client *c, int code, const char *fmt, ...)
{
	va_list ap;
	if (c->broken)
		return;
	c->broken = true;
	va_start(ap, fmt);
	tr_error_vset(&c->why, code, fmt, ap);
	va_end(ap);
}

/* Returns true when the event was kept. */
static bool on_frame(struct tr_client *c, struct tr_net_event *ev)
{
	struct tr_error err;
	const struct answer *a = answer_of(ev->frame.kind);
	void *msg = a ? tr_msg_unpack(a->type, ev->frame.body, &err) : NULL;
	if (!a)
		tr_error_set(
			&err, TR_EPROTO, "a frame of kind %u", ev->frame.kind);
	if (!msg) {
		break_off(c, TR_EPROTO,
			"the driver at '%s' sent what this client does not "
			"know: %s",
			c->url, err.text);
		return false;
	}
	struct kept *k = tr_xcalloc(1, sizeof(*k));
	k->reply = (struct tr_reply){ .kind = a->kind,
		.request_id = request_id_of(a->kind, msg),
		.msg = msg,
		.payload = ev->frame.payload };
	k->event = ev;
	k->msg = msg;
	*c->end = k;
	c->end = &k->next;
	return true;
}

/* A TLS listener hangs up on plain bytes without a word. */
static const char *hint(const struct tr_client *c, int code)
{
	bool plain = strncmp(c->url, "tcp://", 6) == 0;
	return plain && !c->cluster_id[0] && code == TR_ECLOSED
		       ? "; is its address one with tls+tcp://?"
		       : "";
}

static bool on_event(struct tr_client *c, struct tr_net_event *ev)
{
	switch (ev->kind) {
	case TR_NET_UP:
		c->up = true;
		break;
	case TR_NET_FRAME:
		return on_frame(c, ev);
	case TR_NET_DIAL_FAILED:
		break_off(c,
			ev->error->code == TR_EAUTH ? TR_EAUTH : TR_EUNREACH,
			"the driver is out of reach: %s; is it running? "
			"--driver or TRANCHE_DRIVER names another",
			ev->error->text);
		break;
	case TR_NET_DOWN:
		break_off(c, ev->error->code,
			"lost the connection to the driver at '%s': %s%s",
			c->url, ev->error->text, hint(c, ev->error->code));
		break;
	case TR_NET_DRAINED:
		break;
	}
	return false;
}

static void take_mail(struct tr_client *c)
{
	struct tr_mail *next;
	for (struct tr_mail *m = tr_mailbox_take_all(c->mailbox); m; m = next) {
		next = m->next;
		if (!on_event(c, tr_net_event_of(m)))
			tr_mail_free(m);
	}
}

/*
 * Waits for events, or until the time. TR_ETIMEOUT: it has come. TR_ECANCELED:
 * woken.
 */
static int turn(struct tr_client *c, uint64_t until_ms, struct tr_error *err)
{
	uint64_t now = tr_clock_mono_ms();
	uint64_t next = tr_net_tick(c->net, now);
	if (until_ms < next)
		next = until_ms;
	uint64_t wait = next > now ? next - now : 0;
	struct pollfd fds[] = {
		{ .fd = tr_mailbox_fd(c->mailbox), .events = POLLIN },
		{ .fd = c->asking ? -1 : c->wake_fd, .events = POLLIN },
	};
	poll(fds, TR_ARRAY_LEN(fds), wait > 60000 ? 60000 : (int)wait);
	take_mail(c);
	if (fds[1].revents)
		return tr_error_set(err, TR_ECANCELED, "interrupted");
	if (fds[0].revents == 0 && tr_clock_mono_ms() >= until_ms)
		return tr_error_set(err, TR_ETIMEOUT, "no answer");
	return 0;
}

static int reason(const struct tr_client *c, struct tr_error *err)
{
	return tr_error_set(err, c->why.code, "%s", c->why.text);
}

/* ----------------------------------------------------------------- frames */

static int send_frame(struct tr_client *c, enum tr_kind kind, const void *msg,
	struct tr_slice payload, struct tr_error *err)
{
	tr_buf_reset(&c->body);
	int rc = tr_msg_pack(&c->body, msg);
	struct tr_frame f = { .kind = (uint8_t)kind,
		.body = { c->body.data, c->body.len },
		.payload = payload };
	if (rc == 0)
		rc = tr_net_send(c->net, c->conn, &f, TR_NET_FULL_CLOSE);
	if (rc == 0)
		return 0;
	if (rc == TR_ELIMIT)
		return tr_error_set(
			err, rc, "the request is larger than a message may be");
	/* Why it is gone comes as an event. */
	uint64_t until = tr_clock_mono_ms() + c->timeout_ms;
	struct tr_error ignored;
	while (!c->broken && turn(c, until, &ignored) == 0)
		;
	break_off(c, rc, "the driver at '%s' closed the connection", c->url);
	return reason(c, err);
}

int tr_client_send(struct tr_client *c, enum tr_kind kind, void *request,
	struct tr_slice payload, struct tr_error *err)
{
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	Tranche__V1__Ack *any = request; /* the envelope is the first field */
	env.request_id = ++c->last_request;
	any->env = &env;
	int rc = send_frame(c, kind, request, payload, err);
	any->env = NULL;
	return rc;
}

/* The answer to request `id` (0: to any), out of those that wait. */
static struct kept *take_kept(struct tr_client *c, uint64_t id)
{
	for (struct kept **at = &c->first; *at; at = &(*at)->next) {
		struct kept *k = *at;
		if (id && k->reply.request_id != id)
			continue;
		*at = k->next;
		if (c->end == &k->next)
			c->end = at;
		return k;
	}
	return NULL;
}

/* Waits for it, whatever it says. */
static int wait_kept(struct tr_client *c, uint64_t id, uint64_t timeout_ms,
	struct kept **out, struct tr_error *err)
{
	uint64_t until = tr_clock_mono_ms() + timeout_ms;
	int rc = 0;
	for (;;) {
		*out = take_kept(c, id);
		if (*out)
			return 0;
		if (c->broken)
			return reason(c, err);
		if (rc != 0)
			return rc;
		rc = turn(c, until, err);
	}
}

/* A refusal becomes an error. */
static int check_refusal(
	struct kept *k, struct tr_reply **reply, struct tr_error *err)
{
	const Tranche__V1__ErrorInfo *info = refusal_of(&k->reply);
	if (!info) {
		*reply = &k->reply;
		return 0;
	}
	tr_client_error(err, info);
	tr_reply_free(&k->reply);
	return err->code;
}

int tr_client_next(struct tr_client *c, uint64_t timeout_ms,
	struct tr_reply **reply, struct tr_error *err)
{
	struct kept *k;
	int rc = wait_kept(c, 0, timeout_ms, &k, err);
	return rc ? rc : check_refusal(k, reply, err);
}

static int too_late(struct tr_client *c, struct tr_error *err)
{
	break_off(c, TR_ETIMEOUT,
		"the driver at '%s' did not answer within %" PRIu32
		" ms; option 'timeout' in [client] waits longer",
		c->url, c->timeout_ms);
	return reason(c, err);
}

int tr_client_ask(struct tr_client *c, enum tr_kind kind, void *request,
	struct tr_slice payload, struct tr_reply **reply, struct tr_error *err)
{
	struct kept *k;
	c->asking = true;
	int rc = tr_client_send(c, kind, request, payload, err);
	if (rc == 0)
		rc = wait_kept(c, c->last_request, c->timeout_ms, &k, err);
	c->asking = false;
	if (rc == TR_ETIMEOUT && !c->broken)
		return too_late(c, err);
	return rc ? rc : check_refusal(k, reply, err);
}

/* ------------------------------------------------------------ open, close */

static void put_name(char *out, size_t size)
{
	char host[64] = "";
	const char *user = getenv("USER");
	gethostname(host, sizeof(host) - 1);
	snprintf(out, size, "%.60s@%s", user && *user ? user : "tranche",
		*host ? host : "localhost");
}

static int take_hello(
	struct tr_client *c, struct tr_reply *reply, struct tr_error *err)
{
	const Tranche__V1__HelloReply *r = reply->msg;
	if (reply->kind != TR_KIND_HELLO_REPLY)
		return tr_error_set(err, TR_EPROTO,
			"the driver at '%s' answered Hello with something else",
			c->url);
	snprintf(c->cluster_id, sizeof(c->cluster_id), "%s", r->cluster_id);
	tr_net_conn_authenticated(c->net, c->conn);
	return 0;
}

/* Says Hello and takes the answer. *refused: the driver said no. */
static int greet(struct tr_client *c, Tranche__V1__Hello *m, bool *refused,
	struct tr_error *err)
{
	struct kept *k;
	struct tr_reply *reply;
	int rc = send_frame(c, TR_KIND_HELLO, m, TR_SLICE_ABSENT, err);
	if (rc == 0)
		rc = wait_kept(c, 0, c->timeout_ms, &k, err);
	if (rc == TR_ETIMEOUT && !c->broken)
		return too_late(c, err);
	if (rc != 0)
		return rc;
	rc = check_refusal(k, &reply, err);
	if (rc != 0) {
		*refused = true;
		return rc;
	}
	rc = take_hello(c, reply, err);
	tr_reply_free(reply);
	return rc;
}

static int dial(struct tr_client *c, const struct tr_client_conf *conf,
	struct tr_error *err)
{
	struct tr_tls_opts tls = { .ca_file = conf->tls.ca,
		.cert_key_file = conf->tls.cert,
		.server_name = conf->tls.server_name };
	struct tr_net_endpoint to = { .url = conf->driver,
		.tls = strncmp(conf->driver, "tls+tcp://", 10) == 0 ? &tls
								    : NULL,
		.insecure = conf->insecure };
	int rc = tr_net_dial(c->net, &to, &c->conn, err);
	uint64_t until = tr_clock_mono_ms() + c->timeout_ms;
	while (rc == 0 && !c->up && !c->broken)
		rc = turn(c, until, err);
	if (rc == TR_ETIMEOUT)
		return too_late(c, err);
	return rc == 0 && c->broken ? reason(c, err) : rc;
}

static struct tr_client *client_new(const struct tr_client_opts *o)
{
	struct tr_client *c = tr_xcalloc(1, sizeof(*c));
	struct tr_net_opts net = { .conns_max = 1 };
	if (o->conf->timeout_ms < TR_DIAL_TIMEOUT_MS)
		net.dial_timeout_ms = o->conf->timeout_ms;
	snprintf(c->url, sizeof(c->url), "%s", o->conf->driver);
	c->timeout_ms = o->conf->timeout_ms;
	c->wake_fd = o->wake_fd;
	c->end = &c->first;
	tr_buf_init(&c->body, TR_FRAME_BODY_MAX);
	c->mailbox = tr_mailbox_new(SIZE_MAX);
	c->net = tr_net_new(&net, c->mailbox);
	return c;
}

static int open_as(struct tr_client **out, const struct tr_client_opts *o,
	Tranche__V1__Hello *m, bool *refused, struct tr_error *err)
{
	struct tr_client *c = client_new(o);
	int rc = dial(c, o->conf, err);
	if (rc == 0)
		rc = greet(c, m, refused, err);
	if (rc != 0) {
		tr_client_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

/* With either role: which one a token is for, only the driver knows. */
static int open_with(struct tr_client **out, const struct tr_client_opts *o,
	char *token, struct tr_error *err)
{
	char name[TR_NAME_MAX], cluster[TR_NAME_MAX];
	bool refused = false;
	Tranche__V1__Hello m = TRANCHE__V1__HELLO__INIT;
	put_name(name, sizeof(name));
	snprintf(cluster, sizeof(cluster), "%s",
		o->cluster_id ? o->cluster_id : "");
	m.version_min = TR_PROTOCOL_MIN;
	m.version_max = TR_PROTOCOL_MAX;
	m.role = TRANCHE__V1__ROLE__ROLE_SUBMITTER;
	m.token = token;
	m.name = name;
	m.cluster_id = cluster;
	int rc = open_as(out, o, &m, &refused, err);
	if (rc == TR_EAUTH && refused) {
		m.role = TRANCHE__V1__ROLE__ROLE_READER;
		rc = open_as(out, o, &m, &refused, err);
	}
	if (rc != 0 && refused)
		tr_error_prefix(err,
			"the driver at '%s' refuses this client, whose token "
			"is '%s'",
			o->conf->driver, o->conf->token);
	return rc;
}

static int resolve_token(const struct tr_client_conf *conf,
	char token[TR_TOKEN_MAX], struct tr_error *err)
{
	if (!conf->token)
		return tr_error_set(err, TR_EAUTH,
			"no token for the driver at '%s': set 'token' in "
			"[client] of the configuration, or TRANCHE_TOKEN_FILE",
			conf->driver);
	int rc = tr_secret_resolve(conf->token, token, TR_TOKEN_MAX, err);
	return rc ? tr_error_prefix(err, "the client's token") : 0;
}

int tr_client_open(struct tr_client **out, const struct tr_client_opts *o,
	struct tr_error *err)
{
	char token[TR_TOKEN_MAX];
	int rc = resolve_token(o->conf, token, err);
	if (rc == 0)
		rc = open_with(out, o, token, err);
	explicit_bzero(token, sizeof(token));
	return rc;
}

void tr_client_close(struct tr_client *c)
{
	if (!c)
		return;
	tr_net_close(c->net);
	tr_net_stop(c->net);
	while (c->first) {
		struct kept *k = take_kept(c, 0);
		tr_reply_free(&k->reply);
	}
	tr_mailbox_free(c->mailbox);
	tr_net_free(c->net);
	tr_buf_fini(&c->body);
	tr_xfree(c);
}

bool tr_client_is_broken(const struct tr_client *c)
{
	return c->broken;
}

const char *tr_client_cluster_id(const struct tr_client *c)
{
	return c->cluster_id;
}
