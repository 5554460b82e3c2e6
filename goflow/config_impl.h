/* config_impl: what the files of config share among themselves. */
#ifndef GOFLOW_CONFIG_IMPL_H
#define GOFLOW_CONFIG_IMPL_H

#include <limits.h>
#include <yaml.h>

#include "goflow/config.h"

enum config_scope {
	SCOPE_ROOT, SCOPE_API, SCOPE_UTILITIES, SCOPE_LOG, SCOPE_BACKEND, SCOPE_BACKEND_CONFIG, SCOPE_FRONTEND,
	SCOPE_FRONTEND_CONFIG,
};

enum config_kind {
	VALUE_MAPPING, VALUE_NAMES, /* these have functions of their own in config_walk.c */
	VALUE_TEXT,       /* min to max bytes without control characters */
	VALUE_WORD,       /* one of `words` */
	VALUE_SWITCH,
	VALUE_NUMBER,     /* min to max */
	VALUE_SIZE,       /* min to max bytes */
	VALUE_DURATION,   /* min to max s, kept as ns */
	VALUE_ADDRESS,    /* IPv4 or IPv6 */
	VALUE_FIELDS,     /* one of `words`, or names of fields with commas or as a sequence */
	VALUE_TABLE,      /* a table's name */
	VALUE_WINDOW,     /* BACK, or BACK,AHEAD */
	VALUE_PARTITIONS, /* PARTITIONS:REPLICAS */
};

enum { KEY_SECRET = 1, KEY_REQUIRED = 2, KEY_OBSOLETE = 4 };

struct config_row {
	enum config_key id;
	const char *name;
	enum config_scope scope;
	unsigned of; /* a bit for each type of backend or frontend that has it */
	enum config_kind kind;
	uint64_t min, max;
	const char *words; /* with | between them */
	const char *by_default, *environment;
	unsigned flags;
	const char *doc;
};

#define TYPES_ANY UINT_MAX

extern const struct config_row config_rows[KEY_COUNT];

/* The row of that name in a scope that any type of `of` has, or NULL; and any such row of the scope. */
const struct config_row *config_row_find(enum config_scope scope, unsigned of, const char *name);

/* The types that have a row, with commas; nothing where all have it. room is 128 or more. */
void config_types(const struct config_row *row, char *out, size_t room);

/* Where keys of a scope stand: "backends.NAME.config"; "" for the root. */
const char *config_scope_path(enum config_scope scope);

/* The word at a position of a list as in struct config_row, copied to out; "" beyond its end. */
const char *config_word(const char *words, size_t at, char out[static 32]);

/* Of the words that were offered, the one nearest to `word` by edits, letters' case aside. */
struct nearest {
	const char *word;
	char best[64]; /* empty: none is near */
	size_t distance;
};
void nearest_begin(struct nearest *n, const char *word);
void nearest_offer(struct nearest *n, const char *candidate);

/* Reads a text as a row wants it. Returns 0 and sets v->text (a copy) and v->number, leaving v->spot;
 * ERR_MEMORY; or ERR_SYNTAX and writes what was expected, a phrase, to the room bytes of `expected`. */
int config_value_read(
	const struct config_row *row, const char *text, struct config_value *v, char *expected, size_t room);

/* What the row wants, as a phrase. */
void config_value_expected(const struct config_row *row, char *out, size_t room);

/* Releases a value, wiping it. */
void config_value_free(struct config_value *v);

/* Notes an error or a warning; beyond CONFIG_FINDINGS_MAX it only counts. */
void config_error(struct config_report *r, struct config_spot at, const char *fmt, ...) PRINTF_LIKE(3, 4);
void config_warn(struct config_report *r, struct config_spot at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Reads text as YAML. Returns 0 and a document, which the caller deletes; or ERR_SYNTAX after noting an error,
 * and the number of lines before it. */
int config_yaml(const char *text, size_t len, yaml_document_t *doc, struct config_report *r, unsigned *good_lines);

/* Takes what a document holds into c; each value is checked by itself. Where it is not the whole file, nothing
 * is said of what is not there. */
void config_walk(struct config *c, yaml_document_t *doc, bool whole, struct config_report *r);

/* The environment over what the file said, then the defaults. */
void config_environment(struct config *c, const struct config_environment *env, struct config_report *r);

/* What has to fit together: names, ports, passwords. */
void config_check(struct config *c, struct config_report *r);

/* Reads the password files. */
void config_secrets(struct config *c, struct config_report *r);

#endif
