/*
 * The kind byte of every frame, and what its body is (proto/tranche/v1).
 *
 * Numbers are part of the protocol: never reuse one.
 */
#ifndef TR_COMMON_WIRE_KINDS_H
#define TR_COMMON_WIRE_KINDS_H

#include <stdint.h>

enum tr_kind {
	/* Any connection (cluster.proto). */
	TR_KIND_HELLO = 1,
	TR_KIND_HELLO_REPLY = 2,
	TR_KIND_HEARTBEAT = 3,
	TR_KIND_ACK = 4, /* control.proto */

	/* Executor and driver (cluster.proto). */
	TR_KIND_REGISTER = 16,
	TR_KIND_REGISTER_REPLY = 17,
	TR_KIND_JOB_SPEC = 18,
	TR_KIND_TASK_SPEC = 19,
	TR_KIND_TASK_KILL = 20,
	TR_KIND_TASK_REPORT = 21,
	TR_KIND_RESULT_CHUNK = 22, /* payload: block chunks */
	TR_KIND_JOB_LOG = 23,
	TR_KIND_ARTEFACT_REQUEST = 24,
	TR_KIND_ARTEFACT_REPLY = 25, /* payload: the artefact */
	TR_KIND_JOB_END = 26,
	TR_KIND_DRAIN = 27,

	/* Executor and executor (cluster.proto). */
	TR_KIND_BLOCK_FETCH = 40,
	TR_KIND_BLOCK_DATA = 41, /* payload: bytes of a block */

	/* Executor and worker (worker.proto). */
	TR_KIND_WORKER_INIT = 48, /* payload: the artefact */
	TR_KIND_WORKER_PLAN = 49,
	TR_KIND_WORKER_TASK = 50,
	TR_KIND_WORKER_DONE = 51,

	/* Client and driver (control.proto). */
	TR_KIND_SUBMIT = 64, /* payload: the artefact */
	TR_KIND_SUBMIT_REPLY = 65,
	TR_KIND_PLAN_REPLY = 66,
	TR_KIND_WATCH = 67,
	TR_KIND_JOB_STATUS = 68,
	TR_KIND_JOB_LIST = 69,
	TR_KIND_JOB_LIST_REPLY = 70,
	TR_KIND_JOB_SHOW = 71,
	TR_KIND_JOB_SHOW_REPLY = 72,
	TR_KIND_JOB_LOGS = 73,
	TR_KIND_JOB_LOGS_REPLY = 74,
	TR_KIND_JOB_CANCEL = 75,
	TR_KIND_EXECUTOR_LIST = 76,
	TR_KIND_EXECUTOR_LIST_REPLY = 77,
	TR_KIND_EXECUTOR_DRAIN = 78,
	TR_KIND_TABLE_GET = 79,       /* payload: encoded key */
	TR_KIND_TABLE_GET_REPLY = 80, /* payload: encoded value */
	TR_KIND_TABLE_SCAN = 81,
	TR_KIND_TABLE_SCAN_REPLY = 82, /* payload: elements */
};

/* The protocol versions this build speaks. */
enum {
	TR_PROTOCOL_MIN = 1,
	TR_PROTOCOL_MAX = 1
};

#endif /* TR_COMMON_WIRE_KINDS_H */
