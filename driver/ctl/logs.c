#include "driver/ctl/logs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "driver/ctl/ctl.h"
#include "driver/ctl/output.h"

static int take_page(const struct tr_reply *reply, uint64_t *after, bool *more,
	tr_log_line_fn *fn, void *arg, struct tr_error *err)
{
	int rc = tr_ctl_expect(reply, TR_KIND_JOB_LOGS_REPLY, err);
	if (rc != 0)
		return rc;
	const Tranche__V1__JobLogsReply *r = reply->msg;
	for (size_t i = 0; rc == 0 && i < r->n_lines; i++) {
		*after = r->lines[i]->seq;
		rc = fn(arg, r->lines[i], err);
	}
	*more = r->more && r->n_lines > 0;
	return rc;
}

int tr_logs_each(struct tr_client *c, const char *job, uint64_t *after,
	tr_log_line_fn *fn, void *arg, struct tr_error *err)
{
	bool more = true;
	int rc = 0;
	while (rc == 0 && more) {
		struct tr_reply *reply;
		Tranche__V1__JobLogsRequest m =
			TRANCHE__V1__JOB_LOGS_REQUEST__INIT;
		m.job = tr_ctl_text(job);
		m.after = *after;
		rc = tr_client_ask(
			c, TR_KIND_JOB_LOGS, &m, TR_SLICE_ABSENT, &reply, err);
		if (rc != 0)
			break;
		rc = take_page(reply, after, &more, fn, arg, err);
		tr_reply_free(reply);
	}
	return rc;
}

/* What user code prints may be any bytes: none may steer a terminal. */
static int put_plain(struct tr_buf *out, const char *text)
{
	int rc = 0;
	for (const char *c = text; *c && rc == 0; c++) {
		unsigned char b = (unsigned char)*c;
		if ((b < ' ' && b != '\t') || b == 0x7f)
			rc = tr_buf_printf(out, "\\x%02x", b);
		else
			rc = tr_buf_append_u8(out, b);
	}
	return rc;
}

int tr_log_line_text(struct tr_buf *out, const Tranche__V1__StoredLogLine *line)
{
	char date[32];
	const Tranche__V1__LogLine *l = line->line;
	tr_output_date(date, line->time_ms);
	const char *time = strchr(date, ' ');
	int rc = tr_buf_printf(out, "%s %s%s", time ? time + 1 : date,
		l ? l->position : "", l && l->position[0] ? "  " : "");
	if (rc == 0 && l)
		rc = put_plain(out, l->text);
	return rc ? rc : tr_buf_append_u8(out, '\n');
}

static int append(
	void *arg, const Tranche__V1__StoredLogLine *line, struct tr_error *err)
{
	int rc = tr_log_line_text(arg, line);
	return rc ? tr_error_set(err, rc, "too many log lines") : 0;
}

int tr_logs_collect(struct tr_client *c, uint64_t job, struct tr_buf *out,
	struct tr_error *err)
{
	char name[24];
	uint64_t after = 0;
	snprintf(name, sizeof(name), "%" PRIu64, job);
	return tr_logs_each(c, name, &after, append, out, err);
}
