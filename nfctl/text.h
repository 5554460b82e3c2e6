/* text: numbers and times as nfctl's tables show them. */
#ifndef NFCTL_TEXT_H
#define NFCTL_TEXT_H

#include <stdint.h>

#define TEXT_MAX 64

/* A number at most four characters wide where it can be: 12, 1.23k, 45.6M; returns out. */
const char *text_scaled(double v, char out[static TEXT_MAX]);

/* A length of time in at most six characters: 4.2s, 3m12s, 5h07m, 12d03h; returns out. */
const char *text_span(uint64_t ms, char out[static TEXT_MAX]);

/* How long ago the RFC 3339 time was, as text_span, "-" for none; `now_ns` is since 1970. */
const char *text_ago(const char *when, uint64_t now_ns, char out[static TEXT_MAX]);

#endif
