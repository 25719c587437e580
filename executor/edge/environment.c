#include "executor/edge/environment.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/xalloc.h"
#include "common/kafka/conf.h"

static const char *const harmless[] = {
	"PATH",
	"LANG",
	"LC_ALL",
	"TMPDIR",
	"SSL_CERT_FILE",
	"SSL_CERT_DIR",
#ifdef TR_FAILPOINTS
	"TRANCHE_FAILPOINT",
	"TRANCHE_FAILPOINT_LOG",
	"ASAN_OPTIONS",
	"LSAN_OPTIONS",
	"TSAN_OPTIONS",
	"UBSAN_OPTIONS",
#endif
};

static size_t add(char **env, size_t n, const char *name)
{
	const char *value = getenv(name);
	if (!value)
		return n;
	size_t size = strlen(name) + strlen(value) + 2;
	env[n] = tr_xmalloc(size);
	snprintf(env[n], size, "%s=%s", name, value);
	return n + 1;
}

char **tr_environment_new(const Tranche__V1__KafkaConf *kafka)
{
	size_t props = kafka ? kafka->n_properties : 0;
	char **env =
		tr_xcalloc(TR_ARRAY_LEN(harmless) + props + 1, sizeof(*env));
	size_t n = 0;
	for (size_t i = 0; i < TR_ARRAY_LEN(harmless); i++)
		n = add(env, n, harmless[i]);
	for (size_t i = 0; i < props; i++) {
		const Tranche__V1__Property *p = kafka->properties[i];
		const char *name = tr_kafka_job_env(p->value);
		if (name && tr_kafka_prop_is_secret(p->name))
			n = add(env, n, name);
	}
	return env;
}

void tr_environment_free(char **env)
{
	for (size_t i = 0; env[i]; i++)
		tr_xfree(env[i]);
	tr_xfree(env);
}
