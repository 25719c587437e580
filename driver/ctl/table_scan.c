/* tranche table scan: rows in the order of their keys. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "driver/ctl/ctl.h"
#include "driver/ctl/results.h"
#include "driver/ctl/tabletext.h"
#include "driver/ctl/verbs.h"

static const struct tr_ctl_option options[] = {
	{ "prefix", 'p', "PREFIX", "only keys that begin with it" },
	{ "limit", 'n', "N", "at most so many rows" },
	{ NULL, 0, NULL, NULL },
};

struct printer {
	enum tr_output_format format;
	struct tr_buf line;
};

static int flush(struct printer *p, struct tr_error *err)
{
	size_t n = p->line.len;
	if (n > 0 && fwrite(p->line.data, 1, n, stdout) != n)
		return tr_error_set(err, TR_EIO, "cannot write to stdout: %s",
			strerror(errno));
	tr_buf_reset(&p->line);
	return 0;
}

static int print_row(
	void *arg, const struct tr_element *row, struct tr_error *err)
{
	struct printer *p = arg;
	int rc = tr_output_row(&p->line, p->format, row);
	if (rc != 0)
		return tr_error_set(err, rc, "a row cannot be shown");
	return flush(p, err);
}

static int scan(struct tr_client *c, const struct tr_rows_query *q,
	enum tr_output_format format, struct tr_error *err)
{
	struct printer p = { .format = format };
	tr_buf_init(&p.line, SIZE_MAX);
	int rc = tr_output_begin(&p.line, format);
	if (rc == 0)
		rc = flush(&p, err);
	if (rc == 0)
		rc = tr_rows_each(c, q, print_row, &p, err);
	tr_buf_fini(&p.line);
	return rc;
}

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	struct tr_client *c;
	struct tr_buf prefix;
	enum tr_output_format format;
	enum tr_exit code = TR_EXIT_USAGE;
	struct tr_rows_query q = { .job = ctl->args.operands[0],
		.table = ctl->args.operands[1] };
	const char *text = tr_args_get(&ctl->args, "prefix");
	tr_buf_init(&prefix, TR_KEY_DATUM_MAX);
	int rc = tr_table_format(&ctl->args, &format, err);
	if (rc == 0)
		rc = tr_args_uint(
			&ctl->args, "limit", INT64_MAX, &q.limit, err);
	if (rc == 0 && text)
		rc = tr_table_prefix(text, &prefix, err);
	q.prefix = tr_slice_of(prefix.data, prefix.len);
	if (rc == 0)
		rc = tr_ctl_connect(ctl, &c, &code, err);
	if (rc == 0) {
		ctl->answered = true; /* lines, the error is not one of them */
		rc = scan(c, &q, format, err);
		code = rc == 0 ? TR_EXIT_OK : TR_EXIT_FAILED;
		tr_client_close(c);
	}
	tr_buf_fini(&prefix);
	return code;
}

const struct tr_verb tr_verb_table_scan = {
	.name = "table scan",
	.operands = "JOB TABLE",
	.summary = "print rows of a table, in the order of their keys",
	.text = "All rows are of one commit, also while the job goes on. One "
		"row a line: key TAB value,\nor a JSON document with --json. "
		"A prefix is typed as a key is: text, x:HEX, or j:[…]\nfor "
		"lists that begin so.\n",
	.examples = "  tranche table scan 7 counts --limit 10\n"
		    "  tranche table scan wordcount counts --prefix th --csv\n",
	.operands_min = 2,
	.operands_max = 2,
	.groups = { options, tr_options_table, tr_options_driver,
		tr_options_help },
	.run = run,
};
