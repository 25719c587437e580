/*
 * Whether bytes are UTF-8 (RFC 3629: shortest forms only, no surrogates, at
 * most U+10FFFF).
 *
 * Thread: any.
 */
#ifndef TR_COMMON_DATA_UTF8_H
#define TR_COMMON_DATA_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at the start of p[0, n), n > 0; 0 if it is none. */
size_t tr_utf8_len(const uint8_t *p, size_t n);

bool tr_utf8_is_text(const uint8_t *p, size_t n);

#endif /* TR_COMMON_DATA_UTF8_H */
