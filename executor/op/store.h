/*
 * store, behind its shuffle or where none is needed: writes what comes as one
 * run of the job's result and passes it on. Keys come ascending and once each.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_STORE_H
#define TR_EXECUTOR_OP_STORE_H

#include "executor/op/node.h"

struct tr_node *tr_store_new(
	struct tr_exec *x, const Tranche__V1__Operator *op);

#endif /* TR_EXECUTOR_OP_STORE_H */
