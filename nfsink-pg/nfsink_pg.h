/* nfsink-pg: what its files share. */
#ifndef NFSINK_PG_H
#define NFSINK_PG_H

#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base.h"
#include "lib/dirty.h"
#include "lib/rate.h"
#include "lib/sink.h"
#include "lib/sql.h"
#include "lib/sql_counters.h"

#define WHY_MAX      1024
#define SQL_ROOM     16384 /* of a statement that is put together from names */

/* How a value is sent: the type that its column was found to have. */
enum column_type {
	COLUMN_INT2,
	COLUMN_INT4,
	COLUMN_INT8,
	COLUMN_INET,
	COLUMN_MACADDR,
	COLUMN_TIME,
	COLUMN_TEXT,
	COLUMN_JSONB,
	COLUMN_JSON,
};

/* How the table keeps its rows apart by time. */
enum layout {
	LAYOUT_PLAIN,      /* not at all */
	LAYOUT_PARTITIONS, /* declarative partitions, one a day */
	LAYOUT_HYPERTABLE, /* TimescaleDB's chunks */
};

/* What "status" tells, as of the last tick. */
struct figures {
	int64_t table_bytes, index_bytes;
	int64_t rows; /* by the server's estimate */
	uint64_t rows_a_second;
	char oldest[40], newest[40]; /* RFC 3339; empty: there is no row */
	uint64_t pruned;             /* partitions or chunks dropped, or rows deleted */
	char layout[16];
	char direct_compress[8]; /* "on", "off", or empty: not known yet */
};

struct pg_sink {
	const char *conninfo;
	struct sql_settings set;
	struct sql_columns columns;
	uint64_t chunk_ns;       /* of a hypertable */
	uint64_t compress_ns;    /* chunks are compressed when they are so old; 0: never */
	bool direct_compress;
	char ledger[SQL_NAME_MAX + 1], dirty[SQL_NAME_MAX + 1], counters[SQL_NAME_MAX + 1];
	pthread_mutex_t lock; /* of the rest */
	bool said_direct, said_rival;
	uint64_t stored; /* records, by all connections */
	struct figures figures; /* its `pruned` is counted up, the rest replaced */
};

struct pg_conn {
	struct pg_sink *s;
	PGconn *db; /* NULL: not connected */
	enum layout layout;
	bool has_direct;                     /* direct compression was switched on */
	bool direct_checked;
	uint8_t type[FIELD_COUNT];           /* enum column_type of each of s->columns */
	uint8_t extra_type;
	struct record record;
	struct sql_counters counters;
	char *buffer; /* of the COPY, or of an INSERT of counters */
	size_t used;
	struct dirty dirty;
	/* of the connection that does the upkeep: when, monotonic, and whether no other sink does it */
	uint64_t minutely_ns, hourly_ns, figures_ns;
	struct rate stored_rate;
	bool does_upkeep;
	int64_t excess;     /* rows that --max-size has still to delete from a plain table */
	uint64_t excess_ns; /* when the last of them went, monotonic */
	char state[6];      /* SQLSTATE of the last failure */
	char why[WHY_MAX];
};

/* connect.c --------------------------------------------------------------------------------------- */

/* Looks for a password in a connection string, where it would stand in the process list. Returns 0, or
 * ERR_SYNTAX after a log line, which does not repeat it. */
int conninfo_check(const char *conninfo);

/* Connects and sets the session up. Returns 0 or ERR_RETRY, with `why`. */
int pg_connect(struct pg_conn *c);
void pg_disconnect(struct pg_conn *c);

/* Keeps the reason of a failure ("DOING: the server's words") from the result (NULL: from the connection)
 * and its SQLSTATE. Returns ERR_RETRY. The result is not cleared. */
int pg_failed(struct pg_conn *c, const PGresult *result, const char *doing);

/* Whether the last failure was that of a value or a constraint, which no retry can mend: data exceptions, constraints,
 * limits, and what a trigger of the user's raises. */
bool pg_is_refusal(const struct pg_conn *c);

/* Formats SQL into `sql` of SQL_ROOM bytes; false (and `why`) if it does not fit. Only names made of letters, digits
 * and underscores, and numbers, may be put into it. */
bool pg_format(struct pg_conn *c, char *sql, const char *format, ...) PRINTF_LIKE(3, 4);

/* Runs SQL without rows, one or more statements. Returns 0, or ERR_RETRY with `why`. */
int pg_run(struct pg_conn *c, const char *doing, const char *sql);

