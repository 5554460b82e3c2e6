/* plainload SCHEMA ROWS DATABASE: a loader with nothing to do but to bind prepared rows and insert
 * them: the same tables, pragmas, indexes, transactions and ledger as nfsink-sqlite. What it takes
 * is what SQLite takes. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/rowfile.h"

#define BATCH 20000 /* rows in a transaction, the frame that they end in included */
#define PRAGMAS                                                                                    \
	"PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = "       \
	"NORMAL; "                                                                                 \
	"PRAGMA cache_size = -8192"

static const char *const ledger_sql[] = {
	"SELECT 1 FROM goflow_ledger WHERE stream = ?1 AND first <= ?2 AND last >= ?2",
	"UPDATE goflow_ledger SET last = ?2 WHERE stream = ?1 AND last = ?2 - 1",
	"INSERT OR IGNORE INTO goflow_ledger (stream, first, last) SELECT ?1, ?2, ?2 WHERE "
	"changes() = 0",
	"UPDATE goflow_ledger SET last = (SELECT last FROM goflow_ledger WHERE stream = ?1 AND "
	"first = ?2 + 1) "
	"WHERE stream = ?1 AND last = ?2 AND EXISTS "
	"(SELECT 1 FROM goflow_ledger WHERE stream = ?1 AND first = ?2 + 1)",
};
#define LEDGER (sizeof ledger_sql / sizeof ledger_sql[0])

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "plainload: %s\n", what);
		exit(74);
	}
}

/* A whole file in memory; its size in *size. */
static const char *map(const char *name, size_t *size)
{
	struct stat st;
	int fd = open(name, O_RDONLY);
	must(fd >= 0 && fstat(fd, &st) == 0, name);
	void *at = mmap(NULL, (size_t)st.st_size + 1, PROT_READ, MAP_PRIVATE, fd, 0);
	must(at != MAP_FAILED, name);
	close(fd);
	*size = (size_t)st.st_size;
	return at;
}

static void run(sqlite3 *db, const char *sql)
{
	must(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(db));
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	must(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK, sqlite3_errmsg(db));
	return s;
}

static sqlite3_stmt *prepare_insert(sqlite3 *db, int *columns)
{
	sqlite3_stmt *all = prepare(db, "SELECT * FROM goflow_records");
	sqlite3_str *sql = sqlite3_str_new(db);
	*columns = sqlite3_column_count(all);
	sqlite3_str_appendall(sql, "INSERT INTO goflow_records VALUES (?");
	for (int i = 1; i < *columns; i++)
		sqlite3_str_appendall(sql, ", ?");
	sqlite3_str_appendall(sql, ")");
	char *text = sqlite3_str_finish(sql);
	sqlite3_stmt *insert = prepare(db, text);
	sqlite3_free(text);
	sqlite3_finalize(all);
	return insert;
}

static const char *insert_row(sqlite3_stmt *insert, const char *p, int columns)
{
	sqlite3_int64 v;
	uint32_t len;
	p++;
	for (int i = 1; i <= columns; i++) {
		switch (*p++) {
		case ROW_NULL: sqlite3_bind_null(insert, i); break;
		case ROW_INTEGER:
			memcpy(&v, p, sizeof v);
			sqlite3_bind_int64(insert, i, v);
			p += sizeof v;
			break;
		default:
			memcpy(&len, p, sizeof len);
			sqlite3_bind_text(insert, i, p + sizeof len, (int)len, SQLITE_STATIC);
			p += sizeof len + len;
			break;
		}
	}
	must(sqlite3_step(insert) == SQLITE_DONE, "insert");
	sqlite3_reset(insert);
	return p;
}

static const char *note_frame(sqlite3_stmt *const *ledger, const char *p, uint64_t *rows)
{
	sqlite3_int64 sequence;
	memcpy(&sequence, p + 17, sizeof sequence);
	memcpy(rows, p + 25, sizeof *rows);
	for (size_t i = 0; i < LEDGER; i++) {
		sqlite3_bind_blob(ledger[i], 1, p + 1, 16, SQLITE_STATIC);
		sqlite3_bind_int64(ledger[i], 2, sequence);
		must(sqlite3_step(ledger[i]) == SQLITE_DONE, "ledger");
		sqlite3_reset(ledger[i]);
	}
	return p + 33;
}

int main(int argc, char **argv)
{
	sqlite3 *db;
	sqlite3_stmt *ledger[LEDGER];
	size_t size, schema_size;
	uint64_t rows, in_batch = 0;
	int columns;
	must(argc == 4, "usage: plainload SCHEMA ROWS DATABASE");
	const char *schema = map(argv[1], &schema_size), *p = map(argv[2], &size), *end = p + size;
	must(sqlite3_open(argv[3], &db) == SQLITE_OK, "open");
	run(db, PRAGMAS);
	char *text = strndup(schema, schema_size);
	must(text != NULL, "memory");
	run(db, text);
	free(text);
	sqlite3_stmt *insert = prepare_insert(db, &columns);
	for (size_t i = 0; i < LEDGER; i++)
		ledger[i] = prepare(db, ledger_sql[i]);
	run(db, "BEGIN IMMEDIATE");
	while (p < end) {
		p = note_frame(ledger, p, &rows);
		for (uint64_t i = 0; i < rows; i++)
			p = insert_row(insert, p, columns);
		in_batch += rows;
		if (in_batch >= BATCH) {
			run(db, "COMMIT; BEGIN IMMEDIATE");
			in_batch = 0;
		}
	}
	run(db, "COMMIT");
	sqlite3_finalize(insert);
	for (size_t i = 0; i < LEDGER; i++)
		sqlite3_finalize(ledger[i]);
	must(sqlite3_close(db) == SQLITE_OK, "close");
	return 0;
}
