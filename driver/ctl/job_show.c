/* tranche job show: status, stages, and every task with all its attempts. */
#include <inttypes.h>
#include <stdio.h>

#include "driver/ctl/ctl.h"
#include "driver/ctl/output.h"
#include "driver/ctl/progress.h"
#include "driver/ctl/stagetext.h"
#include "driver/ctl/verbs.h"

/* -------------------------------------------------------------------- text */

static void print_status(const Tranche__V1__JobStatus *s)
{
	char a[32], b[16], c[16];
	printf("job        %" PRIu64 " (%s)\n", tr_msg_env(s->env)->job,
		s->name);
	printf("state      %s\n", tr_job_state_text(s->state));
	if (s->error) {
		struct tr_error why;
		tr_client_error(&why, s->error);
		printf("error      %s\n", why.text);
	}
	printf("submitted  %s\n", tr_output_date(a, s->submitted_ms));
	if (s->ended_ms)
		printf("ended      %s\n", tr_output_date(a, s->ended_ms));
	printf("time       %s\n", tr_text_time(a, s->elapsed_ms));
	printf("ranges     %" PRIu64 "/%" PRIu64 "\n", s->ranges_done,
		s->ranges_total);
	printf("tasks      %" PRIu64 "/%" PRIu64 ", %" PRIu64
	       " running, %" PRIu64 " retried\n",
		s->tasks_done, s->tasks_total, s->tasks_running, s->retries);
	printf("records    %s of at most %s, %s\n",
		tr_text_count(b, s->records),
		tr_text_count(c, s->records_total), tr_text_bytes(a, s->bytes));
	if (s->nondeterministic)
		printf("warning    %" PRIu64
		       " lanes gave other results when they ran again\n",
			s->nondeterministic);
	for (size_t i = 0; i < s->n_notes; i++)
		printf("note       %s\n", s->notes[i]);
	for (size_t i = 0; i < s->n_tables; i++) {
		const Tranche__V1__TableInfo *t = s->tables[i];
		if (!t->output)
			printf("table      %s, %s rows, %s\n", t->name,
				tr_text_count(b, t->records),
				tr_text_bytes(a, t->bytes));
	}
}

static void range_text(char *out, size_t size, const Tranche__V1__Range *r)
{
	if (r)
		snprintf(out, size, "%s-%u [%" PRId64 ", %" PRId64 ")",
			r->topic, r->partition, r->from, r->until);
	else
		snprintf(out, size, "blocks");
}

static void print_attempt(const Tranche__V1__AttemptRow *a)
{
	char time[16], n[16], why[TR_ERROR_TEXT_MAX] = "";
	uint64_t ms = a->ended_ms > a->started_ms
			      ? (uint64_t)(a->ended_ms - a->started_ms)
			      : 0;
	if (a->error && a->error->text[0]) {
		struct tr_error e;
		tr_client_error(&e, a->error);
		snprintf(why, sizeof(why), "%s", e.text);
	}
	printf("%8s attempt %-3u %-16s %-10s %-8s %-8s %s\n", "", a->number,
		a->executor, a->outcome,
		a->ended_ms ? tr_text_time(time, ms) : "-",
		tr_text_count(n, a->records), why);
}

static void print_tasks(const Tranche__V1__JobShowReply *r)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		const Tranche__V1__TaskRow *t = r->tasks[i];
		char what[320], in[16], out[16];
		range_text(what, sizeof(what), t->range);
		printf("  %5u.%-5u %-9s %s", t->stage, t->lane, t->state, what);
		if (t->receipt)
			printf(", %s records in, %s out",
				tr_text_count(in, t->receipt->records_in),
				tr_text_count(out, t->receipt->records_out));
		putchar('\n');
		for (size_t k = 0; k < t->n_attempts; k++)
			print_attempt(t->attempts[k]);
	}
}

static void print_stages(const Tranche__V1__BatchPlan *p)
{
	for (size_t i = 0; i < p->n_stages; i++) {
		char text[512];
		tr_stage_text(text, sizeof(text), p, (uint32_t)i);
		printf("  %zu: %u %s  %s\n", i, p->stages[i]->lanes,
			p->stages[i]->lanes == 1 ? "lane " : "lanes", text);
	}
}

