/* bindload DATABASE SOURCE TARGET ROWS: rows that are ready in memory, bulk-bound and inserted:
 * what MariaDB's own interface can do with nothing to do beside it. Reads the rows of SOURCE a
 * batch at a time, untimed, and prints the seconds that inserting them into TARGET, a table of the
 * same columns, took: a transaction for each batch of ROWS. The server and the user are
 * nfsink-mysql's, from MYSQL_UNIX_PORT and SQL_USERNAME. */
#include <mariadb/mysql.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS   128
#define TEXT_ROOM 1024 /* octets of a text, an address or a JSON object */
#define AT_ONCE   2048 /* rows of one statement, as nfsink-mysql binds them */

/* One column of a batch. Numbers are bound as an array, all else as an array of pointers. */
struct column {
	enum enum_field_types type;
	bool is_unsigned;
	size_t size; /* of a cell */
	char *cells;
	char *indicators;
	unsigned long *lengths;
	void **pointers; /* NULL: a number */
};

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "bindload: %s\n", what);
		exit(74);
	}
}

static void *room(size_t count, size_t size)
{
	void *p = calloc(count, size);
	must(p != NULL, "out of memory");
	return p;
}

static MYSQL *connect_to(const char *database)
{
	MYSQL *db = mysql_init(NULL);
	must(db && mysql_real_connect(db, NULL, getenv("SQL_USERNAME"), NULL, database, 0, NULL, 0),
		db ? mysql_error(db) : "out of memory");
	must(!mysql_autocommit(db, 0), mysql_error(db));
	return db;
}

static MYSQL_STMT *prepare(MYSQL *db, const char *sql)
{
	MYSQL_STMT *s = mysql_stmt_init(db);
	must(s != NULL, "out of memory");
	must(!mysql_stmt_prepare(s, sql, strlen(sql)), mysql_stmt_error(s));
	return s;
}

static struct column column_of(const MYSQL_FIELD *field, size_t rows)
{
	static const size_t number_size[] = {[MYSQL_TYPE_TINY] = 1,
		[MYSQL_TYPE_SHORT] = 2,
		[MYSQL_TYPE_LONG] = 4,
		[MYSQL_TYPE_LONGLONG] = 8};
	struct column c = {.type = field->type, .is_unsigned = field->flags & UNSIGNED_FLAG};
	bool known = c.type < sizeof number_size / sizeof number_size[0];
	c.size = known ? number_size[c.type] : 0;
	if (!c.size) {
		bool is_time = c.type == MYSQL_TYPE_DATETIME;
		if (!is_time)
			c.type = MYSQL_TYPE_STRING;
		c.size = is_time ? sizeof(MYSQL_TIME) : TEXT_ROOM;
		c.pointers = room(rows, sizeof *c.pointers);
	}
	c.cells = room(rows, c.size);
	c.indicators = room(rows, 1);
	c.lengths = room(rows, sizeof *c.lengths);
	for (size_t i = 0; c.pointers && i < rows; i++)
		c.pointers[i] = c.cells + i * c.size;
	return c;
}

/* Makes the columns of a statement's result; returns how many. */
static unsigned columns_of(MYSQL_STMT *select, struct column *columns, size_t rows)
{
	MYSQL_RES *result = mysql_stmt_result_metadata(select);
	must(result != NULL, mysql_stmt_error(select));
	unsigned count = mysql_num_fields(result);
	must(count <= COLUMNS, "too many columns");
	for (unsigned i = 0; i < count; i++)
		columns[i] = column_of(mysql_fetch_field_direct(result, i), rows);
	mysql_free_result(result);
	return count;
}

/* Reads at most so many rows into the columns; returns how many there were. */
static unsigned fetch(MYSQL_STMT *select, struct column *columns, unsigned count, unsigned rows)
{
	MYSQL_BIND binds[COLUMNS] = {0};
	my_bool nulls[COLUMNS];
	unsigned n;
	for (n = 0; n < rows; n++) {
		for (unsigned i = 0; i < count; i++)
			binds[i] = (MYSQL_BIND){.buffer_type = columns[i].type,
				.buffer = columns[i].cells + n * columns[i].size,
				.buffer_length = columns[i].size,
				.length = &columns[i].lengths[n],
				.is_null = &nulls[i],
				.is_unsigned = columns[i].is_unsigned};
		must(!mysql_stmt_bind_result(select, binds), mysql_stmt_error(select));
		int status = mysql_stmt_fetch(select);
		if (status == MYSQL_NO_DATA)
			break;
		must(!status, status == MYSQL_DATA_TRUNCATED ? "a value is too long"
							     : mysql_stmt_error(select));
		for (unsigned i = 0; i < count; i++)
			columns[i].indicators[n] =
				nulls[i] ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
	}
	return n;
}

/* Inserts rows [from, from + rows) of the columns. */
static void insert_some(MYSQL_STMT *insert, const struct column *columns, unsigned count,
	unsigned from, unsigned rows)
{
	MYSQL_BIND binds[COLUMNS] = {0};
	for (unsigned i = 0; i < count; i++) {
		const struct column *c = &columns[i];
		binds[i] = (MYSQL_BIND){.buffer_type = c->type,
			.buffer = c->pointers ? (void *)(c->pointers + from)
					      : c->cells + from * c->size,
			.length = c->pointers ? c->lengths + from : NULL,
			.u.indicator = c->indicators + from,
			.is_unsigned = c->is_unsigned};
	}
	must(!mysql_stmt_attr_set(insert, STMT_ATTR_ARRAY_SIZE, &rows) &&
			!mysql_stmt_bind_param(insert, binds) && !mysql_stmt_execute(insert),
		mysql_stmt_error(insert));
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	char sql[4096];
	struct column columns[COLUMNS];
	must(argc == 5, "usage: bindload DATABASE SOURCE TARGET ROWS");
	unsigned batch = (unsigned)atoi(argv[4]), rows;
	must(batch > 0, "ROWS is a number");
	MYSQL *from = connect_to(argv[1]), *to = connect_to(argv[1]);

	snprintf(sql, sizeof sql, "SELECT * FROM `%s`", argv[2]);
	MYSQL_STMT *select = prepare(from, sql);
	unsigned count = columns_of(select, columns, batch);
	must(!mysql_stmt_execute(select), mysql_stmt_error(select));
	int len = snprintf(sql, sizeof sql, "INSERT INTO `%s` VALUES (?", argv[3]);
	for (unsigned i = 1; i < count; i++)
		len += snprintf(sql + len, sizeof sql - (size_t)len, ",?");
	snprintf(sql + len, sizeof sql - (size_t)len, ")");
	MYSQL_STMT *insert = prepare(to, sql);

	double took = 0;
	while ((rows = fetch(select, columns, count, batch)) > 0) {
		double begun = now();
		for (unsigned i = 0; i < rows; i += AT_ONCE)
			insert_some(
				insert, columns, count, i, rows - i < AT_ONCE ? rows - i : AT_ONCE);
		must(!mysql_commit(to), mysql_error(to));
		took += now() - begun;
	}
	printf("%.2f\n", took);
	return 0;
}
