#include "driver/ctl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ parts */

const char *tr_job_state_text(Tranche__V1__JobState state)
{
	static const char *const names[] = {
		[TRANCHE__V1__JOB_STATE__JOB_UNSPECIFIED] = "unknown",
		[TRANCHE__V1__JOB_STATE__JOB_PLANNING] = "planning",
		[TRANCHE__V1__JOB_STATE__JOB_RUNNING] = "running",
		[TRANCHE__V1__JOB_STATE__JOB_COMMITTING] = "committing",
		[TRANCHE__V1__JOB_STATE__JOB_DONE] = "done",
		[TRANCHE__V1__JOB_STATE__JOB_FAILED] = "failed",
		[TRANCHE__V1__JOB_STATE__JOB_CANCELLED] = "cancelled",
	};
	return (size_t)state < TR_ARRAY_LEN(names) ? names[state] : names[0];
}

bool tr_job_state_is_ended(Tranche__V1__JobState state)
{
	return state == TRANCHE__V1__JOB_STATE__JOB_DONE ||
	       state == TRANCHE__V1__JOB_STATE__JOB_FAILED ||
	       state == TRANCHE__V1__JOB_STATE__JOB_CANCELLED;
}

/* Three digits at most, cut and not rounded: 999 999 is 999k. */
static const char *with_unit(
	char out[16], uint64_t n, const char *const units[])
{
	size_t power = 0;
	unsigned tenths = 0;
	while (n >= 1000) {
		tenths = (unsigned)(n % 1000 / 100);
		n /= 1000;
		power++;
	}
	unsigned whole = (unsigned)n % 1000;
	if (power > 0 && whole < 100)
		snprintf(out, 16, "%u.%u%s", whole, tenths, units[power]);
	else
		snprintf(out, 16, "%u%s", whole, units[power]);
	return out;
}

const char *tr_text_count(char out[16], uint64_t n)
{
	static const char *const units[] = { "", "k", "M", "G", "T", "P", "E" };
	return with_unit(out, n, units);
}

const char *tr_text_bytes(char out[16], uint64_t n)
{
	static const char *const units[] = { " B", " kB", " MB", " GB", " TB",
		" PB", " EB" };
	return with_unit(out, n, units);
}

const char *tr_text_time(char out[16], uint64_t ms)
{
	/* Ends of time are all the same. */
	uint64_t s = ms / 1000 < UINT32_MAX ? ms / 1000 : UINT32_MAX;
	if (s < 10)
		snprintf(out, 16, "%u.%02us", (unsigned)s,
			(unsigned)(ms % 1000 / 10));
	else if (s < 60)
		snprintf(out, 16, "%us", (unsigned)s);
	else if (s < 3600)
		snprintf(out, 16, "%um%02us", (unsigned)(s / 60),
			(unsigned)(s % 60));
	else if (s < 86400)
		snprintf(out, 16, "%uh%02um", (unsigned)(s / 3600),
			(unsigned)(s / 60 % 60));
	else
		snprintf(out, 16, "%ud%02uh", (unsigned)(s / 86400),
			(unsigned)(s / 3600 % 24));
	return out;
}

/* ------------------------------------------------------------------ rates */

static uint64_t per_second(uint64_t from, uint64_t to, uint64_t ms)
{
	/* A lost task's records are taken back. */
	return to > from ? (to - from) * 1000 / ms : 0;
}

void tr_progress_add(
	struct tr_progress *p, const Tranche__V1__JobStatus *s, uint64_t now_ms)
{
	if (p->n == 0 ||
		now_ms >= p->samples[p->n - 1].at_ms + TR_PROGRESS_STEP_MS) {
		if (p->n == TR_PROGRESS_SAMPLES)
			memmove(&p->samples[0], &p->samples[1],
				--p->n * sizeof(p->samples[0]));
		p->samples[p->n].at_ms = now_ms;
		p->samples[p->n].records = s->records;
		p->samples[p->n++].bytes = s->bytes;
	}
	uint64_t ms = now_ms - p->samples[0].at_ms;
	if (ms == 0)
		return;
	p->records_s = per_second(p->samples[0].records, s->records, ms);
	p->bytes_s = per_second(p->samples[0].bytes, s->bytes, ms);
}

