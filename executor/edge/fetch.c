#include "executor/edge/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "executor/edge/daemon.h"

/* One request: a part of a block. */
struct piece {
	struct piece *next;
	struct tr_fetch *fetch; /* NULL: nobody waits for it any more */
	uint32_t block;         /* index into the spec's blocks */
	uint64_t offset;        /* in the writer's file */
	uint32_t length;
	uint64_t at; /* in the attempt's input file */
	uint64_t request;
};

struct tr_fetch {
	struct tr_attempt *attempt;
	int fd;
	uint32_t pieces_left;
	bool *lost; /* per block */
	uint32_t n_lost;
	struct tr_error why; /* of the first loss */
};

/*
 *	dialling --> greeting --> ready        conn.v 0: waits for redial_ms
 */
struct tr_fetch_peer {
	struct tr_fetch_peer *next;
	char url[TR_NET_URL_MAX];
	struct tr_conn_id conn;
	bool ready;
	bool owes;      /* an answer; the silence we bear is shorter then */
	uint32_t tries; /* connections without one answer */
	uint64_t dialled_ms;
	uint64_t redial_ms;
	struct piece *wanted, *wanted_last;
	struct piece *asked; /* at most TR_FETCH_PER_PEER */
	uint32_t n_asked;
};

/* ---------------------------------------------------------------- pieces */

static void want(struct tr_fetch_peer *peer, struct piece *p)
{
	p->next = NULL;
	if (peer->wanted)
		peer->wanted_last->next = p;
	else
		peer->wanted = p;
	peer->wanted_last = p;
}

static struct piece *take_wanted(struct tr_fetch_peer *peer)
{
	struct piece *p = peer->wanted;
	peer->wanted = p->next;
	return p;
}

/* What was asked goes to the front of what is wanted, to be asked again. */
static void unask(struct tr_fetcher *f, struct tr_fetch_peer *peer)
{
	while (peer->asked) {
		struct piece *p = peer->asked;
		peer->asked = p->next;
		f->in_flight -= p->length;
		if (!p->fetch) {
			tr_xfree(p);
			continue;
		}
		p->next = peer->wanted;
		if (!peer->wanted)
			peer->wanted_last = p;
		peer->wanted = p;
	}
	peer->n_asked = 0;
}

/* ---------------------------------------------------------------- result */

static void fetch_free(struct tr_fetch *fetch)
{
	fetch->attempt->fetch = NULL;
	if (fetch->fd >= 0)
		close(fetch->fd);
	tr_xfree(fetch->lost);
	tr_xfree(fetch);
}

/* Pieces on their way are answered into nothing; others are dropped. */
static void disown(struct tr_fetcher *f, struct tr_fetch *fetch)
{
	for (struct tr_fetch_peer *peer = f->peers; peer; peer = peer->next) {
		for (struct piece *p = peer->asked; p; p = p->next)
			if (p->fetch == fetch)
				p->fetch = NULL;
		struct piece *p = peer->wanted, *next;
		peer->wanted = NULL;
		for (; p; p = next) {
			next = p->next;
			if (p->fetch == fetch)
				tr_xfree(p);
			else
				want(peer, p);
		}
	}
}

void tr_fetch_cancel(struct tr_fetcher *f, struct tr_fetch *fetch)
{
	if (!fetch)
		return;
	disown(f, fetch);
	fetch_free(fetch);
}

static void report_lost(struct tr_daemon *d, struct tr_fetch *fetch)
{
	struct tr_attempt *a = fetch->attempt;
	Tranche__V1__TaskReport report = TRANCHE__V1__TASK_REPORT__INIT;
	Tranche__V1__ErrorInfo info;
	Tranche__V1__BlockRef **lost =
		tr_xcalloc(fetch->n_lost + 1, sizeof(*lost));
	for (size_t i = 0; i < a->spec->n_blocks; i++)
		if (fetch->lost[i])
			lost[report.n_lost++] = a->spec->blocks[i];
	tr_log_warn("blocks-lost",
		"job=%" PRIu64 " attempt=%" PRIu64 " blocks=%zu reason=%s",
		a->ref.job.v, a->ref.attempt.v, report.n_lost,
		TR_LOG_STR(fetch->why.text));
	tr_msg_error_info(&info, &fetch->why);
	report.error = &info;
	report.lost = lost;
	tr_attempt_report(d, a, &report);
	tr_xfree(lost);
}

