#include "tests/support/test.h"

#include <string.h>
#include <sys/stat.h>

#include "common/config/config.h"
#include "common/net/tls.h"
#include "driver/ctl/bundle.h"
#include "driver/ctl/pki.h"
#include "driver/ctl/tokens.h"
#include "tests/driver/ctl/scratch.h"

/* A cluster in a scratch folder, its driver on driver.test and 10.0.0.1. */
struct cluster {
	struct scratch scratch;
	char dir[PATH_MAX];
	struct tr_host_list hosts;
	struct tr_bundle_opts opts;
	char url[512];
};

static void cluster_open(struct cluster *c, const char *hosts)
{
	struct tr_error err;
	*c = (struct cluster){ .url = "" };
	scratch_make(&c->scratch);
	snprintf(c->dir, sizeof(c->dir), "%s",
		scratch_path(&c->scratch, "cluster"));
	assert_int_equal(tr_host_list_parse(&c->hosts, hosts, &err), 0);
	c->opts = (struct tr_bundle_opts){
		.dir = c->dir, .hosts = &c->hosts, .port = 7400, .days = 30
	};
	if (tr_bundle_init(&c->opts, c->url, &err) != 0)
		fail_msg("%s", err.text);
}

static void cluster_close(struct cluster *c)
{
	tr_host_list_fini(&c->hosts);
	scratch_remove(&c->scratch);
}

static const char *in(const struct cluster *c, const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "cluster/%s", name);
	return scratch_path(&c->scratch, path);
}

/* What a shell command says, to be looked through. */
static bool says(const char *part, const char *fmt, ...) TR_PRINTF(2, 3);

static bool says(const char *part, const char *fmt, ...)
{
	char cmd[PATH_MAX], out[16384];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	FILE *f = popen(cmd, "r");
	assert_non_null(f);
	size_t n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = '\0';
	pclose(f);
	return strstr(out, part) != NULL;
}

static void add(struct cluster *c, const char *name, char path[PATH_MAX])
{
	struct tr_error err;
	if (tr_bundle_add_executor(&c->opts, name, path, &err) != 0)
		fail_msg("%s", err.text);
}

static void test_bundle__certificates_verify(void **state)
{
	struct cluster c;
	char path[PATH_MAX];
	(void)state;
	cluster_open(&c, "driver.test,10.0.0.1");
	add(&c, "n1", path);
	static const char *const certs[] = { "driver/driver.pem",
		"client/client.pem", "executors/n1/executor.pem" };
	static const char *const purposes[] = { "sslserver", "sslclient" };
	for (size_t i = 0; i < TR_ARRAY_LEN(certs); i++)
		for (size_t k = 0; k < TR_ARRAY_LEN(purposes); k++)
			assert_true(says(": OK",
				"openssl verify -x509_strict -purpose %s "
				"-CAfile %s %s 2>&1",
				purposes[k], in(&c, "ca/ca.pem"),
				in(&c, certs[i])));
	assert_true(says("OK",
		"openssl verify -x509_strict -verify_hostname driver.test "
		"-CAfile %s %s 2>&1",
		in(&c, "ca/ca.pem"), in(&c, "driver/driver.pem")));
	assert_true(says("OK",
		"openssl verify -verify_ip 10.0.0.1 -CAfile %s %s 2>&1",
		in(&c, "ca/ca.pem"), in(&c, "driver/driver.pem")));
	assert_false(says(": OK",
		"openssl verify -verify_hostname other.test -CAfile %s %s "
		"2>&1",
		in(&c, "ca/ca.pem"), in(&c, "driver/driver.pem")));
	cluster_close(&c);
}

static void test_bundle__another_ca_does_not_verify(void **state)
{
	struct cluster a, b;
	(void)state;
	cluster_open(&a, "driver.test");
	cluster_open(&b, "driver.test");
	assert_false(says(": OK", "openssl verify -CAfile %s %s 2>&1",
		in(&a, "ca/ca.pem"), in(&b, "driver/driver.pem")));
	cluster_close(&a);
	cluster_close(&b);
}

static void test_bundle__a_leaf_issues_nothing(void **state)
{
	struct cluster c;
	(void)state;
	cluster_open(&c, "driver.test");
	assert_true(says("CA:FALSE", "openssl x509 -noout -text -in %s",
		in(&c, "driver/driver.pem")));
	assert_true(says("CA:TRUE, pathlen:0",
		"openssl x509 -noout -text -in %s", in(&c, "ca/ca.pem")));
	cluster_close(&c);
}

