#include "driver/ctl/console.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock/clock.h"
#include "driver/ctl/logs.h"
#include "driver/ctl/output.h"
#include "driver/ctl/results.h"

enum {
	LINE_EVERY_MS = 5000, /* where there is no terminal */
	COLUMNS_DEFAULT = 80,
};

/* ---------------------------------------------------------------- progress */

static void clear_bar(struct tr_console *con)
{
	if (con->drawn)
		fputs("\r\033[K", stderr);
	con->drawn = false;
}

static size_t columns(void)
{
	struct winsize w;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
		return COLUMNS_DEFAULT;
	return w.ws_col - 1u;
}

static void on_submitted(void *arg, uint64_t job)
{
	struct tr_console *con = arg;
	con->job = job;
	con->next_line_ms = tr_clock_mono_ms() + LINE_EVERY_MS;
	if (con->terminal && !con->owns_job)
		fprintf(stderr, "job %" PRIu64 " submitted\n", job);
}

static void on_status(void *arg, const Tranche__V1__JobStatus *s)
{
	struct tr_console *con = arg;
	char text[TR_PROGRESS_TEXT];
	uint64_t now = tr_clock_mono_ms();
	tr_progress_add(&con->progress, s, now);
	if (con->terminal) {
		fprintf(stderr, "\r%s\033[K",
			tr_progress_bar(&con->progress, s, columns(), text));
		con->drawn = true;
	} else if (now >= con->next_line_ms) {
		fprintf(stderr, "%s\n",
			tr_progress_line(&con->progress, s, text));
		con->next_line_ms = now + LINE_EVERY_MS;
	}
}

static void on_note(void *arg, const char *text)
{
	struct tr_console *con = arg;
	clear_bar(con);
	fprintf(stderr, "tranche: %s\n", text);
}

/* ----------------------------------------------------------------- signals */

static enum tr_wait_wish interrupted(
	struct tr_console *con, uint32_t signal, struct tr_error *err)
{
	char text[256];
	con->interrupts++;
	if (con->interrupts > 1 || con->job == 0 ||
		(signal == SIGTERM && !con->owns_job)) {
		tr_error_set(err, TR_ECANCELED, "interrupted");
		return TR_WAIT_STOP;
	}
	if (con->owns_job) {
		on_note(con, "cancelling the job; once more stops at once");
		return TR_WAIT_CANCEL;
	}
	snprintf(text, sizeof(text),
		"job %" PRIu64 " goes on without this command; "
		"'tranche job cancel %" PRIu64 "' ends it; "
		"Ctrl-C once more leaves",
		con->job, con->job);
	on_note(con, text);
	return TR_WAIT_GO_ON;
}

static enum tr_wait_wish on_woken(void *arg, struct tr_error *err)
{
	struct tr_console *con = arg;
	struct signalfd_siginfo si;
	if (read(con->signal_fd, &si, sizeof(si)) == sizeof(si))
		return interrupted(con, si.ssi_signo, err);
	if (con->check && con->check(con->check_arg, err) != 0)
		return TR_WAIT_STOP;
	return TR_WAIT_GO_ON;
}

/* ----------------------------------------------------------------- the end */

struct rows {
	struct tr_console *con;
	json_t *list; /* NULL: text */
};