static void finish(struct tr_daemon *d, struct tr_fetch *fetch)
{
	struct tr_executor_event ev = {
		.kind = TR_EXECUTOR_INPUTS,
		.ref = fetch->attempt->ref,
		.error = fetch->why.code,
	};
	if (fetch->why.code == TR_ELOST)
		report_lost(d, fetch);
	else if (fetch->why.code != 0)
		tr_attempt_fail(d, fetch->attempt, &fetch->why, NULL, false);
	tr_fetch_cancel(&d->fetcher, fetch);
	tr_daemon_raise(d, &ev);
}

static void lose(
	struct tr_fetch *fetch, uint32_t block, const struct tr_error *why)
{
	if (fetch->why.code == 0)
		fetch->why = *why;
	if (!fetch->lost[block])
		fetch->n_lost++;
	fetch->lost[block] = true;
}

/* ----------------------------------------------------------------- peers */

static void dial(struct tr_daemon *d, struct tr_fetch_peer *peer)
{
	struct tr_error err;
	struct tr_tls_opts tls = d->tls;
	tls.server_name = d->conf->peer_name;
	struct tr_net_endpoint to = {
		.url = peer->url,
		.tls = tls.ca_file ? &tls : NULL,
		.insecure = d->conf->insecure,
	};
	peer->tries++;
	peer->dialled_ms = d->now_ms;
	peer->redial_ms =
		d->now_ms + ((uint64_t)TR_FETCH_BACKOFF_MS << peer->tries);
	if (tr_net_dial(d->net, &to, &peer->conn, &err) != 0) {
		tr_log_warn("peer-unreachable", "url=%s reason=%s",
			TR_LOG_STR(peer->url), TR_LOG_STR(err.text));
		peer->conn.v = 0;
		peer->tries = TR_FETCH_TRIES; /* no second try helps */
		peer->redial_ms = d->now_ms;
	}
}

static struct tr_fetch_peer *peer_get(struct tr_fetcher *f, const char *url)
{
	struct tr_fetch_peer *peer = f->peers;
	while (peer && strcmp(peer->url, url) != 0)
		peer = peer->next;
	if (peer)
		return peer;
	peer = tr_xcalloc(1, sizeof(*peer));
	snprintf(peer->url, sizeof(peer->url), "%s", url);
	peer->next = f->peers;
	f->peers = peer;
	return peer;
}

static void peer_remove(struct tr_fetcher *f, struct tr_fetch_peer *peer)
{
	struct tr_fetch_peer **link = &f->peers;
	while (*link != peer)
		link = &(*link)->next;
	*link = peer->next;
	tr_xfree(peer);
}

static void ask(
	struct tr_daemon *d, struct tr_fetch_peer *peer, struct piece *p)
{
	const struct tr_attempt *a = p->fetch->attempt;
	const Tranche__V1__BlockRef *b = a->spec->blocks[p->block];
	struct tr_executor_ref ref = a->ref;
	ref.lane = (struct tr_lane_id){ b->stage, b->lane };
	ref.attempt.v = b->attempt;
	Tranche__V1__Envelope env = tr_daemon_env(d, &ref);
	Tranche__V1__BlockFetch m = TRANCHE__V1__BLOCK_FETCH__INIT;
	p->request = ++d->fetcher.last_request;
	env.request_id = p->request;
	m.env = &env;
	m.offset = p->offset;
	m.length = p->length;
	p->next = peer->asked;
	peer->asked = p;
	peer->n_asked++;
	d->fetcher.in_flight += p->length;
	/* When it cannot be sent the connection is down: it is asked again. */
	(void)!tr_daemon_send(d, peer->conn, TR_KIND_BLOCK_FETCH, &m);
}

