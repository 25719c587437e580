#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/net/endpoint.h"

/* URLs are taken apart, or refused with a reason. */
static void test_endpoint__parses_urls(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
		enum tr_url_scheme scheme;
		const char *host;
		uint16_t port;
	} cases[] = {
		{ "tcp://127.0.0.1:7400", 0, TR_URL_TCP, "127.0.0.1", 7400 },
		{ "tls+tcp://driver:0", 0, TR_URL_TLS, "driver", 0 },
		{ "tcp://[::1]:65535", 0, TR_URL_TCP, "::1", 65535 },
		{ "tcp://*:80", 0, TR_URL_TCP, "", 80 },
		{ "ipc:///run/tranche/sock", 0, TR_URL_IPC, "", 0 },
		{ "tcp://host", TR_EINVAL, 0, "", 0 },
		{ "tcp://host:", TR_EINVAL, 0, "", 0 },
		{ "tcp://host:65536", TR_EINVAL, 0, "", 0 },
		{ "tcp://host:99999999999999", TR_EINVAL, 0, "", 0 },
		{ "tcp://host:7400/path", TR_EINVAL, 0, "", 0 },
		{ "tcp://::1:7400", TR_EINVAL, 0, "", 0 },
		{ "tcp://ho st:7400", TR_EINVAL, 0, "", 0 },
		{ "tcp://host:-1", TR_EINVAL, 0, "", 0 },
		{ "ipc://", TR_EINVAL, 0, "", 0 },
		{ "host:7400", TR_EINVAL, 0, "", 0 },
		{ "http://host:7400", TR_EINVAL, 0, "", 0 },
		{ "", TR_EINVAL, 0, "", 0 },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_url url;
		struct tr_error err = { 0 };
		assert_int_equal(
			tr_url_parse(&url, cases[i].text, &err), cases[i].rc);
		if (cases[i].rc != 0) {
			assert_true(strlen(err.text) > 0);
			continue;
		}
		assert_int_equal(url.scheme, cases[i].scheme);
		assert_string_equal(url.host, cases[i].host);
		assert_int_equal(url.port, cases[i].port);
	}
}

/* Names and paths that are too long are refused, not cut. */
static void test_endpoint__refuses_long_urls(void **state)
{
	(void)state;
	static const struct {
		const char *prefix;
		size_t fill;
		const char *suffix;
		int rc;
	} cases[] = {
		{ "tcp://", 223, ":1", 0 },
		{ "tcp://", 224, ":1", TR_EINVAL },
		{ "tcp://", 300, ":1", TR_EINVAL },
		{ "ipc://", 107, "", 0 },
		{ "ipc://", 108, "", TR_EINVAL },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		char fill[512] = { 0 }, text[600];
		memset(fill, 'a', cases[i].fill);
		snprintf(text, sizeof(text), "%s%s%s", cases[i].prefix, fill,
			cases[i].suffix);
		struct tr_url url;
		assert_int_equal(tr_url_parse(&url, text, NULL), cases[i].rc);
	}
}

/* What stays on this machine. */
static void test_endpoint__knows_what_is_local(void **state)
{
	(void)state;
	static const struct {
		const char *url;
		bool local;
	} cases[] = {
		{ "ipc:///tmp/x", true },
		{ "tcp://127.0.0.1:1", true },
		{ "tcp://127.9.8.7:1", true },
		{ "tcp://[::1]:1", true },
		{ "tls+tcp://localhost:1", true },
		{ "tcp://128.0.0.1:1", false },
		{ "tcp://0.0.0.0:1", false },
		{ "tcp://[::]:1", false },
		{ "tcp://*:1", false },
		{ "tcp://10.0.0.1:1", false },
		{ "tcp://localhost.example.com:1", false },
		{ "tcp://127.0.0.1.example.com:1", false },
		{ "nonsense", false },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++)
		assert_int_equal(
			tr_net_url_is_local(cases[i].url), cases[i].local);
}

/* Plain TCP beyond this machine needs the user's word for it. */
static void test_endpoint__clear_text_needs_insecure(void **state)
{
	(void)state;
	static const struct tr_tls_opts tls = { .ca_file = "x" };
	static const struct {
		struct tr_net_endpoint at;
		int rc;
		const char *part;
	} cases[] = {
		{ { .url = "tcp://0.0.0.0:1" }, TR_EINVAL, "--insecure" },
		{ { .url = "tcp://10.0.0.1:1" }, TR_EINVAL, "--insecure" },
		{ { .url = "tcp://10.0.0.1:1", .insecure = true }, 0, "" },
		{ { .url = "tcp://127.0.0.1:1" }, 0, "" },
		{ { .url = "tls+tcp://10.0.0.1:1", .tls = &tls }, 0, "" },
		{ { .url = "tls+tcp://10.0.0.1:1" }, TR_EINVAL, "certificate" },
		{ { .url = "tcp://127.0.0.1:1", .tls = &tls }, TR_EINVAL,
			"tls+tcp://" },
		{ { .url = "ipc:///tmp/x" }, 0, "" },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_error err = { 0 };
		assert_int_equal(
			tr_net_endpoint_check(&cases[i].at, &err), cases[i].rc);
		assert_non_null(strstr(err.text, cases[i].part));
	}
}

/* Port 0 is replaced by the one in use, and an address serves once. */
static void test_endpoint__listens_once(void **state)
{
	(void)state;
	static const char *const urls[] = { "tcp://127.0.0.1:0",
		"tcp://[::1]:0" };
	for (size_t i = 0; i < TR_ARRAY_LEN(urls); i++) {
		struct tr_net_endpoint at = { .url = urls[i] };
		nng_stream_listener *l, *second;
		char bound[TR_NET_URL_MAX], again[TR_NET_URL_MAX];
		struct tr_error err = { 0 };
		assert_int_equal(tr_endpoint_listener(&at, &l, bound, &err), 0);
		struct tr_url url;
		assert_int_equal(tr_url_parse(&url, bound, &err), 0);
		assert_true(url.port > 0);
		at.url = bound;
		assert_int_equal(
			tr_endpoint_listener(&at, &second, again, &err),
			TR_EEXIST);
		assert_non_null(strstr(err.text, bound));
		nng_stream_listener_close(l);
		nng_stream_listener_free(l);
	}
}

/* A socket file that nobody listens on any more does not stand in the way. */
static void test_endpoint__replaces_a_stale_socket(void **state)
{
	(void)state;
	char dir[] = "/tmp/tr-stale-XXXXXX", path[64], text[128];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	snprintf(text, sizeof(text), "ipc://%s", path);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	memcpy(sa.sun_path, path, sizeof(path));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);

	struct tr_net_endpoint at = { .url = text };
	nng_stream_listener *l, *second;
	char bound[TR_NET_URL_MAX];
	struct tr_error err = { 0 };
	assert_int_equal(tr_endpoint_listener(&at, &l, bound, &err), 0);
	assert_int_equal(
		tr_endpoint_listener(&at, &second, bound, &err), TR_EEXIST);
	nng_stream_listener_close(l);
	nng_stream_listener_free(l);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

TR_TEST_MAIN(cmocka_unit_test(test_endpoint__parses_urls),
	cmocka_unit_test(test_endpoint__refuses_long_urls),
	cmocka_unit_test(test_endpoint__knows_what_is_local),
	cmocka_unit_test(test_endpoint__clear_text_needs_insecure),
	cmocka_unit_test(test_endpoint__listens_once),
	cmocka_unit_test(test_endpoint__replaces_a_stale_socket));
