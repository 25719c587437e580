/*
 * The values that configuration files and command lines are made of, from
 * text. Every function names in `err` what it wanted, not where it stood: the
 * caller prefixes file, line and option.
 *
 *   duration  0, 250ms, 3s, 5m, 2h   to milliseconds; the unit is required
 *   size      0, 4096, 64K, 512M, 8G to bytes; K, M, G are powers of 1024
 *   bool      true, false, yes, no, on, off
 *
 * Thread: pure functions.
 */
#ifndef TR_COMMON_CONFIG_VALUE_H
#define TR_COMMON_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

int tr_value_uint(
	const char *text, uint64_t *out, struct tr_error *err) TR_MUST_USE;
int tr_value_duration(
	const char *text, uint64_t *ms, struct tr_error *err) TR_MUST_USE;
int tr_value_size(
	const char *text, uint64_t *bytes, struct tr_error *err) TR_MUST_USE;
int tr_value_bool(
	const char *text, bool *out, struct tr_error *err) TR_MUST_USE;

/* The shortest text that reads back as the same value. Returns out. */
const char *tr_value_duration_text(char *out, size_t size, uint64_t ms);
const char *tr_value_size_text(char *out, size_t size, uint64_t bytes);

#endif /* TR_COMMON_CONFIG_VALUE_H */
