/*
 * librdkafka's error codes in ours: the one place where they are translated.
 *
 * Thread: any; pure.
 */
#ifndef TR_COMMON_KAFKA_TRANSLATE_H
#define TR_COMMON_KAFKA_TRANSLATE_H

#include <librdkafka/rdkafka.h>

#include "common/base/err.h"

/*
 * What a caller does about it: TR_EAGAIN passes by itself or with fresh
 * metadata (a leader moved, a connection broke, a time-out), TR_ENOTFOUND,
 * TR_EAUTH, TR_ECORRUPT, TR_EFENCED (another producer took over), TR_EFULL
 * (a local queue), anything else TR_EKAFKA. 0 for no error.
 */
int tr_kafka_translate(rd_kafka_resp_err_t code);

#endif /* TR_COMMON_KAFKA_TRANSLATE_H */
