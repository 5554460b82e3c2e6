/* bytes: a growing buffer of big-endian values, the counterpart of cursor. A failure to grow is sticky:
 * writing code writes straight down and looks at `failed` once. */
#ifndef GOFLOW_BYTES_H
#define GOFLOW_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
	uint8_t *at;  /* owned: free() it */
	size_t len, cap;
	bool failed;  /* there was no memory; len stays */
};

/* Appends n bytes. */
static inline void bytes_put(struct bytes *b, const void *from, size_t n)
{
	if (b->cap - b->len < n && !b->failed) {
		size_t cap = (b->len + n) * 2;
		void *grown = realloc(b->at, cap);
		if (!grown) {
			b->failed = true;
			return;
		}
		b->at = grown;
		b->cap = cap;
	}
	if (b->failed)
		return;
	memcpy(b->at + b->len, from, n);
	b->len += n;
}

/* Appends the low n bytes (1 to 8) of v, the highest first. */
static inline void bytes_uint(struct bytes *b, uint64_t v, size_t n)
{
	uint8_t out[8];
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(v >> 8 * (n - 1 - i));
	bytes_put(b, out, n);
}

#endif
