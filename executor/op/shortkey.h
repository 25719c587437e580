/*
 * A short key as two words: its bytes in memory order, zeros behind them; what
 * a slot of a table holds in place (executor/op/table.h). Made in registers,
 * without a copy in between and without touching a byte that is not the key's
 * or, with tr_shortkey_in_text, the text's around it.
 *
 * Thread: any.
 */
#ifndef TR_EXECUTOR_OP_SHORTKEY_H
#define TR_EXECUTOR_OP_SHORTKEY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	TR_SHORTKEY_MAX = 16 /* bytes */
};

struct tr_shortkey {
	uint64_t k0; /* bytes 0-7 */
	uint64_t k1; /* bytes 8-15 */
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint64_t tr_shortkey_load8(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t tr_shortkey_load4(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* n <= 16 bytes at p, of which longer loads overlap. */
static inline struct tr_shortkey tr_shortkey_of(const uint8_t *p, size_t n)
{
	struct tr_shortkey k = { 0, 0 };
	if (n > 8) {
		k.k0 = tr_shortkey_load8(p);
		k.k1 = tr_shortkey_load8(p + n - 8) >> (8 * (16 - n));
	} else if (n == 8) {
		k.k0 = tr_shortkey_load8(p);
	} else if (n >= 4) {
		k.k0 = tr_shortkey_load4(p) | tr_shortkey_load4(p + n - 4)
						      << (8 * (n - 4));
	} else if (n > 0) {
		k.k0 = p[0] | (uint64_t)p[n / 2] << (8 * (n / 2)) |
		       (uint64_t)p[n - 1] << (8 * (n - 1));
	}
	return k;
}

/* The key with a byte put before it; it has 15 at most. */
static inline struct tr_shortkey tr_shortkey_tagged(
	struct tr_shortkey k, uint8_t tag)
{
	return (struct tr_shortkey){
		.k0 = k.k0 << 8 | tag,
		.k1 = k.k1 << 8 | k.k0 >> 56,
	};
}

/*
 * The n <= 16 bytes at p, inside a text that ends at `end`: without branches on
 * n where 16 bytes from p on are the text's.
 */
static inline struct tr_shortkey tr_shortkey_in_text(
	const uint8_t *p, size_t n, const uint8_t *end)
{
	static const uint64_t low[9] = { 0, 0xff, 0xffff, 0xffffff, 0xffffffff,
		0xffffffffff, 0xffffffffffff, 0xffffffffffffff, UINT64_MAX };
	if (end - p < TR_SHORTKEY_MAX)
		return tr_shortkey_of(p, n);
	return (struct tr_shortkey){
		.k0 = tr_shortkey_load8(p) & low[n < 8 ? n : 8],
		.k1 = tr_shortkey_load8(p + 8) & low[n < 8 ? 0 : n - 8],
	};
}
#else
static inline struct tr_shortkey tr_shortkey_of(const uint8_t *p, size_t n)
{
	struct tr_shortkey k = { 0, 0 };
	if (n > 0)
		memcpy(&k, p, n);
	return k;
}

static inline struct tr_shortkey tr_shortkey_tagged(
	struct tr_shortkey k, uint8_t tag)
{
	uint8_t room[TR_SHORTKEY_MAX + 1] = { tag };
	memcpy(room + 1, &k, sizeof(k));
	return tr_shortkey_of(room, TR_SHORTKEY_MAX);
}

static inline struct tr_shortkey tr_shortkey_in_text(
	const uint8_t *p, size_t n, const uint8_t *end)
{
	(void)end;
	return tr_shortkey_of(p, n);
}
#endif

#endif /* TR_EXECUTOR_OP_SHORTKEY_H */
