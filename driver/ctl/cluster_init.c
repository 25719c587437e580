/* tranche cluster init: keys, tokens and configurations of a new cluster. */
#include <stdio.h>
#include <unistd.h>

#include "driver/ctl/bundle.h"
#include "driver/ctl/ctl.h"
#include "driver/ctl/output.h"
#include "driver/ctl/verbs.h"

enum {
	PORT_DEFAULT = 7400,
	DAYS_DEFAULT = 825,
	DAYS_MAX = 36500,
};

static const struct tr_ctl_option options[] = {
	{ "dir", 0, "DIR", "the cluster's folder; else tranche-cluster" },
	{ "driver-host", 0, "LIST",
		"names and addresses of the driver's host, the one\n"
		"that others dial first; else this host's name" },
	{ "port", 0, "N", "the driver's port; else 7400" },
	{ "days", 0, "N", "how long certificates are valid; else 825" },
	{ "json", 0, NULL, "print JSON" },
	{ NULL, 0, NULL, NULL },
};

static void print_steps(const char *dir, const char *url)
{
	printf("driver   %s\n"
	       "made     %s/driver     copy to the driver's host, then: "
	       "tranche-driver -c driver.conf\n"
	       "         %s/client     copy to ~/.config/tranche of who "
	       "submits jobs\n"
	       "         %s/ca         stays here: its key makes new "
	       "certificates\n"
	       "next     tranche cluster add-executor NAME --dir %s\n",
		url, dir, dir, dir, dir);
}

static enum tr_exit init(struct tr_ctl *ctl, struct tr_bundle_opts *o,
	const char *hosts, struct tr_error *err)
{
	struct tr_host_list list;
	char url[512];
	if (tr_host_list_parse(&list, hosts, err) != 0)
		return TR_EXIT_USAGE;
	o->hosts = &list;
	int rc = tr_bundle_init(o, url, err);
	tr_host_list_fini(&list);
	if (rc != 0)
		return TR_EXIT_FAILED;
	if (ctl->json)
		tr_output_print_json(
			json_pack("{s:s,s:s}", "dir", o->dir, "driver", url));
	else
		print_steps(o->dir, url);
	return TR_EXIT_OK;
}

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	const char *dir = tr_args_get(&ctl->args, "dir");
	const char *hosts = tr_args_get(&ctl->args, "driver-host");
	char own[256] = "localhost";
	uint64_t port = PORT_DEFAULT, days = DAYS_DEFAULT;
	gethostname(own, sizeof(own) - 1);
	if (tr_args_uint(&ctl->args, "port", UINT16_MAX, &port, err) != 0 ||
		tr_args_uint(&ctl->args, "days", DAYS_MAX, &days, err) != 0)
		return TR_EXIT_USAGE;
	struct tr_bundle_opts o = { .dir = dir ? dir : "tranche-cluster",
		.port = (unsigned)port,
		.days = (unsigned)days };
	return init(ctl, &o, hosts ? hosts : own, err);
}

const struct tr_verb tr_verb_cluster_init = {
	.name = "cluster init",
	.operands = "",
	.summary = "make a cluster's CA, certificates, tokens and files",
	.text = "The folder then has a bundle for the driver's host and one "
		"for clients. Files have\nmode 0600; nothing is "
		"overwritten.\n",
	.examples = "  tranche cluster init --driver-host "
		    "driver.example.org,10.0.0.1\n"
		    "  tranche cluster init --dir /etc/tranche/prod --days "
		    "365\n",
	.groups = { options, tr_options_help },
	.run = run,
};