static void test_bundle__days_are_counted_from_today(void **state)
{
	struct cluster c;
	(void)state;
	cluster_open(&c, "driver.test");
	/* 30 days: good in 29, not in 31. */
	assert_true(says("will not expire",
		"openssl x509 -noout -checkend %d -in %s", 29 * 86400,
		in(&c, "driver/driver.pem")));
	assert_true(
		says("will expire", "openssl x509 -noout -checkend %d -in %s",
			31 * 86400, in(&c, "driver/driver.pem")));
	cluster_close(&c);
}

static void test_bundle__only_the_owner_reads(void **state)
{
	struct cluster c;
	char path[PATH_MAX];
	(void)state;
	cluster_open(&c, "driver.test");
	add(&c, "n1", path);
	assert_false(says("/", "find %s -type f ! -perm 600", c.dir));
	assert_false(says("/", "find %s -type d ! -perm 700", c.dir));
	assert_true(says("/executor.token", "find %s -type f", c.dir));
	cluster_close(&c);
}

static void test_bundle__nothing_is_overwritten(void **state)
{
	struct cluster c;
	struct tr_error err;
	char url[512], path[PATH_MAX], other[PATH_MAX];
	(void)state;
	cluster_open(&c, "driver.test");
	assert_int_equal(tr_bundle_init(&c.opts, url, &err), TR_EEXIST);
	assert_non_null(strstr(err.text, "cluster/ca'"));
	add(&c, "n1", path);
	assert_int_equal(
		tr_bundle_add_executor(&c.opts, "n1", other, &err), TR_EEXIST);
	assert_non_null(strstr(err.text, path));
	add(&c, "n2", other);
	cluster_close(&c);
}

static void test_bundle__configurations_load(void **state)
{
	struct cluster c;
	struct tr_error err;
	struct tr_driver_conf driver;
	struct tr_executor_conf executor;
	struct tr_client_conf client;
	char path[PATH_MAX];
	(void)state;
	unsetenv("TRANCHE_DRIVER");
	cluster_open(&c, "driver.test,10.0.0.1");
	add(&c, "n1", path);
	assert_string_equal(c.url, "tls+tcp://driver.test:7400");
	assert_int_equal(tr_driver_conf_load(&driver,
				 in(&c, "driver/driver.conf"), NULL, 0, &err),
		0);
	assert_string_equal(driver.listen, "tls+tcp://0.0.0.0:7400");
	assert_string_equal(driver.tls.cert, in(&c, "driver/driver.pem"));
	assert_int_equal(tr_client_conf_load(&client,
				 in(&c, "client/tranche.conf"), NULL, 0, &err),
		0);
	assert_string_equal(client.driver, c.url);
	assert_int_equal(
		tr_executor_conf_load(&executor,
			in(&c, "executors/n1/executor.conf"), NULL, 0, &err),
		0);
	assert_string_equal(executor.driver, c.url);
	assert_string_equal(executor.name, "n1");
	assert_string_equal(executor.advertise, "tls+tcp://driver.test:7400");
	/* What dials and listens takes these files. */
	struct tr_tls_opts tls = { .ca_file = executor.tls.ca,
		.cert_key_file = executor.tls.cert };
	if (tr_tls_check(&tls, &err) != 0)
		fail_msg("%s", err.text);
	tr_driver_conf_free(&driver);
	tr_executor_conf_free(&executor);
	tr_client_conf_free(&client);
	cluster_close(&c);
}

static void test_bundle__roles_have_tokens_of_their_own(void **state)
{
	struct cluster c;
	char path[PATH_MAX];
	(void)state;
	cluster_open(&c, "driver.test");
	add(&c, "n1", path);
	assert_true(says("3\n",
		"cat %s/driver/*.token | grep -cE '^[0-9a-f]{64}$'", c.dir));
	assert_true(says("3\n", "sort -u %s/driver/*.token | wc -l", c.dir));
	assert_true(says("same",
		"cmp %s/driver/executor.token %s/executors/n1/executor.token "
		"&& echo same",
		c.dir, c.dir));
	assert_true(says("same",
		"cmp %s/driver/submitter.token %s/client/submitter.token && "
		"echo same",
		c.dir, c.dir));
	assert_false(says("BEGIN PRIVATE",
		"cat %s/*/ca.pem %s/executors/n1/ca.pem", c.dir, c.dir));
	cluster_close(&c);
}

