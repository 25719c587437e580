/*
 * Operating errors: what went wrong outside our own code.
 *
 * A function that can fail returns 0 or a negative enum tr_err. On failure its
 * outputs are untouched and ownership of its arguments stays with the caller.
 * Where a person will read the reason, the caller passes a struct tr_error,
 * which is written on failure only. A layer may prefix the text; nobody logs
 * and returns the same error.
 *
 * There are few codes, chosen by what the caller does next.
 *
 * Thread: plain values, no shared state.
 */
#ifndef TR_COMMON_BASE_ERR_H
#define TR_COMMON_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/check.h"

enum tr_err {
	TR_OK = 0,
	TR_EINVAL = -1,   /* the request makes no sense: do not repeat it */
	TR_ENOMEM = -2,   /* a memory budget is used up */
	TR_ELIMIT = -3,   /* a documented limit would be exceeded */
	TR_EAGAIN = -4,   /* nothing now: try again later */
	TR_ETIMEOUT = -5, /* a deadline passed */
	TR_ECLOSED = -6,  /* the peer or the object is closed */
	TR_EPROTO = -7,   /* bytes that are no valid message */
	TR_EAUTH = -8,    /* wrong token, role or certificate */
	TR_EVERSION = -9, /* no version in common, or a newer schema */
	TR_ENOTFOUND = -10,
	TR_EEXIST = -11,
	TR_EIO = -12,      /* the operating system refused */
	TR_ECORRUPT = -13, /* a checksum or an invariant of stored data broke */
	TR_EFENCED = -14,  /* a newer term or attempt is in charge: stop */
	TR_ECANCELED = -15,
	TR_EUSER = -16,    /* user code failed: script, plug-in or its data */
	TR_EKAFKA = -17,   /* Kafka refused for good: named in the text */
	TR_EUNREACH = -18, /* nobody answers there: broker or driver */
	TR_EINPUT_GONE = -19, /* a planned range is no longer in the log */
	TR_ETRUNCATED = -20,  /* the log is shorter than it was at plan time */
	TR_ESTALLED = -21,    /* no progress within the limit */
	TR_EFULL = -22,       /* the disk is full */
	TR_ENONDET = -23,     /* two executions gave different digests */
	TR_EKILLED = -24,     /* a worker died or was ended by its limits */
	TR_ELOST = -25,       /* an executor or the blocks it held are gone */
};

enum {
	TR_ERROR_TEXT_MAX = 512
};

struct tr_error {
	int code;                     /* enum tr_err */
	char text[TR_ERROR_TEXT_MAX]; /* one line, lower case, no full stop */
};

/* Name of a code as used in logs and JSON, e.g. "input-gone". Static. */
const char *tr_err_name(int code);

/* The code with that name, or TR_EINVAL. */
int tr_err_from_name(const char *name);

/* Whether the same request may succeed later without anybody's help. */
bool tr_err_is_retriable(int code);

/*
 * Sets code and text; returns code, so that a caller can write
 * `return tr_error_set(err, TR_EINVAL, "unknown topic '%s'", topic);`.
 * `err` may be NULL. Text that does not fit is cut.
 */
int tr_error_set(struct tr_error *err, int code, const char *fmt, ...)
	TR_PRINTF(3, 4);
int tr_error_vset(struct tr_error *err, int code, const char *fmt, va_list ap)
	TR_PRINTF(3, 0);

/* Puts "prefix: " before the text that is there. Returns err's code. */
int tr_error_prefix(struct tr_error *err, const char *fmt, ...) TR_PRINTF(2, 3);

#endif /* TR_COMMON_BASE_ERR_H */
