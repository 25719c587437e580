#include "driver/ctl/output.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/data/cursor.h"
#include "common/data/datum_json.h"
#include "common/data/datum_text.h"
#include "driver/ctl/progress.h"

/* ------------------------------------------------------------------- rows */

int tr_output_begin(struct tr_buf *out, enum tr_output_format format)
{
	return format == TR_OUTPUT_CSV ? tr_buf_printf(out, "key,value\r\n")
				       : 0;
}

static bool needs_quotes(struct tr_slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' ||
			s.p[i] == '\r')
			return true;
	/* Programs that read CSV strip these. */
	return s.n > 0 && (s.p[0] == ' ' || s.p[s.n - 1] == ' ');
}

static int put_quoted(struct tr_buf *out, struct tr_slice s)
{
	int rc = tr_buf_append_u8(out, '"');
	for (size_t i = 0; rc == 0 && i < s.n; i++) {
		if (s.p[i] == '"')
			rc = tr_buf_append_u8(out, '"');
		if (rc == 0)
			rc = tr_buf_append_u8(out, s.p[i]);
	}
	return rc ? rc : tr_buf_append_u8(out, '"');
}

static int put_csv(struct tr_buf *out, struct tr_slice datum)
{
	struct tr_buf text;
	tr_buf_init(&text, TR_FRAME_MAX * 4);
	struct tr_slice raw;
	int rc = 0;
	/* CSV has no escapes: bytes stand as they are. */
	if (!tr_datum_get_bytes(datum, &raw)) {
		rc = tr_datum_to_text(datum, &text);
		raw = tr_slice_of(text.data, text.len);
	}
	if (rc == 0)
		rc = needs_quotes(raw) ? put_quoted(out, raw)
				       : tr_buf_append(out, raw.p, raw.n);
	tr_buf_fini(&text);
	return rc;
}

static int row_csv(struct tr_buf *out, const struct tr_element *row)
{
	int rc = put_csv(out, row->key);
	if (rc == 0)
		rc = tr_buf_append_u8(out, ',');
	if (rc == 0)
		rc = put_csv(out, row->value);
	return rc ? rc : tr_buf_append(out, "\r\n", 2);
}

static int row_json(struct tr_buf *out, const struct tr_element *row)
{
	int rc = tr_buf_printf(out, "{\"key\":");
	if (rc == 0)
		rc = tr_datum_to_json(row->key, out);
	if (rc == 0)
		rc = tr_buf_printf(out, ",\"value\":");
	if (rc == 0)
		rc = tr_datum_to_json(row->value, out);
	return rc ? rc : tr_buf_append(out, "}\n", 2);
}

static int row_text(struct tr_buf *out, const struct tr_element *row)
{
	int rc = tr_datum_to_text(row->key, out);
	if (rc == 0)
		rc = tr_buf_append_u8(out, '\t');
	if (rc == 0)
		rc = tr_datum_to_text(row->value, out);
	return rc ? rc : tr_buf_append_u8(out, '\n');
}

int tr_output_row(struct tr_buf *out, enum tr_output_format format,
	const struct tr_element *row)
{
	switch (format) {
	case TR_OUTPUT_JSON:
		return row_json(out, row);
	case TR_OUTPUT_CSV:
		return row_csv(out, row);
	case TR_OUTPUT_TEXT:
		break;
	}
	return row_text(out, row);
}

static int put_members(struct tr_buf *out, struct tr_slice list)
{
	struct tr_buf scratch;
	struct tr_cursor c;
	struct tr_slice member;
	int rc, n = 0;
	tr_buf_init(&scratch, TR_VALUE_DATUM_MAX);
	tr_cursor_init(&c, list, &scratch);
	while ((rc = tr_cursor_next(&c, &member)) > 0) {
		rc = n++ ? tr_buf_append_u8(out, '\t') : 0;
		if (rc == 0)
			rc = tr_datum_to_text(member, out);
		if (rc != 0)
			break;
	}
	tr_buf_fini(&scratch);
	return rc;
}

