#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/clock/clock.h"
#include "common/net/cert.h"
#include "tests/common/net/certs.h"
#include "tests/common/net/ends.h"

static struct certs certs;

static int make_certs(void **state)
{
	(void)state;
	certs_make(&certs);
	return 0;
}

static int remove_certs(void **state)
{
	(void)state;
	certs_remove(&certs);
	return 0;
}

struct secure {
	struct end server;
	struct end client;
	char url[TR_NET_URL_MAX];
};

static void secure_open(struct secure *s)
{
	struct tr_tls_opts tls = { .ca_file = certs.ca,
		.cert_key_file = certs.server };
	struct tr_net_endpoint at = { .url = "tls+tcp://127.0.0.1:0",
		.tls = &tls };
	struct tr_error err = { 0 };
	end_open(&s->server, NULL);
	end_open(&s->client, NULL);
	if (tr_net_listen(s->server.net, &at, s->url, &err) != 0)
		fail_msg("%s", err.text);
}

static void secure_close(struct secure *s)
{
	end_close(&s->client);
	end_close(&s->server);
}

/* Dials, and says one word, which begins the handshake. */
static void say_hello(struct secure *s, const char *ca, const char *cert,
	const char *server_name)
{
	struct tr_tls_opts tls = {
		.ca_file = ca, .cert_key_file = cert, .server_name = server_name
	};
	struct tr_net_endpoint to = { .url = s->url, .tls = &tls };
	struct tr_conn_id id;
	struct tr_error err = { 0 };
	if (tr_net_dial(s->client.net, &to, &id, &err) != 0)
		fail_msg("%s", err.text);
	end_skip(&s->client, TR_NET_UP);
	end_skip(&s->server, TR_NET_UP);
	(void)end_send_text(&s->client, id, "hello");
}

/* Two certificates of one CA, and the right name: they talk. */
static void test_tls__good_certificates_talk(void **state)
{
	(void)state;
	struct secure s;
	secure_open(&s);
	say_hello(&s, certs.ca, certs.client, "driver");
	end_expect_text(&s.server, "hello");
	secure_close(&s);
}

/* A client of another CA is refused, and both sides are told where to look. */
static void test_tls__client_of_another_ca_is_refused(void **state)
{
	(void)state;
	struct secure s;
	secure_open(&s);
	say_hello(&s, certs.ca, certs.other, "driver");
	end_expect_end(
		&s.server, TR_NET_DOWN, TR_EAUTH, "tls handshake failed");
	struct tr_net_event *ev = end_expect(&s.client, TR_NET_DOWN);
	assert_true(strstr(ev->error->text, "certificate") != NULL);
	end_free_event(ev);
	END_WAIT_COUNTER(&s.server, tls_failures, 1);
	secure_close(&s);
}

/* A client that trusts another CA, or wants another name, gives up. */
static void test_tls__wrong_server_is_refused(void **state)
{
	(void)state;
	static const struct {
		bool other_ca;
		const char *name; /* NULL: the URL's host */
	} cases[] = { { true, "driver" }, { false, "other" }, { false, NULL } };
	struct secure s;
	secure_open(&s);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		say_hello(&s, cases[i].other_ca ? certs.other_ca : certs.ca,
			certs.client, cases[i].name);
		end_expect_end(&s.client, TR_NET_DOWN, TR_EAUTH, "server name");
		end_skip(&s.server, TR_NET_DOWN);
		END_WAIT_COUNTER(&s.client, tls_failures, i + 1);
	}
	secure_close(&s);
}

/* Connects with the openssl command, which has scruples about nothing. */
static void openssl_connects(const struct secure *s, const char *cert)
{
	char cmd[512];
	snprintf(cmd, sizeof(cmd),
		"echo hello | timeout 10 openssl s_client -connect %s -CAfile "
		"%s %s%s >/dev/null 2>&1",
		s->url + strlen("tls+tcp://"), certs.ca, cert ? "-cert " : "",
		cert ? cert : "");
	(void)!system(cmd);
}

/* No certificate, or an expired one: refused and counted. */
static void test_tls__missing_and_expired_certificates(void **state)
{
	(void)state;
	struct secure s;
	secure_open(&s);
	const char *const bad[] = { NULL, certs.expired };
	for (size_t i = 0; i < TR_ARRAY_LEN(bad); i++) {
		openssl_connects(&s, bad[i]);
		end_skip(&s.server, TR_NET_UP);
		end_expect_end(&s.server, TR_NET_DOWN, TR_EAUTH,
			"tls handshake failed");
		END_WAIT_COUNTER(&s.server, tls_failures, i + 1);
	}
	say_hello(&s, certs.ca, certs.client, "driver");
	end_expect_text(&s.server, "hello");
	secure_close(&s);
}

