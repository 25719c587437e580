/*
 * librdkafka's configuration: what the role of a handle fixes, and what users
 * set by name.
 *
 * Users may set every librdkafka property (`-X name=value`, `-F file`, the
 * config file) but for two kinds. Properties on which the reader's promise
 * rests, or which have an option of their own, are refused by name with what
 * to use instead. Secret values are given by reference, `file:PATH` or
 * `env:NAME`, and resolved in the process that uses them, when it builds the
 * configuration; so that they appear in no argument list, plan or log.
 *
 * A job's properties are resolved with the rights of a daemon that reads
 * secrets of its own, and go to brokers of the job's choice. So the daemons
 * hold them to a policy: files of secrets lie below one folder, variables
 * begin with TR_KAFKA_JOB_ENV.
 *
 * A property travels as the text "name=value" exactly as the user wrote it.
 * Check a list with tr_kafka_props_check where it is accepted (the CLI), build
 * with tr_kafka_conf_build where it is used (driver, worker).
 *
 * Thread: any; values only. Resolving a reference reads a file.
 */
#ifndef TR_COMMON_KAFKA_CONF_H
#define TR_COMMON_KAFKA_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "common/base/err.h"
#include "common/kafka/watch.h"

enum tr_kafka_role {
	TR_KAFKA_META,     /* asks for topics and offsets; reads nothing */
	TR_KAFKA_READER,   /* reads ranges */
	TR_KAFKA_PRODUCER, /* writes */
};

enum tr_kafka_isolation {
	TR_READ_COMMITTED = 0,
	TR_READ_UNCOMMITTED = 1,
};

#define TR_KAFKA_JOB_ENV "TRANCHE_JOB_"

struct tr_kafka_conf {
	const char *brokers; /* "host:port,…" */
	/* The policy's folder; "": no secrets at all. NULL: no policy, what
	   the properties name is the caller's own. */
	const char *secrets_dir;
	const char *const *props;
	size_t n_props;
	enum tr_kafka_isolation isolation; /* META and READER */
	uint64_t window; /* READER: bytes of memory for records read ahead;
			    0 means TR_READER_WINDOW_DEFAULT */
};

/* Whether the value of this property must be a reference. */
bool tr_kafka_prop_is_secret(const char *name);

/* The variable that the value refers to, if a job may name it; else NULL. */
const char *tr_kafka_job_env(const char *value);

/*
 * Checks one property, or a list, without resolving references: its form, that
 * it is not fixed, that librdkafka knows it and takes the value, and that a
 * secret is a reference. TR_EINVAL with the property named.
 */
int tr_kafka_prop_check(const char *prop, struct tr_error *err) TR_MUST_USE;
int tr_kafka_props_check(
	const char *const *props, size_t n, struct tr_error *err) TR_MUST_USE;

/*
 * Builds the configuration for rd_kafka_new(), which takes it over on success;
 * until then the caller frees it with rd_kafka_conf_destroy(). `watch` gets
 * the handle's log lines and errors and must outlive the handle. TR_EINVAL for
 * a bad property or one beyond the policy, TR_ENOTFOUND for a reference to
 * nothing.
 */
int tr_kafka_conf_build(rd_kafka_conf_t **out, enum tr_kafka_role role,
	const struct tr_kafka_conf *conf, struct tr_kafka_watch *watch,
	struct tr_error *err) TR_MUST_USE;

/*
 * Builds the configuration and a consumer handle with it (META and READER).
 * Connects to nothing yet. The caller ends it with rd_kafka_destroy_flags(rk,
 * RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE): there is no group to leave.
 */
int tr_kafka_consumer_open(rd_kafka_t **out, enum tr_kafka_role role,
	const struct tr_kafka_conf *conf, struct tr_kafka_watch *watch,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_KAFKA_CONF_H */