int tr_output_printed(
	struct tr_buf *out, enum tr_output_format format, struct tr_slice row)
{
	if (tr_datum_type(row) != TR_DATUM_LIST)
		return TR_ECORRUPT;
	int rc = format == TR_OUTPUT_JSON ? tr_datum_to_json(row, out)
					  : put_members(out, row);
	return rc ? rc : tr_buf_append_u8(out, '\n');
}

/* --------------------------------------------------------------- messages */

static void put_text(json_t *o, const char *name, const char *text)
{
	/* What a peer sends need not be UTF-8. */
	json_t *v = json_string(text);
	json_object_set_new(o, name, v ? v : json_string("?"));
}

static void put_int(json_t *o, const char *name, uint64_t v)
{
	json_object_set_new(o, name, json_integer((json_int_t)v));
}

json_t *tr_output_error_json(const Tranche__V1__ErrorInfo *e)
{
	json_t *o = json_object();
	put_text(o, "code", e->code);
	put_text(o, "text", e->text);
	if (e->where[0])
		put_text(o, "where", e->where);
	if (e->position[0])
		put_text(o, "position", e->position);
	return o;
}

static json_t *table_json(const Tranche__V1__TableInfo *t)
{
	json_t *o = json_object();
	if (!t->output)
		put_text(o, "name", t->name);
	put_int(o, "operator", t->operator_);
	json_object_set_new(o, "output", json_boolean(t->output));
	put_int(o, "records", t->records);
	put_int(o, "bytes", t->bytes);
	put_int(o, "batch", t->batch);
	return o;
}

static void put_counts(json_t *o, const Tranche__V1__JobStatus *s)
{
	put_int(o, "ranges_total", s->ranges_total);
	put_int(o, "ranges_done", s->ranges_done);
	put_int(o, "tasks_total", s->tasks_total);
	put_int(o, "tasks_done", s->tasks_done);
	put_int(o, "tasks_running", s->tasks_running);
	put_int(o, "records_total", s->records_total);
	put_int(o, "records", s->records);
	put_int(o, "bytes", s->bytes);
	put_int(o, "retries", s->retries);
	put_int(o, "nondeterministic", s->nondeterministic);
}

json_t *tr_output_status_json(const Tranche__V1__JobStatus *s)
{
	json_t *o = json_object();
	json_t *tables = json_array(), *notes = json_array();
	put_int(o, "job", tr_msg_env(s->env)->job);
	put_int(o, "batch", tr_msg_env(s->env)->batch);
	put_text(o, "name", s->name);
	put_text(o, "uuid", s->job_uuid);
	put_text(o, "state", tr_job_state_text(s->state));
	if (s->error)
		json_object_set_new(o, "error", tr_output_error_json(s->error));
	put_int(o, "submitted_ms", (uint64_t)s->submitted_ms);
	if (s->ended_ms)
		put_int(o, "ended_ms", (uint64_t)s->ended_ms);
	put_int(o, "elapsed_ms", s->elapsed_ms);
	put_counts(o, s);
	for (size_t i = 0; i < s->n_tables; i++)
		json_array_append_new(tables, table_json(s->tables[i]));
	for (size_t i = 0; i < s->n_notes; i++)
		json_array_append_new(notes, json_string(s->notes[i]));
	json_object_set_new(o, "tables", tables);
	json_object_set_new(o, "notes", notes);
	put_int(o, "term", s->term);
	return o;
}

json_t *tr_output_range_json(const Tranche__V1__Range *r)
{
	json_t *o = json_object();
	put_text(o, "topic", r->topic);
	put_int(o, "partition", r->partition);
	json_object_set_new(o, "from", json_integer(r->from));
	json_object_set_new(o, "until", json_integer(r->until));
	return o;
}

json_t *tr_output_hex_json(ProtobufCBinaryData b)
{
	char text[2 * 64 + 1];
	size_t n = b.len < 64 ? b.len : 64;
	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", b.data[i]);
	return json_string(text);
}

void tr_output_print_json(json_t *doc)
{
	json_dumpf(doc, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(doc);
}

/* ------------------------------------------------------------------ times */

const char *tr_output_date(char out[32], int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	if (ms == 0 || !localtime_r(&t, &tm) ||
		strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, 32, "-");
	return out;
}