/* A client that speaks in the clear gets nowhere. */
static void test_tls__plain_client_is_closed(void **state)
{
	(void)state;
	struct secure s;
	secure_open(&s);
	char url[TR_NET_URL_MAX];
	snprintf(url, sizeof(url), "%s", s.url + strlen("tls+"));
	int fd = raw_connect(url);
	end_skip(&s.server, TR_NET_UP);
	struct tr_frame f = { .kind = 1 };
	uint8_t header[TR_FRAME_HEADER_SIZE];
	assert_int_equal(tr_frame_header(&f, header), 0);
	assert_int_equal(write(fd, header, sizeof(header)), sizeof(header));
	/* The library may wait for more: the hello deadline ends it then. */
	tr_net_tick(s.server.net, 1000);
	tr_net_tick(s.server.net, 1000 + 5000);
	end_skip(&s.server, TR_NET_DOWN);
	assert_true(raw_is_closed(fd));
	close(fd);
	secure_close(&s);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* Files that cannot work are named before anybody connects. */
static void test_tls__bad_files_are_named(void **state)
{
	(void)state;
	char garbage[CERTS_PATH_MAX], missing[CERTS_PATH_MAX];
	char open_key[CERTS_PATH_MAX], broken[CERTS_PATH_MAX];
	snprintf(garbage, sizeof(garbage), "%s/garbage", certs.dir);
	snprintf(missing, sizeof(missing), "%s/missing", certs.dir);
	snprintf(open_key, sizeof(open_key), "%s/open", certs.dir);
	snprintf(broken, sizeof(broken), "%s/broken", certs.dir);
	write_file(garbage, "no PEM at all\n", 0600);
	write_file(broken,
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
		"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
		0600);
	char cmd[512];
	snprintf(cmd, sizeof(cmd), "cp %s %s && chmod 644 %s", certs.client,
		open_key, open_key);
	assert_int_equal(system(cmd), 0);
	const struct {
		const char *ca, *cert;
		int code;
		const char *file, *part;
	} cases[] = {
		{ missing, certs.client, TR_EIO, missing, "cannot open" },
		{ certs.ca, missing, TR_EIO, missing, "cannot open" },
		{ certs.dir, certs.client, TR_EIO, certs.dir, "cannot read" },
		{ garbage, certs.client, TR_EAUTH, garbage, "no PEM" },
		{ certs.ca, certs.ca, TR_EAUTH, certs.ca, "no private key" },
		{ certs.ca, broken, TR_EAUTH, broken, "cannot be read" },
		{ certs.ca, open_key, TR_EAUTH, open_key, "chmod 600" },
		{ certs.ca, certs.expired, TR_EAUTH, certs.expired, "expired" },
		{ NULL, certs.client, TR_EINVAL, "", "CA" },
		{ certs.ca, NULL, TR_EINVAL, "", "key" },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_tls_opts o = { .ca_file = cases[i].ca,
			.cert_key_file = cases[i].cert };
		struct tr_error err = { 0 };
		assert_int_equal(tr_tls_check(&o, &err), cases[i].code);
		assert_non_null(strstr(err.text, cases[i].file));
		assert_non_null(strstr(err.text, cases[i].part));
	}
	struct tr_tls_opts good = { .ca_file = certs.ca,
		.cert_key_file = certs.client };
	assert_int_equal(tr_tls_check(&good, NULL), 0);
}

/* The dates read agree with what openssl was told: 30 days from now. */
static void test_tls__reads_the_dates(void **state)
{
	(void)state;
	static char pem[16384];
	FILE *f = fopen(certs.client, "r");
	assert_non_null(f);
	pem[fread(pem, 1, sizeof(pem) - 1, f)] = '\0';
	fclose(f);
	int64_t first, last, now = tr_clock_wall_ms() / 1000;
	assert_int_equal(tr_cert_validity(pem, &first, &last), 0);
	assert_in_range(now - first, 0, 600);
	assert_int_equal(last - first, 30 * 86400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls__good_certificates_talk),
		cmocka_unit_test(test_tls__client_of_another_ca_is_refused),
		cmocka_unit_test(test_tls__wrong_server_is_refused),
		cmocka_unit_test(test_tls__missing_and_expired_certificates),
		cmocka_unit_test(test_tls__plain_client_is_closed),
		cmocka_unit_test(test_tls__bad_files_are_named),
		cmocka_unit_test(test_tls__reads_the_dates),
	};
	return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
