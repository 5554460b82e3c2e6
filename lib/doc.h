/* doc: values out of the stages' documents. */
#ifndef GOFLOW_DOC_H
#define GOFLOW_DOC_H

#include <jansson.h>
#include <stdint.h>

/* The number at key, 0 where there is none or a negative one. */
uint64_t doc_number(const json_t *doc, const char *key);

/* The text at key, "" where there is none. Borrowed from doc. */
const char *doc_text(const json_t *doc, const char *key);

/* The key that follows *at in an object, NULL at its end (or where it is no object). *at is NULL to begin with. */
const char *doc_next(const json_t *object, void **at);

/* Sorts an array of objects in place. */
void doc_sort(json_t *array, int (*compare)(const json_t *a, const json_t *b));

#endif
