#include "driver/ctl/args.h"

#include <getopt.h>
#include <string.h>

#include "common/base/xalloc.h"
#include "common/config/suggest.h"
#include "common/config/value.h"

enum {
	OPTIONS_MAX = 64,
	HELP_COLUMN = 28,
	FIRST_VAL = 256, /* of long options, behind all letters */
};

/* ---------------------------------------------------------------- parsing */

/* What getopt_long wants to know of a verb's options. */
struct scan {
	const struct tr_ctl_option *options[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 1];
	char letters[2 * OPTIONS_MAX + 2];
	size_t n;
};

static void scan_init(struct scan *s, const struct tr_verb *verb)
{
	size_t at = 0;
	memset(s, 0, sizeof(*s));
	s->letters[at++] = ':'; /* tell missing values from unknown options */
	for (size_t g = 0; g < TR_VERB_GROUPS_MAX && verb->groups[g]; g++) {
		const struct tr_ctl_option *o = verb->groups[g];
		for (; o->name; o++, s->n++) {
			tr_assert(s->n < OPTIONS_MAX);
			s->options[s->n] = o;
			s->longs[s->n] = (struct option){ .name = o->name,
				.has_arg = o->value ? required_argument
						    : no_argument,
				.val = FIRST_VAL + (int)s->n };
			if (!o->letter)
				continue;
			s->letters[at++] = o->letter;
			if (o->value)
				s->letters[at++] = ':';
		}
	}
}

static const struct tr_ctl_option *scan_find(const struct scan *s, int c)
{
	if (c >= FIRST_VAL)
		return s->options[c - FIRST_VAL];
	for (size_t i = 0; i < s->n; i++)
		if (s->options[i]->letter == c)
			return s->options[i];
	return NULL;
}

static int refuse_option(
	const struct scan *s, const char *arg, struct tr_error *err)
{
	char name[64];
	/* Of several letters in one argument optind is not behind it yet. */
	if (optopt > 0 && optopt < FIRST_VAL)
		return tr_error_set(
			err, TR_EINVAL, "unknown option '-%c'", optopt);
	snprintf(name, sizeof(name), "%s", arg + 2);
	name[strcspn(name, "=")] = '\0';
	struct tr_suggest names = tr_suggest_for(name);
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->options[i]->name, name) == 0)
			return tr_error_set(err, TR_EINVAL,
				"option '--%s' takes no value", name);
		tr_suggest_offer(&names, s->options[i]->name);
	}
	if (names.best)
		return tr_error_set(err, TR_EINVAL,
			"unknown option '--%s', did you mean '--%s'?", name,
			names.best);
	return tr_error_set(err, TR_EINVAL, "unknown option '--%s'", name);
}

static int parse_options(struct tr_args *a, const struct scan *s, int argc,
	char **argv, struct tr_error *err)
{
	int c;
	opterr = 0;
	optind = 0; /* glibc: start anew */
	while ((c = getopt_long(argc, argv, s->letters, s->longs, NULL)) !=
		-1) {
		const struct tr_ctl_option *o = scan_find(s, c);
		if (c == ':')
			return tr_error_set(err, TR_EINVAL,
				"option '%s' needs a value", argv[optind - 1]);
		if (!o)
			return refuse_option(s, argv[optind - 1], err);
		a->given[a->n_given++] = (struct tr_given){ o, optarg };
	}
	return 0;
}

static int check_operands(const struct tr_args *a, struct tr_error *err)
{
	const struct tr_verb *v = a->verb;
	if (a->n_operands < v->operands_min)
		return tr_error_set(
			err, TR_EINVAL, "'%s' needs %s", v->name, v->operands);
	if (a->n_operands > v->operands_max)
		return tr_error_set(err, TR_EINVAL,
			"'%s' is one argument too many",
			a->operands[v->operands_max]);
	return 0;
}