/* ------------------------------------------------------------------- text */

struct text {
	char *out;
	size_t len, max; /* of columns: all is ASCII */
};

static void put(struct text *t, const char *fmt, ...) TR_PRINTF(2, 3);

/* All of it or nothing: a cut number would be a wrong one. */
static void put(struct text *t, const char *fmt, ...)
{
	char part[96];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(part, sizeof(part), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(part) || t->len + (size_t)n > t->max) {
		t->max = t->len; /* nor anything after it */
		return;
	}
	memcpy(t->out + t->len, part, (size_t)n + 1);
	t->len += (size_t)n;
}

enum {
	CELLS = 20
};

/*
 * By records, as few ranges are large. There may be fewer records than
 * offsets; so only finished ranges fill it.
 */
static size_t cells_of(const Tranche__V1__JobStatus *s)
{
	if (s->ranges_total > 0 && s->ranges_done >= s->ranges_total)
		return CELLS;
	if (s->records_total == 0)
		return 0;
	uint64_t cells = s->records / (s->records_total / CELLS + 1);
	return cells < CELLS ? (size_t)cells : CELLS - 1;
}

static void put_bar(struct text *t, const Tranche__V1__JobStatus *s)
{
	char cells[CELLS + 1];
	size_t full = cells_of(s);
	memset(cells, ' ', CELLS);
	memset(cells, '=', full);
	if (full < CELLS)
		cells[full] = '>';
	cells[CELLS] = '\0';
	put(t, "[%s] ", cells);
}

static void put_tasks(
	struct text *t, const Tranche__V1__JobStatus *s, const char *gap)
{
	if (s->ranges_done < s->ranges_total || s->tasks_total == 0)
		return;
	uint64_t reduce = s->tasks_total - s->ranges_total;
	if (reduce > 0 && s->tasks_done >= s->ranges_total)
		put(t, "%s%" PRIu64 "/%" PRIu64 " reduce tasks", gap,
			s->tasks_done - s->ranges_total, reduce);
}

static void put_rates(struct text *t, const struct tr_progress *p,
	const Tranche__V1__JobStatus *s, const char *gap)
{
	char n[16];
	if (p->records_s) {
		put(t, "%s%s records/s", gap, tr_text_count(n, p->records_s));
		put(t, "%s%s/s", gap, tr_text_bytes(n, p->bytes_s));
	}
	if (p->records_s && s->ranges_done < s->ranges_total &&
		s->records_total > s->records)
		put(t, "%s%s left", gap,
			tr_text_time(n, (s->records_total - s->records) * 1000 /
						p->records_s));
	if (s->retries)
		put(t, "%s%" PRIu64 " %s", gap, s->retries,
			s->retries == 1 ? "retry" : "retries");
}

const char *tr_progress_bar(const struct tr_progress *p,
	const Tranche__V1__JobStatus *s, size_t width,
	char out[TR_PROGRESS_TEXT])
{
	struct text t = { .out = out,
		.max = width < TR_PROGRESS_TEXT ? width
						: TR_PROGRESS_TEXT - 1 };
	out[0] = '\0';
	if (s->state != TRANCHE__V1__JOB_STATE__JOB_RUNNING) {
		put(&t, "%s", tr_job_state_text(s->state));
		return out;
	}
	put_bar(&t, s);
	put(&t, "%" PRIu64 "/%" PRIu64 " ranges", s->ranges_done,
		s->ranges_total);
	put_tasks(&t, s, "  ");
	put_rates(&t, p, s, "  ");
	return out;
}

const char *tr_progress_line(const struct tr_progress *p,
	const Tranche__V1__JobStatus *s, char out[TR_PROGRESS_TEXT])
{
	struct text t = { .out = out, .max = TR_PROGRESS_TEXT - 1 };
	out[0] = '\0';
	put(&t, "job %" PRIu64 " %s", tr_msg_env(s->env)->job,
		tr_job_state_text(s->state));
	if (s->ranges_total == 0)
		return out;
	put(&t, ": %" PRIu64 "/%" PRIu64 " ranges", s->ranges_done,
		s->ranges_total);
	put_tasks(&t, s, ", ");
	put_rates(&t, p, s, ", ");
	return out;
}
