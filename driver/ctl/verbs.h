/*
 * The entries of all verbs, one file each, for the table in verbs.c.
 */
#ifndef TR_DRIVER_CTL_VERBS_H
#define TR_DRIVER_CTL_VERBS_H

#include "driver/ctl/verb.h"

extern const struct tr_verb tr_verb_submit;
extern const struct tr_verb tr_verb_run;
extern const struct tr_verb tr_verb_plan;
extern const struct tr_verb tr_verb_job_list;
extern const struct tr_verb tr_verb_job_show;
extern const struct tr_verb tr_verb_job_logs;
extern const struct tr_verb tr_verb_job_cancel;
extern const struct tr_verb tr_verb_executor_list;
extern const struct tr_verb tr_verb_executor_drain;
extern const struct tr_verb tr_verb_table_get;
extern const struct tr_verb tr_verb_table_scan;
extern const struct tr_verb tr_verb_cluster_init;
extern const struct tr_verb tr_verb_cluster_add_executor;

#endif /* TR_DRIVER_CTL_VERBS_H */
