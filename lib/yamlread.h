/* yamlread: a user's YAML file, read event by event: what does not belong there is told where it begins, and no
 * more of it is kept. For lib/exporters_yaml.c and lib/elements_yaml.c. */
#ifndef GOFLOW_YAMLREAD_H
#define GOFLOW_YAMLREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "lib/base.h"
#include "lib/complain.h"

#define YAMLREAD_FILE_MAX (16 * 1024 * 1024) /* bytes; a larger file is refused */
#define YAMLREAD_SHOWN    48                 /* bytes of a value in a complaint */

struct yamlread {
	yaml_parser_t parser;
	yaml_event_t event; /* the one in hand; none before the first */
	complain_fn *complain;
	void *ctx;
	const char *text;
	size_t len;
	unsigned complaints; /* of which no more than 100 are made */
	bool stopped;        /* it is no YAML, or memory has run out: nothing more can be read */
};

/* Reads len bytes, which hold at most one document: `take` is called with its first event in hand, and leaves its
 * last. y has complain and ctx set and all else zero; returns whether nothing was complained of. */
bool yamlread(struct yamlread *y, const char *text, size_t len, void (*take)(struct yamlread *y));

/* The bytes of a file, for the caller to free; NULL after a complaint. One that is longer than
 * YAMLREAD_FILE_MAX is cut behind the byte that is too many. */
char *yamlread_file(const char *path, size_t *len, complain_fn *complain, void *ctx);

/* A complaint at a place, and of the event in hand. */
PRINTF_LIKE(4, 5)
void yamlread_complain(struct yamlread *y, unsigned line, unsigned column, const char *fmt, ...);
#define YAMLREAD_COMPLAIN(y, ...) \
	yamlread_complain((y), (unsigned)(y)->event.start_mark.line + 1, \
		(unsigned)(y)->event.start_mark.column + 1, __VA_ARGS__)
void yamlread_memory(struct yamlread *y);

/* Takes the next event in hand. Returns whether there is one. */
bool yamlread_next(struct yamlread *y);

/* Passes over the node whose first event is in hand: its last event is then. */
void yamlread_skip(struct yamlread *y);

/* Of the event in hand: its type, what a person calls it, its text (NUL-terminated) if it is a scalar. */
bool yamlread_is(const struct yamlread *y, yaml_event_type_t type);
const char *yamlread_kind(const struct yamlread *y);
const char *yamlread_text(const struct yamlread *y);
bool yamlread_null(const struct yamlread *y); /* as the value of "key:" */

/* Whether the node in hand is text without control characters; else complains, "WHERE: found ..., expected
 * EXPECTED", and passes over it. */
bool yamlread_scalar(struct yamlread *y, const char *where, const char *expected);

/* Makes room for one element more in a list that grows by doubling. Returns false without memory. */
bool yamlread_grow(struct yamlread *y, void **list, size_t count, size_t *cap, size_t size);

#endif
