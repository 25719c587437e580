/* tranche submit: a job for the cluster, and its result. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/bounds.h"
#include "driver/ctl/console.h"
#include "driver/ctl/output.h"
#include "driver/ctl/request.h"
#include "driver/ctl/verbs.h"

static const struct tr_ctl_option options[] = {
	{ "detach", 0, NULL, "print the job's number and do not wait" },
	{ "weight", 0, "N", "share of the slots among jobs; else 1" },
	{ NULL, 0, NULL, NULL },
};

static void print_number(const struct tr_ctl *ctl, uint64_t job)
{
	if (ctl->json)
		tr_output_print_json(
			json_pack("{s:I}", "job", (json_int_t)job));
	else
		printf("%" PRIu64 "\n", job);
}

static enum tr_exit wait_for(
	struct tr_ctl *ctl, struct tr_job_request *r, struct tr_error *err)
{
	struct tr_console con;
	if (tr_console_init(&con, ctl, err) != 0)
		return TR_EXIT_FAILED;
	struct tr_wait w = { .conf = &ctl->conf,
		.request = &r->msg,
		.artefact = { r->artefact.data, r->artefact.len },
		.ops = &tr_console_ops,
		.arg = &con,
		.wake_fd = con.wake_fd,
		.detach = tr_args_has(&ctl->args, "detach") };
	enum tr_exit code = TR_EXIT_OK;
	int rc = tr_wait_run(&w, err);
	if (rc == 0 && w.detach)
		print_number(ctl, w.job);
	else
		code = tr_console_finish(&con, rc, err);
	tr_console_fini(&con);
	return code;
}

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	struct tr_job_request r;
	if (tr_ctl_load(ctl, err) != 0 ||
		tr_job_request_init(&r, &ctl->args, &ctl->conf, err) != 0)
		return TR_EXIT_USAGE;
	enum tr_exit code = wait_for(ctl, &r, err);
	tr_job_request_fini(&r);
	return code;
}

const struct tr_verb tr_verb_submit = {
	.name = "submit",
	.operands = "FILE.lua [name=value …]",
	.summary = "submit a job to the cluster and wait for its result",
	.text = "Rows of print() go to stdout, progress to stderr. While the "
		"driver is away this\nwaits for it to come back; the job is "
		"submitted once. Ctrl-C leaves the job alone.\nExits with 0 "
		"when the job is done, 1 when it failed or was cancelled, 2 "
		"for wrong\nusage.\n",
	.examples = "  tranche submit wordcount.lua topic=lines --offsets "
		    "start:end\n"
		    "  tranche submit wordcount.lua --offsets @-48h:-24h "
		    "--clamp --detach\n"
		    "  tranche submit job.lua -o lines:0:110-220 -o "
		    "lines:1:start-end -b kafka:9092\n"
		    "  tranche submit job.lua -o @2026-01-01:2026-01-02 --tz "
		    "Europe/Berlin --json\n",
	.operands_min = 1,
	.operands_max = TR_JOB_ARGS_MAX + 1,
	.groups = { options, tr_options_job, tr_options_driver,
		tr_options_help },
	.run = run,
};
