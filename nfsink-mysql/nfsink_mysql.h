/* nfsink-mysql: what its files share. */
#ifndef NFSINK_MYSQL_H
#define NFSINK_MYSQL_H

#include <mariadb/errmsg.h>
#include <mariadb/mysql.h>
#include <mariadb/mysqld_error.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base.h"
#include "lib/dirty.h"
#include "lib/rate.h"
#include "lib/sink.h"
#include "lib/sql.h"
#include "lib/sql_counters.h"

#define WHY_MAX          1024
#define SQL_ROOM         (256 * 1024) /* of a statement that is put together from names and numbers */
#define ARENA_ROOM       (5 * 1024 * 1024) /* of texts that had to be written anew; holds any row's */
#define TEXT_ROOM        (16 * 1024 * 1024) /* of an INSERT, or of what LOAD DATA reads */
#define TEXT_FULL        (1024 * 1024)     /* it is sent when it holds so much */
#define BULK_ROWS        2048              /* of one execution of the bulk-bound statement */
#define LOCK_SECONDS     10                /* a lock that is held longer is an outage, and said */
#define READ_SECONDS     30                /* a server that is silent for longer is gone */
#define DAY_NS           (86400 * NS_PER_S)
#define PARTITIONS_MAX   8192              /* of a table, by the servers */
#define STRANGE_MAX      64                /* days without a partition that are told apart in a batch */

enum method { METHOD_AUTO, METHOD_BULK, METHOD_LOAD, METHOD_INSERT };
enum ssl_mode { SSL_OFF, SSL_PREFERRED, SSL_REQUIRED, SSL_VERIFY };

/* How the table keeps its rows apart by time. */
enum layout {
	LAYOUT_PLAIN,      /* not at all, or not as we do */
	LAYOUT_PARTITIONS, /* "old", one a day, "rest" */
};

/* What "status" tells, as of the last tick. */
struct figures {
	int64_t table_bytes, index_bytes;
	int64_t rows; /* by the server's estimate */
	uint64_t rows_a_second;
	char oldest[40], newest[40]; /* RFC 3339; empty: there is no row */
	uint64_t pruned;             /* partitions dropped, or rows deleted */
	enum layout layout;
	enum method method;
};

struct my_sink {
	const char *host, *socket, *user, *database; /* NULL: the library's own */
	unsigned port;                               /* 0: the library's own */
	const char *defaults_file;
	const char *ssl_ca, *ssl_cert, *ssl_key;
	enum ssl_mode ssl_mode;
	enum method method; /* that was asked for */
	bool migrate;
	struct sql_settings set;
	struct sql_columns columns;
	char ledger[SQL_NAME_MAX + 1], dirty[SQL_NAME_MAX + 1], view[SQL_NAME_MAX + 1];
	char counters[SQL_NAME_MAX + 1];
	pthread_mutex_t lock; /* of the rest */
	uint64_t stored; /* records, by all connections */
	bool said_method, said_missing, said_size;
	struct figures figures;
};

/* The table's partitions but "rest", in the order of time; the first is "old". */
struct partitions {
	unsigned count;
	uint64_t read_ns; /* when, monotonic; 0: not yet */
	struct {
		int32_t until; /* the day behind its last, since 1970 */
		bool kept;     /* cannot be split now */
	} part[PARTITIONS_MAX];
};

/* The days of a batch's rows that have no partition of their own. */
struct strange_days {
	int64_t known_day; /* one that has, as many rows are of the same; -1: none yet */
	unsigned count;
	struct {
		int64_t day;
		uint64_t rows;
	} of[STRANGE_MAX];
};

/* One column of the bulk-bound statement: BULK_ROWS of each. */
struct bulk_column {
	void *values;           /* numbers, times, addresses: as the kind wants; NULL: it needs none */
	const void **pointers;  /* of what has a length */
	unsigned long *lengths;
	char *indicators;
};

/* A part of a record that has a length of its own, ready to be sent. */
struct piece {
	const char *p;
	size_t len;
};

