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

/* Under its final name only when it is whole. */
static int store(struct tr_daemon *d, const uint8_t digest[TR_SHA256_SIZE],
	struct tr_slice bytes, struct tr_error *err)
{
	char path[TR_SPOOL_PATH_MAX], part[TR_SPOOL_PATH_MAX + 8];
	tr_spool_artefact(&d->spool, digest, path);
	snprintf(part, sizeof(part), "%s.part", path);
	int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return tr_spool_error(err, "open", part);
	size_t done = 0;
	ssize_t n = 1;
	while (done < bytes.n && n > 0) {
		n = write(fd, bytes.p + done, bytes.n - done);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			done += (size_t)n;
	}
	int rc = 0;
	if (done < bytes.n || rename(part, path) != 0)
		rc = tr_spool_error(err, "write", part);
	close(fd);
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

void tr_artefact_arrived(struct tr_daemon *d, const struct tr_frame *f)
{
	struct tr_error err;
	Tranche__V1__ArtefactReply *m = tr_msg_unpack(
		&tranche__v1__artefact_reply__descriptor, f->body, &err);
	if (!m)
		return;
	struct tr_job_id id = { tr_msg_env(m->env)->job };
	struct tr_job *job = tr_daemon_job(d, id);
	int rc = job ? take(d, m, job, f->payload, &err) : 0;
	if (rc != 0)
		tr_log_warn("artefact-refused", "job=%" PRIu64 " reason=%s",
			id.v, TR_LOG_STR(err.text));
	if (job)
		answer(d, id, rc);
	tr_msg_free(m);
}
