/* tranche-driver: options, configuration, and into the loop. */
#include <stdio.h>
#include <stdlib.h>

#include "common/config/cmdline.h"
#include "common/log/log.h"
#include "driver/edge/driver.h"

static const char usage[] =
	"usage: tranche-driver -c FILE [options]\n"
	"\n"
	"The control process of a Tranche cluster: plans jobs, gives tasks to\n"
	"executors, keeps results and offsets.\n"
	"\n"
	"  -c, --config FILE       configuration, see --print-config\n"
	"  -s, --set NAME=VALUE    a setting over the file's, e.g.\n"
	"                          -s driver.lease=1s; may be repeated\n"
	"  -n, --check             check the configuration and exit\n"
	"  -d, --debug             log debug lines\n"
	"      --insecure          allow plain tcp:// beyond this machine\n"
	"      --print-config      print all options with their defaults\n"
	"  -V, --version           print the version\n"
	"  -h, --help              print this\n"
	"\n"
	"Runs in the foreground and logs to stderr. SIGTERM stops it; started\n"
	"again on the same data folder it goes on where it was.\n"
	"\n"
	"example: tranche-driver -c /etc/tranche/driver.conf\n";

static const struct tr_cmdline cmdline = { .program = "tranche-driver",
	.version = TR_VERSION_TEXT,
	.usage = usage,
	.of = TR_CONFIG_DRIVER,
	.insecure = "driver.insecure=yes" };

int main(int argc, char **argv)
{
	struct tr_cmdline_options o = { 0 };
	struct tr_driver_conf conf;
	struct tr_error err;
	int rc = tr_cmdline_parse(&cmdline, argc, argv, &o);
	if (rc != TR_CMDLINE_GO_ON)
		return rc;
	if (tr_driver_conf_load(&conf, o.config, o.sets, o.n_sets, &err) != 0) {
		fprintf(stderr, "tranche-driver: %s\n", err.text);
		return TR_EXIT_USAGE;
	}
	tr_log_set_level(o.debug ? TR_LOG_DEBUG : conf.log_level);
	rc = o.check ? tr_driver_check(&conf, &err)
		     : tr_driver_run(&conf, &err);
	if (rc != 0)
		fprintf(stderr, "tranche-driver: %s\n", err.text);
	tr_driver_conf_free(&conf);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
