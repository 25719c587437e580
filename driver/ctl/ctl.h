/*
 * What a running verb has at hand: its parsed command line, the configuration
 * of clients, and the way to the driver.
 *
 * Thread: the process's main one.
 */
#ifndef TR_DRIVER_CTL_CTL_H
#define TR_DRIVER_CTL_CTL_H

#include "driver/ctl/args.h"
#include "driver/ctl/client.h"

struct tr_ctl {
	struct tr_args args;
	struct tr_client_conf conf; /* after tr_ctl_load */
	bool loaded;
	bool json;     /* --json */
	bool answered; /* stdout has its document, the error included */
};

/*
 * Reads the configuration, with --config, --driver, --set and --insecure over
 * it. TR_EINVAL and so on: what is wrong with it, for TR_EXIT_USAGE.
 */
int tr_ctl_load(struct tr_ctl *ctl, struct tr_error *err) TR_MUST_USE;

/*
 * Loads and connects. *code is what to exit with when that fails: usage for
 * the configuration, failed for the rest.
 */
int tr_ctl_connect(struct tr_ctl *ctl, struct tr_client **out,
	enum tr_exit *code, struct tr_error *err) TR_MUST_USE;

/*
 * Connects, asks one thing and closes: most verbs. `kind` is the only answer
 * that counts; others are TR_EPROTO.
 */
enum tr_exit tr_ctl_ask(struct tr_ctl *ctl, enum tr_kind ask, void *request,
	enum tr_kind kind, struct tr_reply **reply, struct tr_error *err);

/* TR_EPROTO unless the answer is of that kind. */
int tr_ctl_expect(const struct tr_reply *reply, enum tr_kind kind,
	struct tr_error *err) TR_MUST_USE;

/* A protobuf-c field: it has no const strings, packing only reads them. */
char *tr_ctl_text(const char *s);

#endif /* TR_DRIVER_CTL_CTL_H */