/* Asks for what credit allows. */
static void pump(struct tr_daemon *d, struct tr_fetch_peer *peer)
{
	struct tr_fetcher *f = &d->fetcher;
	while (peer->ready && peer->wanted &&
		peer->n_asked < TR_FETCH_PER_PEER &&
		(f->in_flight == 0 || f->in_flight + peer->wanted->length <=
					      d->conf->fetch_bytes))
		ask(d, peer, take_wanted(peer));
	/* Set anew a silence begins anew, so only when it changes. */
	bool owes = peer->n_asked > 0;
	if (peer->ready && peer->owes != owes)
		tr_net_conn_set_idle_deadline(d->net, peer->conn,
			owes ? TR_FETCH_SILENCE_MS : TR_PEER_IDLE_MS);
	if (peer->ready)
		peer->owes = owes;
}

/* Credit that one peer returned may be another's. */
static void pump_all(struct tr_daemon *d)
{
	for (struct tr_fetch_peer *p = d->fetcher.peers; p; p = p->next)
		pump(d, p);
}

/* All that is wanted of the peer is lost, and so are the tasks' fetches. */
static void give_up(struct tr_daemon *d, struct tr_fetch_peer *peer,
	const struct tr_error *why)
{
	struct tr_error err;
	tr_error_set(&err, TR_ELOST, "executor at %s does not answer: %s",
		peer->url, why->text);
	peer->tries = 0;
	while (peer->wanted) {
		struct tr_fetch *fetch = peer->wanted->fetch;
		for (struct piece *p = peer->wanted; p; p = p->next)
			if (p->fetch == fetch)
				lose(fetch, p->block, &err);
		finish(d, fetch);
	}
}

/*
 * Whether another connection would be of no use: its process is gone, or
 * stands still. Blocks do not survive the process, and a task that waits for
 * ever is worse than one that runs again.
 */
static bool is_hopeless(const struct tr_daemon *d,
	const struct tr_fetch_peer *peer, const struct tr_error *why,
	bool connected)
{
	if (why->code == TR_EAUTH || why->code == TR_ETIMEOUT)
		return true;
	if (connected)
		return peer->tries >= TR_FETCH_TRIES;
	return peer->tries >= TR_FETCH_DIALS ||
	       d->now_ms - peer->dialled_ms >= TR_DIAL_TIMEOUT_MS / 2;
}

static void peer_down(struct tr_daemon *d, struct tr_fetch_peer *peer,
	const struct tr_error *why, bool connected)
{
	peer->conn.v = 0;
	peer->ready = false;
	peer->owes = false;
	unask(&d->fetcher, peer);
	if (!peer->wanted)
		peer_remove(&d->fetcher, peer);
	else if (is_hopeless(d, peer, why, connected))
		give_up(d, peer, why);
	pump_all(d);
}

/* ----------------------------------------------------------------- start */

static bool is_local(const struct tr_daemon *d, const struct tr_attempt *a,
	const Tranche__V1__BlockRef *b)
{
	return b->source < a->spec->n_block_urls &&
	       strcmp(a->spec->block_urls[b->source], d->block_url) == 0;
}

static const char *local_path(const struct tr_daemon *d,
	const struct tr_attempt *a, const Tranche__V1__BlockRef *b,
	char out[TR_SPOOL_PATH_MAX])
{
	struct tr_executor_ref ref = a->ref;
	ref.lane = (struct tr_lane_id){ b->stage, b->lane };
	ref.attempt.v = b->attempt;
	return tr_spool_path(&d->spool, &ref, TR_SPOOL_BLOCKS, out);
}

static void check_local(struct tr_daemon *d, struct tr_fetch *fetch, uint32_t i)
{
	const struct tr_attempt *a = fetch->attempt;
	const Tranche__V1__BlockRef *b = a->spec->blocks[i];
	char path[TR_SPOOL_PATH_MAX];
	struct stat st;
	struct tr_error err;
	if (stat(local_path(d, a, b, path), &st) == 0 &&
		(uint64_t)st.st_size >= b->offset &&
		(uint64_t)st.st_size - b->offset >= b->stored_bytes)
		return;
	tr_error_set(&err, TR_ELOST,
		"block of stage %u lane %u attempt %" PRIu64
		" is not at this executor any more",
		b->stage, b->lane, b->attempt);
	lose(fetch, i, &err);
}

