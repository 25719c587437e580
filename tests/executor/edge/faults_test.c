/*
 * The executor daemon when machines, disks and networks fail: stopped and
 * woken, workers killed from outside, peers that stand still, a full disk,
 * certificates.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/clock/clock.h"
#include "tests/common/net/certs.h"
#include "tests/executor/edge/fixture.h"
#include "tests/support/test.h"

/* ---- stopped ---- */

/*
 * Stopped for three leases, given up, its task run elsewhere, and woken: it
 * says nothing on the old connection, and hears that nobody wants its task.
 */
static void test_faults__stopped_past_its_lease_and_woken(void **state)
{
	(void)state;
	f.lease_ms = 300;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "gate", 100);
	settle(m, 2);
	fake_wait(&f, TR_KIND_REGISTER, 0);
	kill(a.pid, SIGSTOP);
	uint64_t end = tr_clock_mono_ms() + 3 * f.lease_ms;
	while (tr_clock_mono_ms() < end)
		fake_turn(&f, 20);
	tr_net_conn_close(f.net, m->conn);
	m->block_url[0] = '\0';
	f.term = 2;
	f.drop = 1;
	open_gate();
	kill(a.pid, SIGCONT);
	m = fake_member(&f, "a");
	const Tranche__V1__Register *r =
		fake_wait(&f, TR_KIND_REGISTER, 0)->msg;
	assert_int_equal(r->n_held, 2);
	/* Finished or not by the time it is dropped: it is gone. */
	settle(m, 3);
	f.drop = 0;
	reconnect(m);
	r = fake_wait(&f, TR_KIND_REGISTER, 0)->msg;
	for (size_t i = 0; i < r->n_held; i++)
		assert_int_not_equal(r->held[i]->env->attempt, 1);
	for (const struct seen *s = f.seen; s; s = s->next)
		if (s->kind == TR_KIND_TASK_REPORT) {
			const Tranche__V1__TaskReport *t = s->msg;
			assert_true(t->env->attempt != 1 || t->env->term == 2);
		}
}

/* The process that waits at the order "pause". */
static pid_t worker_pid(void)
{
	int pid = 0;
	uint64_t end = tr_clock_mono_ms() + FAKE_DEADLINE_MS;
	while (pid == 0 && tr_clock_mono_ms() < end) {
		FILE *file = fopen(gate, "re");
		if (file && fscanf(file, "%d", &pid) != 1)
			pid = 0;
		if (file)
			fclose(file);
		fake_turn(&f, 5);
	}
	assert_true(pid > 0);
	return pid;
}

/* What stood still with the machine is not blamed for it. */
static void test_faults__stopped_longer_than_the_task_timeout(void **state)
{
	(void)state;
	static const char *const sets[] = { "task_timeout=1500ms", NULL };
	struct fake_member *m = start(&a, sets);
	fake_send_task(&f, m, 1, "pause", 100);
	pid_t worker = worker_pid();
	kill(a.pid, SIGSTOP);
	uint64_t end = tr_clock_mono_ms() + 2000;
	while (tr_clock_mono_ms() < end)
		fake_turn(&f, 20);
	kill(a.pid, SIGCONT);
	fake_member(&f, "a");
	settle(m, 2);
	kill(worker, SIGUSR1);
	assert_non_null(report(1)->receipt);
}

/* ---- killed from outside ---- */

static void test_faults__worker_killed_from_outside(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "pause", 100);
	kill(worker_pid(), SIGKILL);
	const Tranche__V1__TaskReport *r = report(1);
	assert_string_equal(r->error->code, "killed");
	assert_non_null(strstr(r->error->text, "ended by SIGKILL"));
	assert_true(r->worker_died);
	settle(m, 2);
}

static void test_faults__worker_that_cannot_be_started_says_why(void **state)
{
	(void)state;
	setenv("TRANCHE_FAILPOINT", "exe.before_spawn=error:22", 1);
	struct fake_member *m = start(&a, NULL);
	unsetenv("TRANCHE_FAILPOINT");
	fake_send_task(&f, m, 1, "ok", 10);
	const Tranche__V1__TaskReport *r = report(1);
	assert_string_equal(r->error->code, "disk-full");
	assert_non_null(strstr(r->error->text, "no worker could be started: "));
	assert_false(r->worker_died);
	settle(m, 2);
}

