/* err: one list of ways to fail (errors.def), as negative codes.
 * A function that can fail returns 0 (or a count) or one of these. */
#ifndef GOFLOW_ERR_H
#define GOFLOW_ERR_H

enum err_index {
	ERR_NONE_INDEX,
#define E(name, counter, sentence) ERR_##name##_INDEX,
#include "lib/errors.def"
#undef E
	ERR_COUNT
};

enum err {
#define E(name, counter, sentence) ERR_##name = -ERR_##name##_INDEX,
#include "lib/errors.def"
#undef E
};

/* The sentence for a code; "success" for 0. Never NULL. Static storage. */
const char *err_sentence(int code);

/* The counter's name for a code, as in stats and totals lines. Never NULL. Static storage. */
const char *err_counter(int code);

#endif
