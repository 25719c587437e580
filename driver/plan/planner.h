/*
 * Makes plan(b) of a batch job: runs the program for its operators, asks Kafka
 * once for all offsets, and cuts ranges into lanes.
 *
 * A planner keeps its Kafka handle open between plans of the same cluster, so
 * the second job on a cluster does not pay for connecting.
 *
 * Thread: one planner per thread; tr_planner_plan blocks, at most about
 * plan_timeout_ms plus TR_KAFKA_ASK_MS twice.
 */
#ifndef TR_DRIVER_PLAN_PLANNER_H
#define TR_DRIVER_PLAN_PLANNER_H

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/data/slice.h"
#include "common/wire/msg.h"

struct tr_planner;

struct tr_planner_opts {
	const char *worker_binary; /* borrowed for the planner's life */
	uint32_t plan_timeout_ms;  /* of the script's top level */
	const char *secrets_dir;   /* as in struct tr_kafka_conf; borrowed */
};

/* What one plan is made from; all borrowed for the call. */
struct tr_plan_request {
	const Tranche__V1__SubmitRequest *submit;
	struct tr_slice artefact;
	const char *job_uuid;
	struct tr_job_id job;
	struct tr_term term;
	uint64_t batch;
	uint32_t slots; /* of the cluster now; 0 counts as 1 */
	int64_t now_ms; /* wall clock: the batch's frozen time */
	uint64_t seed;
};

struct tr_planner *tr_planner_new(const struct tr_planner_opts *opts);
void tr_planner_free(struct tr_planner *p);

/*
 * The plan, freed with tr_msg_free. Errors say what is wrong with the program
 * (TR_EUSER, TR_EINVAL, TR_EKILLED), the ranges (TR_EINVAL), or Kafka
 * (TR_ENOTFOUND, TR_EUNREACH, TR_EAUTH, TR_EKAFKA, TR_ETIMEOUT).
 */
int tr_planner_plan(struct tr_planner *p, const struct tr_plan_request *r,
	Tranche__V1__BatchPlan **out, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_PLAN_PLANNER_H */
