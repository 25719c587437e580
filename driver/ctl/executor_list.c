/* tranche executor list */
#include <inttypes.h>
#include <stdio.h>

#include "driver/ctl/ctl.h"
#include "driver/ctl/output.h"
#include "driver/ctl/progress.h"
#include "driver/ctl/verbs.h"

static void print_text(const Tranche__V1__ExecutorListReply *r)
{
	printf("%4s  %-20s  %-9s  %-9s  %-8s  %6s  %6s  %-21s  %s\n", "ID",
		"NAME", "STATE", "BUSY", "MEMORY", "DONE", "FAILED", "ADDRESS",
		"VERSION");
	for (size_t i = 0; i < r->n_executors; i++) {
		const Tranche__V1__ExecutorRow *e = r->executors[i];
		char busy[32], memory[16];
		snprintf(busy, sizeof(busy), "%u/%u", e->busy, e->slots);
		printf("%4" PRIu64 "  %-20s  %-9s  %-9s  %-8s  %6" PRIu64
		       "  %6" PRIu64 "  %-21s  %s\n",
			e->id, e->name, e->state, busy,
			tr_text_bytes(memory, e->memory_bytes), e->tasks_done,
			e->tasks_failed, e->address, e->version);
	}
}

static json_t *row_json(const Tranche__V1__ExecutorRow *e)
{
	return json_pack("{s:I,s:s,s:s,s:s,s:i,s:i,s:I,s:I,s:I,s:I,s:s}", "id",
		(json_int_t)e->id, "name", e->name, "address", e->address,
		"state", e->state, "slots", (int)e->slots, "busy", (int)e->busy,
		"memory_bytes", (json_int_t)e->memory_bytes, "tasks_done",
		(json_int_t)e->tasks_done, "tasks_failed",
		(json_int_t)e->tasks_failed, "connected_ms",
		(json_int_t)e->connected_ms, "version", e->version);
}

static void print_json(const Tranche__V1__ExecutorListReply *r)
{
	json_t *list = json_array();
	for (size_t i = 0; i < r->n_executors; i++)
		json_array_append_new(list, row_json(r->executors[i]));
	tr_output_print_json(json_pack("{s:o}", "executors", list));
}

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	struct tr_reply *reply;
	Tranche__V1__ExecutorListRequest m =
		TRANCHE__V1__EXECUTOR_LIST_REQUEST__INIT;
	enum tr_exit code = tr_ctl_ask(ctl, TR_KIND_EXECUTOR_LIST, &m,
		TR_KIND_EXECUTOR_LIST_REPLY, &reply, err);
	if (code != TR_EXIT_OK)
		return code;
	if (ctl->json)
		print_json(reply->msg);
	else
		print_text(reply->msg);
	tr_reply_free(reply);
	return TR_EXIT_OK;
}

const struct tr_verb tr_verb_executor_list = {
	.name = "executor list",
	.operands = "",
	.summary = "list executors with their slots and tasks",
	.examples = "  tranche executor list\n"
		    "  tranche executor list --json\n",
	.groups = { tr_options_driver, tr_options_help },
	.run = run,
};
