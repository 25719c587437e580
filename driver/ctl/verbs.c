#include "driver/ctl/verbs.h"

const struct tr_verb *const tr_verbs[] = {
	&tr_verb_run,
	&tr_verb_submit,
	&tr_verb_plan,
	&tr_verb_job_list,
	&tr_verb_job_show,
	&tr_verb_job_logs,
	&tr_verb_job_cancel,
	&tr_verb_executor_list,
	&tr_verb_executor_drain,
	&tr_verb_table_get,
	&tr_verb_table_scan,
	&tr_verb_cluster_init,
	&tr_verb_cluster_add_executor,
};

const size_t tr_verbs_n = TR_ARRAY_LEN(tr_verbs);