struct my_conn {
	struct my_sink *s;
	MYSQL *db; /* NULL: not connected */
	enum method method;
	enum layout layout;
	bool has[FIELD_COUNT]; /* columns that the table has */
	uint64_t packet_max;   /* the server's max_allowed_packet */

	char *sql; /* SQL_ROOM: the statement that is put together */
	size_t sql_len;
	bool sql_full;

	struct record record, again; /* in hand; and seen again by bisection */
	struct piece texts[FIELD_COUNT]; /* of the record in hand, those of kind TEXT */
	struct piece extra;              /* p NULL: there is none */
	char *arena;                     /* ARENA_ROOM */
	size_t arena_used;

	struct sql_counters counters;
	size_t rows;  /* that wait to be sent */
	size_t bytes; /* of them, about */
	char *text;   /* TEXT_ROOM; METHOD_LOAD and METHOD_INSERT, and bisection */
	size_t text_len, text_sent;
	bool loading; /* our own LOAD DATA runs: the server may ask for `text` */
	MYSQL_STMT *statement;
	MYSQL_BIND *binds;         /* one a column */
	struct bulk_column *bulk;  /* likewise */
	void *bulk_memory;         /* of all of these */
	uint8_t column_of[FIELD_COUNT];

	bool mine[SINK_FRAMES_MAX]; /* frames of the batch that are to be stored */
	struct dirty dirty;
	struct partitions partitions;
	struct strange_days strange;

	uint64_t pruned_ns, parted_ns, merged_ns, figures_ns; /* when that was done last, monotonic; 0: not yet */
	uint64_t refreshed_ns;
	struct rate stored_rate;
	bool patient;       /* it waits as long as a statement takes: the connection of the upkeep */
	bool pruning;       /* begun, and not at its end */
	bool rows_pruned;   /* and the sums are next */
	uint64_t to_delete; /* rows of a table without partitions that are one too many */
	unsigned error;     /* of the last failure */
	char state[6];      /* its SQLSTATE */
	char why[WHY_MAX];
};

/* connect.c --------------------------------------------------------------------------------------- */

/* Connects, sets the session up, and chooses the method. Returns 0, ERR_RETRY or ERR_CONFIG, with `why`. */
int my_connect(struct my_conn *c);
void my_disconnect(struct my_conn *c);

/* Allocates what a connection works with. NULL: no memory. */
struct my_conn *my_conn_new(struct my_sink *s);
void my_conn_free(struct my_conn *c);

const char *method_name(enum method m);

/* tls.c ------------------------------------------------------------------------------------------- */

/* Once, before any connection. Returns 0 or ERR_MEMORY. */
int tls_init(void);

/* Sets the options of TLS, before connecting. */
void tls_options(struct my_conn *c);

/* Whether the connection is encrypted where it has to be: 0, or ERR_RETRY with `why`. */
int tls_check(struct my_conn *c);

/* query.c ----------------------------------------------------------------------------------------- */

/* Keeps the reason of a failure ("DOING: the server's words"), its number and SQLSTATE. Returns ERR_RETRY. */
int my_failed(struct my_conn *c, const char *doing);
int my_statement_failed(struct my_conn *c, const char *doing);

/* Whether the last failure was that of a value or a constraint, which no retry can mend. */
bool query_is_refusal(const struct my_conn *c);

/* Begins a statement in c->sql, and adds to it. Only names made of letters, digits and underscores, numbers,
 * and what my_add_hex made, may be put into it. What does not fit is noticed by my_send. */
void my_sql(struct my_conn *c, const char *format, ...) PRINTF_LIKE(2, 3);
void my_add(struct my_conn *c, const char *format, ...) PRINTF_LIKE(2, 3);
void my_add_hex(struct my_conn *c, const void *bytes, size_t len);

/* Runs c->sql, and throws rows away. Returns 0, or ERR_RETRY with `why`. */
int my_send(struct my_conn *c, const char *doing);

/* my_sql of a fixed text, and my_send. */
int my_run(struct my_conn *c, const char *doing, const char *sql);

/* Runs c->sql and returns its rows, which the caller frees; NULL with `why`. */
MYSQL_RES *my_rows(struct my_conn *c, const char *doing);

