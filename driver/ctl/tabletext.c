#include "driver/ctl/tabletext.h"

#include "common/data/datum_text.h"

const struct tr_ctl_option tr_options_table[] = {
	{ "csv", 0, NULL, "print CSV with a header line" },
	{ NULL, 0, NULL, NULL },
};

int tr_table_format(const struct tr_args *args, enum tr_output_format *out,
	struct tr_error *err)
{
	bool json = tr_args_has(args, "json"), csv = tr_args_has(args, "csv");
	if (json && csv)
		return tr_error_set(
			err, TR_EINVAL, "--json and --csv at once: choose one");
	*out = json ? TR_OUTPUT_JSON : csv ? TR_OUTPUT_CSV : TR_OUTPUT_TEXT;
	return 0;
}

int tr_table_prefix(const char *text, struct tr_buf *out, struct tr_error *err)
{
	size_t at = out->len;
	int rc = tr_datum_from_text(text, out, err);
	if (rc != 0)
		return rc;
	struct tr_slice d = tr_slice_of(out->data + at, out->len - at);
	if (tr_datum_type(d) == TR_DATUM_BYTES)
		return 0;
	if (tr_datum_type(d) == TR_DATUM_LIST) {
		out->len--; /* a longer list goes on where this one ends */
		return 0;
	}
	rc = tr_error_set(err, TR_EINVAL,
		"--prefix: '%s' is a %s; prefixes are of text, x:HEX or j:[…]",
		text, tr_datum_type_name(tr_datum_type(d)));
	out->len = at;
	return rc;
}
