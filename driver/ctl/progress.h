/*
 * What a waiting person sees of a running job, as text: a bar that is drawn
 * over and over on a terminal, or a line now and then in a file.
 *
 *   [=======>            ] 12/40 ranges  1.2M records/s  114 MB/s  12s left
 *
 * Rates are over the last seconds, so that they follow what happens; the time
 * left is the rest of the records at that rate. Numbers of records still to
 * come are upper bounds: logs have holes.
 *
 * Thread: pure functions.
 */
#ifndef TR_DRIVER_CTL_PROGRESS_H
#define TR_DRIVER_CTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/msg.h"

enum {
	TR_PROGRESS_SAMPLES = 12,
	TR_PROGRESS_STEP_MS = 500, /* between two of them: 6 s in all */
	TR_PROGRESS_TEXT = 256,
};

struct tr_progress {
	struct {
		uint64_t at_ms, records, bytes;
	} samples[TR_PROGRESS_SAMPLES]; /* oldest first */
	uint32_t n;
	uint64_t records_s, bytes_s;
};

/* A status that came at now_ms. */
void tr_progress_add(struct tr_progress *p, const Tranche__V1__JobStatus *s,
	uint64_t now_ms);

/* One line without its end, at most `width` columns. Returns out. */
const char *tr_progress_bar(const struct tr_progress *p,
	const Tranche__V1__JobStatus *s, size_t width,
	char out[TR_PROGRESS_TEXT]);

/* The same in words, for files: "job 7 running: 12/40 ranges, …". */
const char *tr_progress_line(const struct tr_progress *p,
	const Tranche__V1__JobStatus *s, char out[TR_PROGRESS_TEXT]);

/* ---- parts ---- */

/* "planning", "running", … "cancelled"; "unknown" for other numbers. */
const char *tr_job_state_text(Tranche__V1__JobState state);
bool tr_job_state_is_ended(Tranche__V1__JobState state);

/* 999, 12.3k, 4.5M, 1.2G. Decimal, three digits at most. Returns out. */
const char *tr_text_count(char out[16], uint64_t n);

/* 999 B, 12.3 kB, 114 MB. Decimal, as rates on networks are. */
const char *tr_text_bytes(char out[16], uint64_t n);

/* 0.21s, 12s, 3m05s, 2h07m, 3d04h. */
const char *tr_text_time(char out[16], uint64_t ms);

#endif /* TR_DRIVER_CTL_PROGRESS_H */
