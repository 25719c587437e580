#include "common/data/element.h"

static int take_datum(struct tr_slice *in, size_t max, struct tr_slice *out)
{
	uint32_t len;
	size_t n = tr_varint_decode(in->p, in->n, &len);
	if (n == 0 || len > max || len > in->n - n)
		return TR_ECORRUPT;
	struct tr_slice d = tr_slice_of(in->p + n, len);
	int rc = tr_datum_check(d);
	if (rc != 0)
		return rc;
	*out = d;
	*in = tr_slice_of(d.p + len, in->n - n - len);
	return 0;
}

int tr_element_take(struct tr_slice *in, struct tr_element *out)
{
	struct tr_slice rest = *in;
	struct tr_element el;
	int rc = take_datum(&rest, TR_KEY_DATUM_MAX, &el.key);
	if (rc == 0)
		rc = take_datum(&rest, TR_VALUE_DATUM_MAX, &el.value);
	if (rc != 0)
		return rc;
	*in = rest;
	*out = el;
	return 0;
}
