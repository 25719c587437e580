#include "common/config/option.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/config/assign.h"
#include "common/config/secret.h"
#include "common/config/suggest.h"
#include "common/config/value.h"
#include "common/log/log.h"

static void *field(const struct tr_option *o, void *conf)
{
	return (char *)conf + o->offset;
}

static bool is_text(enum tr_option_type type)
{
	return type == TR_OPTION_TEXT || type == TR_OPTION_PATH ||
	       type == TR_OPTION_SECRET;
}

static void replace(char **at, char *text)
{
	free(*at);
	*at = text;
}

/* `path`, seen from the folder of `file` when it is relative. */
static char *path_from(const char *file, const char *path)
{
	const char *slash = file ? strrchr(file, '/') : NULL;
	if (!slash || path[0] == '/')
		return tr_xstrdup(path);
	size_t folder = (size_t)(slash - file) + 1;
	size_t size = folder + strlen(path) + 1;
	char *out = tr_xmalloc(size);
	memcpy(out, file, folder);
	memcpy(out + folder, path, size - folder);
	return out;
}

static int set_secret(
	char **at, const char *file, const char *value, struct tr_error *err)
{
	int rc = tr_secret_check(value, err);
	if (rc != 0)
		return rc;
	const char *path = strncmp(value, "file:", 5) == 0 ? value + 5 : NULL;
	if (!path) {
		replace(at, tr_xstrdup(value));
		return 0;
	}
	char *from = path_from(file, path);
	size_t size = strlen(from) + sizeof("file:");
	char *ref = tr_xmalloc(size);
	snprintf(ref, size, "file:%s", from);
	free(from);
	replace(at, ref);
	return 0;
}

static const char *number_text(
	enum tr_option_type type, char *out, size_t size, uint64_t v)
{
	if (type == TR_OPTION_DURATION)
		return tr_value_duration_text(out, size, v);
	if (type == TR_OPTION_SIZE)
		return tr_value_size_text(out, size, v);
	snprintf(out, size, "%llu", (unsigned long long)v);
	return out;
}

static int read_number(enum tr_option_type type, const char *value, uint64_t *v,
	struct tr_error *err)
{
	if (type == TR_OPTION_DURATION)
		return tr_value_duration(value, v, err);
	if (type == TR_OPTION_SIZE)
		return tr_value_size(value, v, err);
	return tr_value_uint(value, v, err);
}

static int set_number(const struct tr_option *o, void *at, const char *value,
	struct tr_error *err)
{
	uint64_t v;
	int rc = read_number(o->type, value, &v, err);
	if (rc != 0)
		return rc;
	uint64_t max = o->max;
	if (max == 0)
		max = o->type == TR_OPTION_SIZE ? UINT64_MAX : UINT32_MAX;
	char limit[32];
	if (v < o->min)
		return tr_error_set(err, TR_EINVAL, "'%s' is below %s", value,
			number_text(o->type, limit, sizeof(limit), o->min));
	if (v > max)
		return tr_error_set(err, TR_EINVAL, "'%s' is above %s", value,
			number_text(o->type, limit, sizeof(limit), max));
	if (o->type == TR_OPTION_SIZE)
		*(uint64_t *)at = v;
	else
		*(uint32_t *)at = (uint32_t)v;
	return 0;
}

static int set_level(void *at, const char *value, struct tr_error *err)
{
	if (tr_log_level_parse(value, at))
		return 0;
	return tr_error_set(err, TR_EINVAL,
		"'%s' is none of err, warn, info, debug", value);
}

static int set_value(const struct tr_option *o, void *conf, const char *file,
	const char *value, struct tr_error *err)
{
	void *at = field(o, conf);
	switch (o->type) {
	case TR_OPTION_TEXT:
		replace(at, tr_xstrdup(value));
		return 0;
	case TR_OPTION_PATH:
		replace(at, path_from(file, value));
		return 0;
	case TR_OPTION_SECRET:
		return set_secret(at, file, value, err);
	case TR_OPTION_BOOL:
		return tr_value_bool(value, at, err);
	case TR_OPTION_LEVEL:
		return set_level(at, value, err);
	case TR_OPTION_UINT:
	case TR_OPTION_DURATION:
	case TR_OPTION_SIZE:
		return set_number(o, at, value, err);
	case TR_OPTION_LIST:
		break;
	}
	tr_assert(o->type != TR_OPTION_LIST); /* it has no single value */
	return TR_EINVAL;
}

/* A later setting of the same name takes the place of an earlier one. */
static int list_put(struct tr_option_list *l, const char *name,
	const char *value, struct tr_error *err)
{
	size_t len = strlen(name), size = len + strlen(value) + 2;
	char *item = tr_xmalloc(size);
	snprintf(item, size, "%s=%s", name, value);
	for (size_t i = 0; i < l->n; i++)
		if (strncmp(l->items[i], item, len + 1) == 0) {
			replace(&l->items[i], item);
			return 0;
		}
	if (l->n == TR_KAFKA_PROPS_MAX) {
		free(item);
		return tr_error_set(err, TR_ELIMIT, "more than %u settings",
			TR_KAFKA_PROPS_MAX);
	}
	l->items = tr_xrealloc(l->items, (l->n + 1) * sizeof(*l->items));
	l->items[l->n++] = item;
	return 0;
}

