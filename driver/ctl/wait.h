/*
 * Submits a job and waits for its end, over restarts of the driver.
 *
 * The request carries an id that makes it the same job however often it is
 * sent; so a connection that breaks before the answer is no problem. Once the
 * job has its number, it is watched by that. While the driver is away this
 * waits and dials again, TR_CLIENT_RECONNECT_MS long, but only when it was
 * reached once.
 *
 * While nothing changes, the driver is asked for its executors every few
 * seconds: that shows whether it is still there, and whether anybody can run
 * the job.
 *
 * Thread: its caller's; blocks.
 */
#ifndef TR_DRIVER_CTL_WAIT_H
#define TR_DRIVER_CTL_WAIT_H

#include "driver/ctl/client.h"

/* What a caller who was woken wants. */
enum tr_wait_wish {
	TR_WAIT_GO_ON,
	TR_WAIT_CANCEL, /* the job; its end is waited for */
	TR_WAIT_STOP,   /* at once, with TR_ECANCELED */
};

/* What the caller is told, all on its own thread. */
struct tr_wait_ops {
	/* The job is stored and has its number. */
	void (*submitted)(void *arg, uint64_t job);
	/* A status came, the last one too. */
	void (*status)(void *arg, const Tranche__V1__JobStatus *s);
	/* A line for people about what is going on. */
	void (*note)(void *arg, const char *text);
	/* wake_fd is readable. May be NULL when there is none. Sets err for
	   TR_WAIT_STOP. */
	enum tr_wait_wish (*woken)(void *arg, struct tr_error *err);
	/*
	 * The job has ended: ask for what is needed of it. When the connection
	 * breaks meanwhile this is called again on the next one.
	 */
	int (*ended)(void *arg, struct tr_client *c,
		const Tranche__V1__JobStatus *s, struct tr_error *err);
};

struct tr_wait {
	const struct tr_client_conf *conf;
	Tranche__V1__SubmitRequest *request;
	struct tr_slice artefact;
	const struct tr_wait_ops *ops;
	void *arg;
	int wake_fd;       /* -1: none */
	bool detach;       /* do not wait: the number is enough */
	bool no_reconnect; /* who would restart this driver? */
	/* While it runs: */
	uint64_t job; /* 0: not known yet */
	char cluster_id[128];
	bool told_no_executors;
	bool cancel; /* wished, and not yet asked for */
};

/*
 * 0: the job has ended (or is submitted, with detach), however: its status
 * went to ops. Errors: the job could not be submitted, the driver stays away,
 * or TR_ECANCELED.
 */
int tr_wait_run(struct tr_wait *w, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_CTL_WAIT_H */