/* No descriptor is left: tasks fail and say so, and nothing else happens. */
static void test_faults__descriptors_run_out(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "exit", 10);
	report(1);
	struct rlimit none = { 0, 0 }, before;
	assert_int_equal(prlimit(a.pid, RLIMIT_NOFILE, NULL, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(prlimit(a.pid, RLIMIT_NOFILE, &none, NULL), 0);
	fake_send_task(&f, m, 2, "ok", 10);
	const Tranche__V1__TaskReport *r = report(2);
	assert_non_null(r->error);
	assert_non_null(strstr(r->error->text, "Too many open files"));
	assert_int_equal(prlimit(a.pid, RLIMIT_NOFILE, &before, NULL), 0);
	settle(m, 3);
}

/* ---- killed at each point ---- */

/* Serves it until the failpoint has ended it. */
static void wait_killed(struct process *p)
{
	siginfo_t info = { .si_pid = 0 };
	uint64_t end = tr_clock_mono_ms() + FAKE_DEADLINE_MS;
	while (info.si_pid == 0 && tr_clock_mono_ms() < end) {
		assert_int_equal(waitid(P_PID, (id_t)p->pid, &info,
					 WEXITED | WNOHANG | WNOWAIT),
			0);
		fake_turn(&f, 5);
	}
	assert_int_equal(process_wait(p), -SIGKILL);
}

static void test_faults__killed_at_each_point(void **state)
{
	(void)state;
	static const char *const points[] = {
		"exe.after_register=kill",
		"exe.before_spawn=kill",
		"exe.before_report=kill",
		"exe.after_report=kill",
	};
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		setenv("TRANCHE_FAILPOINT", points[i], 1);
		struct fake_member *m = start(&a, NULL);
		unsetenv("TRANCHE_FAILPOINT");
		fake_send_task(&f, m, 10 + i, "ok", 10);
		wait_killed(&a);
		m->block_url[0] = '\0';
		/* A new process knows nothing of it, and takes the lock. */
		m = start(&a, NULL);
		settle(m, 20 + i);
		kill(a.pid, SIGKILL);
		process_wait(&a);
		m->block_url[0] = '\0';
	}
}

/* ---- peers ---- */

static const Tranche__V1__TaskReport *reduce_from(
	struct fake_member *n, const char *url, uint64_t size)
{
	const char *urls[] = { url };
	static const uint64_t from[] = { 1 };
	fake_send_reduce(&f, n, 3, urls, from, &size, 1);
	return report(3);
}

/*
 * The holder stands still when it is to serve its second piece: it answers no
 * more, and nobody waits much longer than TR_FETCH_SILENCE_MS for it.
 */
static void test_faults__peer_that_stands_still_is_given_up(void **state)
{
	(void)state;
	f.lease_ms = 60000;
	setenv("TRANCHE_FAILPOINT", "exe.serve_block=stop@2", 1);
	struct fake_member *m = start(&a, NULL);
	unsetenv("TRANCHE_FAILPOINT");
	struct fake_member *n = start(&b, NULL);
	fake_send_task(&f, m, 1, "ok", 3 * (int64_t)TR_BLOCK_CHUNK_MAX);
	report(1);
	uint64_t began = tr_clock_mono_ms();
	const Tranche__V1__TaskReport *r =
		reduce_from(n, m->block_url, 3 * TR_BLOCK_CHUNK_MAX);
	assert_string_equal(r->error->code, "lost");
	assert_int_equal(r->n_lost, 1);
	assert_true(tr_clock_mono_ms() - began < 2 * TR_FETCH_SILENCE_MS);
	settle(n, 4);
	kill(a.pid, SIGCONT);
}

/* The kernel takes the connection; nobody says Hello. */
static void test_faults__stopped_peer_is_given_up(void **state)
{
	(void)state;
	f.lease_ms = 60000;
	struct fake_member *m = start(&a, NULL);
	struct fake_member *n = start(&b, NULL);
	fake_send_task(&f, m, 1, "ok", 1000);
	report(1);
	kill(a.pid, SIGSTOP);
	uint64_t began = tr_clock_mono_ms();
	assert_string_equal(
		reduce_from(n, m->block_url, 1000)->error->code, "lost");
	assert_true(tr_clock_mono_ms() - began < 2 * TR_FETCH_SILENCE_MS);
	kill(a.pid, SIGCONT);
}

static void test_faults__dead_peer_is_given_up_at_once(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	struct fake_member *n = start(&b, NULL);
	char url[TR_NET_URL_MAX];
	snprintf(url, sizeof(url), "%s", m->block_url);
	kill(a.pid, SIGKILL);
	process_wait(&a);
	uint64_t began = tr_clock_mono_ms();
	assert_string_equal(reduce_from(n, url, 1000)->error->code, "lost");
	assert_true(tr_clock_mono_ms() - began < 1000);
}

static void test_faults__block_that_cannot_be_read_is_lost(void **state)
{
	(void)state;
	setenv("TRANCHE_FAILPOINT", "exe.serve_block=error:12", 1);
	struct fake_member *m = start(&a, NULL);
	unsetenv("TRANCHE_FAILPOINT");
	struct fake_member *n = start(&b, NULL);
	fake_send_task(&f, m, 1, "ok", 1000);
	report(1);
	assert_string_equal(
		reduce_from(n, m->block_url, 1000)->error->code, "lost");
}

