/* opt: a program's options as a table, from which parsing and --help come. */
#ifndef GOFLOW_OPT_H
#define GOFLOW_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One option. `id` is its letter, or a value above 255 where it has a long name only. */
struct opt {
	int id;
	const char *name; /* the long name, without dashes */
	const char *arg;  /* what its argument is called in --help; NULL: takes none */
	const char *help; /* one line; the default in parentheses */
};

struct opts {
	const char *program;
	const char *usage;  /* what follows the program's name on the usage line */
	const char *about;  /* one sentence */
	const struct opt *table;
	size_t count; /* at most 64 */
	/* the rest belongs to opt_next */
	bool begun;
	const char *arg;    /* of the option that opt_next returned last; borrowed from argv */
	int rest;           /* index in argv of the first operand, once opt_next returned OPT_END */
};

/* The options that every program has; put OPT_COMMON first in a table.
 * opt_next acts on them itself (log level and form), help and version print to standard output. */
#define OPT_LOG 1000
#define OPT_COMMON                                                                                 \
	{'h', "help", NULL, "print this help"}, {'V', "version", NULL, "print the version"},       \
		{'v', "verbose", NULL, "log more (repeatable)"},                                   \
		{OPT_LOG, "log", "FORM", "form of the log: text or json (text)"}

enum {
	OPT_END = -1,  /* no option left; o->rest is set */
	OPT_DONE = -2, /* help or version was printed: the program ends with EXIT_DONE */
	OPT_BAD = -3,  /* an error was logged: the program ends with EXIT_USE */
};

/* The next option's id, or one of the three above. */
int opt_next(struct opts *o, int argc, char **argv);

/* The argument parsers log "option --NAME: found X, expected Y" and return ERR_SYNTAX on failure. */

/* A size in bytes: digits with an optional K, M or G (powers of 1024), between min and max. */
int opt_size(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* "on" or "off". */
int opt_switch(const char *name, const char *text, bool *out);

/* A whole decimal number between min and max. */
int opt_number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* A duration in ns: digits with an optional fraction and a unit ms, s (default), m, h or d; at most max_ns. */
int opt_duration(const char *name, const char *text, uint64_t max_ns, uint64_t *out);

#endif
