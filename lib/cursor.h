/* cursor: a bounds-checked big-endian reader over borrowed bytes.
 *
 * The only code that touches bytes from the network. A read past the end fails, yields zero, and is
 * sticky: parsing code reads straight down and tests cursor_ok() once. Cut a slice for each declared
 * length; the parent moves on by that length whatever the child reads. One read per statement: two
 * in one argument list have no order. */
#ifndef GOFLOW_CURSOR_H
#define GOFLOW_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *p, *end; /* p == NULL once a read failed */
};

static inline struct cursor cursor_over(const void *data, size_t len)
{
	/* an empty input still needs a non-NULL position: NULL means failed */
	static const uint8_t nothing[1];
	const uint8_t *p = len ? data : nothing;
	return (struct cursor){p, p + len};
}

static inline bool cursor_ok(const struct cursor *c)
{
	return c->p != NULL;
}

/* Bytes left to read; 0 after a failure. */
static inline size_t cursor_left(const struct cursor *c)
{
	return c->p ? (size_t)(c->end - c->p) : 0;
}

/* Moves n bytes on and returns where they begin, or NULL (and the cursor has failed). */
static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	if (cursor_left(c) < n) {
		c->p = NULL;
		return NULL;
	}
	const uint8_t *at = c->p;
	if (at)
		c->p += n;
	return at;
}

/* A cursor over the next n bytes; failed like its parent if they are not there. */
static inline struct cursor cursor_slice(struct cursor *c, size_t n)
{
	const uint8_t *at = cursor_take(c, n);
	return (struct cursor){at, at ? at + n : NULL};
}

static inline uint16_t be16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap16(v);
}

static inline uint32_t be32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap32(v);
}

static inline uint64_t be64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap64(v);
}

/* A big-endian unsigned integer of 1 to 8 bytes at p, unchecked: for a length already tested. */
static inline uint64_t be_uint(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	if (n == 4)
		return be32(p);
	if (n == 8)
		return be64(p);
	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);
	return p ? *p : 0;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);
	return p ? be16(p) : 0;
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);
	return p ? be32(p) : 0;
}

static inline uint64_t cursor_u64(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 8);
	return p ? be64(p) : 0;
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "be16, be32, be64 and the flow stream are written for little-endian machines"
#endif

#endif
