/* tranche cluster add-executor: the bundle of one more executor. */
#include <stdio.h>

#include "driver/ctl/bundle.h"
#include "driver/ctl/ctl.h"
#include "driver/ctl/output.h"
#include "driver/ctl/verbs.h"

enum {
	PORT_DEFAULT = 7401,
	DAYS_DEFAULT = 825,
	DAYS_MAX = 36500,
};

static const struct tr_ctl_option options[] = {
	{ "host", 0, "LIST",
		"names and addresses of its host, the one that other\n"
		"executors dial first; else NAME" },
	{ "dir", 0, "DIR", "the cluster's folder; else tranche-cluster" },
	{ "port", 0, "N", "where other executors fetch blocks; else 7401" },
	{ "days", 0, "N", "how long its certificate is valid; else 825" },
	{ "json", 0, NULL, "print JSON" },
	{ NULL, 0, NULL, NULL },
};

static enum tr_exit add(struct tr_ctl *ctl, struct tr_bundle_opts *o,
	const char *hosts, struct tr_error *err)
{
	struct tr_host_list list;
	char path[PATH_MAX];
	const char *name = ctl->args.operands[0];
	if (tr_host_list_parse(&list, hosts, err) != 0)
		return TR_EXIT_USAGE;
	o->hosts = &list;
	int rc = tr_bundle_add_executor(o, name, path, err);
	tr_host_list_fini(&list);
	if (rc != 0)
		return TR_EXIT_FAILED;
	if (ctl->json)
		tr_output_print_json(
			json_pack("{s:s,s:s}", "executor", name, "dir", path));
	else
		printf("made     %s     copy to its host, then: "
		       "tranche-executor -c executor.conf\n",
			path);
	return TR_EXIT_OK;
}

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	const char *dir = tr_args_get(&ctl->args, "dir");
	const char *hosts = tr_args_get(&ctl->args, "host");
	uint64_t port = PORT_DEFAULT, days = DAYS_DEFAULT;
	if (tr_args_uint(&ctl->args, "port", UINT16_MAX, &port, err) != 0 ||
		tr_args_uint(&ctl->args, "days", DAYS_MAX, &days, err) != 0 ||
		tr_bundle_check_name(ctl->args.operands[0], err) != 0)
		return TR_EXIT_USAGE;
	struct tr_bundle_opts o = { .dir = dir ? dir : "tranche-cluster",
		.port = (unsigned)port,
		.days = (unsigned)days };
	return add(ctl, &o, hosts ? hosts : ctl->args.operands[0], err);
}

const struct tr_verb tr_verb_cluster_add_executor = {
	.name = "cluster add-executor",
	.operands = "NAME",
	.summary = "make the bundle of files for one more executor's host",
	.text = "It has a certificate and key, the CA, the executors' token "
		"and an executor.conf.\nNothing is overwritten.\n",
	.examples = "  tranche cluster add-executor node-1\n"
		    "  tranche cluster add-executor node-2 --host "
		    "node-2.example.org,10.0.0.2\n",
	.operands_min = 1,
	.operands_max = 1,
	.groups = { options, tr_options_help },
	.run = run,
};