/* The one value that c->sql gives, as a number; *out is left alone where it is NULL or there is no row.
 * Returns as my_send. */
int my_number(struct my_conn *c, const char *doing, int64_t *out);

/* The same as text of cap bytes; "" where there is none. */
int my_word(struct my_conn *c, const char *doing, char *out, size_t cap);

/* The lock of all sinks into the table ("" or "upkeep"), held by the connection; waits for so many seconds.
 * Returns 0, ERR_RETRY, or 1: another one has it. */
int my_lock(struct my_conn *c, const char *what, unsigned seconds);
void my_unlock(struct my_conn *c, const char *what);

/* schema.c ---------------------------------------------------------------------------------------- */

/* Makes the table and what belongs to it, or extends and checks what is there, under the lock of all sinks.
 * Returns 0, ERR_RETRY or ERR_CONFIG, with `why`. */
int schema_prepare(struct my_conn *c);

/* The same without the lock, which the caller has. */
int schema_make(struct my_conn *c);

/* The MySQL type of a kind. */
const char *schema_type(uint8_t kind);

/* Whether a table is there. Returns 1, 0 or ERR_RETRY. */
int schema_table_exists(struct my_conn *c, const char *table);

/* Whether the table's columns can hold what is chosen; those that are missing do not count. Returns 0, ERR_RETRY, or
 * ERR_CONFIG with `why`. */
int schema_check(struct my_conn *c);

/* Adds "(`a`, `b`, ..." of the chosen columns and extra, without the closing parenthesis. */
void schema_add_columns(struct my_conn *c);

/* values.c ---------------------------------------------------------------------------------------- */

/* Fills c->texts and c->extra for a record, in c->arena where they had to be written anew. Returns about how
 * many bytes the row takes, or ERR_TOO_LARGE where the arena has no room. */
int values_prepare(struct my_conn *c, const struct record *r);

/* The parts of a point in time, in UTC. */
void values_time(uint64_t ns, MYSQL_TIME *out);

#define DATETIME_LEN 26
/* "2023-11-14 22:13:20.123456", without a NUL; returns the end. */
char *values_datetime(uint64_t ns, char *out);

/* The word for a value; its number in decimal in `room` (20 bytes) where it has none. */
struct piece values_word(enum field_id id, uint8_t value, char *room);

/* bulk.c, load.c, insert.c: the three methods ------------------------------------------------------ */

/* Prepares the statement and its arrays, which are allocated once. Returns 0, ERR_RETRY or ERR_CONFIG. */
int bulk_open(struct my_conn *c);
void bulk_close(struct my_conn *c);
void bulk_free(struct my_conn *c);

/* Each adds a row to those that wait, and returns 0, or ERR_TOO_LARGE: first send what waits; where nothing
 * waits, the row is too large for any packet. */
int bulk_add(struct my_conn *c, const struct record *r);
int load_add(struct my_conn *c, const struct record *r);
int insert_add(struct my_conn *c, const struct record *r);

/* Each sends what waits. Returns 0; 1: the server refused some of it, and nothing of it is stored; or ERR_RETRY. */
int bulk_send(struct my_conn *c);
int load_send(struct my_conn *c);
int insert_send(struct my_conn *c);

/* Put a value of a record (NULL where it has none), or a string, as a statement has it, at p. Return its end. A value
 * that is not text takes 64 bytes at most, a string twice its length and its quotes. */
char *insert_value(struct my_conn *c, char *p, enum field_id id, const struct record *r);
char *insert_string(struct my_conn *c, char *p, struct piece text);

/* Sets the handler that answers LOAD DATA from memory alone; before connecting. */
void load_guard(struct my_conn *c);

/* store.c ----------------------------------------------------------------------------------------- */

/* As sink_ops.store. */
int store_batch(void *connection, const struct sink_batch *batch, struct sink_result *result);

/* ledger.c ---------------------------------------------------------------------------------------- */

/* Claims the frames of the batch within the transaction: c->mine tells which are to be stored. Returns 0 or
 * ERR_RETRY. */
int ledger_claim(struct my_conn *c, const struct sink_batch *batch);

