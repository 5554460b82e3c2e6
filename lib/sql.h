/* sql: what the sinks into SQL databases share: their options, the columns, and the turning of a record
 * into what a row can hold. lib/sql.c has the options, lib/sql_row.c the row. */
#ifndef GOFLOW_SQL_H
#define GOFLOW_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record.h"

#define SQL_TABLE_MAX 48 /* leaves room in 63 for what is put behind it */
#define SQL_NAME_MAX  63

struct sql_settings {
	char table[SQL_TABLE_MAX + 1]; /* letters, digits, underscores: safe to quote anywhere */
	bool chosen[FIELD_COUNT];      /* the fields that are columns; last_switched always */
	bool extra;                    /* a column of JSON for what no column holds */
	uint64_t max_age_ns, max_size; /* 0: unbounded */
	uint64_t back_ns, ahead_ns;    /* of a record's time against its receipt; 0: no such bound */
	bool counters;                 /* sFlow's counters go into a table of their own */
	bool aggregates;               /* sums per minute, hour and day are kept */
	uint64_t ledger_keep_ns;       /* a stream is forgotten so long after its last frame */
};

/* goflow_records, the default columns, extra on, nothing pruned, 30 days back and 1 ahead, 30 days. */
void sql_defaults(struct sql_settings *s);

/* The options that every SQL sink has, and more of those into servers. */
enum {
	SQL_OPT_TABLE = 3000,
	SQL_OPT_FIELDS,
	SQL_OPT_EXTRA,
	SQL_OPT_COUNTERS,
	SQL_OPT_MAX_AGE,
	SQL_OPT_MAX_SIZE,
	SQL_OPT_WINDOW,
	SQL_OPT_LEDGER_KEEP,
	SQL_OPT_AGGREGATES
};
#define SQL_OPTIONS                                                                                \
	{SQL_OPT_TABLE, "table", "NAME", "the table (goflow_records)"},                            \
		{SQL_OPT_FIELDS, "fields", "LIST|default|all",                                     \
			"the fields that become columns (default)"},                               \
		{SQL_OPT_EXTRA, "extra", "on|off",                                                 \
			"a column of JSON for what no column holds (on)"},                         \
		{SQL_OPT_COUNTERS, "counters", "on|off",                                           \
			"a table of sFlow's counter samples (off)"},                               \
		{SQL_OPT_MAX_AGE, "max-age", "DAYS", "remove rows whose last_switched is older"},  \
		{SQL_OPT_MAX_SIZE, "max-size", "BYTES",                                            \
			"remove the oldest rows when more is held (K, M, G)"},                     \
		{SQL_OPT_WINDOW, "time-window", "BACK[,AHEAD]",                                    \
			"a time further from the receipt is replaced by it (30d,1d; 0: never)"}
#define SQL_OPTIONS_OF_SERVERS                                                                     \
	{SQL_OPT_AGGREGATES, "aggregates", "on|off", "keep sums per minute, hour and day (on)"},   \
		{SQL_OPT_LEDGER_KEEP, "ledger-keep", "TIME",                                       \
			"forget a stream so long after its last frame (30d)"}

/* One of them. Returns 0, or ERR_SYNTAX after a log line. */
int sql_option(struct sql_settings *s, int id, const char *arg);

/* Marks the fields of a comma-separated list, given to the option of that name. Returns 0, or ERR_SYNTAX
 * after a log line. */
int sql_mark_fields(const char *option, const char *list, bool marks[FIELD_COUNT]);

/* The name of something that belongs to the table: the table without "_records" at its end, then the
 * suffix: "goflow_records" and "_ledger" make "goflow_ledger". out has SQL_NAME_MAX + 1 bytes. */
char *sql_name(const struct sql_settings *s, const char *suffix, char *out);

/* The chosen columns in the order of their ids. */
struct sql_columns {
	size_t count;
	uint8_t field[FIELD_COUNT];         /* enum field_id of each */
	uint64_t bits[FIELD_WORDS];         /* the same as presence bits */
	uint64_t signed_bits[FIELD_WORDS];  /* of them those that hold at most 2^63 - 1 */
	uint64_t inexact_bits[FIELD_WORDS]; /* and those, or text */
	bool extra;
};

/* The columns of the settings. Signed are none of them (MySQL), counters, or times as well, where those are
 * numbers of ns (SQLite). */
enum sql_signed { SQL_SIGNED_NONE, SQL_SIGNED_COUNTERS, SQL_SIGNED_TIMES_TOO };
void sql_columns(struct sql_columns *c, const struct sql_settings *s, enum sql_signed which);

/* Keeps the record's last_switched within the window around its receipt: outside, it becomes the receipt
 * and time_source says so. A record without a time of receipt is left alone. Returns whether it changed. */
bool sql_row_time(const struct sql_settings *s, struct record *r);

/* How many values of the record its columns hold at their largest only. */
unsigned sql_row_saturated(const struct sql_columns *c, const struct record *r);

/* The JSON of what no column holds exactly: values beyond 2^63 - 1 in signed columns, NAME_hex of text that
 * is not UTF-8 or has a NUL in it, and elements that no field claims. Returns its length; 0: there is
 * nothing; ERR_TOO_LARGE where it does not fit into cap. */
int sql_row_extra(const struct sql_columns *c, const struct record *r, char *out, size_t cap);

/* Text as a database takes it: valid UTF-8 without NUL. Returns the length; *text is the text itself where it
 * is so already, else `out`, which has 3 * t->len bytes: every bad byte has become U+FFFD. */
size_t sql_text(const struct text *t, const char **text, char *out);

#endif
