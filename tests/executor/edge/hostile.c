#include "tests/executor/edge/hostile.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/check.h"
#include "common/base/xalloc.h"
#include "common/wire/frame.h"

enum {
	SOCKET = 3,
	PAGE = 4,
	DEPTH = 2000
};

extern char **environ;

static void write_raw(const void *p, size_t n)
{
	const char *at = p;
	while (n > 0) {
		ssize_t done = write(SOCKET, at, n);
		if (done < 0)
			_exit(0);
		at += done;
		n -= (size_t)done;
	}
}

static void done(const struct hostile *h)
{
	Tranche__V1__WorkerDone m = TRANCHE__V1__WORKER_DONE__INIT;
	Tranche__V1__Receipt r = TRANCHE__V1__RECEIPT__INIT;
	m.receipt = &r;
	h->say(TR_KIND_WORKER_DONE, &m, TR_SLICE_ABSENT);
}

static void log_text(const struct hostile *h, const char *text, size_t n)
{
	Tranche__V1__LogLine line = TRANCHE__V1__LOG_LINE__INIT;
	Tranche__V1__LogLine *lines[] = { &line };
	Tranche__V1__JobLog m = TRANCHE__V1__JOB_LOG__INIT;
	line.text = tr_xstrdup(text);
	m.lines = lines;
	m.n_lines = 1;
	for (size_t i = 0; i < n; i++)
		h->say(TR_KIND_JOB_LOG, &m, TR_SLICE_ABSENT);
	tr_xfree(line.text);
}

static void log_lines(const struct hostile *h)
{
	log_text(h, "again", TR_TASK_LOG_LINES_MAX + 1);
}

static void log_line(const struct hostile *h)
{
	char *text = tr_xmalloc(TR_LOG_LINE_MAX + 2);
	memset(text, 'x', TR_LOG_LINE_MAX + 1);
	text[TR_LOG_LINE_MAX + 1] = '\0';
	log_text(h, text, 1);
	tr_xfree(text);
}

static void log_place(const struct hostile *h)
{
	Tranche__V1__LogLine line = TRANCHE__V1__LOG_LINE__INIT;
	Tranche__V1__LogLine *lines[] = { &line };
	Tranche__V1__JobLog m = TRANCHE__V1__JOB_LOG__INIT;
	line.position = tr_xmalloc(TR_MIB(7));
	memset(line.position, 'x', TR_MIB(7) - 1);
	line.position[TR_MIB(7) - 1] = '\0';
	m.lines = lines;
	m.n_lines = 1;
	h->say(TR_KIND_JOB_LOG, &m, TR_SLICE_ABSENT);
	tr_xfree(line.position);
}

static void borrowed(const struct hostile *h)
{
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	Tranche__V1__ResultChunk c = TRANCHE__V1__RESULT_CHUNK__INIT;
	Tranche__V1__WorkerDone d = TRANCHE__V1__WORKER_DONE__INIT;
	Tranche__V1__Receipt r = TRANCHE__V1__RECEIPT__INIT;
	env.term = 999;
	env.job = 999;
	env.attempt = 999;
	c.env = &env;
	d.env = &env;
	d.receipt = &r;
	h->say(TR_KIND_RESULT_CHUNK, &c, tr_slice_of("x", 1));
	h->say(TR_KIND_WORKER_DONE, &d, TR_SLICE_ABSENT);
}

/* With the envelope of its attempt it is larger than a message can be. */
static void swollen(const struct hostile *h)
{
	Tranche__V1__ErrorInfo e = TRANCHE__V1__ERROR_INFO__INIT;
	Tranche__V1__WorkerDone m = TRANCHE__V1__WORKER_DONE__INIT;
	size_t n = TR_FRAME_BODY_MAX - 10;
	e.text = tr_xmalloc(n + 1);
	memset(e.text, 'x', n);
	e.text[n] = '\0';
	m.error = &e;
	h->say(TR_KIND_WORKER_DONE, &m, TR_SLICE_ABSENT);
	tr_xfree(e.text);
}

static void garbage(const struct hostile *h)
{
	(void)h;
	char bytes[4096];
	memset(bytes, 0xa5, sizeof(bytes));
	write_raw(bytes, sizeof(bytes));
	pause();
}

static void half(const struct hostile *h)
{
	(void)h;
	uint8_t header[TR_FRAME_HEADER_SIZE];
	uint8_t *body = tr_xcalloc(1, TR_MIB(8));
	struct tr_frame f = { .kind = TR_KIND_RESULT_CHUNK,
		.body = tr_slice_of(body, TR_MIB(8)) };
	if (tr_frame_header(&f, header) != 0)
		abort();
	write_raw(header, sizeof(header));
	pause();
}

static void flood(const struct hostile *h)
{
	Tranche__V1__ResultChunk m = TRANCHE__V1__RESULT_CHUNK__INIT;
	uint8_t *bytes = tr_xcalloc(1, TR_MIB(1));
	for (;;) {
		h->say(TR_KIND_RESULT_CHUNK, &m, tr_slice_of(bytes, TR_MIB(1)));
		m.seq++;
	}
}

/* Under its name only when it is whole. */
static void tell_number(const struct hostile *h, pid_t pid)
{
	char part[600];
	snprintf(part, sizeof(part), "%s.part", h->gate);
	FILE *f = fopen(part, "we");
	if (!f)
		abort();
	fprintf(f, "%d", (int)pid);
	fclose(f);
	if (rename(part, h->gate) != 0)
		abort();
}

static void wait_for_signal(const struct hostile *h)
{
	sigset_t set;
	int got;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	tell_number(h, getpid());
	sigwait(&set, &got);
	done(h);
}

static void leave_child(const struct hostile *h)
{
	pid_t pid = fork();
	if (pid == 0) {
		Tranche__V1__JobLog m = TRANCHE__V1__JOB_LOG__INIT;
		for (;;)
			h->say(TR_KIND_JOB_LOG, &m, TR_SLICE_ABSENT);
	}
	tell_number(h, pid);
	_exit(0);
}

static void shrink(const struct hostile *h)
{
	if (ftruncate(PAGE, 0) == 0)
		abort();
	done(h);
}

static void fifo(const struct hostile *h)
{
	if (mkfifo(h->block_path, 0600) != 0)
		abort();
	done(h);
}

static void deep(const struct hostile *h)
{
	if (chdir(h->folder) != 0)
		abort();
	for (int i = 0; i < DEPTH; i++)
		if (mkdir("d", 0700) != 0 || chdir("d") != 0)
			abort();
	_exit(0);
}

static void environment(const struct hostile *h)
{
	for (char **e = environ; *e; e++)
		log_text(h, *e, 1);
	done(h);
}

bool hostile_obey(const struct hostile *h, const char *order)
{
	static const struct {
		const char *order;
		void (*act)(const struct hostile *h);
	} orders[] = {
		{ "log-lines", log_lines },
		{ "log-line", log_line },
		{ "log-place", log_place },
		{ "borrowed", borrowed },
		{ "swollen", swollen },
		{ "garbage", garbage },
		{ "half", half },
		{ "flood", flood },
		{ "fork", leave_child },
		{ "shrink", shrink },
		{ "fifo", fifo },
		{ "deep", deep },
		{ "environment", environment },
		{ "pause", wait_for_signal },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(orders); i++)
		if (strcmp(orders[i].order, order) == 0) {
			orders[i].act(h);
			return true;
		}
	return false;
}