/* Joins what follows on each other into ranges, and forgets old streams. Returns 0 or ERR_RETRY. */
int ledger_merge(struct my_conn *c);

/* partition.c ------------------------------------------------------------------------------------- */

/* Adds the clause that gives a new table its partitions to the statement. */
void partition_add_clause(struct my_conn *c);

/* Finds c->layout. Returns 0 or ERR_RETRY. */
int partition_layout(struct my_conn *c);

/* Makes the partitions that are missing up to three days ahead. Returns 0 or ERR_RETRY. */
int partition_ahead(struct my_conn *c);

/* Makes partitions for days whose rows stand in "old", where those are few. Returns 0 or ERR_RETRY. */
int partition_fill(struct my_conn *c);

/* Reads which partitions there are. Returns 0 or ERR_RETRY. */
int partition_list(struct my_conn *c, struct partitions *p);

/* Whether the partition of that place holds more rows than so many. Returns 0 or ERR_RETRY. */
int partition_holds(struct my_conn *c, const struct partitions *p, unsigned place, unsigned rows, bool *more);

/* Splits it: a partition for each of the days, which are in it and ascending, and for each gap between. Returns 0 or
 * ERR_RETRY. */
int partition_split(struct my_conn *c, const struct partitions *p, unsigned place, const int64_t *days, size_t count);

/* days.c ------------------------------------------------------------------------------------------ */

/* Before the rows of a batch are noted. Returns 0 or ERR_RETRY. */
int days_begin(struct my_conn *c);

/* Notes the day of a row. */
void days_note(struct my_conn *c, uint64_t ns);

/* Whether, of so many rows that were noted, many are of days that should have a partition first. */
bool days_are_missing(const struct my_conn *c, uint64_t rows);

/* Makes these, outside of any transaction and as far as the server lets it. Returns 0 or ERR_RETRY. */
int days_make(struct my_conn *c, uint64_t rows);

/* retention.c ------------------------------------------------------------------------------------- */

/* Removes what is too old or too much. Returns 0, 1 (there is more) or ERR_RETRY. */
int retention(struct my_conn *c);

/* aggregate.c ------------------------------------------------------------------------------------- */

/* Makes the tables of the aggregates that the table's columns allow. Returns 0 or ERR_RETRY. */
int aggregate_prepare(struct my_conn *c);

/* Notes the batch's minutes, within its transaction. Returns 0 or ERR_RETRY. */
int aggregate_note(struct my_conn *c);

/* Brings them up to date with what was noted. Returns 0, 1 (there is more) or ERR_RETRY. */
int aggregate_refresh(struct my_conn *c);

/* Removes some of the sums per minute that are older than the records, where --max-age or --max-size bounds these;
 * hours and days stay. Returns 0, 1 (there is more) or ERR_RETRY. */
int aggregate_prune(struct my_conn *c);

/* The hour in which the records begin, by --max-age and --max-size, as seconds since 1970; 0: nothing bounds them.
 * Returns 0 or ERR_RETRY. */
int aggregate_first_hour(struct my_conn *c, int64_t *since);

/* counters.c -------------------------------------------------------------------------------------- */

/* Makes the table of counters, if it is asked for. Returns 0, ERR_RETRY or ERR_CONFIG, with `why`. */
int counters_prepare(struct my_conn *c);

/* Stores the lines of those frames of counters that are ours, within the transaction. Returns 0 or ERR_RETRY. */
int counters_store(struct my_conn *c, const struct sink_batch *batch, struct sink_result *result);

/* Removes some of the counters that are older than the records. Returns 0, 1 (there is more) or ERR_RETRY. */
int counters_prune(struct my_conn *c);

/* upkeep.c ---------------------------------------------------------------------------------------- */

/* As sink_ops.tick, on a connection of its own. */
int upkeep_tick(void *connection, bool last);

/* migrate.c --------------------------------------------------------------------------------------- */

/* Moves a table that does not fit out of the way and copies its rows; goes on where it was stopped. Returns
 * an exit code, after log lines. */
int migrate(struct my_sink *s);

#endif
