#include "executor/worker/uplink.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/wire/framefd.h"
#include "common/wire/kinds.h"

void tr_uplink_init(struct tr_uplink *u, int fd)
{
	*u = (struct tr_uplink){ .fd = fd };
	tr_buf_init(&u->body, TR_FRAME_BODY_MAX);
}

static void drop_lines(struct tr_uplink *u)
{
	for (size_t i = 0; i < u->n_lines; i++) {
		tr_xfree(u->lines[i].position);
		tr_xfree(u->lines[i].text);
	}
	u->n_lines = 0;
}

void tr_uplink_fini(struct tr_uplink *u)
{
	drop_lines(u);
	tr_buf_fini(&u->body);
}

void tr_uplink_begin(struct tr_uplink *u, Tranche__V1__Envelope *env)
{
	drop_lines(u);
	u->env = env;
	u->lines_sent = 0;
	u->dropped = 0;
}

int tr_uplink_send(struct tr_uplink *u, uint8_t kind, const void *msg,
	struct tr_slice payload)
{
	tr_buf_reset(&u->body);
	int rc = tr_msg_pack(&u->body, msg);
	if (rc != 0)
		return rc;
	struct tr_frame f = {
		.kind = kind,
		.body = tr_slice_of(u->body.data, u->body.len),
		.payload = payload,
	};
	return tr_framefd_write(u->fd, &f);
}

static char *position_text(const struct tr_origin *o)
{
	char text[TR_TOPIC_NAME_MAX + 64] = "";
	if (o)
		snprintf(text, sizeof(text), "%s-%u@%" PRId64, o->topic,
			o->partition, o->offset);
	return tr_xstrdup(text);
}

static char *line_text(const char *text, size_t len)
{
	size_t n = len < TR_LOG_LINE_MAX ? len : TR_LOG_LINE_MAX;
	char *copy = tr_xmalloc(n + 1);
	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

void tr_uplink_log(struct tr_uplink *u, uint32_t op,
	const struct tr_origin *origin, const char *text, size_t len)
{
	if (u->lines_sent == TR_TASK_LOG_LINES_MAX) {
		u->dropped++;
		return;
	}
	if (u->n_lines == TR_UPLINK_LINES && tr_uplink_flush_log(u) != 0)
		return; /* the next flush of the task says so again */
	u->lines_sent++;
	Tranche__V1__LogLine *line = &u->lines[u->n_lines++];
	tranche__v1__log_line__init(line);
	line->operator_ = op;
	line->position = position_text(origin);
	line->text = line_text(text, len);
}

int tr_uplink_flush_log(struct tr_uplink *u)
{
	if (u->code != 0)
		return u->code;
	if (u->n_lines == 0 && u->dropped == 0)
		return 0;
	Tranche__V1__JobLog log = TRANCHE__V1__JOB_LOG__INIT;
	Tranche__V1__LogLine *lines[TR_UPLINK_LINES];
	for (size_t i = 0; i < u->n_lines; i++)
		lines[i] = &u->lines[i];
	log.env = u->env;
	log.lines = lines;
	log.n_lines = u->n_lines;
	log.dropped = u->dropped;
	u->code =
		tr_uplink_send(u, TR_KIND_JOB_LOG, &log, tr_slice_of(NULL, 0));
	drop_lines(u);
	u->dropped = 0;
	return u->code;
}
