/* tranche job logs: what a job's code printed. */
#include <stdio.h>

#include "driver/ctl/ctl.h"
#include "driver/ctl/logs.h"
#include "driver/ctl/output.h"
#include "driver/ctl/progress.h"
#include "driver/ctl/verbs.h"

enum {
	FOLLOW_EVERY_MS = 300
};

static const struct tr_ctl_option options[] = {
	{ "follow", 'f', NULL, "go on until the job has ended" },
	{ NULL, 0, NULL, NULL },
};

static void print_json(const Tranche__V1__StoredLogLine *line)
{
	const Tranche__V1__LogLine *l = line->line;
	json_t *text = json_string(l ? l->text : "");
	json_t *position = json_string(l ? l->position : "");
	tr_output_print_json(json_pack("{s:I,s:I,s:i,s:i,s:I,s:i,s:o,s:o}",
		"seq", (json_int_t)line->seq, "time_ms",
		(json_int_t)line->time_ms, "stage", (int)line->stage, "lane",
		(int)line->lane, "attempt", (json_int_t)line->attempt,
		"operator", l ? (int)l->operator_ : 0, "position",
		position ? position : json_string("?"), "text",
		text ? text : json_string("?")));
}

static int print_line(
	void *arg, const Tranche__V1__StoredLogLine *line, struct tr_error *err)
{
	const struct tr_ctl *ctl = arg;
	struct tr_buf text;
	if (ctl->json) {
		print_json(line);
		return 0;
	}
	tr_buf_init(&text, SIZE_MAX);
	int rc = tr_log_line_text(&text, line);
	if (rc == 0)
		fwrite(text.data, 1, text.len, stdout);
	else
		tr_error_set(err, rc, "a log line is too long");
	tr_buf_fini(&text);
	return rc;
}

/* Waits for the next status, a while at most. */
static int look(struct tr_client *c, bool *ended, struct tr_error *err)
{
	struct tr_reply *reply;
	int rc = tr_client_next(c, FOLLOW_EVERY_MS, &reply, err);
	if (rc == TR_ETIMEOUT && !tr_client_is_broken(c))
		return 0;
	if (rc == 0) {
		rc = tr_ctl_expect(reply, TR_KIND_JOB_STATUS, err);
		if (rc == 0) {
			const Tranche__V1__JobStatus *s = reply->msg;
			*ended = tr_job_state_is_ended(s->state);
		}
		tr_reply_free(reply);
	}
	return rc;
}

static int follow(struct tr_ctl *ctl, struct tr_client *c, uint64_t *after,
	struct tr_error *err)
{
	const char *job = ctl->args.operands[0];
	Tranche__V1__WatchRequest m = TRANCHE__V1__WATCH_REQUEST__INIT;
	bool ended = false;
	m.job = tr_ctl_text(job);
	m.interval_ms = FOLLOW_EVERY_MS;
	int rc = tr_client_send(c, TR_KIND_WATCH, &m, TR_SLICE_ABSENT, err);
	while (rc == 0 && !ended) {
		rc = look(c, &ended, err);
		/* After the end once more: lines came before it. */
		if (rc == 0)
			rc = tr_logs_each(c, job, after, print_line, ctl, err);
		fflush(stdout);
	}
	return rc;
}

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	struct tr_client *c;
	enum tr_exit code;
	uint64_t after = 0;
	if (tr_ctl_connect(ctl, &c, &code, err) != 0)
		return code;
	ctl->answered = true; /* lines, the error is not one of them */
	int rc = tr_logs_each(
		c, ctl->args.operands[0], &after, print_line, ctl, err);
	if (rc == 0 && tr_args_has(&ctl->args, "follow"))
		rc = follow(ctl, c, &after, err);
	tr_client_close(c);
	return rc == 0 ? TR_EXIT_OK : TR_EXIT_FAILED;
}

const struct tr_verb tr_verb_job_logs = {
	.name = "job logs",
	.operands = "JOB",
	.summary = "show what a job's code wrote with print() and log()",
	.text = "Each line has the record it was written at, as "
		"topic-partition@offset. With --json\neach line is a JSON "
		"document.\n",
	.examples = "  tranche job logs 7\n"
		    "  tranche job logs wordcount --follow\n",
	.operands_min = 1,
	.operands_max = 1,
	.groups = { options, tr_options_driver, tr_options_help },
	.run = run,
};
