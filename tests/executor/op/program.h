/*
 * A job program in C for tests of operators: every function is fixed by the
 * operator's kind, and simple enough to be computed again by hand.
 *
 *   map         (k, v) -> (v, k)
 *   filter      keeps values that do not begin with 'x'
 *   flat_map    (k, v) -> (k, v) once per byte of v; nothing for an empty one
 *   map_values  v -> v in capital letters
 *   key_by      k -> the first byte of v
 *   reduce      acc .. v
 *
 * A value "fail" is an error of the user's in every function.
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_EXECUTOR_OP_PROGRAM_H
#define TR_TESTS_EXECUTOR_OP_PROGRAM_H

#include "executor/op/program.h"

struct tr_program *test_program_new(void);

#endif /* TR_TESTS_EXECUTOR_OP_PROGRAM_H */