static void print_text(const Tranche__V1__JobShowReply *r)
{
	if (r->status)
		print_status(r->status);
	if (r->plan) {
		puts("\nstages");
		print_stages(r->plan);
	}
	if (r->n_tasks > 0) {
		puts("\ntasks");
		print_tasks(r);
	}
}

/* -------------------------------------------------------------------- json */

static json_t *attempt_json(const Tranche__V1__AttemptRow *a)
{
	json_t *o = json_pack("{s:i,s:I,s:s,s:s,s:I,s:I,s:I}", "number",
		(int)a->number, "attempt", (json_int_t)a->attempt, "executor",
		a->executor, "outcome", a->outcome, "started_ms",
		(json_int_t)a->started_ms, "ended_ms", (json_int_t)a->ended_ms,
		"records", (json_int_t)a->records);
	if (a->error && a->error->text[0])
		json_object_set_new(o, "error", tr_output_error_json(a->error));
	return o;
}

static json_t *receipt_json(const Tranche__V1__Receipt *r)
{
	json_t *o = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
		"records_in", (json_int_t)r->records_in, "bytes_in",
		(json_int_t)r->bytes_in, "first_offset",
		(json_int_t)r->first_offset, "last_offset",
		(json_int_t)r->last_offset, "position", (json_int_t)r->position,
		"records_out", (json_int_t)r->records_out, "bytes_out",
		(json_int_t)r->bytes_out, "cpu_us", (json_int_t)r->cpu_us,
		"wall_us", (json_int_t)r->wall_us, "blocks",
		(json_int_t)r->n_blocks);
	json_object_set_new(
		o, "input_digest", tr_output_hex_json(r->input_digest));
	json_object_set_new(
		o, "output_digest", tr_output_hex_json(r->output_digest));
	return o;
}

static json_t *task_json(const Tranche__V1__TaskRow *t)
{
	json_t *attempts = json_array();
	for (size_t i = 0; i < t->n_attempts; i++)
		json_array_append_new(attempts, attempt_json(t->attempts[i]));
	json_t *o = json_pack("{s:i,s:i,s:s,s:o}", "stage", (int)t->stage,
		"lane", (int)t->lane, "state", t->state, "attempts", attempts);
	if (t->range)
		json_object_set_new(o, "range", tr_output_range_json(t->range));
	if (t->receipt)
		json_object_set_new(o, "receipt", receipt_json(t->receipt));
	return o;
}

static void print_json(const Tranche__V1__JobShowReply *r)
{
	json_t *doc =
		r->status ? tr_output_status_json(r->status) : json_object();
	json_t *tasks = json_array();
	for (size_t i = 0; i < r->n_tasks; i++)
		json_array_append_new(tasks, task_json(r->tasks[i]));
	if (r->plan)
		json_object_set_new(doc, "stages", tr_stages_json(r->plan));
	json_object_set_new(doc, "tasks", tasks);
	tr_output_print_json(doc);
}

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	struct tr_reply *reply;
	Tranche__V1__JobShowRequest m = TRANCHE__V1__JOB_SHOW_REQUEST__INIT;
	m.job = ctl->args.operands[0];
	enum tr_exit code = tr_ctl_ask(
		ctl, TR_KIND_JOB_SHOW, &m, TR_KIND_JOB_SHOW_REPLY, &reply, err);
	if (code != TR_EXIT_OK)
		return code;
	if (ctl->json)
		print_json(reply->msg);
	else
		print_text(reply->msg);
	tr_reply_free(reply);
	return TR_EXIT_OK;
}

const struct tr_verb tr_verb_job_show = {
	.name = "job show",
	.operands = "JOB",
	.summary = "show a job's status, stages, tasks and all attempts",
	.text = "A task is named STAGE.LANE. Below it stand its attempts: the "
		"executor, the outcome\n(running, done, failed, lost, "
		"cancelled), the time, the records, and why it failed.\n",
	.examples = "  tranche job show 7\n"
		    "  tranche job show wordcount --json\n",
	.operands_min = 1,
	.operands_max = 1,
	.groups = { tr_options_driver, tr_options_help },
	.run = run,
};
