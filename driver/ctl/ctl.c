#include "driver/ctl/ctl.h"

#include <string.h>

#include "common/base/xalloc.h"

enum {
	SETS_MAX = 64
};

const struct tr_ctl_option tr_options_help[] = {
	{ "help", 'h', NULL, "print this" },
	{ NULL, 0, NULL, NULL },
};

const struct tr_ctl_option tr_options_driver[] = {
	{ "json", 0, NULL, "print JSON" },
	{ "driver", 'd', "URL", "the driver's address" },
	{ "config", 'c', "FILE",
		"configuration; else TRANCHE_CONFIG,\n"
		"~/.config/tranche/tranche.conf or\n"
		"/etc/tranche/tranche.conf" },
	{ "set", 's', "NAME=VALUE", "a setting over the file's" },
	{ "insecure", 0, NULL, "allow plain tcp:// beyond this machine" },
	{ NULL, 0, NULL, NULL },
};

int tr_ctl_load(struct tr_ctl *ctl, struct tr_error *err)
{
	const struct tr_args *a = &ctl->args;
	const char *sets[SETS_MAX + 2], *set;
	char url[512];
	size_t n = 0;
	for (size_t i = 0; (set = tr_args_nth(a, "set", i)); i++) {
		if (n == SETS_MAX)
			return tr_error_set(err, TR_ELIMIT, "too many --set");
		sets[n++] = set;
	}
	if (tr_args_get(a, "driver")) {
		snprintf(url, sizeof(url), "client.driver=%s",
			tr_args_get(a, "driver"));
		sets[n++] = url;
	}
	if (tr_args_has(a, "insecure"))
		sets[n++] = "client.insecure=yes";
	int rc = tr_client_conf_load(
		&ctl->conf, tr_args_get(a, "config"), sets, n, err);
	ctl->loaded = rc == 0;
	return rc;
}

int tr_ctl_connect(struct tr_ctl *ctl, struct tr_client **out,
	enum tr_exit *code, struct tr_error *err)
{
	struct tr_client_opts opts = { .conf = &ctl->conf, .wake_fd = -1 };
	*code = TR_EXIT_USAGE;
	int rc = tr_ctl_load(ctl, err);
	if (rc != 0)
		return rc;
	*code = TR_EXIT_FAILED;
	return tr_client_open(out, &opts, err);
}

int tr_ctl_expect(
	const struct tr_reply *reply, enum tr_kind kind, struct tr_error *err)
{
	if (reply->kind == kind)
		return 0;
	return tr_error_set(err, TR_EPROTO,
		"the driver answered with a message of kind %d, not %d",
		(int)reply->kind, (int)kind);
}

enum tr_exit tr_ctl_ask(struct tr_ctl *ctl, enum tr_kind ask, void *request,
	enum tr_kind kind, struct tr_reply **reply, struct tr_error *err)
{
	struct tr_client *c;
	enum tr_exit code;
	if (tr_ctl_connect(ctl, &c, &code, err) != 0)
		return code;
	int rc = tr_client_ask(c, ask, request, TR_SLICE_ABSENT, reply, err);
	if (rc == 0) {
		rc = tr_ctl_expect(*reply, kind, err);
		if (rc != 0)
			tr_reply_free(*reply);
	}
	tr_client_close(c);
	return rc == 0 ? TR_EXIT_OK : TR_EXIT_FAILED;
}

char *tr_ctl_text(const char *s)
{
	union {
		const char *in;
		char *out;
	} text = { s };
	return text.out;
}
