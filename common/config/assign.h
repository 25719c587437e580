/*
 * Between option.c and option_file.c: one setting of a named section.
 */
#ifndef TR_COMMON_CONFIG_ASSIGN_H
#define TR_COMMON_CONFIG_ASSIGN_H

#include "common/config/option.h"

/*
 * `file`: that the setting stands in, for relative paths; NULL: none.
 * TR_EINVAL, TR_ELIMIT with the option named.
 */
int tr_options_assign(const struct tr_option_table *t, void *conf,
	const char *file, const char *section, const char *name,
	const char *value, struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_CONFIG_ASSIGN_H */
