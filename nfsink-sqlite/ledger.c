/* Which frames are stored: (stream id, sequence) as ranges, in the same transaction as their rows,
 * so that a frame that comes again is not stored again. A stream that lost nothing is one row. */
#include "nfsink-sqlite/nfsink_sqlite.h"

#include "lib/base.h"
#include "lib/err.h"

/* In each, %w is the table's name.
 * RANGE: the first of the range that ?2 is in, or comes behind: one look-up, however many there
 * are. */
#define RANGE "(SELECT max(first) FROM \"%w\" WHERE stream = ?1 AND first <= ?2)"
#define FIND  "SELECT 1 FROM \"%w\" WHERE stream = ?1 AND first = " RANGE " AND last >= ?2"
#define EXTEND                                                                                     \
	"UPDATE \"%w\" SET last = ?2 WHERE stream = ?1 AND first = " RANGE " AND last = ?2 - 1"
#define INSERT "INSERT INTO \"%w\" (stream, first, last) VALUES (?1, ?2, ?2)"
/* the range that ends at ?2 takes in the one that begins behind it */
#define JOIN                                                                                       \
	"UPDATE \"%w\" AS into_ SET last = behind.last FROM \"%w\" AS behind WHERE "               \
	"behind.stream = ?1 AND behind.first = ?2 + 1 AND into_.stream = ?1 AND into_.first "      \
	"= " RANGE " AND into_.last = ?2"
#define REMOVE "DELETE FROM \"%w\" WHERE stream = ?1 AND first = ?2 + 1"

/* Prepares a statement whose only words are the table's name, up to three times. */
static int prepare(struct sqlite_sink *s, const char *format, sqlite3_stmt **out)
{
	const char *name = s->ledger_name;
	char *sql = sqlite3_mprintf(format, name, name, name);
	int rc = sql ? sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL)
		     : SQLITE_NOMEM;
	sqlite3_free(sql);
	return rc;
}

int ledger_open(struct sqlite_sink *s)
{
	struct ledger *l = &s->ledger;
	const struct {
		sqlite3_stmt **statement;
		const char *sql;
	} all[] = {{&l->find, FIND}, {&l->extend, EXTEND}, {&l->insert, INSERT}, {&l->join, JOIN},
		{&l->remove, REMOVE}};
	for (size_t i = 0; i < LEN(all); i++)
		if (prepare(s, all[i].sql, all[i].statement) != SQLITE_OK)
			return sqlite_failed(s, "preparing the ledger");
	return 0;
}

void ledger_close(struct sqlite_sink *s)
{
	struct ledger *l = &s->ledger;
	sqlite3_finalize(l->find);
	sqlite3_finalize(l->extend);
	sqlite3_finalize(l->insert);
	sqlite3_finalize(l->join);
	sqlite3_finalize(l->remove);
	*l = (struct ledger){0};
}

/* Runs one of the statements for a frame; SQLITE_ROW, SQLITE_DONE or an error. */
static int step(sqlite3_stmt *statement, const struct frame *f)
{
	sqlite3_bind_blob(statement, 1, f->id.b, sizeof f->id.b, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)f->sequence);
	int rc = sqlite3_step(statement);
	int reset = sqlite3_reset(statement);
	return reset == SQLITE_OK ? rc : reset;
}

int ledger_note(struct sqlite_sink *s, const struct frame *f)
{
	struct ledger *l = &s->ledger;
	int rc = step(l->find, f);
	if (rc == SQLITE_ROW)
		return 0;
	if (rc == SQLITE_DONE)
		rc = step(l->extend, f);
	if (rc == SQLITE_DONE && sqlite3_changes(s->db) == 0)
		rc = step(l->insert, f);
	if (rc == SQLITE_DONE)
		rc = step(l->join, f);
	if (rc == SQLITE_DONE && sqlite3_changes(s->db) > 0)
		rc = step(l->remove, f);
	return rc == SQLITE_DONE ? 1 : sqlite_failed(s, "writing the ledger");
}
