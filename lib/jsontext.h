/* jsontext: the pieces that JSON is written from: numbers, hex, and strings of any bytes. */
#ifndef GOFLOW_JSONTEXT_H
#define GOFLOW_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes v in decimal; returns the end. out has room for 20 bytes. */
char *jsontext_decimal(char *out, uint64_t v);

/* Writes two lower-case hex digits a byte; returns the end. */
char *jsontext_hex(char *out, const uint8_t *bytes, size_t len);

/* The length (1 to 4) of the UTF-8 sequence at p (RFC 3629), of which `left` bytes are there; 0 if it is none. */
size_t utf8_length(const uint8_t *p, size_t left);

/* Writes len bytes as a JSON string with its quotes; returns the end. Bytes that are not UTF-8, and
 * NULs, come out as U+FFFD, and *exact is then set to false (it is never set to true).
 * out has room for 6 * len + 2 bytes. */
char *jsontext_quote(char *out, const char *text, size_t len, bool *exact);

#endif
