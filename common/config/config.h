/*
 * The configuration of the driver, of an executor and of clients: files of
 * [sections] with `name = value` lines, then command-line settings over them.
 *
 *   struct tr_driver_conf conf;
 *   rc = tr_driver_conf_load(&conf, "driver.conf", sets, n_sets, &err);
 *   …
 *   tr_driver_conf_free(&conf);
 *
 * What a loaded struct holds has been checked as far as text can be: known
 * names, types, limits, nothing missing, values that fit each other. Files it
 * names have not been opened, secrets not resolved (secret.h); whoever uses
 * them does, and so does the daemons' `-n`.
 *
 * The tables behind it are the documentation: tr_config_print().
 *
 * Thread: loads from one thread (option.h). Loaded values are plain data.
 */
#ifndef TR_COMMON_CONFIG_CONFIG_H
#define TR_COMMON_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"
#include "common/config/option.h"
#include "common/log/log.h"

/* Both set or both NULL; then tls+tcp:// addresses cannot be used. */
struct tr_conf_tls {
	char *ca;          /* PEM file: CA certificates */
	char *cert;        /* PEM file: own certificate, then its key */
	char *server_name; /* dialling: name in the driver's certificate */
};

struct tr_conf_kafka {
	char *bootstrap;                  /* "host:port,…" */
	struct tr_option_list properties; /* librdkafka's, "name=value" */
};

struct tr_driver_conf {
	char *listen;   /* URL for executors and clients */
	char *data_dir; /* LMDB lives there */
	char *worker;   /* program that plans: tranche-worker */
	char *executor_token, *submitter_token, *reader_token; /* references */
	bool insecure; /* plain tcp:// beyond loopback */
	uint32_t heartbeat_ms, lease_ms;
	uint32_t plan_timeout_ms; /* of the plan worker */
	char *job_secrets; /* folder of what jobs' Kafka settings may name */
	enum tr_log_level log_level;
	struct tr_conf_tls tls;
	struct tr_conf_kafka kafka; /* for jobs that name no cluster */
};

struct tr_executor_conf {
	char *name;        /* NULL: the host's name */
	char *driver;      /* URL to dial */
	char *token;       /* reference */
	char *listen;      /* URL where other executors fetch blocks */
	char *advertise;   /* URL they dial; NULL: what listen is bound to */
	char *spool_dir;   /* blocks and results until the job has ended */
	char *worker;      /* program: tranche-worker */
	char *job_secrets; /* folder of what jobs' Kafka settings may name */
	uint32_t slots;    /* 0: as many as processors */
	bool insecure;
	uint64_t worker_memory_bytes; /* of user code and operators */
	uint64_t window_bytes;        /* of records read ahead, per worker */
	uint64_t fetch_bytes;         /* of blocks asked for and not yet here */
	uint64_t backlog_bytes; /* of one task's results kept for the driver */
	uint32_t task_timeout_ms; /* without progress */
	uint32_t worker_idle_ms;  /* then an unused worker is stopped */
	uint32_t drain_timeout_ms;
	enum tr_log_level log_level;
	struct tr_conf_tls tls;
	char *peer_name; /* in other executors' certificates */
};

struct tr_client_conf {
	char *driver; /* URL */
	char *token;  /* reference */
	bool insecure;
	uint32_t timeout_ms; /* to connect and to be answered */
	struct tr_conf_tls tls;
	struct tr_conf_kafka kafka; /* default of submit and run */
};

/*
 * `path` may be NULL for defaults and settings only. TR_EINVAL, TR_ELIMIT,
 * TR_ENOTFOUND, TR_EIO; *out needs no free then.
 */
int tr_driver_conf_load(struct tr_driver_conf *out, const char *path,
	const char *const *sets, size_t n_sets,
	struct tr_error *err) TR_MUST_USE;
void tr_driver_conf_free(struct tr_driver_conf *c);

int tr_executor_conf_load(struct tr_executor_conf *out, const char *path,
	const char *const *sets, size_t n_sets,
	struct tr_error *err) TR_MUST_USE;
void tr_executor_conf_free(struct tr_executor_conf *c);

/*
 * With path NULL the first that exists of $TRANCHE_CONFIG,
 * ~/.config/tranche/tranche.conf and /etc/tranche/tranche.conf, else defaults.
 * Over the file go TRANCHE_DRIVER, TRANCHE_TOKEN_FILE, TRANCHE_CA,
 * TRANCHE_CERT, TRANCHE_SERVER_NAME and TRANCHE_KAFKA of the environment, over
 * these `sets`.
 */
int tr_client_conf_load(struct tr_client_conf *out, const char *path,
	const char *const *sets, size_t n_sets,
	struct tr_error *err) TR_MUST_USE;
void tr_client_conf_free(struct tr_client_conf *c);

enum tr_config_of {
	TR_CONFIG_DRIVER,
	TR_CONFIG_EXECUTOR,
	TR_CONFIG_CLIENT,
};

/* Every option with its default and meaning, as a file to fill in. */
void tr_config_print(enum tr_config_of of, FILE *out);

#endif /* TR_COMMON_CONFIG_CONFIG_H */