static void want_block(
	struct tr_daemon *d, struct tr_fetch *fetch, uint32_t i, uint64_t at)
{
	const struct tr_attempt *a = fetch->attempt;
	const Tranche__V1__BlockRef *b = a->spec->blocks[i];
	struct tr_fetch_peer *peer =
		peer_get(&d->fetcher, a->spec->block_urls[b->source]);
	for (uint64_t done = 0; done < b->stored_bytes;) {
		uint64_t part = b->stored_bytes - done;
		if (part > TR_BLOCK_CHUNK_MAX)
			part = TR_BLOCK_CHUNK_MAX;
		struct piece *p = tr_xcalloc(1, sizeof(*p));
		p->fetch = fetch;
		p->block = i;
		p->offset = b->offset + done;
		p->length = (uint32_t)part;
		p->at = at + done;
		fetch->pieces_left++;
		want(peer, p);
		done += part;
	}
	if (peer->conn.v == 0 && peer->redial_ms <= d->now_ms)
		dial(d, peer);
}

static int check_refs(
	struct tr_daemon *d, const struct tr_attempt *a, struct tr_error *err)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < a->spec->n_blocks; i++) {
		const Tranche__V1__BlockRef *b = a->spec->blocks[i];
		if (b->source >= a->spec->n_block_urls)
			return tr_error_set(
				err, TR_EPROTO, "block %zu names no source", i);
		if (is_local(d, a, b))
			continue;
		if (b->stored_bytes > TR_FETCH_TASK_MAX - sum)
			return tr_error_set(err, TR_ELIMIT,
				"the task reads more than %llu bytes of blocks "
				"from other executors: use more reduce lanes",
				(unsigned long long)TR_FETCH_TASK_MAX);
		sum += b->stored_bytes;
	}
	return 0;
}

static int open_input(
	struct tr_daemon *d, struct tr_fetch *fetch, struct tr_error *err)
{
	char path[TR_SPOOL_PATH_MAX];
	tr_spool_path(&d->spool, &fetch->attempt->ref, TR_SPOOL_INPUT, path);
	int rc = tr_spool_make_job(&d->spool, fetch->attempt->ref.job, err);
	if (rc != 0)
		return rc;
	fetch->fd = open(path,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK |
			O_CLOEXEC,
		0600);
	return fetch->fd < 0 ? tr_spool_error(err, "open", path) : 0;
}

void tr_fetch_start(struct tr_daemon *d, struct tr_attempt *a)
{
	struct tr_fetch *fetch = tr_xcalloc(1, sizeof(*fetch));
	fetch->attempt = a;
	fetch->fd = -1;
	fetch->lost = tr_xcalloc(a->spec->n_blocks + 1, sizeof(*fetch->lost));
	a->fetch = fetch;
	uint64_t at = 0;
	if (check_refs(d, a, &fetch->why) == 0)
		(void)!open_input(d, fetch, &fetch->why);
	for (uint32_t i = 0; i < a->spec->n_blocks && fetch->why.code == 0;
		i++) {
		if (is_local(d, a, a->spec->blocks[i])) {
			check_local(d, fetch, i);
		} else {
			want_block(d, fetch, i, at);
			at += a->spec->blocks[i]->stored_bytes;
		}
	}
	if (fetch->why.code != 0 || fetch->pieces_left == 0)
		finish(d, fetch);
	else
		pump_all(d);
}

/* ----------------------------------------------------------------- files */

