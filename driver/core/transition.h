/*
 * The state tables of jobs, executors and tasks: every move that is allowed,
 * why it happens, and how often it was taken. A move that is not in its table
 * is a bug and aborts.
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_TRANSITION_H
#define TR_DRIVER_CORE_TRANSITION_H

#include <stddef.h>
#include <stdint.h>

#include "driver/core/state.h"

enum tr_state_table {
	TR_TABLE_JOB,
	TR_TABLE_EXECUTOR,
	TR_TABLE_TASK,
	TR_TABLES
};

struct tr_transition {
	uint8_t from;
	uint8_t to;
	const char *why;
};

/* The rows of a table. Static. */
const struct tr_transition *tr_transitions(
	enum tr_state_table table, size_t *count);

/* Static names, lower case. */
const char *tr_state_name(enum tr_state_table table, uint8_t state);
const char *tr_state_table_name(enum tr_state_table table);

/* How often a row was taken since tr_core_new. */
uint64_t tr_transition_taken(
	const struct tr_core *c, enum tr_state_table table, size_t row);

void tr_transition_init(struct tr_core *c);
void tr_transition_fini(struct tr_core *c);

/* Sets *state after looking the move up. */
void tr_move(struct tr_core *c, enum tr_state_table table, uint8_t *state,
	uint8_t to);

#endif /* TR_DRIVER_CORE_TRANSITION_H */
