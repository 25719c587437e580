/*
 * Events and updates as text, one line each, for golden traces, the simulator
 * and debugging. The format is for people; nothing parses it.
 *
 * Thread: any; no state.
 */
#ifndef TR_DRIVER_CORE_RENDER_H
#define TR_DRIVER_CORE_RENDER_H

#include <stddef.h>

#include "driver/core/core.h"

enum {
	TR_CORE_LINE_MAX = 160
};

/* A line without its end; cut if it is longer than that. */
void tr_core_render_event(
	const struct tr_core_event *ev, char line[TR_CORE_LINE_MAX]);
void tr_core_render_record(
	const struct tr_core_record *r, char line[TR_CORE_LINE_MAX]);
void tr_core_render_send(
	const struct tr_core_send *s, char line[TR_CORE_LINE_MAX]);
void tr_core_render_commit(
	const struct tr_core_commit *m, char line[TR_CORE_LINE_MAX]);
void tr_core_render_notice(
	const struct tr_core_notice *n, char line[TR_CORE_LINE_MAX]);

/* All of an update, in the order of performing it. */
typedef void (*tr_core_line_fn)(const char *line, void *context);
void tr_core_render_update(
	const struct tr_core_update *u, tr_core_line_fn emit, void *context);

#endif /* TR_DRIVER_CORE_RENDER_H */
