/* quantity: numbers, sizes and durations as a person writes them, in options and in files. */
#ifndef GOFLOW_QUANTITY_H
#define GOFLOW_QUANTITY_H

#include <stdint.h>

#define QUANTITY_TEXT_MAX 24 /* of the texts that are made here, with their NUL */

/* The parsers read the whole text. They return 0, or ERR_SYNTAX where it is none or too large for
 * 64 bits, and log nothing. */

/* A whole decimal number. */
int quantity_number(const char *text, uint64_t *out);

/* A size in bytes: digits with an optional K, M or G (powers of 1024). */
int quantity_size(const char *text, uint64_t *out);

/* A duration in ns: digits with an optional fraction and a unit ms, s (default), m, h or d. Digits
 * of the fraction below a nanosecond are cut. */
int quantity_duration(const char *text, uint64_t *ns);

/* The shortest exact form of a size or a duration (whole milliseconds); returns out. */
const char *quantity_size_text(uint64_t v, char out[static QUANTITY_TEXT_MAX]);
const char *quantity_duration_text(uint64_t ns, char out[static QUANTITY_TEXT_MAX]);

#endif
