/* A job's log lines: numbered, the first TR_JOB_LOG_LINES_MAX kept. */
#include "common/base/bounds.h"
#include "driver/store/joblog.h"
#include "driver/store/layout.h"

struct log_counts {
	uint64_t seq;     /* of the last line seen */
	uint64_t lines;   /* kept */
	uint64_t dropped; /* beyond the limit */
};

static int load_counts(
	struct tr_kv_txn *txn, struct log_counts *c, struct tr_error *err)
{
	int rc = tr_meta_get64(txn, TR_JOB_META, TR_META_LOG_SEQ, &c->seq, err);
	if (rc == 0)
		rc = tr_meta_get64(
			txn, TR_JOB_META, TR_META_LOG_LINES, &c->lines, err);
	if (rc == 0)
		rc = tr_meta_get64(txn, TR_JOB_META, TR_META_LOG_DROPPED,
			&c->dropped, err);
	return rc;
}

static int store_counts(
	struct tr_kv_txn *txn, const struct log_counts *c, struct tr_error *err)
{
	int rc = tr_meta_put64(txn, TR_JOB_META, TR_META_LOG_SEQ, c->seq, err);
	if (rc == 0)
		rc = tr_meta_put64(
			txn, TR_JOB_META, TR_META_LOG_LINES, c->lines, err);
	if (rc == 0)
		rc = tr_meta_put64(
			txn, TR_JOB_META, TR_META_LOG_DROPPED, c->dropped, err);
	return rc;
}

static int add_line(struct tr_joblog *j, struct log_counts *c,
	const Tranche__V1__StoredLogLine *line, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	uint64_t seq = line->seq != 0 ? line->seq : c->seq + 1;
	if (seq <= c->seq)
		return 0; /* this very line, again */
	c->seq = seq;
	if (c->lines >= TR_JOB_LOG_LINES_MAX) {
		c->dropped++;
		return 0;
	}
	c->lines++;
	Tranche__V1__StoredLogLine numbered = *line;
	numbered.seq = seq;
	struct tr_buf *pack = &j->store->pack;
	int rc = tr_store_put_msg(
		j->txn, TR_JOB_LOGS, tr_key64(key, seq), &numbered, pack, err);
	j->bytes += pack->len;
	return rc;
}

int tr_joblog_add_lines(struct tr_joblog *j, const Tranche__V1__LogLines *r,
	struct tr_error *err)
{
	struct log_counts c;
	int rc = load_counts(j->txn, &c, err);
	for (size_t i = 0; rc == 0 && i < r->n_lines; i++)
		rc = add_line(j, &c, r->lines[i], err);
	return rc == 0 ? store_counts(j->txn, &c, err) : rc;
}
