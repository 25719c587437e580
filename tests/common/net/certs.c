#include "tests/support/test.h"

#include "tests/common/net/certs.h"

#include <unistd.h>

#include "common/base/check.h"

static void sh(const char *dir, const char *script)
{
	char cmd[2048];
	int n = snprintf(
		cmd, sizeof(cmd), "cd %s && { %s; } >log 2>&1", dir, script);
	assert_true(n > 0 && (size_t)n < sizeof(cmd));
	if (system(cmd) != 0)
		fail_msg("failed in %s: %s", dir, script);
}

static void make_ca(const char *dir, const char *name)
{
	char script[512];
	snprintf(script, sizeof(script),
		"openssl req -x509 -newkey ec -pkeyopt "
		"ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.pem "
		"-days 30 -subj /CN=%s",
		name, name, name);
	sh(dir, script);
}

static void make_cert(const char *dir, const char *ca, const char *name,
	const char *dns, const char *days)
{
	char script[1024];
	snprintf(script, sizeof(script),
		"openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
		"-nodes -keyout %s.key -out %s.csr -subj /CN=%s && "
		"printf 'subjectAltName=DNS:%s\\n' >%s.ext && "
		"openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key "
		"-CAcreateserial -days %s -extfile %s.ext -out %s.crt && "
		"cat %s.crt %s.key >%s.pem && chmod 600 %s.pem",
		name, name, dns, dns, name, name, ca, ca, days, name, name,
		name, name, name, name);
	sh(dir, script);
}

static void path(char out[CERTS_PATH_MAX], const char *dir, const char *name)
{
	snprintf(out, CERTS_PATH_MAX, "%s/%s.pem", dir, name);
}

void certs_make(struct certs *c)
{
	snprintf(c->dir, sizeof(c->dir), "/tmp/tr-certs-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	make_ca(c->dir, "ca");
	make_ca(c->dir, "other_ca");
	make_cert(c->dir, "ca", "server", "driver", "30");
	make_cert(c->dir, "ca", "client", "executor", "30");
	make_cert(c->dir, "other_ca", "other", "executor", "30");
	make_cert(c->dir, "ca", "expired", "executor", "-1");
	path(c->ca, c->dir, "ca");
	path(c->other_ca, c->dir, "other_ca");
	path(c->server, c->dir, "server");
	path(c->client, c->dir, "client");
	path(c->other, c->dir, "other");
	path(c->expired, c->dir, "expired");
}

void certs_remove(struct certs *c)
{
	char cmd[128];
	snprintf(cmd, sizeof(cmd), "rm -rf %s", c->dir);
	assert_int_equal(system(cmd), 0);
}
