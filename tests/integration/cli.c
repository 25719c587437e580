#include "tests/integration/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock/clock.h"

enum {
	ENV_MAX = 8,
};

void cli_start_list(struct cluster *c, struct cli *r, const char *const *env,
	const char *const *args)
{
	static unsigned n;
	char program[PROCESS_PATH_MAX];
	char config[PROCESS_PATH_MAX + 16], name[32];
	const char *argv[CLI_ARGS_MAX + 2] = { program };
	const char *all[ENV_MAX + 2] = { config };

	memset(r, 0, sizeof(*r));
	cluster_program("tranche", program);
	snprintf(config, sizeof(config), "TRANCHE_CONFIG=%s", c->client_conf);
	for (size_t i = 0; env != NULL && env[i] != NULL; i++) {
		assert_true(i < ENV_MAX);
		all[i + 1] = env[i];
	}
	for (size_t i = 0; args[i] != NULL; i++) {
		assert_true(i < CLI_ARGS_MAX);
		argv[i + 1] = args[i];
	}
	snprintf(name, sizeof(name), "cli%u.out", n);
	cluster_path(c, name, r->out_path);
	snprintf(name, sizeof(name), "cli%u.err", n++);
	cluster_path(c, name, r->err_path);
	r->started_ms = tr_clock_mono_ms();
	process_start(&r->p, &(struct process_spec){ .argv = argv,
				     .env = all,
				     .out = r->out_path,
				     .err = r->err_path,
				     .folder = c->folder });
}

static void collect(va_list ap, const char *args[CLI_ARGS_MAX + 1])
{
	size_t n = 0;

	while ((args[n] = va_arg(ap, const char *)) != NULL)
		assert_true(++n < CLI_ARGS_MAX);
}

void cli_start(struct cluster *c, struct cli *r, ...)
{
	const char *args[CLI_ARGS_MAX + 1];
	va_list ap;

	va_start(ap, r);
	collect(ap, args);
	va_end(ap);
	cli_start_list(c, r, NULL, args);
}

int cli_wait(struct cli *r, uint64_t ms)
{
	r->status = process_wait(&r->p, ms);
	r->took_ms = tr_clock_mono_ms() - r->started_ms;
	r->out = file_text(r->out_path);
	r->err = file_text(r->err_path);
	if (r->status == PROCESS_RUNNING)
		fail_msg("the command has not ended: %s", r->err);
	return r->status;
}

int cli_run(struct cluster *c, struct cli *r, ...)
{
	const char *args[CLI_ARGS_MAX + 1];
	va_list ap;

	va_start(ap, r);
	collect(ap, args);
	va_end(ap);
	cli_start_list(c, r, NULL, args);
	return cli_wait(r, CLI_JOB_MS);
}

void cli_ok(struct cluster *c, struct cli *r, ...)
{
	const char *args[CLI_ARGS_MAX + 1];
	va_list ap;

	va_start(ap, r);
	collect(ap, args);
	va_end(ap);
	cli_start_list(c, r, NULL, args);
	if (cli_wait(r, CLI_JOB_MS) != 0)
		fail_msg("tranche %s: exit %d: %s", args[0], r->status, r->err);
}

void cli_free(struct cli *r)
{
	process_kill(&r->p);
	free(r->out);
	free(r->err);
	memset(r, 0, sizeof(*r));
}

json_t *cli_json(const struct cli *r)
{
	json_error_t why;
	json_t *json = json_loads(r->out, JSON_DECODE_ANY, &why);

	if (json == NULL)
		fail_msg("no JSON (%s): %s", why.text, r->out);
	return json;
}

unsigned cli_active_executors(struct cluster *c)
{
	struct cli r;
	unsigned n = 0;
	size_t i;
	json_t *one;

	if (cli_run(c, &r, "executor", "list", "--json", NULL) == 0) {
		json_t *list = cli_json(&r);
		json_array_foreach(json_object_get(list, "executors"), i, one)
		{
			const char *state = json_string_value(
				json_object_get(one, "state"));
			if (state != NULL && strcmp(state, "active") == 0)
				n++;
		}
		json_decref(list);
	}
	cli_free(&r);
	return n;
}