int tr_args_parse(struct tr_args *a, const struct tr_verb *verb, int argc,
	char **argv, struct tr_error *err)
{
	struct scan s;
	scan_init(&s, verb);
	*a = (struct tr_args){ .verb = verb,
		.given = tr_xcalloc((size_t)argc * 2 + 1, sizeof(*a->given)) };
	int rc = parse_options(a, &s, argc, argv, err);
	if (rc == 0) {
		a->operands = argv + optind;
		a->n_operands = (size_t)(argc - optind);
		rc = check_operands(a, err);
	}
	if (rc != 0)
		tr_args_fini(a);
	return rc;
}

void tr_args_fini(struct tr_args *a)
{
	tr_xfree(a->given);
	*a = (struct tr_args){ 0 };
}

/* ----------------------------------------------------------------- values */

bool tr_args_knows(const struct tr_args *a, const char *name)
{
	const struct tr_ctl_option *const *g = a->verb->groups;
	for (size_t i = 0; i < TR_VERB_GROUPS_MAX && g[i]; i++)
		for (const struct tr_ctl_option *o = g[i]; o->name; o++)
			if (strcmp(o->name, name) == 0)
				return true;
	return false;
}

bool tr_args_has(const struct tr_args *a, const char *name)
{
	tr_assert(tr_args_knows(a, name));
	for (size_t i = 0; i < a->n_given; i++)
		if (strcmp(a->given[i].option->name, name) == 0)
			return true;
	return false;
}

const char *tr_args_get(const struct tr_args *a, const char *name)
{
	tr_assert(tr_args_knows(a, name));
	for (size_t i = a->n_given; i-- > 0;)
		if (strcmp(a->given[i].option->name, name) == 0)
			return a->given[i].value;
	return NULL;
}

const char *tr_args_nth(const struct tr_args *a, const char *name, size_t i)
{
	tr_assert(tr_args_knows(a, name));
	for (size_t k = 0; k < a->n_given; k++)
		if (strcmp(a->given[k].option->name, name) == 0 && i-- == 0)
			return a->given[k].value;
	return NULL;
}

int tr_args_uint(const struct tr_args *a, const char *name, uint64_t max,
	uint64_t *out, struct tr_error *err)
{
	const char *text = tr_args_get(a, name);
	uint64_t v;
	if (!text)
		return 0;
	int rc = tr_value_uint(text, &v, err);
	if (rc == 0 && v > max)
		rc = tr_error_set(err, TR_EINVAL, "'%s' is above %llu", text,
			(unsigned long long)max);
	if (rc != 0)
		return tr_error_prefix(err, "--%s", name);
	*out = v;
	return 0;
}

int tr_args_size(const struct tr_args *a, const char *name, uint64_t *out,
	struct tr_error *err)
{
	const char *text = tr_args_get(a, name);
	if (!text)
		return 0;
	int rc = tr_value_size(text, out, err);
	return rc ? tr_error_prefix(err, "--%s", name) : 0;
}

int tr_args_duration(const struct tr_args *a, const char *name, uint64_t max,
	uint64_t *ms, struct tr_error *err)
{
	const char *text = tr_args_get(a, name);
	uint64_t v;
	if (!text)
		return 0;
	int rc = tr_value_duration(text, &v, err);
	if (rc == 0 && v > max)
		rc = tr_error_set(err, TR_EINVAL, "'%s' is too long", text);
	if (rc != 0)
		return tr_error_prefix(err, "--%s", name);
	*ms = v;
	return 0;
}

/* ------------------------------------------------------------------- help */

static void print_option(const struct tr_ctl_option *o, FILE *out)
{
	char left[80];
	int n = snprintf(left, sizeof(left), "  %c%c%c --%s%s%s",
		o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
		o->letter ? ',' : ' ', o->name, o->value ? " " : "",
		o->value ? o->value : "");
	if (n < HELP_COLUMN - 1)
		fprintf(out, "%-*s", HELP_COLUMN, left);
	else
		fprintf(out, "%s\n%*s", left, HELP_COLUMN, "");
	/* Help of several lines goes on below its own column. */
	for (const char *line = o->help, *end; line; line = end) {
		end = strchr(line, '\n');
		int len = end ? (int)(end++ - line) : (int)strlen(line);
		fprintf(out, "%.*s\n", len, line);
		if (end)
			fprintf(out, "%*s", HELP_COLUMN, "");
	}
}

