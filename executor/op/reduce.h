/*
 * The reducers: how two values of one key become one.
 *
 * The same function folds records into an accumulator on the map side and
 * accumulators into one on the reduce side; only count differs, which counts
 * elements first and adds counts later: its partial results are reduced with
 * REDUCER_SUM. Values come in plan order, so that first and last mean
 * something, and so that sums of doubles are the same at every execution.
 *
 * Thread: pure.
 */
#ifndef TR_EXECUTOR_OP_REDUCE_H
#define TR_EXECUTOR_OP_REDUCE_H

#include "common/base/err.h"
#include "executor/op/elem.h"
#include "tranche/v1/types.pb-c.h"

/*
 * *acc = f(*acc, *v), for every reducer but USER. *acc may become a view of
 * v's bytes. TR_EUSER for a sum of what is no number, or beyond int64.
 */
int tr_reduce(Tranche__V1__Reducer reducer, struct tr_val *acc,
	const struct tr_val *v, struct tr_error *err) TR_MUST_USE;

/*
 * Turns the first value of a key into an accumulator: 1 for count, the value
 * itself for the others. TR_EUSER when sum gets no number.
 */
int tr_reduce_first(Tranche__V1__Reducer reducer, struct tr_val *acc,
	const struct tr_val *v, struct tr_error *err) TR_MUST_USE;

#endif /* TR_EXECUTOR_OP_REDUCE_H */
