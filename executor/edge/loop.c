#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "common/config/libexec.h"
#include "common/config/secret.h"
#include "common/log/log.h"
#include "executor/edge/daemon.h"

enum {
	POLL_MAILBOX,
	POLL_SIGNALS,
	POLL_FIXED,
};

/* ---------------------------------------------------------------- events */

void tr_daemon_raise(struct tr_daemon *d, const struct tr_executor_event *event)
{
	if (d->events_n == d->events_cap) {
		d->events_cap = d->events_cap ? 2 * d->events_cap : 16;
		d->events = tr_xrealloc(
			d->events, d->events_cap * sizeof(*d->events));
	}
	d->events[d->events_n++] = *event;
}

/*
 * A spec that the core did not take leaves nothing behind: it was refused, or
 * its term was old.
 */
static void forget_untaken(
	struct tr_daemon *d, const struct tr_executor_event *e)
{
	struct tr_attempt *a = tr_attempt_find(&d->attempts, e->ref.attempt);
	if (e->kind == TR_EXECUTOR_TASK && a &&
		!tr_executor_find(d->core, e->ref.attempt))
		tr_attempt_remove(d, a);
	if (e->kind == TR_EXECUTOR_JOB &&
		!tr_executor_has_job(d->core, e->ref.job))
		tr_daemon_forget_job(d, e->ref.job);
}

static void step(struct tr_daemon *d, struct tr_executor_event event)
{
	event.now_ms = d->now_ms;
	tr_executor_step(d->core, &event, d->update);
	tr_daemon_perform(d, d->update);
	forget_untaken(d, &event);
}

static void step_raised(struct tr_daemon *d)
{
	for (d->events_at = 0; d->events_at < d->events_n;)
		step(d, d->events[d->events_at++]);
	d->events_n = 0;
}

/* ------------------------------------------------------------------ turn */

static void take_mail(struct tr_daemon *d)
{
	struct tr_mail *next, *m = tr_mailbox_take_all(d->mailbox);
	for (; m; m = next) {
		next = m->next;
		struct tr_net_event *ev = tr_net_event_of(m);
		if (ev && ev->conn.v == d->driver.v)
			tr_uplink_event(d, ev);
		else if (ev && !tr_fetch_event(d, ev) && !ev->dialed)
			tr_serve_event(d, ev);
		step_raised(d);
		tr_mail_free(m);
	}
}

