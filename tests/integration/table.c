#include "tests/integration/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	KEY_MAX = 256,
};

static void key_text(const json_t *key, char text[KEY_MAX])
{
	const char *bytes = json_string_value(json_object_get(key, "$bytes"));

	if (json_is_string(key))
		snprintf(text, KEY_MAX, "%s", json_string_value(key));
	else if (json_is_integer(key))
		snprintf(text, KEY_MAX, "%" PRId64,
			(int64_t)json_integer_value(key));
	else if (bytes != NULL)
		snprintf(text, KEY_MAX, "$bytes:%s", bytes);
	else
		fail_msg("a key of a kind that no test has");
}

/* One line is one row. */
static void add_row(json_t *rows, const char *line, size_t n)
{
	char key[KEY_MAX];
	json_t *row = json_loadb(line, n, 0, NULL);

	if (row == NULL)
		fail_msg("no row: %.*s", (int)n, line);
	key_text(json_object_get(row, "key"), key);
	if (json_object_get(rows, key) != NULL)
		fail_msg("key '%s' comes twice", key);
	json_object_set(rows, key, json_object_get(row, "value"));
	json_decref(row);
}

json_t *table_rows(struct cluster *c, const char *job, const char *table)
{
	json_t *rows = json_object();
	struct cli r;

	cli_ok(c, &r, "table", "scan", job, table, "--json", NULL);
	for (const char *at = r.out; *at != '\0';) {
		size_t n = strcspn(at, "\n");
		add_row(rows, at, n);
		at += n + (at[n] == '\n');
	}
	cli_free(&r);
	return rows;
}

void table_check(struct cluster *c, const char *job, const char *table,
	const struct table_row *rows, size_t n)
{
	json_t *all = table_rows(c, job, table);

	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_object_get(all, rows[i].key);
		if (!json_is_integer(value))
			fail_msg("'%s' is not in the table", rows[i].key);
		if ((uint64_t)json_integer_value(value) != rows[i].value)
			fail_msg("'%s': %" PRId64 " instead of %" PRIu64,
				rows[i].key, (int64_t)json_integer_value(value),
				rows[i].value);
	}
	assert_int_equal(json_object_size(all), n);
	json_decref(all);
}
