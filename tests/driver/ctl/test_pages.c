/*
 * The manual's pages, docs/cli.md and the shell's completion against the
 * tables that the programs run on.
 */
#include "tests/support/test.h"

#include <string.h>

#include "common/config/config.h"
#include "driver/ctl/verb.h"

enum {
	PAGE_MAX = 1 << 18
};

/* The text of a file of the project, to be freed. */
static char *page(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), TR_SOURCE_DIR "/%s", name);
	FILE *f = fopen(path, "re");
	if (!f)
		fail_msg("cannot open %s", path);
	char *text = malloc(PAGE_MAX);
	assert_non_null(text);
	size_t n = fread(text, 1, PAGE_MAX - 1, f);
	assert_true(n < PAGE_MAX - 1);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* Dashes as troff wants them: \- for one that is no hyphen. */
static void troff(char *out, size_t size, const char *text)
{
	size_t n = 0;
	for (; *text && n + 3 < size; text++) {
		if (*text == '-')
			out[n++] = '\\';
		out[n++] = *text;
	}
	out[n] = '\0';
}

/* The part of the page on one verb: from its heading to the next. */
static char *section_of(const char *text, const struct tr_verb *verb)
{
	char heading[128], name[96];
	troff(name, sizeof(name), verb->name);
	snprintf(heading, sizeof(heading), "\n.SS %s\n", name);
	const char *from = strstr(text, heading);
	if (!from)
		fail_msg("tranche.1 has no heading '.SS %s'", name);
	const char *until = strstr(from + strlen(heading) - 1, "\n.S");
	return strndup(from, until ? (size_t)(until - from) : strlen(from));
}

static void check_option(const char *text, const char *section,
	const struct tr_verb *verb, const struct tr_ctl_option *o, bool own)
{
	char dashed[96], name[128];
	snprintf(dashed, sizeof(dashed), "--%s", o->name);
	troff(name, sizeof(name), dashed);
	if (!strstr(own ? section : text, name))
		fail_msg("tranche.1 does not have %s of '%s'", dashed,
			verb->name);
}

/* A verb's own options stand in its section, shared ones anywhere. */
static void test_page_tranche__has_every_verb_and_option(void **state)
{
	char *text = page("docs/man/tranche.1");
	(void)state;
	for (size_t i = 0; i < tr_verbs_n; i++) {
		const struct tr_verb *v = tr_verbs[i];
		char *section = section_of(text, v);
		for (size_t g = 0; g < TR_VERB_GROUPS_MAX && v->groups[g];
			g++) {
			const struct tr_ctl_option *o = v->groups[g];
			bool own = g == 0 && o != tr_options_driver;
			for (; o->name; o++)
				check_option(text, section, v, o, own);
		}
		free(section);
	}
	free(text);
}

static void test_cli_md__has_every_verb(void **state)
{
	char *text = page("docs/cli.md");
	(void)state;
	for (size_t i = 0; i < tr_verbs_n; i++) {
		char name[96];
		snprintf(name, sizeof(name), "tranche %s", tr_verbs[i]->name);
		if (!strstr(text, name))
			fail_msg("docs/cli.md does not have '%s'", name);
	}
	free(text);
}

/* Names that end a word: "job" is not in "jobs". */
static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = text; (at = strstr(at, word)); at += n) {
		bool begins = at == text || strchr(" \n\"'(|)", at[-1]);
		bool ends = strchr(" \n\"')|", at[n]) != NULL;
		if (begins && ends)
			return true;
	}
	return false;
}

static void test_completion__has_every_verb_and_option(void **state)
{
	char *text = page("deploy/completion/tranche.bash");
	(void)state;
	for (size_t i = 0; i < tr_verbs_n; i++) {
		const struct tr_verb *v = tr_verbs[i];
		char words[96], dashed[96];
		snprintf(words, sizeof(words), "%s", v->name);
		char *rest = words, *word;
		while ((word = strsep(&rest, " ")))
			if (!has_word(text, word))
				fail_msg("no '%s' in the completion", word);
		for (size_t g = 0; g < TR_VERB_GROUPS_MAX && v->groups[g]; g++)
			for (const struct tr_ctl_option *o = v->groups[g];
				o->name; o++) {
				snprintf(dashed, sizeof(dashed), "--%s",
					o->name);
				if (!has_word(text, dashed))
					fail_msg("no %s of '%s' in the "
						 "completion",
						dashed, v->name);
			}
	}
	free(text);
}

/* Every line "name =" of the printed configurations. */
static void test_page_conf__has_every_setting(void **state)
{
	char *text = page("docs/man/tranche.conf.5");
	unsigned n = 0;
	(void)state;
	for (int of = TR_CONFIG_DRIVER; of <= TR_CONFIG_CLIENT; of++) {
		char *conf = NULL;
		size_t size;
		FILE *f = open_memstream(&conf, &size);
		tr_config_print((enum tr_config_of)of, f);
		fclose(f);
		char *rest = conf, *line;
		while ((line = strsep(&rest, "\n"))) {
			char *eq = strstr(line, " =");
			bool is_help = strncmp(line, "# ", 2) == 0;
			if (!eq || is_help)
				continue;
			*eq = '\0';
			char name[96], want[128];
			troff(name, sizeof(name), line + (*line == '#'));
			snprintf(want, sizeof(want), "\n.B %s", name);
			if (!strstr(text, want))
				fail_msg("tranche.conf.5 does not have %s",
					name);
			n++;
		}
		free(conf);
	}
	assert_true(n > 30);
	free(text);
}

TR_TEST_MAIN(cmocka_unit_test(test_page_tranche__has_every_verb_and_option),
	cmocka_unit_test(test_cli_md__has_every_verb),
	cmocka_unit_test(test_completion__has_every_verb_and_option),
	cmocka_unit_test(test_page_conf__has_every_setting));
