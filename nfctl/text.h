/* text: what nfctl's tables are made of: values out of the stages' documents, and their text. */
#ifndef NFCTL_TEXT_H
#define NFCTL_TEXT_H

#include <jansson.h>
#include <stdint.h>

#define TEXT_MAX 64

/* The number at key, 0 where there is none or a negative one. */
uint64_t doc_number(const json_t *doc, const char *key);

/* The text at key, "" where there is none. Borrowed from doc. */
const char *doc_text(const json_t *doc, const char *key);

/* The key that follows *at in an object, NULL at its end (or where it is no object). *at is NULL to begin with. */
const char *doc_next(const json_t *object, void **at);

/* Sorts an array of objects in place. */
void doc_sort(json_t *array, int (*compare)(const json_t *a, const json_t *b));

/* A number at most four characters wide where it can be: 12, 1.23k, 45.6M; returns out. */
const char *text_scaled(double v, char out[static TEXT_MAX]);

/* A length of time in at most six characters: 4.2s, 3m12s, 5h07m, 12d03h; returns out. */
const char *text_span(uint64_t ms, char out[static TEXT_MAX]);

/* How long ago the RFC 3339 time was, as text_span, "-" for none; `now_ns` is since 1970. */
const char *text_ago(const char *when, uint64_t now_ns, char out[static TEXT_MAX]);

#endif
