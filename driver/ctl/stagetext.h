/*
 * The stages of a plan in words: "source(lines) → flat_map → reduce_by_key".
 *
 * Thread: pure functions.
 */
#ifndef TR_DRIVER_CTL_STAGETEXT_H
#define TR_DRIVER_CTL_STAGETEXT_H

#include <jansson.h>
#include <stddef.h>

#include "common/wire/msg.h"

/* Cut when it does not fit. Returns out. */
const char *tr_stage_text(char *out, size_t size,
	const Tranche__V1__BatchPlan *plan, uint32_t stage);

/* [{"stage":0,"lanes":4,"operators":["source","flat_map"]},…] */
json_t *tr_stages_json(const Tranche__V1__BatchPlan *plan);

#endif /* TR_DRIVER_CTL_STAGETEXT_H */
