/*
 * Messages of every protocol: what unpacks packs again, and unpacks to the same
 * bytes once more. The first byte says which message it is taken for.
 */
#include <stdint.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/wire/msg.h"

static const ProtobufCMessageDescriptor *const types[] = {
	&tranche__v1__hello__descriptor,
	&tranche__v1__hello_reply__descriptor,
	&tranche__v1__register__descriptor,
	&tranche__v1__register_reply__descriptor,
	&tranche__v1__heartbeat__descriptor,
	&tranche__v1__job_spec__descriptor,
	&tranche__v1__task_spec__descriptor,
	&tranche__v1__task_kill__descriptor,
	&tranche__v1__task_report__descriptor,
	&tranche__v1__result_chunk__descriptor,
	&tranche__v1__job_log__descriptor,
	&tranche__v1__artefact_request__descriptor,
	&tranche__v1__artefact_reply__descriptor,
	&tranche__v1__block_fetch__descriptor,
	&tranche__v1__block_data__descriptor,
	&tranche__v1__worker_init__descriptor,
	&tranche__v1__worker_plan__descriptor,
	&tranche__v1__worker_task__descriptor,
	&tranche__v1__worker_done__descriptor,
	&tranche__v1__submit_request__descriptor,
	&tranche__v1__plan_reply__descriptor,
	&tranche__v1__job_status__descriptor,
	&tranche__v1__job_show_reply__descriptor,
	&tranche__v1__table_scan_request__descriptor,
	&tranche__v1__journal_record__descriptor,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tr_error err;
	struct tr_buf once, twice;
	if (size == 0)
		return 0;
	const ProtobufCMessageDescriptor *type =
		types[data[0] % TR_ARRAY_LEN(types)];
	void *m = tr_msg_unpack(
		type, (struct tr_slice){ data + 1, size - 1 }, &err);
	if (!m)
		return 0;
	tr_buf_init(&once, TR_UNPACK_MEMORY_MAX);
	tr_buf_init(&twice, TR_UNPACK_MEMORY_MAX);
	tr_assert(tr_msg_pack(&once, m) == 0);
	void *again = tr_msg_unpack(
		type, (struct tr_slice){ once.data, once.len }, &err);
	tr_assert(again != NULL);
	tr_assert(tr_msg_pack(&twice, again) == 0);
	tr_assert(once.len == twice.len &&
		  (once.len == 0 ||
			  memcmp(once.data, twice.data, once.len) == 0));
	tr_msg_free(m);
	tr_msg_free(again);
	tr_buf_fini(&once);
	tr_buf_fini(&twice);
	return 0;
}
