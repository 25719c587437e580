/* tranche plan: what submit would read, without reading it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/bounds.h"
#include "driver/ctl/console.h"
#include "driver/ctl/local.h"
#include "driver/ctl/output.h"
#include "driver/ctl/progress.h"
#include "driver/ctl/request.h"
#include "driver/ctl/stagetext.h"
#include "driver/ctl/verbs.h"

static const struct tr_ctl_option options[] = {
	{ "local", 0, NULL,
		"plan with a private driver, as run does; so it is\n"
		"when there are brokers (-b) and no driver is set" },
	{ NULL, 0, NULL, NULL },
};

/* -------------------------------------------------------------------- text */

static uint64_t records_of(const Tranche__V1__BatchPlan *p)
{
	uint64_t n = 0;
	for (size_t i = 0; i < p->n_ranges; i++) {
		const Tranche__V1__Range *r = p->ranges[i]->range;
		n += r ? (uint64_t)(r->until - r->from) : 0;
	}
	return n;
}

static void print_ranges(const Tranche__V1__BatchPlan *p)
{
	printf("%11s  %-24s  %9s  %20s  %20s  %s\n", "TASK", "TOPIC",
		"PARTITION", "FROM", "UNTIL", "RECORDS");
	for (size_t i = 0; i < p->n_ranges; i++) {
		const Tranche__V1__LaneRange *lane = p->ranges[i];
		const Tranche__V1__Range *r = lane->range;
		if (!r)
			continue;
		printf("%5u.%-5u  %-24s  %9u  %20" PRId64 "  %20" PRId64
		       "  %" PRId64 "\n",
			lane->stage, lane->lane, r->topic, r->partition,
			r->from, r->until, r->until - r->from);
	}
}

static void print_text(const Tranche__V1__BatchPlan *p)
{
	char n[16];
	print_ranges(p);
	puts("\nstages");
	for (size_t i = 0; i < p->n_stages; i++) {
		char text[512];
		printf("  %zu: %u %s  %s\n", i, p->stages[i]->lanes,
			p->stages[i]->lanes == 1 ? "lane " : "lanes",
			tr_stage_text(text, sizeof(text), p, (uint32_t)i));
	}
	putchar('\n');
	for (size_t i = 0; i < p->n_notes; i++)
		printf("note: %s\n", p->notes[i]);
	printf("total: %zu %s, at most %s records\n", p->n_ranges,
		p->n_ranges == 1 ? "range" : "ranges",
		tr_text_count(n, records_of(p)));
}

static void print_json(const Tranche__V1__BatchPlan *p)
{
	json_t *ranges = json_array(), *notes = json_array();
	for (size_t i = 0; i < p->n_ranges; i++) {
		const Tranche__V1__LaneRange *lane = p->ranges[i];
		if (!lane->range)
			continue;
		json_t *r = tr_output_range_json(lane->range);
		json_object_set_new(
			r, "stage", json_integer((json_int_t)lane->stage));
		json_object_set_new(
			r, "lane", json_integer((json_int_t)lane->lane));
		json_array_append_new(ranges, r);
	}
	for (size_t i = 0; i < p->n_notes; i++)
		json_array_append_new(notes, json_string(p->notes[i]));
	tr_output_print_json(json_pack("{s:I,s:o,s:o,s:o}", "records_total",
		(json_int_t)records_of(p), "ranges", ranges, "stages",
		tr_stages_json(p), "notes", notes));
}

/* ----------------------------------------------------------------- asking */

static int print(
	struct tr_ctl *ctl, const struct tr_reply *reply, struct tr_error *err)
{
	int rc = tr_ctl_expect(reply, TR_KIND_PLAN_REPLY, err);
	if (rc != 0)
		return rc;
	const Tranche__V1__PlanReply *m = reply->msg;
	if (!m->plan)
		return tr_error_set(
			err, TR_EPROTO, "the driver answered without a plan");
	if (ctl->json)
		print_json(m->plan);
	else
		print_text(m->plan);
	return 0;
}

