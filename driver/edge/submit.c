/*
 * A client's job, from its request to its number. The same request again is the
 * same job, on this driver or one after it; the number is given out when the
 * job is durable.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/sha256.h"
#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "driver/edge/driver.h"

static bool is_uuid(const char *text)
{
	return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static int check_texts(
	const Tranche__V1__SubmitRequest *m, struct tr_error *err)
{
	const struct {
		const char *name, *text;
	} texts[] = { { "name", m->name },
		{ "artefact name", m->artefact_name }, { "time zone", m->tz } };
	for (size_t i = 0; i < TR_ARRAY_LEN(texts); i++)
		if (strlen(texts[i].text) >= TR_NAME_MAX)
			return tr_error_set(err, TR_ELIMIT,
				"the job's %s is longer than %u bytes",
				texts[i].name, TR_NAME_MAX - 1);
	if (!is_uuid(m->request_uuid))
		return tr_error_set(err, TR_EINVAL,
			"a request id of 32 lower-case hex digits is needed");
	return 0;
}

static int check_submit(const Tranche__V1__SubmitRequest *m,
	struct tr_slice artefact, struct tr_error *err)
{
	uint8_t sha[TR_STORE_ARTEFACT_ID];
	if (artefact.n == 0 || artefact.n > TR_ARTEFACT_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"the artefact has %zu bytes; 1 to %" PRIu64
			" are possible",
			artefact.n, (uint64_t)TR_ARTEFACT_MAX);
	tr_sha256(artefact.p, artefact.n, sha);
	if (m->artefact.len != sizeof(sha) ||
		memcmp(sha, m->artefact.data, sizeof(sha)) != 0)
		return tr_error_set(err, TR_ECORRUPT,
			"the artefact's SHA-256 is not what the request says");
	if (m->n_arguments > TR_JOB_ARGS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"%zu arguments, the limit is %u", m->n_arguments,
			TR_JOB_ARGS_MAX);
	if (m->n_offsets > TR_JOB_ARGS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"%zu --offsets, the limit is %u", m->n_offsets,
			TR_JOB_ARGS_MAX);
	return check_texts(m, err);
}

static Tranche__V1__Property *new_property(const char *text)
{
	const char *eq = strchr(text, '=');
	Tranche__V1__Property *p = tr_xmalloc(sizeof(*p));
	size_t n = eq ? (size_t)(eq - text) : strlen(text);
	tranche__v1__property__init(p);
	p->name = tr_xmemdup(text, n + 1);
	p->name[n] = '\0';
	p->value = tr_xstrdup(eq ? eq + 1 : "");
	return p;
}

/* The driver's own cluster serves jobs that name none. */
static void fill_kafka(const struct tr_driver *d, Tranche__V1__SubmitRequest *m)
{
	if (!m->kafka) {
		m->kafka = tr_xmalloc(sizeof(*m->kafka));
		tranche__v1__kafka_conf__init(m->kafka);
	}
	Tranche__V1__KafkaConf *k = m->kafka;
	const struct tr_conf_kafka *own = &d->conf->kafka;
	if (k->bootstrap[0] || !own->bootstrap)
		return;
	k->bootstrap = tr_xstrdup(own->bootstrap);
	size_t n = own->properties.n;
	Tranche__V1__Property **all =
		tr_xcalloc(n + k->n_properties + 1, sizeof(*all));
	/* The user's come last: librdkafka takes the later of two. */
	for (size_t i = 0; i < n; i++)
		all[i] = new_property(own->properties.items[i]);
	for (size_t i = 0; i < k->n_properties; i++)
		all[n + i] = k->properties[i];
	tr_xfree(k->properties);
	k->properties = all;
	k->n_properties += n;
}