void tr_fetch_files(struct tr_daemon *d, const struct tr_attempt *a,
	struct tr_fetch_files *out)
{
	size_t n = a->spec->n_blocks;
	*out = (struct tr_fetch_files){
		.files = tr_xcalloc(n + 1, sizeof(*out->files)),
		.list = tr_xcalloc(n + 1, sizeof(*out->list)),
		.paths = tr_xcalloc(n + 1, sizeof(*out->paths)),
		.n = n,
	};
	uint64_t at = 0;
	for (size_t i = 0; i < n; i++) {
		const Tranche__V1__BlockRef *b = a->spec->blocks[i];
		Tranche__V1__BlockFile *f = &out->files[i];
		char path[TR_SPOOL_PATH_MAX];
		bool local = is_local(d, a, b);
		tranche__v1__block_file__init(f);
		if (local)
			local_path(d, a, b, path);
		else
			tr_spool_path(&d->spool, &a->ref, TR_SPOOL_INPUT, path);
		out->paths[i] = tr_xstrdup(path);
		out->list[i] = f;
		f->stage = b->stage;
		f->lane = b->lane;
		f->path = out->paths[i];
		f->offset = local ? b->offset : at;
		f->stored_bytes = b->stored_bytes;
		f->records = b->records;
		f->digest = b->digest;
		at += local ? 0 : b->stored_bytes;
	}
}

void tr_fetch_files_fini(struct tr_fetch_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		tr_xfree(f->paths[i]);
	tr_xfree(f->paths);
	tr_xfree(f->list);
	tr_xfree(f->files);
}

/* ---------------------------------------------------------------- events */

static void greet(struct tr_daemon *d, struct tr_fetch_peer *peer)
{
	Tranche__V1__Hello m = TRANCHE__V1__HELLO__INIT;
	m.version_min = TR_PROTOCOL_MIN;
	m.version_max = TR_PROTOCOL_MAX;
	m.role = TRANCHE__V1__ROLE__ROLE_EXECUTOR;
	m.token = d->token;
	m.name = d->name;
	m.instance = d->instance;
	m.cluster_id = d->cluster;
	(void)!tr_daemon_send(d, peer->conn, TR_KIND_HELLO, &m);
}

static int on_greeted(struct tr_daemon *d, struct tr_fetch_peer *peer,
	const struct tr_frame *f, struct tr_error *err)
{
	Tranche__V1__HelloReply *m = tr_msg_unpack(
		&tranche__v1__hello_reply__descriptor, f->body, err);
	if (!m)
		return err->code;
	int rc = 0;
	if (m->error) {
		tr_msg_error_from(err, m->error);
		rc = err->code;
	} else {
		tr_net_conn_authenticated(d->net, peer->conn);
		tr_net_conn_set_idle_deadline(
			d->net, peer->conn, TR_PEER_IDLE_MS);
		peer->ready = true;
	}
	tr_msg_free(m);
	return rc;
}

static struct piece *take_asked(struct tr_fetch_peer *peer, uint64_t request)
{
	struct piece **link = &peer->asked;
	while (*link && (*link)->request != request)
		link = &(*link)->next;
	struct piece *p = *link;
	if (p) {
		*link = p->next;
		peer->n_asked--;
	}
	return p;
}

