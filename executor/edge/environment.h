/*
 * The environment of a worker: a few harmless variables, and those that the
 * job's Kafka settings refer to as env:TRANCHE_JOB_NAME, because references
 * are resolved in the process that uses them.
 *
 * Thread: any that may read the environment.
 */
#ifndef TR_EXECUTOR_EDGE_ENVIRONMENT_H
#define TR_EXECUTOR_EDGE_ENVIRONMENT_H

#include "common/wire/msg.h"

/* NULL-terminated, from malloc. `kafka` may be NULL. */
char **tr_environment_new(const Tranche__V1__KafkaConf *kafka);
void tr_environment_free(char **env);

#endif /* TR_EXECUTOR_EDGE_ENVIRONMENT_H */
