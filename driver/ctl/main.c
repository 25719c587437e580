/* tranche: finds the verb, parses, runs it, says what went wrong. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "driver/ctl/ctl.h"
#include "driver/ctl/output.h"

static bool is_any(const char *word, const char *a, const char *b)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (is_any(argv[i], "-h", "--help"))
			return true;
	return false;
}

static void complain(const struct tr_ctl *ctl, const struct tr_error *err)
{
	fprintf(stderr, "tranche: %s\n", err->text);
	if (!ctl->json || ctl->answered)
		return;
	json_t *text = json_string(err->text);
	tr_output_print_json(json_pack("{s:{s:s,s:o}}", "error", "code",
		tr_err_name(err->code), "text",
		text ? text : json_string("?")));
}

static enum tr_exit usage(const struct tr_verb *verb, struct tr_error *err)
{
	fprintf(stderr, "tranche: %s\ntry: tranche %s%s--help\n", err->text,
		verb ? verb->name : "", verb ? " " : "");
	return TR_EXIT_USAGE;
}

static enum tr_exit run(const struct tr_verb *verb, int argc, char **argv)
{
	struct tr_ctl ctl = { .json = false };
	struct tr_error err = { .code = 0 };
	if (tr_args_parse(&ctl.args, verb, argc, argv, &err) != 0)
		return usage(verb, &err);
	ctl.json = tr_args_has(&ctl.args, "json");
	enum tr_exit code = verb->run(&ctl, &err);
	if (code == TR_EXIT_OK && (fflush(stdout) != 0 || ferror(stdout))) {
		tr_error_set(&err, TR_EIO, "cannot write to stdout");
		code = TR_EXIT_FAILED;
	}
	if (code != TR_EXIT_OK && err.text[0])
		complain(&ctl, &err);
	if (ctl.loaded)
		tr_client_conf_free(&ctl.conf);
	tr_args_fini(&ctl.args);
	return code;
}

int main(int argc, char **argv)
{
	const struct tr_verb *verb;
	struct tr_error err;
	int words;
	if (argc < 2) {
		tr_args_print_overview(stderr);
		return TR_EXIT_USAGE;
	}
	if (is_any(argv[1], "-V", "--version")) {
		puts("tranche " TR_VERSION_TEXT);
		return TR_EXIT_OK;
	}
	if (is_any(argv[1], "-h", "--help") || strcmp(argv[1], "help") == 0) {
		tr_args_print_overview(stdout);
		return TR_EXIT_OK;
	}
	if (tr_args_find_verb(argc, argv, &verb, &words, &err) != 0)
		return (int)usage(NULL, &err);
	if (wants_help(argc - words, argv + words)) {
		tr_args_print_help(verb, stdout);
		return TR_EXIT_OK;
	}
	return (int)run(verb, argc - words, argv + words);
}
