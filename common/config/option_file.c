#include "common/config/option.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "common/base/check.h"
#include "common/config/assign.h"

enum {
	LINE_MAX_BYTES = 8192 /* the line's end included */
};

/*
 * inih reports no line numbers to its handler; but it asks for one line at a
 * time and calls the handler for a line before it asks for the next, so the
 * reader's count is the line that the handler is at.
 */
struct parse {
	const struct tr_option_table *table;
	void *conf;
	const char *path;
	FILE *file;
	int line;
	struct tr_error *err;
	bool failed;
};

static void fail_at(struct parse *p, int line)
{
	p->failed = true;
	tr_error_prefix(p->err, "%s:%d", p->path, line);
}

static char *next_line(char *str, int num, void *stream)
{
	struct parse *p = stream;
	char *got = fgets(str, num, p->file);
	if (!got || p->failed)
		return got;
	p->line++;
	size_t n = strlen(got);
	if (n == (size_t)num - 1 && got[n - 1] != '\n') {
		tr_error_set(p->err, TR_ELIMIT, "line longer than %d bytes",
			LINE_MAX_BYTES - 1);
		fail_at(p, p->line);
	}
	return got;
}

static int take(
	void *user, const char *section, const char *name, const char *value)
{
	struct parse *p = user;
	if (p->failed)
		return 0;
	int rc;
	if (!*section)
		rc = tr_error_set(p->err, TR_EINVAL,
			"option '%s' stands before any [section]", name);
	else
		rc = tr_options_assign(p->table, p->conf, p->path, section,
			name, value, p->err);
	if (rc != 0)
		fail_at(p, p->line);
	return rc == 0;
}

/* As Python's configparser does not: an indented line is a line of its own. */
static int parse(struct parse *p)
{
	ini_allow_multiline = false;
	ini_use_stack = false;
	ini_max_line = LINE_MAX_BYTES;
	ini_initial_alloc = LINE_MAX_BYTES;
	int bad = ini_parse_stream(next_line, p, take, p);
	if (p->failed)
		return p->err ? p->err->code : TR_EINVAL;
	if (bad > 0)
		return tr_error_set(p->err, TR_EINVAL,
			"%s:%d: neither [section] nor name = value", p->path,
			bad);
	if (bad < 0)
		return tr_error_set(p->err, TR_ENOMEM,
			"not enough memory to read '%s'", p->path);
	return 0;
}

int tr_options_read_file(const struct tr_option_table *t, void *conf,
	const char *path, struct tr_error *err)
{
	struct tr_error own;
	struct parse p = {
		.table = t,
		.conf = conf,
		.path = path,
		.file = fopen(path, "re"),
		.err = err ? err : &own,
	};
	if (!p.file)
		return tr_error_set(err,
			errno == ENOENT ? TR_ENOTFOUND : TR_EIO,
			"cannot open '%s': %s", path, strerror(errno));
	int rc = parse(&p);
	fclose(p.file);
	return rc;
}
