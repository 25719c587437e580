/* tranche job list */
#include <inttypes.h>
#include <stdio.h>

#include "driver/ctl/ctl.h"
#include "driver/ctl/output.h"
#include "driver/ctl/progress.h"
#include "driver/ctl/verbs.h"

static const struct tr_ctl_option options[] = {
	{ "active", 'a', NULL, "only jobs that have not ended" },
	{ NULL, 0, NULL, NULL },
};

static void print_text(const Tranche__V1__JobListReply *r)
{
	printf("%6s  %-20s  %-10s  %-13s  %-8s  %-8s  %s\n", "JOB", "NAME",
		"STATE", "RANGES", "RECORDS", "TIME", "SUBMITTED");
	for (size_t i = 0; i < r->n_jobs; i++) {
		const Tranche__V1__JobStatus *s = r->jobs[i];
		char ranges[48], records[16], time[16], date[32];
		snprintf(ranges, sizeof(ranges), "%" PRIu64 "/%" PRIu64,
			s->ranges_done, s->ranges_total);
		printf("%6" PRIu64 "  %-20s  %-10s  %-13s  %-8s  %-8s  %s\n",
			tr_msg_env(s->env)->job, s->name,
			tr_job_state_text(s->state), ranges,
			tr_text_count(records, s->records),
			tr_text_time(time, s->elapsed_ms),
			tr_output_date(date, s->submitted_ms));
	}
}

static void print_json(const Tranche__V1__JobListReply *r)
{
	json_t *list = json_array();
	for (size_t i = 0; i < r->n_jobs; i++)
		json_array_append_new(list, tr_output_status_json(r->jobs[i]));
	tr_output_print_json(json_pack("{s:o}", "jobs", list));
}

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	struct tr_reply *reply;
	Tranche__V1__JobListRequest m = TRANCHE__V1__JOB_LIST_REQUEST__INIT;
	m.active_only = tr_args_has(&ctl->args, "active");
	enum tr_exit code = tr_ctl_ask(
		ctl, TR_KIND_JOB_LIST, &m, TR_KIND_JOB_LIST_REPLY, &reply, err);
	if (code != TR_EXIT_OK)
		return code;
	if (ctl->json)
		print_json(reply->msg);
	else
		print_text(reply->msg);
	tr_reply_free(reply);
	return TR_EXIT_OK;
}

const struct tr_verb tr_verb_job_list = {
	.name = "job list",
	.operands = "",
	.summary = "list jobs, the newest last",
	.examples = "  tranche job list --active\n"
		    "  tranche job list --json | jq '.jobs[].state'\n",
	.groups = { options, tr_options_driver, tr_options_help },
	.run = run,
};
