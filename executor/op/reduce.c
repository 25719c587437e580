#include "executor/op/reduce.h"

#include <inttypes.h>

#include "executor/op/val.h"

#define REDUCER(name) TRANCHE__V1__REDUCER__REDUCER_##name

static int no_number(const struct tr_val *v, struct tr_error *err)
{
	char text[TR_VAL_TEXT_MAX];
	return tr_error_set(err, TR_EUSER, "cannot sum '%s', a %s",
		tr_val_to_text(v, text), tr_val_type_name(v));
}

static double as_double(const struct tr_val *v)
{
	return v->type == TR_VAL_INT ? (double)v->i : v->d;
}

static int sum(struct tr_val *acc, const struct tr_val *v, struct tr_error *err)
{
	if (!tr_val_is_number(v))
		return no_number(v, err);
	if (acc->type == TR_VAL_INT && v->type == TR_VAL_INT) {
		int64_t total;
		if (__builtin_add_overflow(acc->i, v->i, &total))
			return tr_error_set(err, TR_EUSER,
				"integer overflow: %" PRId64 " + %" PRId64
				" does not fit 64 bits",
				acc->i, v->i);
		acc->i = total;
		return 0;
	}
	*acc = tr_val_number(as_double(acc) + as_double(v));
	return 0;
}

static int count_one(struct tr_val *acc)
{
	tr_assert(acc->type == TR_VAL_INT && acc->i < INT64_MAX);
	acc->i++;
	return 0;
}

int tr_reduce(Tranche__V1__Reducer reducer, struct tr_val *acc,
	const struct tr_val *v, struct tr_error *err)
{
	switch ((int)reducer) {
	case REDUCER(SUM):
		return sum(acc, v, err);
	case REDUCER(COUNT):
		return count_one(acc);
	case REDUCER(MIN):
		if (tr_val_compare(v, acc) < 0)
			*acc = *v;
		return 0;
	case REDUCER(MAX):
		if (tr_val_compare(v, acc) > 0)
			*acc = *v;
		return 0;
	case REDUCER(FIRST):
		return 0;
	case REDUCER(LAST):
		*acc = *v;
		return 0;
	default:
		tr_assert(false); /* not a reducer of ours */
		return 0;
	}
}

int tr_reduce_first(Tranche__V1__Reducer reducer, struct tr_val *acc,
	const struct tr_val *v, struct tr_error *err)
{
	if (reducer == REDUCER(SUM) && !tr_val_is_number(v))
		return no_number(v, err);
	*acc = reducer == REDUCER(COUNT) ? tr_val_int(1) : *v;
	return 0;
}
