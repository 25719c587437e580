#include "driver/store/layout.h"

/* Version 1 is the first; the next one adds its step to `migrations`. */
const struct tr_kv_schema tr_store_cluster_schema = {
	.version = 1,
	.dbs =
		(const char *const[TR_CLUSTER_DBS]){
			[TR_CLUSTER_META] = "meta",
			[TR_CLUSTER_JOBS] = "jobs",
			[TR_CLUSTER_SUBMITS] = "submits",
			[TR_CLUSTER_REQUESTS] = "requests",
			[TR_CLUSTER_ARTEFACTS] = "artefacts",
			[TR_CLUSTER_USES] = "uses",
			[TR_CLUSTER_REMOVALS] = "removals",
		},
	.n_dbs = TR_CLUSTER_DBS,
};

const struct tr_kv_schema tr_store_job_schema = {
	.version = 1,
	.dbs =
		(const char *const[TR_JOB_DBS]){
			[TR_JOB_META] = "meta",
			[TR_JOB_PLANS] = "plans",
			[TR_JOB_FINISHED] = "finished",
			[TR_JOB_COMMITS] = "commits",
			[TR_JOB_TASKS] = "tasks",
			[TR_JOB_LOGS] = "logs",
			[TR_JOB_RUNS] = "runs",
			[TR_JOB_VIEWS] = "views",
			[TR_JOB_GARBAGE] = "garbage",
			[TR_JOB_ROWS] = "rows",
		},
	.n_dbs = TR_JOB_DBS,
};

int tr_meta_get64(struct tr_kv_txn *txn, unsigned db, const char *name,
	uint64_t *v, struct tr_error *err)
{
	struct tr_slice bytes;
	int rc = tr_kv_get(txn, db, tr_slice_of_text(name), &bytes, err);
	if (rc == TR_ENOTFOUND) {
		*v = 0;
		return 0;
	}
	if (rc != 0)
		return rc;
	if (bytes.n != TR_KEY64)
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is corrupt: '%s' is no number",
			tr_kv_path(txn->kv), name);
	*v = tr_be_get64(bytes.p);
	return 0;
}

int tr_meta_put64(struct tr_kv_txn *txn, unsigned db, const char *name,
	uint64_t v, struct tr_error *err)
{
	uint8_t be[TR_KEY64];
	struct tr_slice value = tr_key64(be, v);
	return tr_kv_put(txn, db, tr_slice_of_text(name), &value, 1, err);
}

int tr_store_put_msg(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	const void *msg, struct tr_buf *buf, struct tr_error *err)
{
	tr_buf_reset(buf);
	int rc = tr_msg_pack(buf, msg);
	if (rc != 0)
		return tr_error_set(err, rc,
			"a record of more than %zu bytes for '%s'", buf->max,
			tr_kv_path(txn->kv));
	struct tr_slice value = tr_slice_of(buf->data, buf->len);
	return tr_kv_put(txn, db, key, &value, 1, err);
}

int tr_store_unpack(const ProtobufCMessageDescriptor *type,
	struct tr_slice bytes, void **msg, struct tr_error *err)
{
	void *m = protobuf_c_message_unpack(type, NULL, bytes.n, bytes.p);
	if (!m)
		return tr_error_set(err, TR_ECORRUPT,
			"stored state is corrupt: %zu bytes that are no %s",
			bytes.n, type->short_name);
	*msg = m;
	return 0;
}

int tr_store_get_msg(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	const ProtobufCMessageDescriptor *type, void **msg,
	struct tr_error *err)
{
	struct tr_slice bytes;
	int rc = tr_kv_get(txn, db, key, &bytes, err);
	return rc == 0 ? tr_store_unpack(type, bytes, msg, err) : rc;
}