static void test_faults__block_that_cannot_be_kept_fails(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	setenv("TRANCHE_FAILPOINT", "exe.fetch_block=error:22", 1);
	struct fake_member *n = start(&b, NULL);
	unsetenv("TRANCHE_FAILPOINT");
	fake_send_task(&f, m, 1, "ok", 1000);
	report(1);
	const Tranche__V1__TaskReport *r = reduce_from(n, m->block_url, 1000);
	assert_string_equal(r->error->code, "disk-full");
	assert_int_equal(r->n_lost, 0);
}

/* Three peers at once, each asking for more than one window. */
static void test_faults__many_peers_are_served_at_once(void **state)
{
	(void)state;
	enum {
		PEERS = 3,
		PIECES = 12
	};
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "ok", (int64_t)TR_BLOCK_CHUNK_MAX);
	report(1);
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	Tranche__V1__BlockFetch q = TRANCHE__V1__BLOCK_FETCH__INIT;
	env.job = FAKE_JOB;
	env.batch = 1;
	env.lane = 1;
	env.attempt = 1;
	q.env = &env;
	q.length = TR_BLOCK_CHUNK_MAX;
	struct fake_member peers[PEERS] = { 0 };
	for (size_t i = 0; i < PEERS; i++) {
		peers[i].conn = dial_blocks(m->block_url, "test-token");
		const Tranche__V1__HelloReply *r =
			fake_wait(&f, TR_KIND_HELLO_REPLY, 0)->msg;
		assert_null(r->error);
		tr_net_conn_authenticated(f.net, peers[i].conn);
	}
	for (size_t k = 0; k < PIECES; k++)
		for (size_t i = 0; i < PEERS; i++)
			fake_send(&f, &peers[i], TR_KIND_BLOCK_FETCH, &q);
	size_t got[PEERS] = { 0 };
	for (size_t k = 0; k < PEERS * PIECES; k++) {
		const struct seen *s = fake_wait(&f, TR_KIND_BLOCK_DATA, 0);
		assert_int_equal(s->payload_n, TR_BLOCK_CHUNK_MAX);
		for (size_t i = 0; i < PEERS; i++)
			got[i] += s->conn.v == peers[i].conn.v;
	}
	for (size_t i = 0; i < PEERS; i++)
		assert_int_equal(got[i], PIECES);
}

/* ---- disk ---- */

/* A spool of 1 MiB in a mount namespace of this process. */
static void mount_spool(char spool[128])
{
	snprintf(spool, 128, "%s/spool", a.dir);
	assert_int_equal(mkdir(spool, 0700), 0);
	static bool alone;
	if (!alone && (unshare(CLONE_NEWNS) != 0 ||
			      mount(NULL, "/", NULL, MS_REC | MS_PRIVATE,
				      NULL) != 0)) {
		print_message(
			"no mount namespace of our own: %s\n", strerror(errno));
		skip();
	}
	alone = true;
	if (mount("tmpfs", spool, "tmpfs", 0, "size=1m") != 0) {
		print_message("cannot mount a tmpfs: %s\n", strerror(errno));
		skip();
	}
}

static void fill(const char *spool)
{
	char path[160], bytes[4096] = { 0 };
	snprintf(path, sizeof(path), "%s/filler", spool);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void make_room(const char *spool)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/filler", spool);
	assert_int_equal(unlink(path), 0);
}

static void unmount_spool(const char *spool)
{
	kill(a.pid, SIGKILL);
	process_wait(&a);
	assert_int_equal(umount2(spool, MNT_DETACH), 0);
}

static void test_faults__results_that_fill_the_disk_fail_the_task(void **state)
{
	(void)state;
	char spool[128];
	mount_spool(spool);
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "results", 64);
	const Tranche__V1__TaskReport *r = report(1);
	assert_non_null(r->error);
	assert_string_equal(r->error->code, "disk-full");
	assert_non_null(strstr(r->error->text, "No space left on device"));
	/* The driver lets go of it, and there is room again. */
	fake_send_kill(&f, m, 1);
	settle(m, 2);
	unmount_spool(spool);
}