void tr_args_print_help(const struct tr_verb *v, FILE *out)
{
	fprintf(out, "usage: tranche %s%s%s [options]\n\n%s\n", v->name,
		*v->operands ? " " : "", v->operands, v->summary);
	if (v->text)
		fprintf(out, "\n%s", v->text);
	for (size_t g = 0; g < TR_VERB_GROUPS_MAX && v->groups[g]; g++) {
		fputc('\n', out);
		for (const struct tr_ctl_option *o = v->groups[g]; o->name; o++)
			print_option(o, out);
	}
	fprintf(out, "\nexamples:\n%s", v->examples);
}

void tr_args_print_overview(FILE *out)
{
	fputs("usage: tranche VERB … [options]\n\n"
	      "Runs jobs over exact offset ranges of Kafka topics.\n\n",
		out);
	for (size_t i = 0; i < tr_verbs_n; i++)
		fprintf(out, "  %-22s %s\n", tr_verbs[i]->name,
			tr_verbs[i]->summary);
	fputs("\n  tranche VERB --help    options and examples of a verb\n"
	      "  tranche --version      print the version\n"
	      "\n"
	      "The driver's address and token come from --driver, "
	      "TRANCHE_DRIVER, TRANCHE_TOKEN_FILE\n"
	      "or ~/.config/tranche/tranche.conf; see tranche.conf(5).\n",
		out);
}

/* ------------------------------------------------------------------ verbs */

/* How many words of argv, from argv[1] on, are the verb's name; 0: others. */
static int match(const struct tr_verb *v, int argc, char **argv)
{
	const char *space = strchr(v->name, ' ');
	size_t n = space ? (size_t)(space - v->name) : strlen(v->name);
	if (strlen(argv[1]) != n || strncmp(argv[1], v->name, n) != 0)
		return 0;
	if (!space)
		return 1;
	return argc > 2 && strcmp(argv[2], space + 1) == 0 ? 2 : 0;
}

/* The second words of the verbs that begin with `first`, for a message. */
static bool list_seconds(const char *first, char *out, size_t size)
{
	size_t n = strlen(first), len = 0;
	for (size_t i = 0; i < tr_verbs_n; i++) {
		const char *name = tr_verbs[i]->name;
		if (strncmp(name, first, n) != 0 || name[n] != ' ')
			continue;
		int k = snprintf(out + len, size - len, "%s%s", len ? ", " : "",
			name + n + 1);
		len += (size_t)k;
		tr_assert(len < size);
	}
	return len > 0;
}

static int refuse_verb(int argc, char **argv, struct tr_error *err)
{
	char seconds[128], name[128];
	bool begins = list_seconds(argv[1], seconds, sizeof(seconds));
	if (begins && argc < 3)
		return tr_error_set(err, TR_EINVAL, "'%s' needs one of: %s",
			argv[1], seconds);
	/* "jobs list" is meant as two words, "submitt job.lua" as one. */
	snprintf(name, sizeof(name), "%s%s%s", argv[1], argc > 2 ? " " : "",
		argc > 2 ? argv[2] : "");
	struct tr_suggest one = tr_suggest_for(argv[1]);
	struct tr_suggest two = tr_suggest_for(name);
	for (size_t i = 0; i < tr_verbs_n; i++) {
		tr_suggest_offer(&one, tr_verbs[i]->name);
		tr_suggest_offer(&two, tr_verbs[i]->name);
	}
	const char *best = two.best ? two.best : one.best;
	const char *wrong = begins || two.best ? name : argv[1];
	if (best)
		return tr_error_set(err, TR_EINVAL,
			"unknown verb '%s', did you mean '%s'?", wrong, best);
	return tr_error_set(err, TR_EINVAL, "unknown verb '%s'", wrong);
}

int tr_args_find_verb(int argc, char **argv, const struct tr_verb **verb,
	int *used, struct tr_error *err)
{
	for (size_t i = 0; i < tr_verbs_n; i++) {
		int n = match(tr_verbs[i], argc, argv);
		if (n == 0)
			continue;
		*verb = tr_verbs[i];
		*used = n;
		return 0;
	}
	return refuse_verb(argc, argv, err);
}