static void test_bundle__addresses_of_six_have_brackets(void **state)
{
	struct cluster c;
	(void)state;
	cluster_open(&c, "fd00::1");
	assert_string_equal(c.url, "tls+tcp://[fd00::1]:7400");
	cluster_close(&c);
}

static void test_bundle__without_a_cluster_says_how_to_make_one(void **state)
{
	struct tr_error err;
	struct tr_host_list hosts;
	char path[PATH_MAX];
	(void)state;
	assert_int_equal(tr_host_list_parse(&hosts, "n1", &err), 0);
	struct tr_bundle_opts o = {
		.dir = "/no/such/cluster", .hosts = &hosts, .port = 1, .days = 1
	};
	assert_int_equal(
		tr_bundle_add_executor(&o, "n1", path, &err), TR_ENOTFOUND);
	assert_non_null(strstr(err.text, "tranche cluster init"));
	tr_host_list_fini(&hosts);
}

static void test_bundle_check_name__table(void **state)
{
	static const struct {
		const char *name;
		int rc;
	} cases[] = {
		{ "node-1", 0 },
		{ "N_1.example", 0 },
		{ "", TR_EINVAL },
		{ ".hidden", TR_EINVAL },
		{ "..", TR_EINVAL },
		{ "-x", TR_EINVAL },
		{ "a/b", TR_EINVAL },
		{ "a b", TR_EINVAL },
		{ "a\nb", TR_EINVAL },
		{ "0123456789012345678901234567890123456789012345678901234567"
		  "8901234",
			TR_EINVAL },
	};
	struct tr_error err;
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++)
		assert_int_equal(
			tr_bundle_check_name(cases[i].name, &err), cases[i].rc);
}

static void test_host_list__refuses_empty_ones(void **state)
{
	static const char *const bad[] = { "", "a,,b", "a," };
	struct tr_host_list l;
	struct tr_error err;
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(bad); i++)
		assert_int_equal(
			tr_host_list_parse(&l, bad[i], &err), TR_EINVAL);
}

static void test_pki_issue__refuses_hosts_that_are_more_than_one(void **state)
{
	struct tr_pki_pair ca, leaf = { NULL, NULL };
	struct tr_pki_subject s = { .name = "x", .days = 1 };
	static const char *const hosts[] = { "a b", "a\",DNS:b", "" };
	struct tr_error err;
	(void)state;
	assert_int_equal(tr_pki_make_ca(&ca, &s, &err), 0);
	for (size_t i = 0; i < TR_ARRAY_LEN(hosts); i++) {
		s.hosts = &hosts[i];
		s.n_hosts = 1;
		assert_int_equal(tr_pki_issue(&leaf, &ca, &s, &err), TR_EINVAL);
	}
	tr_pki_free(&ca);
}

static void test_pki_issue__a_key_of_another_ca_is_refused(void **state)
{
	struct tr_pki_pair a, b, leaf = { NULL, NULL };
	struct tr_pki_subject s = { .name = "x", .days = 1 };
	struct tr_error err;
	(void)state;
	assert_int_equal(tr_pki_make_ca(&a, &s, &err), 0);
	assert_int_equal(tr_pki_make_ca(&b, &s, &err), 0);
	struct tr_pki_pair mixed = { a.cert, b.key };
	assert_int_equal(tr_pki_issue(&leaf, &mixed, &s, &err), TR_EAUTH);
	assert_null(leaf.cert);
	tr_pki_free(&a);
	tr_pki_free(&b);
}

TR_TEST_MAIN(cmocka_unit_test(test_bundle__certificates_verify),
	cmocka_unit_test(test_bundle__another_ca_does_not_verify),
	cmocka_unit_test(test_bundle__a_leaf_issues_nothing),
	cmocka_unit_test(test_bundle__days_are_counted_from_today),
	cmocka_unit_test(test_bundle__only_the_owner_reads),
	cmocka_unit_test(test_bundle__nothing_is_overwritten),
	cmocka_unit_test(test_bundle__configurations_load),
	cmocka_unit_test(test_bundle__roles_have_tokens_of_their_own),
	cmocka_unit_test(test_bundle__addresses_of_six_have_brackets),
	cmocka_unit_test(test_bundle__without_a_cluster_says_how_to_make_one),
	cmocka_unit_test(test_bundle_check_name__table),
	cmocka_unit_test(test_host_list__refuses_empty_ones),
	cmocka_unit_test(test_pki_issue__refuses_hosts_that_are_more_than_one),
	cmocka_unit_test(test_pki_issue__a_key_of_another_ca_is_refused));