static int take_row(
	void *arg, const struct tr_element *row, struct tr_error *err)
{
	struct rows *r = arg;
	struct tr_buf *out = &r->con->rows;
	size_t at = out->len;
	int rc = tr_output_printed(
		out, r->list ? TR_OUTPUT_JSON : TR_OUTPUT_TEXT, row->value);
	if (rc != 0)
		return tr_error_set(err, rc, "a row that print made is %s",
			rc == TR_ECORRUPT ? "damaged" : "too large");
	if (r->list) {
		const char *text = (const char *)out->data + at;
		json_array_append_new(r->list,
			json_loadb(text, out->len - at,
				JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
		out->len = at;
	}
	return 0;
}

static int take_output(struct tr_console *con, struct tr_client *c,
	const Tranche__V1__TableInfo *t, struct tr_error *err)
{
	char job[24];
	struct rows r = { .con = con };
	struct tr_rows_query q = { .job = job, .op = t->operator_ };
	snprintf(job, sizeof(job), "%" PRIu64, con->job);
	if (con->ctl->json)
		r.list = json_array();
	else if (con->rows.len > 0 && tr_buf_append_u8(&con->rows, '\n') != 0)
		return tr_error_set(err, TR_ENOMEM, "too many rows to print");
	int rc = tr_rows_each(c, &q, take_row, &r, err);
	if (r.list && rc == 0)
		json_array_append_new(con->outputs,
			json_pack("{s:I,s:o}", "operator",
				(json_int_t)t->operator_, "rows", r.list));
	else
		json_decref(r.list);
	return rc;
}

static int on_ended(void *arg, struct tr_client *c,
	const Tranche__V1__JobStatus *s, struct tr_error *err)
{
	struct tr_console *con = arg;
	int rc = 0;
	tr_msg_free(con->status);
	con->status = tr_msg_copy(s);
	tr_buf_reset(&con->rows);
	tr_buf_reset(&con->logs);
	json_array_clear(con->outputs);
	bool done = s->state == TRANCHE__V1__JOB_STATE__JOB_DONE;
	for (size_t i = 0; done && rc == 0 && i < s->n_tables; i++)
		if (s->tables[i]->output)
			rc = take_output(con, c, s->tables[i], err);
	/* Nobody can ask for them later. */
	if (rc == 0 && con->owns_job)
		rc = tr_logs_collect(c, con->job, &con->logs, err);
	return rc;
}

const struct tr_wait_ops tr_console_ops = {
	.submitted = on_submitted,
	.status = on_status,
	.note = on_note,
	.woken = on_woken,
	.ended = on_ended,
};

static void print_table(
	const struct tr_console *con, const Tranche__V1__TableInfo *t)
{
	char n[16];
	fprintf(stderr, "table %s: %s %s\n", t->name,
		tr_text_count(n, t->records), t->records == 1 ? "row" : "rows");
	if (con->terminal && !con->owns_job)
		fprintf(stderr, "  tranche table scan %" PRIu64 " %s\n",
			con->job, t->name);
}

static void print_summary(const struct tr_console *con)
{
	const Tranche__V1__JobStatus *s = con->status;
	char records[16], bytes[16], time[16];
	for (size_t i = 0; i < s->n_notes; i++)
		fprintf(stderr, "note: %s\n", s->notes[i]);
	fprintf(stderr,
		"job %" PRIu64 " %s in %s: %s records, %s, %" PRIu64 " tasks",
		con->job, tr_job_state_text(s->state),
		tr_text_time(time, s->elapsed_ms),
		tr_text_count(records, s->records),
		tr_text_bytes(bytes, s->bytes), s->tasks_done);
	if (s->retries)
		fprintf(stderr, ", %" PRIu64 " %s", s->retries,
			s->retries == 1 ? "retry" : "retries");
	if (s->nondeterministic)
		fprintf(stderr, ", %" PRIu64 " not deterministic",
			s->nondeterministic);
	fputc('\n', stderr);
	for (size_t i = 0; i < s->n_tables; i++)
		if (!s->tables[i]->output)
			print_table(con, s->tables[i]);
}

static void print_document(struct tr_console *con)
{
	json_t *doc = tr_output_status_json(con->status);
	json_object_set(doc, "outputs", con->outputs);
	tr_output_print_json(doc);
	con->ctl->answered = true;
}

static enum tr_exit unhappy(struct tr_console *con, struct tr_error *err)
{
	const Tranche__V1__JobStatus *s = con->status;
	struct tr_error why = { .text = "no reason was given" };
	if (s->error)
		tr_client_error(&why, s->error);
	tr_error_set(err, why.code, "job %" PRIu64 " (%s) %s: %s", con->job,
		s->name, tr_job_state_text(s->state), why.text);
	return TR_EXIT_FAILED;
}

static void put_all(const struct tr_buf *b, FILE *to)
{
	if (b->len > 0)
		fwrite(b->data, 1, b->len, to);
}

enum tr_exit tr_console_finish(
	struct tr_console *con, int rc, struct tr_error *err)
{
	clear_bar(con);
	if (rc == TR_ECANCELED && con->interrupts > 0)
		return TR_EXIT_INTERRUPTED;
	if (rc != 0)
		return TR_EXIT_FAILED;
	put_all(&con->logs, stderr);
	if (con->ctl->json)
		print_document(con);
	else
		put_all(&con->rows, stdout);
	fflush(stdout);
	if (con->status->state != TRANCHE__V1__JOB_STATE__JOB_DONE)
		return unhappy(con, err);
	if (!con->ctl->json)
		print_summary(con);
	return TR_EXIT_OK;
}

/* -------------------------------------------------------------- init, fini */

void tr_console_add_fd(struct tr_console *con, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
	int rc = epoll_ctl(con->wake_fd, EPOLL_CTL_ADD, fd, &ev);
	tr_assert(rc == 0);
}

int tr_console_init(
	struct tr_console *con, struct tr_ctl *ctl, struct tr_error *err)
{
	sigset_t set;
	*con = (struct tr_console){ .ctl = ctl };
	con->terminal = isatty(STDERR_FILENO);
	tr_buf_init(&con->rows, SIZE_MAX);
	tr_buf_init(&con->logs, SIZE_MAX);
	con->outputs = json_array();
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &con->old_mask);
	con->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	con->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (con->signal_fd >= 0 && con->wake_fd >= 0) {
		tr_console_add_fd(con, con->signal_fd);
		return 0;
	}
	int rc = tr_error_set(
		err, TR_EIO, "cannot wait for signals: %s", strerror(errno));
	tr_console_fini(con);
	return rc;
}

void tr_console_fini(struct tr_console *con)
{
	tr_msg_free(con->status);
	tr_buf_fini(&con->rows);
	tr_buf_fini(&con->logs);
	json_decref(con->outputs);
	if (con->wake_fd >= 0)
		close(con->wake_fd);
	if (con->signal_fd >= 0)
		close(con->signal_fd);
	sigprocmask(SIG_SETMASK, &con->old_mask, NULL);
}
