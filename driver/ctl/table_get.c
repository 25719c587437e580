/* tranche table get: one value. */
#include <stdio.h>

#include "common/data/datum_text.h"
#include "driver/ctl/ctl.h"
#include "driver/ctl/tabletext.h"
#include "driver/ctl/verbs.h"

static int print_value(enum tr_output_format format, struct tr_slice key,
	struct tr_slice value, struct tr_error *err)
{
	struct tr_buf out;
	struct tr_element row = { key, value };
	tr_buf_init(&out, SIZE_MAX);
	int rc = tr_datum_check(value);
	if (rc == 0 && format == TR_OUTPUT_TEXT) {
		rc = tr_datum_to_text(value, &out);
		if (rc == 0)
			rc = tr_buf_append_u8(&out, '\n');
	} else if (rc == 0) {
		rc = tr_output_begin(&out, format);
		if (rc == 0)
			rc = tr_output_row(&out, format, &row);
	}
	if (rc == 0)
		fwrite(out.data, 1, out.len, stdout);
	else
		tr_error_set(err, rc, "the value cannot be shown");
	tr_buf_fini(&out);
	return rc;
}

static int get(struct tr_ctl *ctl, struct tr_client *c,
	enum tr_output_format format, struct tr_slice key, struct tr_error *err)
{
	char **operands = ctl->args.operands;
	struct tr_reply *reply;
	Tranche__V1__TableGetRequest m = TRANCHE__V1__TABLE_GET_REQUEST__INIT;
	m.job = operands[0];
	m.table = operands[1];
	int rc = tr_client_ask(c, TR_KIND_TABLE_GET, &m, key, &reply, err);
	if (rc != 0)
		return rc;
	rc = tr_ctl_expect(reply, TR_KIND_TABLE_GET_REPLY, err);
	if (rc == 0) {
		const Tranche__V1__TableGetReply *r = reply->msg;
		rc = r->found ? print_value(format, key, reply->payload, err)
			      : tr_error_set(err, TR_ENOTFOUND,
					"no key '%s' in table '%s' of job '%s'",
					operands[2], operands[1], operands[0]);
	}
	tr_reply_free(reply);
	return rc;
}

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	struct tr_client *c;
	struct tr_buf key;
	enum tr_output_format format;
	enum tr_exit code = TR_EXIT_USAGE;
	tr_buf_init(&key, TR_KEY_DATUM_MAX);
	int rc = tr_table_format(&ctl->args, &format, err);
	if (rc == 0)
		rc = tr_datum_from_text(ctl->args.operands[2], &key, err);
	if (rc == 0)
		rc = tr_ctl_connect(ctl, &c, &code, err);
	if (rc == 0) {
		rc = get(ctl, c, format, tr_slice_of(key.data, key.len), err);
		code = rc == 0 ? TR_EXIT_OK : TR_EXIT_FAILED;
		tr_client_close(c);
	}
	tr_buf_fini(&key);
	return code;
}

const struct tr_verb tr_verb_table_get = {
	.name = "table get",
	.operands = "JOB TABLE KEY",
	.summary = "print the value of a key",
	.text = "A key is text as it stands; other keys begin with their "
		"type: i:42, d:1.5,\nx:6869 (bytes), j:[1,\"a\"] (JSON), "
		"s:i:42 (the text i:42).\n",
	.examples = "  tranche table get 7 counts the\n"
		    "  tranche table get wordcount totals i:42 --json\n",
	.operands_min = 3,
	.operands_max = 3,
	.groups = { tr_options_table, tr_options_driver, tr_options_help },
	.run = run,
};
