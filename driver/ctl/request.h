/*
 * A job as a command line says it, as the request that the driver gets: used
 * by submit, run and plan, so that a script and its options mean the same to
 * all of them.
 *
 * Everything that can be wrong without asking anybody is found here: the
 * script's file, numbers, offsets, zones, Kafka properties. Times of day in
 * offsets are resolved in the zone of --tz, which is set as this process's
 * zone; so the driver, wherever it lives, reads the same.
 *
 * Thread: the process's main one.
 */
#ifndef TR_DRIVER_CTL_REQUEST_H
#define TR_DRIVER_CTL_REQUEST_H

#include "driver/ctl/ctl.h"

/* The options of a job, for the entries of verbs. */
extern const struct tr_ctl_option tr_options_job[];

struct tr_job_request {
	Tranche__V1__SubmitRequest msg;
	struct tr_buf artefact;
	/* What msg points to. */
	Tranche__V1__KafkaConf kafka;
	uint8_t digest[32];
	char uuid[33];
	struct tr_option_list properties; /* "name=value" */
	char **owned;
	size_t n_owned;
};

/*
 * operands[0] is the script, the others are name=value. `conf` has the
 * profile's Kafka. On errors *r needs no fini.
 */
int tr_job_request_init(struct tr_job_request *r, const struct tr_args *args,
	const struct tr_client_conf *conf, struct tr_error *err) TR_MUST_USE;
void tr_job_request_fini(struct tr_job_request *r);

/* ---- parts ---- */

/* Takes this zone as the process's. TR_EINVAL: there is none of that name. */
int tr_zone_use(const char *name, struct tr_error *err) TR_MUST_USE;

/*
 * The properties of a file of name=value lines; blank ones and those that
 * begin with '#' are skipped. Errors name file and line.
 */
int tr_props_read(struct tr_option_list *out, const char *path,
	struct tr_error *err) TR_MUST_USE;
int tr_props_add(struct tr_option_list *out, const char *prop,
	struct tr_error *err) TR_MUST_USE;
void tr_props_fini(struct tr_option_list *l);

#endif /* TR_DRIVER_CTL_REQUEST_H */
