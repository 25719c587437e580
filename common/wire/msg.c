#include "common/wire/msg.h"

#include <stdlib.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"

struct budget {
	uint64_t left;
	bool exceeded;
};

static void *budget_alloc(void *data, size_t size)
{
	struct budget *b = data;
	if (size > b->left) {
		b->exceeded = true;
		return NULL;
	}
	b->left -= size;
	return malloc(size);
}

static void budget_free(void *data, void *p)
{
	(void)data;
	free(p);
}

static ProtobufCMessage **message_at(
	ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t *n)
{
	uint8_t *base = (uint8_t *)m;
	void *member = base + f->offset;
	const void *quantifier = base + f->quantifier_offset;
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		*n = *(const size_t *)quantifier;
		return *(ProtobufCMessage ***)member;
	}
	bool other = (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
		     *(const uint32_t *)quantifier != f->id;
	*n = other || !*(ProtobufCMessage **)member ? 0 : 1;
	return member;
}

/*
 * Fields of a newer peer are of no use here, and not all of them survive being
 * packed again: protobuf-c 1.4.1 takes field number 0 in and cannot read what
 * it makes of it. The schemas have no recursion, so depth is bounded.
 */
static void drop_unknown(ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->n_unknown_fields; i++)
		free(m->unknown_fields[i].data);
	free(m->unknown_fields);
	m->unknown_fields = NULL;
	m->n_unknown_fields = 0;
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		size_t n;
		if (f->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		ProtobufCMessage **subs = message_at(m, f, &n);
		for (size_t k = 0; k < n; k++)
			drop_unknown(subs[k]);
	}
}

void *tr_msg_unpack(const ProtobufCMessageDescriptor *type,
	struct tr_slice body, struct tr_error *err)
{
	struct budget budget = { .left = TR_UNPACK_MEMORY_MAX };
	ProtobufCAllocator alloc = {
		.alloc = budget_alloc,
		.free = budget_free,
		.allocator_data = &budget,
	};
	ProtobufCMessage *msg =
		protobuf_c_message_unpack(type, &alloc, body.n, body.p);
	if (msg) {
		drop_unknown(msg);
		return msg;
	}
	if (budget.exceeded)
		tr_error_set(err, TR_ELIMIT,
			"a %s of %zu bytes unpacks to more than %llu bytes",
			type->short_name, body.n,
			(unsigned long long)TR_UNPACK_MEMORY_MAX);
	else
		tr_error_set(err, TR_EPROTO, "%zu bytes that are no %s", body.n,
			type->short_name);
	return NULL;
}

void tr_msg_free(void *msg)
{
	if (msg)
		protobuf_c_message_free_unpacked(msg, NULL);
}

int tr_msg_pack(struct tr_buf *out, const void *msg)
{
	size_t n = protobuf_c_message_get_packed_size(msg);
	int rc = tr_buf_reserve(out, n);
	if (rc != 0)
		return rc;
	if (n)
		out->len += protobuf_c_message_pack(msg, out->data + out->len);
	return 0;
}

void *tr_msg_copy(const void *msg)
{
	const ProtobufCMessage *m = msg;
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *bytes = tr_xmalloc(n);
	protobuf_c_message_pack(m, bytes);
	void *copy = protobuf_c_message_unpack(m->descriptor, NULL, n, bytes);
	free(bytes);
	tr_assert(copy != NULL);
	return copy;
}

const Tranche__V1__Envelope *tr_msg_env(const Tranche__V1__Envelope *env)
{
	static const Tranche__V1__Envelope none = TRANCHE__V1__ENVELOPE__INIT;
	return env ? env : &none;
}

void tr_msg_error_info(Tranche__V1__ErrorInfo *info, const struct tr_error *err)
{
	static char empty[] = "";
	tranche__v1__error_info__init(info);
	/* protobuf-c has no const strings; packing only reads them. */
	union {
		const char *in;
		char *out;
	} code = { tr_err_name(err->code) }, text = { err->text };
	info->code = code.out;
	info->text = text.out;
	info->where = empty;
	info->position = empty;
}

void tr_msg_error_from(struct tr_error *err, const Tranche__V1__ErrorInfo *info)
{
	tr_error_set(err, tr_err_from_name(info->code), "%s", info->text);
}
