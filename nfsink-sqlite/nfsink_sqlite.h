/* nfsink-sqlite: what its files share. */
#ifndef NFSINK_SQLITE_H
#define NFSINK_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/ip.h"
#include "lib/sink.h"
#include "lib/sql.h"
#include "lib/sql_counters.h"

#define WHY_MAX        1024
#define BUSY_MS        1000 /* how long a statement waits for another writer before the loop's retry does */

/* Ranges of frame numbers that are stored, per stream. */
struct ledger {
	sqlite3_stmt *find, *extend, *insert, *join, *remove;
};

/* What "status" tells, as of the last tick. */
struct figures {
	uint64_t pruned; /* rows deleted by age and size */
	sqlite3_int64 file_bytes;
	uint64_t oldest_ns, newest_ns; /* 0: there is no row */
};

struct sqlite_sink {
	/* settings */
	const char *file;
	struct sql_settings set;
	bool indexed[FIELD_COUNT];
	char ledger_name[SQL_NAME_MAX + 1], counters_name[SQL_NAME_MAX + 1];
	/* the connection; NULL where there is none */
	sqlite3 *db;
	sqlite3_stmt *insert, *insert_counters;
	struct ledger ledger;
	struct sql_columns columns;
	char ip_text[FIELD_COUNT][IP_TEXT_MAX]; /* of each column: what the binding borrows */
	uint8_t column_of[FIELD_COUNT];         /* where a chosen field's column is */
	uint64_t bound[FIELD_WORDS]; /* fields that are bound to something other than NULL */
	uint64_t share_id;           /* of the shared fields that are bound; with share_bound */
	bool share_bound;
	struct record record;
	struct sql_counters counters;
	char *extra_text; /* JSON of what no column holds: JSONL_LINE_MAX */
	bool ready;       /* opened whole: what SQLite calls a plain error may pass */
	bool shrinks;     /* the file was made so that it can give pages back */
	char why[WHY_MAX];
	pthread_mutex_t lock; /* of what the main thread reads */
	struct figures figures;
};

/* Makes `why` of the file's name, a phrase, and SQLite's message; returns the error code that the result
 * code means to the sink loop: ERR_RETRY, or ERR_CONFIG for a file that is no database and for SQL that
 * the file's schema does not allow. */
int sqlite_failed(struct sqlite_sink *s, const char *doing);

/* Runs SQL that gives no rows. Returns SQLITE_OK or SQLite's code. */
int sqlite_run(struct sqlite_sink *s, const char *sql);

/* The one whole number that a query gives; 0 where it gives none. */
sqlite3_int64 sqlite_number(struct sqlite_sink *s, const char *sql);

/* The first ("min") or last ("max") of all rows' times, by the index; 0: there is no row. */
uint64_t sqlite_edge(struct sqlite_sink *s, const char *which);

/* schema.c: makes the table, its indexes, the view and the ledger, or extends and checks what is there, in
 * one transaction. Returns 0, ERR_RETRY or ERR_CONFIG, with `why`. */
int schema_prepare(struct sqlite_sink *s);

/* The INSERT of all columns, as text that the caller frees with sqlite3_free; NULL without memory. */
char *schema_insert(const struct sqlite_sink *s);

/* store.c: makes the columns of the chosen fields, in the order of schema_insert. */
void store_columns(struct sqlite_sink *s);

/* Whether it is the code of a value that no retry can mend, or of a constraint that the user has put on the table, and
 * the transaction goes on. */
bool sqlite_is_refusal(struct sqlite_sink *s, int rc);

/* counters.c: makes the table of counters, if it is asked for. Returns as schema_prepare, of which it is a part. */
int counters_prepare(struct sqlite_sink *s);

/* Prepares its statement. Returns as ledger_open. */
int counters_open(struct sqlite_sink *s);
void counters_close(struct sqlite_sink *s);

/* Stores the lines of a frame of counters, within the transaction. Returns 0 or ERR_RETRY. */
int counters_store(struct sqlite_sink *s, const struct frame *f, struct sink_result *result);

/* Deletes some of those received before a time, in ns. Returns 0, 1 (there are more) or ERR_RETRY. */
int counters_prune(struct sqlite_sink *s, sqlite3_int64 before);

/* ledger.c: prepares its statements. Returns 0 or ERR_RETRY, with `why`. */
int ledger_open(struct sqlite_sink *s);
void ledger_close(struct sqlite_sink *s);

/* Notes a frame as stored, within the transaction. Returns 1, 0 if it was before, or ERR_RETRY. */
int ledger_note(struct sqlite_sink *s, const struct frame *f);

/* prune.c: deletes the rows that are too old, or too many for the size, for a short while.
 * Returns 0, 1 (there are more) or ERR_RETRY, with `why`. */
int prune(struct sqlite_sink *s);

#endif
