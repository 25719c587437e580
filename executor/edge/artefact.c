#include "executor/edge/artefact.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/log/log.h"
#include "executor/edge/daemon.h"

static void answer(struct tr_daemon *d, struct tr_job_id job, int error)
{
	struct tr_executor_event ev = {
		.kind = TR_EXECUTOR_ARTEFACT,
		.ref = { .job = job },
		.error = error,
	};
	tr_daemon_raise(d, &ev);
}

void tr_artefact_get(struct tr_daemon *d, struct tr_job_id id)
{
	char path[TR_SPOOL_PATH_MAX];
	struct tr_job *job = tr_daemon_job(d, id);
	if (!job) {
		answer(d, id, TR_ENOTFOUND);
		return;
	}
	tr_spool_artefact(&d->spool, job->spec->artefact.data, path);
	if (access(path, R_OK) == 0)
		answer(d, id, 0);
	else if (d->greeted)
		tr_uplink_get_artefact(d, job);
}

static int write_all(int fd, struct tr_slice bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes.p += n;
		bytes.n -= (size_t)n;
	}
	return 0;
}

/* Under its final name only when it is whole. */
static int store(struct tr_daemon *d, const uint8_t digest[TR_SHA256_SIZE],
	struct tr_slice bytes, struct tr_error *err)
{
	char path[TR_SPOOL_PATH_MAX], part[TR_SPOOL_PATH_MAX + 8];
	tr_spool_artefact(&d->spool, digest, path);
	snprintf(part, sizeof(part), "%s.part", path);
	int fd = open(part,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return tr_spool_error(err, "open", part);
	int rc = 0;
	if (write_all(fd, bytes) != 0)
		rc = tr_spool_error(err, "write", part);
	/* Quotas may complain only now. */
	if (close(fd) != 0 && rc == 0)
		rc = tr_spool_error(err, "write", part);
	if (rc == 0 && rename(part, path) != 0)
		rc = tr_spool_error(err, "rename", part);
	if (rc != 0)
		unlink(part);
	return rc;
}

static int take(struct tr_daemon *d, const Tranche__V1__ArtefactReply *m,
	const struct tr_job *job, struct tr_slice bytes, struct tr_error *err)
{
	uint8_t digest[TR_SHA256_SIZE];
	if (m->error) {
		tr_msg_error_from(err, m->error);
		return err->code;
	}
	tr_sha256(bytes.p, bytes.n, digest);
	if (memcmp(digest, job->spec->artefact.data, sizeof(digest)) != 0)
		return tr_error_set(err, TR_ECORRUPT,
			"the driver sent an artefact with another digest");
	return store(d, digest, bytes, err);
}

int tr_artefact_arrived(
	struct tr_daemon *d, const struct tr_frame *f, struct tr_error *bad)
{
	struct tr_error err;
	Tranche__V1__ArtefactReply *m = tr_msg_unpack(
		&tranche__v1__artefact_reply__descriptor, f->body, bad);
	if (!m)
		return bad->code;
	struct tr_job_id id = { tr_msg_env(m->env)->job };
	struct tr_job *job = tr_daemon_job(d, id);
	int rc = job ? take(d, m, job, f->payload, &err) : 0;
	if (rc != 0)
		job->no_artefact = err;
	if (rc != 0)
		tr_log_warn("artefact-refused", "job=%" PRIu64 " reason=%s",
			id.v, TR_LOG_STR(err.text));
	if (job)
		answer(d, id, rc);
	tr_msg_free(m);
	return 0;
}

void tr_artefact_forget(struct tr_daemon *d, const struct tr_job *job)
{
	char path[TR_SPOOL_PATH_MAX];
	const uint8_t *digest = job->spec->artefact.data;
	for (const struct tr_job *j = d->jobs; j; j = j->next)
		if (j != job && memcmp(j->spec->artefact.data, digest,
					TR_SHA256_SIZE) == 0)
			return;
	unlink(tr_spool_artefact(&d->spool, digest, path));
}