static void take_signals(struct tr_daemon *d)
{
	struct signalfd_siginfo s;
	struct tr_executor_event ev = { .kind = TR_EXECUTOR_TERMINATE };
	while (read(d->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
		if (s.ssi_signo == SIGCHLD) {
			tr_process_reap(d);
			continue;
		}
		struct tr_executor_counts c;
		tr_executor_count(d->core, &c);
		if (d->terminated)
			d->again = true;
		else
			tr_log_info("draining", "active=%u finished=%u",
				c.active, c.finished);
		d->terminated = true;
		tr_daemon_raise(d, &ev);
	}
	step_raised(d);
}

static int wait_ms(struct tr_daemon *d, uint64_t net_deadline)
{
	uint64_t first = d->update->next_deadline_ms;
	uint64_t others[] = {
		net_deadline,
		tr_watch_deadline(d),
		tr_fetch_deadline(&d->fetcher),
		tr_serve_deadline(&d->server),
		d->leaving ? d->leave_by_ms : UINT64_MAX,
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(others); i++)
		if (others[i] < first)
			first = others[i];
	if (first <= d->now_ms)
		return 0;
	return first - d->now_ms < 60000 ? (int)(first - d->now_ms) : 60000;
}

/* Workers with something to say or to hear. They may vanish meanwhile. */
static void serve_workers(
	struct tr_daemon *d, const struct pollfd *polls, size_t n)
{
	struct tr_process *p = d->processes.all;
	for (size_t i = 0; i < n; i++) {
		while (p && p->fd != polls[i].fd)
			p = p->next;
		if (!p)
			return;
		if (polls[i].revents)
			tr_process_ready(d, p, polls[i].revents);
		p = p->next;
	}
	step_raised(d);
}

static size_t fill_polls(struct tr_daemon *d, struct pollfd *polls, size_t max)
{
	polls[POLL_MAILBOX] = (struct pollfd){ .fd = tr_mailbox_fd(d->mailbox),
		.events = POLLIN };
	polls[POLL_SIGNALS] =
		(struct pollfd){ .fd = d->signals, .events = POLLIN };
	size_t n = POLL_FIXED;
	for (struct tr_process *p = d->processes.all; p && n < max; p = p->next)
		if (p->fd >= 0)
			polls[n++] = tr_process_pollfd(d, p);
	return n;
}

static void turn(struct tr_daemon *d)
{
	struct pollfd polls[POLL_FIXED + 2 * TR_SLOTS_PER_EXECUTOR_MAX];
	struct tr_executor_event tick = { .kind = TR_EXECUTOR_TICK };
	size_t n = fill_polls(d, polls, TR_ARRAY_LEN(polls));
	uint64_t net = tr_net_tick(d->net, d->now_ms);
	if (poll(polls, n, wait_ms(d, net)) < 0)
		n = 0; /* interrupted: nothing is known to be ready */
	d->now_ms = tr_clock_mono_ms();
	/* Workers before their end: what they said comes first. */
	if (n > POLL_FIXED)
		serve_workers(d, polls + POLL_FIXED, n - POLL_FIXED);
	take_mail(d);
	take_signals(d);
	tr_fetch_tick(d);
	tr_serve_tick(d);
	tr_watch(d);
	tr_daemon_raise(d, &tick);
	step_raised(d);
	tr_pump(d);
}

static bool is_over(const struct tr_daemon *d)
{
	if (d->again)
		return true;
	return d->leaving && (!d->driver.v || d->now_ms >= d->leave_by_ms);
}

/* ----------------------------------------------------------------- start */

static void set_tls(struct tr_daemon *d)
{
	d->tls = (struct tr_tls_opts){
		.ca_file = d->conf->tls.ca,
		.cert_key_file = d->conf->tls.cert,
		.server_name = d->conf->tls.server_name,
	};
}

static int random_hex(char out[33], struct tr_error *err)
{
	uint8_t bytes[16];
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return tr_error_set(err, TR_EIO, "cannot draw randomness: %s",
			strerror(errno));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int resolve(struct tr_daemon *d, struct tr_error *err)
{
	int rc = tr_secret_resolve(
		d->conf->token, d->token, sizeof(d->token), err);
	if (rc != 0)
		return tr_error_prefix(err, "option 'token'");
	rc = tr_libexec_find("tranche-worker", d->conf->worker, d->worker,
		sizeof(d->worker), err);
	if (rc != 0)
		return rc;
	if (d->conf->name)
		snprintf(d->name, sizeof(d->name), "%s", d->conf->name);
	else if (gethostname(d->name, sizeof(d->name) - 1) != 0)
		return tr_error_set(err, TR_EIO,
			"cannot tell the host's name: %s; set 'name'",
			strerror(errno));
	d->slots = d->conf->slots;
	if (d->slots == 0) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);
		d->slots = n < 1 ? 1
			   : n > (long)TR_SLOTS_PER_EXECUTOR_MAX
				   ? TR_SLOTS_PER_EXECUTOR_MAX
				   : (uint32_t)n;
	}
	set_tls(d);
	return 0;
}

static struct tr_net_endpoint endpoint(
	const struct tr_daemon *d, const char *url)
{
	return (struct tr_net_endpoint){
		.url = url,
		.tls = d->tls.ca_file ? &d->tls : NULL,
		.insecure = d->conf->insecure,
	};
}

int tr_daemon_check(const struct tr_executor_conf *conf, struct tr_error *err)
{
	struct tr_daemon d = { .conf = conf };
	int rc = resolve(&d, err);
	if (rc == 0 && d.tls.ca_file)
		rc = tr_tls_check(&d.tls, err);
	const char *urls[] = { conf->driver, conf->listen,
		conf->advertise ? conf->advertise : conf->listen };
	for (size_t i = 0; i < TR_ARRAY_LEN(urls) && rc == 0; i++) {
		struct tr_net_endpoint at = endpoint(&d, urls[i]);
		rc = tr_net_endpoint_check(&at, err);
	}
	explicit_bzero(d.token, sizeof(d.token));
	return rc;
}

