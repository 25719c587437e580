/*
 * A cluster's folder: what `tranche cluster init` makes, and the bundle of one
 * more executor.
 *
 *   DIR/address                 the driver's URL
 *   DIR/ca/ca.pem, ca.key       the CA; its key is needed here only
 *   DIR/driver/                 for the driver's host: driver.conf, driver.pem,
 *                               ca.pem, three tokens
 *   DIR/client/                 for who submits: tranche.conf, client.pem,
 *                               ca.pem, submitter.token
 *   DIR/executors/NAME/         for one executor's host: executor.conf,
 *                               executor.pem, ca.pem, executor.token
 *
 * A bundle is a folder to be copied as it is: what its configuration names is
 * relative to it. Folders have mode 0700, files 0600. Nothing that is there is
 * ever overwritten (TR_EEXIST).
 *
 * Thread: the process's main one.
 */
#ifndef TR_DRIVER_CTL_BUNDLE_H
#define TR_DRIVER_CTL_BUNDLE_H

#include <limits.h>
#include <stddef.h>

#include "common/base/err.h"

enum {
	TR_BUNDLE_HOSTS_MAX = 32,
	TR_BUNDLE_NAME_MAX = 64, /* a certificate's common name */
};

/* Hosts out of "name,10.0.0.1,…". */
struct tr_host_list {
	char *text; /* the names' memory */
	const char *hosts[TR_BUNDLE_HOSTS_MAX];
	size_t n;
};

/* TR_EINVAL: an empty one, or too many. */
int tr_host_list_parse(struct tr_host_list *l, const char *text,
	struct tr_error *err) TR_MUST_USE;
void tr_host_list_fini(struct tr_host_list *l);

struct tr_bundle_opts {
	const char *dir;
	const struct tr_host_list *hosts; /* the first one goes into URLs */
	unsigned port;
	unsigned days;
};

/* Makes DIR with CA, driver and client. `url` gets the driver's address. */
int tr_bundle_init(const struct tr_bundle_opts *o, char url[512],
	struct tr_error *err) TR_MUST_USE;

/* Adds DIR/executors/NAME; `path` gets its folder. */
int tr_bundle_add_executor(const struct tr_bundle_opts *o, const char *name,
	char path[PATH_MAX], struct tr_error *err) TR_MUST_USE;

/* Letters, digits, dots, dashes and underscores, not a dot first. */
int tr_bundle_check_name(const char *name, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_CTL_BUNDLE_H */
