/* tranche executor drain */
#include <stdio.h>

#include "driver/ctl/ctl.h"
#include "driver/ctl/output.h"
#include "driver/ctl/verbs.h"

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	struct tr_reply *reply;
	const char *name = ctl->args.operands[0];
	Tranche__V1__ExecutorDrainRequest m =
		TRANCHE__V1__EXECUTOR_DRAIN_REQUEST__INIT;
	m.executor = tr_ctl_text(name);
	enum tr_exit code = tr_ctl_ask(
		ctl, TR_KIND_EXECUTOR_DRAIN, &m, TR_KIND_ACK, &reply, err);
	if (code != TR_EXIT_OK)
		return code;
	tr_reply_free(reply);
	if (ctl->json)
		tr_output_print_json(json_pack("{s:b}", "draining", 1));
	else
		fprintf(stderr, "executor '%s' takes no new tasks\n", name);
	return TR_EXIT_OK;
}

const struct tr_verb tr_verb_executor_drain = {
	.name = "executor drain",
	.operands = "NAME",
	.summary = "let an executor finish its tasks and take no new ones",
	.text = "It leaves when nothing on it is needed any more, blocks for "
		"running jobs\nincluded. NAME may also be its number.\n",
	.examples = "  tranche executor drain node-3\n",
	.operands_min = 1,
	.operands_max = 1,
	.groups = { tr_options_driver, tr_options_help },
	.run = run,
};