static int ask(struct tr_ctl *ctl, const struct tr_client_opts *opts,
	struct tr_job_request *r, struct tr_error *err)
{
	struct tr_client *c;
	struct tr_reply *reply;
	/* The driver asks Kafka first, which may take its own time. */
	uint64_t timeout_ms = opts->conf->timeout_ms + 2 * TR_KAFKA_ASK_MS;
	r->msg.dry_run = true;
	int rc = tr_client_open(&c, opts, err);
	if (rc != 0)
		return rc;
	rc = tr_client_send(c, TR_KIND_SUBMIT, &r->msg,
		tr_slice_of(r->artefact.data, r->artefact.len), err);
	if (rc == 0)
		rc = tr_client_next(c, timeout_ms, &reply, err);
	if (rc == TR_ETIMEOUT && !tr_client_is_broken(c))
		tr_error_set(err, rc,
			"the driver at '%s' made no plan within %" PRIu64
			" ms: are the Kafka brokers in its reach?",
			opts->conf->driver, timeout_ms);
	if (rc == 0) {
		rc = print(ctl, reply, err);
		tr_reply_free(reply);
	}
	tr_client_close(c);
	return rc;
}

/* With as many slots as run would have, so that the plan is run's. */
static int plan_in(struct tr_ctl *ctl, struct tr_console *con,
	struct tr_job_request *r, struct tr_error *err)
{
	struct tr_local l;
	struct tr_local_opts local = { .executor = true };
	int rc = tr_local_start(&l, &local, err);
	if (rc != 0)
		return rc;
	struct tr_client_opts opts = { .conf = &l.conf,
		.wake_fd = con->wake_fd };
	rc = tr_local_wait_executor(&l, err);
	if (rc == 0)
		rc = ask(ctl, &opts, r, err);
	/* Takes the signal, or it would end us once it is let through. */
	if (rc == TR_ECANCELED)
		tr_console_ops.woken(con, err);
	if (rc != 0)
		rc = tr_local_explain(&l, err);
	tr_local_stop(&l);
	return rc;
}

static int plan_locally(
	struct tr_ctl *ctl, struct tr_job_request *r, struct tr_error *err)
{
	struct tr_console con;
	/* For its signals: they must not leave children behind. */
	int rc = tr_console_init(&con, ctl, err);
	if (rc != 0)
		return rc;
	rc = plan_in(ctl, &con, r, err);
	tr_console_fini(&con);
	return rc;
}

static int plan_there(
	struct tr_ctl *ctl, struct tr_job_request *r, struct tr_error *err)
{
	struct tr_client_opts opts = { .conf = &ctl->conf, .wake_fd = -1 };
	return ask(ctl, &opts, r, err);
}

/* Whether a driver was named; none takes anybody without a token. */
static bool has_driver(const struct tr_ctl *ctl)
{
	return tr_args_get(&ctl->args, "driver") || getenv("TRANCHE_DRIVER") ||
	       ctl->conf.token;
}

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	struct tr_job_request r;
	if (tr_ctl_load(ctl, err) != 0 ||
		tr_job_request_init(&r, &ctl->args, &ctl->conf, err) != 0)
		return TR_EXIT_USAGE;
	bool local = tr_args_has(&ctl->args, "local") ||
		     (r.kafka.bootstrap[0] && !has_driver(ctl));
	int rc = local ? plan_locally(ctl, &r, err) : plan_there(ctl, &r, err);
	tr_job_request_fini(&r);
	if (rc == TR_ECANCELED)
		return TR_EXIT_INTERRUPTED;
	return rc == 0 ? TR_EXIT_OK : TR_EXIT_FAILED;
}

const struct tr_verb tr_verb_plan = {
	.name = "plan",
	.operands = "FILE.lua [name=value …]",
	.summary = "show which ranges a job would read, without running it",
	.text = "Resolves offsets and times against the log, and says what "
		"--clamp would cut.\nNothing is stored. Options are those of "
		"submit.\n",
	.examples = "  tranche plan wordcount.lua --offsets start:end\n"
		    "  tranche plan wordcount.lua -o @-48h:-24h --clamp "
		    "--json\n"
		    "  tranche plan wordcount.lua -b localhost:9092 -o "
		    "start:end --local\n",
	.operands_min = 1,
	.operands_max = TR_JOB_ARGS_MAX + 1,
	.groups = { options, tr_options_job, tr_options_driver,
		tr_options_help },
	.run = run,
};