static void submit_reply(struct tr_driver *d, struct tr_conn_id conn,
	uint64_t request_id, struct tr_job_id job, const struct tr_error *err)
{
	struct tr_attempt_ref ref = { .job = job };
	Tranche__V1__Envelope env = tr_driver_env(d, &ref, request_id);
	Tranche__V1__SubmitReply m = TRANCHE__V1__SUBMIT_REPLY__INIT;
	Tranche__V1__ErrorInfo info;
	m.env = &env;
	if (err) {
		tr_msg_error_info(&info, err);
		m.error = &info;
	}
	(void)tr_driver_send(
		d, conn, TR_KIND_SUBMIT_REPLY, &m, (struct tr_slice){ 0 });
}

/* The active job that this request made. */
static struct tr_edge_job *find_active(struct tr_driver *d, const char *uuid)
{
	struct tr_edge_job *j = d->jobs;
	while (j && strcmp(j->request->request_uuid, uuid) != 0)
		j = j->next;
	return j;
}

static void new_uuid(char out[33])
{
	uint8_t raw[16];
	ssize_t n = getrandom(raw, sizeof(raw), 0);
	tr_assert(n == sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

static void start_job(struct tr_driver *d, struct tr_peer *p,
	Tranche__V1__SubmitRequest *m, struct tr_slice artefact)
{
	char uuid[33];
	struct tr_job_id id = { ++d->last_job };
	new_uuid(uuid);
	struct tr_edge_job *j = tr_edge_job_new(id, uuid, d->wall_ms, m);
	/* Lines of a later term come after all of an earlier one. */
	j->log_seq = tr_store_term(d->store).v << 32;
	j->artefact = tr_xmemdup(artefact.p, artefact.n);
	j->artefact_len = artefact.n;
	tr_edge_waiters_add(&j->waiters, &j->n_waiters, p->conn.v,
		tr_msg_env(m->env)->request_id);
	tr_driver_job_add(d, j);
	tr_log_info("job-submitted", "job=%" PRIu64 " name=%s by=%s", id.v,
		TR_LOG_STR(m->name), TR_LOG_STR(p->name));
	struct tr_core_event ev = { .kind = TR_CORE_JOB_ADD,
		.u.job = { .job = id,
			.weight = m->weight,
			.max_attempts = m->max_attempts,
			.max_rate = m->max_rate } };
	tr_driver_step(d, &ev);
}

/* The request is new, or the same as before: then its job is the answer. */
static void submit_once(struct tr_driver *d, struct tr_peer *p,
	Tranche__V1__SubmitRequest *m, struct tr_slice artefact)
{
	struct tr_error err;
	struct tr_job_id job = { 0 };
	uint64_t id = tr_msg_env(m->env)->request_id;
	struct tr_edge_job *j = find_active(d, m->request_uuid);
	if (j && !j->durable) {
		tr_edge_waiters_add(&j->waiters, &j->n_waiters, p->conn.v, id);
		return;
	}
	if (j) {
		submit_reply(d, p->conn, id, j->id, NULL);
		return;
	}
	int rc = tr_store_request(d->store, m->request_uuid, &job, &err);
	if (rc == TR_ENOTFOUND) {
		fill_kafka(d, m);
		start_job(d, p, m, artefact);
	} else {
		submit_reply(d, p->conn, id, job, rc == 0 ? NULL : &err);
	}
}

void tr_submit(struct tr_driver *d, struct tr_peer *p,
	Tranche__V1__SubmitRequest *m, struct tr_slice artefact)
{
	struct tr_error err;
	if (check_submit(m, artefact, &err) != 0) {
		submit_reply(d, p->conn, tr_msg_env(m->env)->request_id,
			(struct tr_job_id){ 0 }, &err);
	} else if (m->dry_run) {
		fill_kafka(d, m);
		tr_planning_dry_run(d, p->conn, m, artefact);
		return;
	} else {
		submit_once(d, p, m, artefact);
	}
	tr_msg_free(m);
}

void tr_submit_answer(
	struct tr_driver *d, struct tr_edge_job *j, const struct tr_error *err)
{
	for (size_t i = 0; i < j->n_waiters; i++)
		submit_reply(d, (struct tr_conn_id){ j->waiters[i].conn },
			j->waiters[i].request_id, j->id, err);
	j->n_waiters = 0;
}