/* Everything that a task needs, on a disk that takes not a byte. */
static void test_faults__full_disk_fails_tasks_and_ends_nothing(void **state)
{
	(void)state;
	char spool[128];
	mount_spool(spool);
	process_start(&a, f.url, NULL);
	struct fake_member *m = fake_member(&f, "a");
	fill(spool);
	fake_send_job(&f, m);
	fake_send_task(&f, m, 1, "ok", 10);
	const Tranche__V1__TaskReport *r = report(1);
	assert_string_equal(r->error->code, "disk-full");
	make_room(spool);
	settle(m, 2);
	fill(spool);
	fake_send_task(&f, m, 3, "ok", 10);
	r = report(3);
	assert_string_equal(r->error->code, "disk-full");
	make_room(spool);
	settle(m, 4);
	unmount_spool(spool);
}

/* ---- TLS ---- */

static struct certs certs;

static int setup_tls(void **state)
{
	(void)state;
	certs_make(&certs);
	struct tr_tls_opts tls = { .ca_file = certs.ca,
		.cert_key_file = certs.server };
	fake_start_tls(&f, &tls);
	process_make_dir(&a, "a");
	process_make_dir(&b, "b");
	f.artefact = gate;
	return 0;
}

static int teardown_tls(void **state)
{
	teardown(state);
	certs_remove(&certs);
	return 0;
}

static void start_tls(struct process *p, const char *ca, const char *cert)
{
	char at[4][CERTS_PATH_MAX + 32];
	snprintf(at[0], sizeof(at[0]), "tls.ca=%s", ca);
	snprintf(at[1], sizeof(at[1]), "tls.cert=%s", cert);
	const char *const sets[] = { at[0], at[1], "tls.server_name=driver",
		"tls.executor_name=driver", "listen=tls+tcp://127.0.0.1:0",
		NULL };
	process_start(p, f.url, sets);
}

static void test_faults__tls_everywhere(void **state)
{
	(void)state;
	start_tls(&a, certs.ca, certs.server);
	start_tls(&b, certs.ca, certs.server);
	struct fake_member *m = fake_member(&f, "a");
	struct fake_member *n = fake_member(&f, "b");
	fake_send_job(&f, m);
	fake_send_job(&f, n);
	assert_int_equal(strncmp(m->block_url, "tls+tcp://", 10), 0);
	fake_send_task(&f, m, 1, "ok", (int64_t)TR_MIB(2));
	report(1);
	assert_int_equal(
		reduce_from(n, m->block_url, TR_MIB(2))->receipt->records_in,
		1);
	assert_int_equal(
		fake_wait(&f, TR_KIND_RESULT_CHUNK, 3)->payload_n, TR_MIB(2));
}

/* Its certificate is good for the driver, but not the name of a peer. */
static void test_faults__tls_peer_of_another_name_is_refused(void **state)
{
	(void)state;
	start_tls(&a, certs.ca, certs.client);
	start_tls(&b, certs.ca, certs.server);
	struct fake_member *m = fake_member(&f, "a");
	struct fake_member *n = fake_member(&f, "b");
	fake_send_job(&f, m);
	fake_send_job(&f, n);
	fake_send_task(&f, m, 1, "ok", 1000);
	report(1);
	uint64_t began = tr_clock_mono_ms();
	assert_string_equal(
		reduce_from(n, m->block_url, 1000)->error->code, "lost");
	assert_true(tr_clock_mono_ms() - began < 2000);
}

static void test_faults__tls_of_another_ca_never_registers(void **state)
{
	(void)state;
	start_tls(&a, certs.other_ca, certs.other);
	start_tls(&b, certs.ca, certs.server);
	fake_member(&f, "b");
	for (size_t i = 0; i < FAKE_MEMBERS; i++)
		assert_string_not_equal(f.members[i].name, "a");
}

#define CASE_TLS(test)                                                         \
	cmocka_unit_test_setup_teardown(test, setup_tls, teardown_tls)

TR_TEST_MAIN(CASE(test_faults__stopped_past_its_lease_and_woken),
	CASE(test_faults__stopped_longer_than_the_task_timeout),
	CASE(test_faults__worker_killed_from_outside),
	CASE(test_faults__worker_that_cannot_be_started_says_why),
	CASE(test_faults__descriptors_run_out),
	CASE(test_faults__killed_at_each_point),
	CASE(test_faults__peer_that_stands_still_is_given_up),
	CASE(test_faults__stopped_peer_is_given_up),
	CASE(test_faults__dead_peer_is_given_up_at_once),
	CASE(test_faults__block_that_cannot_be_read_is_lost),
	CASE(test_faults__block_that_cannot_be_kept_fails),
	CASE(test_faults__many_peers_are_served_at_once),
	CASE(test_faults__results_that_fill_the_disk_fail_the_task),
	CASE(test_faults__full_disk_fails_tasks_and_ends_nothing),
	CASE_TLS(test_faults__tls_everywhere),
	CASE_TLS(test_faults__tls_peer_of_another_name_is_refused),
	CASE_TLS(test_faults__tls_of_another_ca_never_registers));
