/*
 * protobuf-c messages to bytes and back, with a ceiling on what a peer can
 * make us allocate.
 *
 * Unpacking uses an allocator that refuses beyond a budget, because a small
 * body can unpack into a large message (repeated empty fields cost one byte on
 * the wire and a pointer or more in memory). Missing sub-messages are NULL
 * after unpack, fields of a newer peer are dropped, and unknown enum values
 * stay: whoever reads a field checks it.
 * tr_msg_env() stands in for a missing envelope, so that `env` can be read
 * without a check.
 *
 * Thread: none of its own.
 */
#ifndef TR_COMMON_WIRE_MSG_H
#define TR_COMMON_WIRE_MSG_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/data/slice.h"

#include "tranche/v1/cluster.pb-c.h"
#include "tranche/v1/control.pb-c.h"
#include "tranche/v1/journal.pb-c.h"
#include "tranche/v1/types.pb-c.h"
#include "tranche/v1/worker.pb-c.h"

/*
 * Unpacks `body` within TR_UNPACK_MEMORY_MAX. Returns NULL and sets err
 * (TR_EPROTO: not such a message, TR_ELIMIT: beyond the budget). Free with
 * tr_msg_free.
 */
void *tr_msg_unpack(const ProtobufCMessageDescriptor *type,
	struct tr_slice body, struct tr_error *err) TR_MUST_USE;

/* Accepts NULL. */
void tr_msg_free(void *msg);

/* Appends the packed message. TR_ELIMIT or TR_ENOMEM from the buffer. */
int tr_msg_pack(struct tr_buf *out, const void *msg) TR_MUST_USE;

/* A deep copy (pack and unpack); free with tr_msg_free. Never NULL. */
void *tr_msg_copy(const void *msg);

/* An envelope of zeroes for messages that came without one. */
const Tranche__V1__Envelope *tr_msg_env(const Tranche__V1__Envelope *env);

/* ErrorInfo <-> struct tr_error. `info` borrows err's text. */
void tr_msg_error_info(
	Tranche__V1__ErrorInfo *info, const struct tr_error *err);
void tr_msg_error_from(
	struct tr_error *err, const Tranche__V1__ErrorInfo *info);

#endif /* TR_COMMON_WIRE_MSG_H */