static const struct tr_option *find(
	const struct tr_option_table *t, const char *section, const char *name)
{
	const struct tr_option *list = NULL;
	for (size_t i = 0; i < t->n; i++) {
		const struct tr_option *o = &t->rows[i];
		if (strcmp(o->section, section) != 0)
			continue;
		if (o->type == TR_OPTION_LIST)
			list = o;
		else if (strcmp(o->name, name) == 0)
			return o;
	}
	return list;
}

static int refuse_unknown(const struct tr_option_table *t, const char *section,
	const char *name, struct tr_error *err)
{
	struct tr_suggest names = tr_suggest_for(name);
	struct tr_suggest sections = tr_suggest_for(section);
	bool known = false;
	for (size_t i = 0; i < t->n; i++) {
		const struct tr_option *o = &t->rows[i];
		tr_suggest_offer(&sections, o->section);
		if (strcmp(o->section, section) != 0)
			continue;
		known = true;
		tr_suggest_offer(&names, o->name);
	}
	const struct tr_suggest *s = known ? &names : &sections;
	const char *open = s->best ? ", did you mean '" : "";
	const char *close = s->best ? "'?" : "";
	const char *best = s->best ? s->best : "";
	if (!known)
		return tr_error_set(err, TR_EINVAL,
			"unknown section [%s]%s%s%s", section, open, best,
			close);
	return tr_error_set(err, TR_EINVAL, "unknown option '%s' in [%s]%s%s%s",
		name, section, open, best, close);
}

int tr_options_assign(const struct tr_option_table *t, void *conf,
	const char *file, const char *section, const char *name,
	const char *value, struct tr_error *err)
{
	const struct tr_option *o = find(t, section, name);
	if (!o)
		return refuse_unknown(t, section, name, err);
	int rc = o->type == TR_OPTION_LIST
			 ? list_put(field(o, conf), name, value, err)
			 : set_value(o, conf, file, value, err);
	if (rc != 0)
		tr_error_prefix(err, "option '%s'", name);
	return rc;
}

void tr_options_init(const struct tr_option_table *t, void *conf)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct tr_option *o = &t->rows[i];
		void *at = field(o, conf);
		if (is_text(o->type))
			*(char **)at = NULL;
		else if (o->type == TR_OPTION_LIST)
			*(struct tr_option_list *)at =
				(struct tr_option_list){ 0 };
		if (!o->def)
			continue;
		struct tr_error err;
		int rc = set_value(o, conf, NULL, o->def, &err);
		tr_assert(rc == 0);
	}
}

void tr_options_free(const struct tr_option_table *t, void *conf)
{
	for (size_t i = 0; i < t->n; i++) {
		void *at = field(&t->rows[i], conf);
		if (is_text(t->rows[i].type)) {
			replace(at, NULL);
		} else if (t->rows[i].type == TR_OPTION_LIST) {
			struct tr_option_list *l = at;
			for (size_t k = 0; k < l->n; k++)
				free(l->items[k]);
			free(l->items);
			*l = (struct tr_option_list){ 0 };
		}
	}
}

int tr_options_set(const struct tr_option_table *t, void *conf,
	const char *setting, struct tr_error *err)
{
	const char *eq = strchr(setting, '=');
	if (!eq || eq == setting)
		return tr_error_set(err, TR_EINVAL,
			"'%s' is not of the form [section.]name=value",
			setting);
	char *name = tr_xstrdup(setting);
	name[eq - setting] = '\0';
	const char *section = t->section;
	char *rest = name, *dot = strchr(name, '.');
	if (dot) {
		*dot = '\0';
		section = name;
		rest = dot + 1;
	}
	int rc = tr_options_assign(t, conf, NULL, section, rest, eq + 1, err);
	free(name);
	return rc;
}

int tr_options_check(const struct tr_option_table *t, const void *conf,
	const char *path, struct tr_error *err)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct tr_option *o = &t->rows[i];
		if (!o->required || !is_text(o->type))
			continue;
		char *const *at =
			(const void *)((const char *)conf + o->offset);
		if (!*at || !**at)
			return tr_error_set(err, TR_EINVAL,
				"%s: option '%s' in [%s] is missing: %s", path,
				o->name, o->section, o->help);
	}
	return 0;
}

void tr_options_print(const struct tr_option_table *t, FILE *out)
{
	const char *section = "";
	for (size_t i = 0; i < t->n; i++) {
		const struct tr_option *o = &t->rows[i];
		if (strcmp(section, o->section) != 0) {
			fprintf(out, "%s[%s]\n", i ? "\n" : "", o->section);
			section = o->section;
		}
		fprintf(out, "# %s%s\n%s%s = %s\n", o->help,
			o->required ? " (required)" : "",
			o->required ? "" : "#", o->name, o->def ? o->def : "");
	}
}