/* Runs SQL with rows. Returns the result, which the caller clears; NULL with `why`. */
PGresult *pg_query(struct pg_conn *c, const char *doing, const char *sql);

/* The one number that a query gives; `missing` where it gives none, or NULL, or fails. */
int64_t pg_number(struct pg_conn *c, const char *sql, int64_t missing);

/* schema.c ---------------------------------------------------------------------------------------- */

/* Makes the table and what belongs to it, or extends and checks what is there, under the lock of all sinks.
 * Returns 0, ERR_RETRY or ERR_CONFIG, with `why`. */
int schema_prepare(struct pg_conn *c);


/* The advisory lock of all sinks into the table, held to the transaction's end. Returns as pg_run. */
int schema_lock(struct pg_conn *c);

/* copy.c ------------------------------------------------------------------------------------------ */

/* Writes a record as a row of binary COPY behind c->used (there is room for any). Returns 0, or ERR_TOO_LARGE. */
int copy_row(struct pg_conn *c, const struct record *r);
void copy_header(struct pg_conn *c);
void copy_trailer(struct pg_conn *c);

#define COPY_FULL (256 * 1024) /* the buffer is sent when it holds so much */
#define COPY_ROOM (8 * 1024 * 1024)

/* store.c ----------------------------------------------------------------------------------------- */

/* As sink_ops.store. */
int store_batch(void *connection, const struct sink_batch *batch, struct sink_result *result);

/* counters.c -------------------------------------------------------------------------------------- */

/* Makes the table of counters, if it is asked for. Within a transaction. Returns 0, ERR_RETRY or ERR_CONFIG, with
 * `why`. */
int counters_prepare(struct pg_conn *c);

/* Stores the lines of those frames of counters that are ours, within the transaction. Returns 0 or ERR_RETRY. */
int counters_store(struct pg_conn *c, const struct sink_batch *batch, const bool *mine, struct sink_result *result);

/* ledger.c ---------------------------------------------------------------------------------------- */

/* Whether each frame of a batch is to be stored. */
struct claims {
	bool mine[SINK_FRAMES_MAX];
	size_t count; /* of those that are */
};

/* Writes the statements that claim the frames in the ledger, two with results, behind *p (which grows, up to end).
 * Returns false where there is no room. Nothing is written where no frame has a number. */
bool ledger_claim_sql(const struct pg_sink *s, const struct sink_batch *b, char **p, const char *end);

/* Takes the results of the two: the rows that are new, and of these the ones found in a range. All frames
 * without a number are ours. */
void ledger_take(struct claims *claims, const struct sink_batch *b, const PGresult *inserted,
	const PGresult *covered);

/* Joins what follows on each other into ranges, and forgets old streams. Returns as pg_run. */
int ledger_merge(struct pg_conn *c);

/* partition.c, timescale.c ------------------------------------------------------------------------- */

/* Makes the partitions that are missing from yesterday to three days ahead. Within a transaction. */
int partition_ahead(struct pg_conn *c);

/* Makes the partition of the first day that the catch-all holds rows of, and moves them there. Returns 0, 1
 * (there may be more) or ERR_RETRY. */
int partition_fill(struct pg_conn *c);

/* Makes an empty table a hypertable with compression; returns as pg_run. */
int timescale_prepare(struct pg_conn *c);

/* Whether the database has the extension. */
bool timescale_there(struct pg_conn *c);

/* Whether direct compression can be had, and switches it on. */
void timescale_direct(struct pg_conn *c);

/* Once, in the transaction of a large enough batch, behind its COPY: whether its rows came out compressed,
 * and says so. */
void timescale_check_direct(struct pg_conn *c);

/* aggregate.c ------------------------------------------------------------------------------------- */

/* Makes the aggregates: continuous ones on a hypertable, tables elsewhere. Within a transaction. */
int aggregate_prepare(struct pg_conn *c);

/* Brings them up to date with what is noted as dirty. Returns 0, 1 (there is more) or ERR_RETRY. */
int aggregate_refresh(struct pg_conn *c);

/* Removes sums per minute from before a time, some or all; hours and days stay. Returns 0, 1 (there is more) or
 * ERR_RETRY. */
int aggregate_prune(struct pg_conn *c, const char *before);

/* retention.c ------------------------------------------------------------------------------------- */

/* Removes what is too old or too much. Returns 0, 1 (there is more) or ERR_RETRY. */
int retention(struct pg_conn *c);

/* upkeep.c ---------------------------------------------------------------------------------------- */

/* As sink_ops.tick, on a connection of its own. */
int upkeep_tick(void *connection, bool last);

#endif
