/* tranche run: a job on this machine alone, with the processes of a cluster. */
#include <stdio.h>

#include "common/base/bounds.h"
#include "driver/ctl/console.h"
#include "driver/ctl/local.h"
#include "driver/ctl/request.h"
#include "driver/ctl/verbs.h"

static const struct tr_ctl_option options[] = {
	{ "slots", 0, "N", "tasks at once; else as many as processors" },
	{ "data", 0, "DIR", "keep the database there, for later runs" },
	{ "json", 0, NULL, "print JSON" },
	{ "config", 'c', "FILE", "configuration, for [kafka] in it" },
	{ NULL, 0, NULL, NULL },
};

static int check(void *arg, struct tr_error *err)
{
	return tr_local_check(arg, err);
}

static int wait_for(struct tr_console *con, struct tr_local *l,
	struct tr_job_request *r, struct tr_error *err)
{
	struct tr_wait w = { .conf = &l->conf,
		.request = &r->msg,
		.artefact = { r->artefact.data, r->artefact.len },
		.ops = &tr_console_ops,
		.arg = con,
		.wake_fd = con->wake_fd,
		.no_reconnect = true };
	con->owns_job = true;
	con->check = check;
	con->check_arg = l;
	tr_console_add_fd(con, l->driver.fd);
	tr_console_add_fd(con, l->executor.fd);
	/* So that the plan counts its slots. */
	int rc = tr_local_wait_executor(l, err);
	if (rc == 0)
		rc = tr_wait_run(&w, err);
	return rc ? tr_local_explain(l, err) : 0;
}

static enum tr_exit run_in(struct tr_ctl *ctl, const struct tr_local_opts *opts,
	struct tr_job_request *r, struct tr_error *err)
{
	struct tr_console con;
	struct tr_local l;
	/* First: from here on signals do not leave children behind. */
	if (tr_console_init(&con, ctl, err) != 0)
		return TR_EXIT_FAILED;
	enum tr_exit code = TR_EXIT_FAILED;
	if (tr_local_start(&l, opts, err) == 0) {
		int rc = wait_for(&con, &l, r, err);
		code = tr_console_finish(&con, rc, err);
		tr_local_stop(&l);
	}
	tr_console_fini(&con);
	return code;
}

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	struct tr_job_request r;
	uint64_t slots = 0;
	struct tr_local_opts opts = {
		.data_dir = tr_args_get(&ctl->args, "data"), .executor = true
	};
	if (tr_args_uint(&ctl->args, "slots", TR_SLOTS_PER_EXECUTOR_MAX, &slots,
		    err) != 0 ||
		tr_client_conf_load(&ctl->conf,
			tr_args_get(&ctl->args, "config"), NULL, 0, err) != 0)
		return TR_EXIT_USAGE;
	ctl->loaded = true;
	opts.slots = (uint32_t)slots;
	if (tr_job_request_init(&r, &ctl->args, &ctl->conf, err) != 0)
		return TR_EXIT_USAGE;
	opts.memory = r.msg.worker_memory;
	enum tr_exit code = run_in(ctl, &opts, &r, err);
	tr_job_request_fini(&r);
	return code;
}

const struct tr_verb tr_verb_run = {
	.name = "run",
	.operands = "FILE.lua [name=value …]",
	.summary = "run a job on this machine alone and print its result",
	.text = "Starts a driver and an executor of its own, which end with "
		"it. Rows of print() go\nto stdout, progress and what the code "
		"logged to stderr. Ctrl-C cancels. Exits as\nsubmit does.\n",
	.examples = "  tranche run wordcount.lua -b localhost:9092 --offsets "
		    "start:end\n"
		    "  tranche run wordcount.lua -b kafka:9092 --offsets "
		    "@-48h:-24h topic=lines\n"
		    "  tranche run job.lua -b kafka:9093 -o start:end -X "
		    "security.protocol=ssl --slots 2\n",
	.operands_min = 1,
	.operands_max = TR_JOB_ARGS_MAX + 1,
	.groups = { options, tr_options_job, tr_options_help },
	.run = run,
};
