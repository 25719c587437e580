#include "tests/integration/shown.h"

#include <string.h>

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static int64_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

bool shown_get(struct cluster *c, struct shown *s, const char *job)
{
	struct cli r;

	s->all = NULL;
	if (cli_run(c, &r, "job", "show", job, "--json", NULL) == 0)
		s->all = cli_json(&r);
	cli_free(&r);
	return s->all != NULL;
}

void shown_free(struct shown *s)
{
	json_decref(s->all);
	s->all = NULL;
}

struct waited {
	struct cluster *c;
	struct shown *s;
	const char *job;
	bool (*is)(const struct shown *s, void *arg);
	void *arg;
};

static bool is_so(void *arg)
{
	struct waited *w = arg;

	shown_free(w->s);
	return shown_get(w->c, w->s, w->job) && w->is(w->s, w->arg);
}

void shown_wait(struct cluster *c, struct shown *s, const char *job,
	bool (*is)(const struct shown *s, void *arg), void *arg)
{
	struct waited w = { c, s, job, is, arg };

	s->all = NULL;
	if (wait_until(is_so, &w, SOON_MS))
		return;
	char *text = json_dumps(s->all, JSON_COMPACT);
	fail_msg("waited for job %s in vain: %s", job, text ? text : "none");
}

const char *shown_state(const struct shown *s)
{
	return text_of(s->all, "state");
}

bool shown_is_in(const struct shown *s, void *state)
{
	return strcmp(shown_state(s), state) == 0;
}

uint64_t shown_number(const struct shown *s, const char *field)
{
	return (uint64_t)number_of(s->all, field);
}

const char *shown_error(const struct shown *s, const char *field)
{
	return text_of(json_object_get(s->all, "error"), field);
}

/* ---- tasks ---- */

size_t shown_tasks(const struct shown *s)
{
	return json_array_size(json_object_get(s->all, "tasks"));
}

const json_t *shown_task(const struct shown *s, size_t i)
{
	return json_array_get(json_object_get(s->all, "tasks"), i);
}

bool shown_range(const struct shown *s, size_t i, struct shown_range *r)
{
	const json_t *range = json_object_get(shown_task(s, i), "range");

	if (!json_is_object(range))
		return false;
	*r = (struct shown_range){ .topic = text_of(range, "topic"),
		.partition = (int)number_of(range, "partition"),
		.from = number_of(range, "from"),
		.until = number_of(range, "until") };
	return true;
}

static const json_t *attempts_of(const struct shown *s, size_t task)
{
	return json_object_get(shown_task(s, task), "attempts");
}

static void read_attempt(
	const struct shown *s, size_t task, size_t i, struct shown_attempt *a)
{
	const json_t *t = shown_task(s, task);
	const json_t *one = json_array_get(attempts_of(s, task), i);

	*a = (struct shown_attempt){ .stage = (unsigned)number_of(t, "stage"),
		.lane = (unsigned)number_of(t, "lane"),
		.number = (unsigned)number_of(one, "number"),
		.executor = cluster_executor_named(text_of(one, "executor")),
		.outcome = text_of(one, "outcome"),
		.records = (uint64_t)number_of(one, "records") };
}

/* The next attempt that fits, after *task and *i; starts at 0, 0. */
static bool next_attempt(
	const struct shown *s, size_t *task, size_t *i, struct shown_attempt *a)
{
	for (; *task < shown_tasks(s); (*task)++, *i = 0) {
		if (*i < json_array_size(attempts_of(s, *task))) {
			read_attempt(s, *task, (*i)++, a);
			return true;
		}
	}
	return false;
}

bool shown_find(const struct shown *s, unsigned stage, const char *outcome,
	struct shown_attempt *a)
{
	size_t task = 0, i = 0;

	while (next_attempt(s, &task, &i, a))
		if (a->stage == stage && strcmp(a->outcome, outcome) == 0)
			return true;
	return false;
}

bool shown_attempt(const struct shown *s, unsigned stage, unsigned lane,
	unsigned number, struct shown_attempt *a)
{
	size_t task = 0, i = 0;

	while (next_attempt(s, &task, &i, a))
		if (a->stage == stage && a->lane == lane && a->number == number)
			return true;
	return false;
}

size_t shown_count(const struct shown *s, const char *outcome)
{
	struct shown_attempt a;
	size_t task = 0, i = 0, n = 0;

	while (next_attempt(s, &task, &i, &a))
		n += outcome == NULL || strcmp(a.outcome, outcome) == 0;
	return n;
}

bool shown_is_mid_task(const struct shown *s, void *arg)
{
	struct shown_attempt a, *out = arg;
	size_t task = 0, i = 0;

	while (next_attempt(s, &task, &i, &a)) {
		if (a.stage != 0 || a.records == 0 ||
			strcmp(a.outcome, "running") != 0)
			continue;
		if (out != NULL)
			*out = a;
		return true;
	}
	return false;
}
