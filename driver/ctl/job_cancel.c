/* tranche job cancel */
#include <stdio.h>

#include "driver/ctl/ctl.h"
#include "driver/ctl/output.h"
#include "driver/ctl/verbs.h"

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	struct tr_reply *reply;
	const char *job = ctl->args.operands[0];
	Tranche__V1__JobCancelRequest m = TRANCHE__V1__JOB_CANCEL_REQUEST__INIT;
	m.job = tr_ctl_text(job);
	enum tr_exit code = tr_ctl_ask(
		ctl, TR_KIND_JOB_CANCEL, &m, TR_KIND_ACK, &reply, err);
	if (code != TR_EXIT_OK)
		return code;
	tr_reply_free(reply);
	if (ctl->json)
		tr_output_print_json(json_pack("{s:b}", "cancelled", 1));
	else
		fprintf(stderr, "job '%s' is being cancelled\n", job);
	return TR_EXIT_OK;
}

const struct tr_verb tr_verb_job_cancel = {
	.name = "job cancel",
	.operands = "JOB",
	.summary = "end a job without a result",
	.text = "JOB is a number or a name; of several jobs of a name, the "
		"newest.\n",
	.examples = "  tranche job cancel 7\n"
		    "  tranche job cancel wordcount\n",
	.operands_min = 1,
	.operands_max = 1,
	.groups = { tr_options_driver, tr_options_help },
	.run = run,
};