static int start_listening(struct tr_daemon *d, struct tr_error *err)
{
	struct tr_net_endpoint at = endpoint(d, d->conf->listen);
	int rc = tr_net_listen(d->net, &at, d->block_url, err);
	if (rc != 0)
		return tr_error_prefix(err, "option 'listen'");
	if (d->conf->advertise)
		snprintf(d->block_url, sizeof(d->block_url), "%s",
			d->conf->advertise);
	return 0;
}

static int open_signals(struct tr_daemon *d, struct tr_error *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	d->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (d->signals < 0)
		return tr_error_set(err, TR_EIO, "cannot watch signals: %s",
			strerror(errno));
	return 0;
}

static uint64_t seed_of(const struct tr_daemon *d)
{
	uint64_t seed;
	memcpy(&seed, d->instance, sizeof(seed));
	return seed;
}

static void make_core(struct tr_daemon *d)
{
	struct tr_executor_opts opts = {
		.slots = d->slots,
		.tasks_max = TR_EXECUTOR_TASKS_MAX,
		.worker_idle_ms = d->conf->worker_idle_ms,
		.drain_timeout_ms = d->conf->drain_timeout_ms,
		.seed = seed_of(d),
	};
	d->core = tr_executor_new(&opts);
	d->update = tr_xcalloc(1, sizeof(*d->update));
	tr_buf_init(&d->out, TR_FRAME_MAX);
	tr_buf_init(&d->frame, TR_FRAME_MAX);
}

static int begin(struct tr_daemon *d, struct tr_error *err)
{
	int rc = resolve(d, err);
	if (rc == 0 && d->tls.ca_file)
		rc = tr_tls_check(&d->tls, err);
	if (rc == 0)
		rc = random_hex(d->instance, err);
	if (rc == 0)
		rc = open_signals(d, err);
	if (rc == 0)
		rc = tr_spool_open(
			&d->spool, d->conf->spool_dir, d->instance, err);
	if (rc != 0)
		return rc;
	make_core(d);
	d->mailbox = tr_mailbox_new(1);
	d->net = tr_net_new(NULL, d->mailbox);
	return start_listening(d, err);
}

/* Accepts a daemon that has begun only in part. */
static void end(struct tr_daemon *d)
{
	tr_processes_fini(d);
	if (d->net)
		tr_net_stop(d->net);
	tr_attempts_fini(d);
	tr_fetcher_fini(d);
	tr_server_fini(&d->server);
	tr_net_free(d->net);
	tr_mailbox_free(d->mailbox);
	while (d->jobs)
		tr_daemon_forget_job(d, d->jobs->id);
	tr_executor_free(d->core);
	tr_xfree(d->update);
	tr_xfree(d->events);
	tr_buf_fini(&d->out);
	tr_buf_fini(&d->frame);
	tr_spool_close(&d->spool);
	if (d->signals >= 0)
		close(d->signals);
	explicit_bzero(d->token, sizeof(d->token));
}

int tr_daemon_run(const struct tr_executor_conf *conf, struct tr_error *err)
{
	struct tr_daemon d = {
		.conf = conf,
		.signals = -1,
		.spool.lock = -1,
	};
	int rc = begin(&d, err);
	if (rc == 0) {
		tr_log_info("started",
			"name=%s instance=%s slots=%u blocks=%s driver=%s",
			TR_LOG_STR(d.name), d.instance, d.slots, d.block_url,
			TR_LOG_STR(conf->driver));
		d.now_ms = tr_clock_mono_ms();
		step(&d, (struct tr_executor_event){
				 .kind = TR_EXECUTOR_START });
		while (!is_over(&d))
			turn(&d);
		if (d.again)
			rc = tr_error_set(err, TR_ECANCELED,
				"ended by a second signal; running tasks are "
				"lost");
		tr_log_info("left", "name=%s", TR_LOG_STR(d.name));
	}
	end(&d);
	return rc;
}