static int write_piece(struct tr_daemon *d, const struct piece *p,
	struct tr_slice bytes, struct tr_error *err)
{
	char path[TR_SPOOL_PATH_MAX];
	size_t done = 0;
	int injected = TR_FP("exe.fetch_block");
	if (injected != 0)
		return tr_error_set(err, injected, "failpoint exe.fetch_block");
	while (done < bytes.n) {
		ssize_t n = pwrite(p->fetch->fd, bytes.p + done, bytes.n - done,
			(off_t)(p->at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tr_spool_error(err, "write",
				tr_spool_path(&d->spool,
					&p->fetch->attempt->ref, TR_SPOOL_INPUT,
					path));
		done += (size_t)n;
	}
	d->fetcher.fetched_bytes += bytes.n;
	return 0;
}

/* One answer: the piece is here, or its fetch has failed. */
static void settle(struct tr_daemon *d, struct piece *p,
	const Tranche__V1__BlockData *m, struct tr_slice bytes)
{
	struct tr_fetch *fetch = p->fetch;
	struct tr_error err = { 0 };
	if (m->error) {
		tr_error_set(&err, TR_ELOST, "%s", m->error->text);
		lose(fetch, p->block, &err);
	} else if (bytes.n != p->length) {
		tr_error_set(&err, TR_ELOST,
			"a peer sent %zu bytes of a block where %u were asked "
			"for",
			bytes.n, p->length);
		lose(fetch, p->block, &err);
	} else if (write_piece(d, p, bytes, &err) != 0) {
		fetch->why = err;
	}
	fetch->pieces_left--;
	if (fetch->why.code != 0 || fetch->pieces_left == 0)
		finish(d, fetch);
}

static int on_data(struct tr_daemon *d, struct tr_fetch_peer *peer,
	const struct tr_frame *f, struct tr_error *err)
{
	Tranche__V1__BlockData *m = tr_msg_unpack(
		&tranche__v1__block_data__descriptor, f->body, err);
	if (!m)
		return err->code;
	struct piece *p = take_asked(peer, tr_msg_env(m->env)->request_id);
	if (!p) {
		tr_msg_free(m);
		return tr_error_set(
			err, TR_EPROTO, "a block came that nobody asked for");
	}
	d->fetcher.in_flight -= p->length;
	peer->tries = 0;
	if (p->fetch)
		settle(d, p, m, f->payload);
	tr_xfree(p);
	tr_msg_free(m);
	pump_all(d);
	return 0;
}

static void on_frame(struct tr_daemon *d, struct tr_fetch_peer *peer,
	const struct tr_frame *f)
{
	struct tr_error err;
	int rc;
	if (f->kind == TR_KIND_HELLO_REPLY && !peer->ready)
		rc = on_greeted(d, peer, f, &err);
	else if (f->kind == TR_KIND_BLOCK_DATA && peer->ready)
		rc = on_data(d, peer, f, &err);
	else
		rc = tr_error_set(
			&err, TR_EPROTO, "a frame of kind %u came", f->kind);
	if (rc == 0) {
		pump(d, peer);
		return;
	}
	tr_log_warn("peer-refused", "url=%s reason=%s", TR_LOG_STR(peer->url),
		TR_LOG_STR(err.text));
	tr_net_conn_close(d->net, peer->conn);
	peer_down(d, peer, &err, true);
}

bool tr_fetch_event(struct tr_daemon *d, const struct tr_net_event *ev)
{
	struct tr_fetch_peer *peer = d->fetcher.peers;
	while (peer && peer->conn.v != ev->conn.v)
		peer = peer->next;
	if (!peer)
		return false;
	switch (ev->kind) {
	case TR_NET_UP:
		greet(d, peer);
		break;
	case TR_NET_FRAME:
		on_frame(d, peer, &ev->frame);
		break;
	case TR_NET_DOWN:
	case TR_NET_DIAL_FAILED:
		peer_down(d, peer, ev->error, ev->kind == TR_NET_DOWN);
		break;
	case TR_NET_DRAINED:
		break;
	}
	return true;
}

void tr_fetch_tick(struct tr_daemon *d)
{
	struct tr_fetch_peer *peer = d->fetcher.peers, *next;
	for (; peer; peer = next) {
		next = peer->next;
		if (peer->conn.v != 0 || peer->redial_ms > d->now_ms)
			continue;
		struct tr_error err;
		tr_error_set(&err, TR_EUNREACH, "it cannot be dialled");
		if (!peer->wanted)
			peer_remove(&d->fetcher, peer);
		else if (peer->tries >= TR_FETCH_TRIES)
			give_up(d, peer, &err);
		else
			dial(d, peer);
	}
}

uint64_t tr_fetch_deadline(const struct tr_fetcher *f)
{
	uint64_t first = UINT64_MAX;
	for (struct tr_fetch_peer *p = f->peers; p; p = p->next)
		if (p->conn.v == 0 && p->redial_ms < first)
			first = p->redial_ms;
	return first;
}

void tr_fetcher_fini(struct tr_daemon *d)
{
	while (d->fetcher.peers) {
		struct tr_fetch_peer *peer = d->fetcher.peers;
		unask(&d->fetcher, peer);
		tr_assert(!peer->wanted);
		peer_remove(&d->fetcher, peer);
	}
}
