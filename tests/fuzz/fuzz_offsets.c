/* What users write after --offsets: read, put into normal form, read again. */
#include <stdint.h>
#include <string.h>

#include "common/plan/offsets.h"

enum {
	TEXT_MAX = 512
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX];
	struct tr_offset_spans spans = { 0 }, again = { 0 };
	struct tr_error err;
	struct tr_buf normal;
	if (size >= sizeof(text) || memchr(data, 0, size))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (tr_offsets_parse(&spans, text, &err) != 0)
		return 0;
	tr_buf_init(&normal, TEXT_MAX * 2);
	if (tr_offsets_normalise(&normal, text, &err) == 0) {
		tr_assert(tr_buf_append_u8(&normal, 0) == 0);
		tr_assert(tr_offsets_parse(&again, (const char *)normal.data,
				  &err) == 0);
		tr_assert(again.n == spans.n);
	}
	tr_buf_fini(&normal);
	tr_offset_spans_fini(&spans);
	tr_offset_spans_fini(&again);
	return 0;
}
