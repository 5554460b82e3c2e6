/* Which frames are stored: (stream id, sequence) as ranges, in the same transaction as their rows,
 * so that a frame that comes again is not stored again. A stream that lost nothing is one row. */
#include "nfsink-sqlite/nfsink_sqlite.h"

#include "lib/base.h"
#include "lib/err.h"

/* the first of the range that ?2 is in, or comes behind: one look-up, however many there are */
#define RANGE "(SELECT max(first) FROM goflow_ledger WHERE stream = ?1 AND first <= ?2)"
#define FIND  "SELECT 1 FROM goflow_ledger WHERE stream = ?1 AND first = " RANGE " AND last >= ?2"
#define EXTEND                                                                                     \
	"UPDATE goflow_ledger SET last = ?2 WHERE stream = ?1 AND first = " RANGE                  \
	" AND last = ?2 - 1"
#define INSERT "INSERT INTO goflow_ledger (stream, first, last) VALUES (?1, ?2, ?2)"
/* the range that ends at ?2 takes in the one that begins behind it */
#define JOIN                                                                                       \
	"UPDATE goflow_ledger SET last = (SELECT last FROM goflow_ledger WHERE stream = ?1 AND "   \
	"first = ?2 + 1) "                                                                         \
	"WHERE stream = ?1 AND first = " RANGE " AND last = ?2 AND EXISTS "                        \
	"(SELECT 1 FROM goflow_ledger WHERE stream = ?1 AND first = ?2 + 1)"
#define REMOVE "DELETE FROM goflow_ledger WHERE stream = ?1 AND first = ?2 + 1"

int ledger_open(struct sqlite_sink *s)
{
	struct ledger *l = &s->ledger;
	const struct {
		sqlite3_stmt **statement;
		const char *sql;
	} all[] = {{&l->find, FIND}, {&l->extend, EXTEND}, {&l->insert, INSERT}, {&l->join, JOIN},
		{&l->remove, REMOVE}};
	for (size_t i = 0; i < LEN(all); i++)
		if (sqlite3_prepare_v3(s->db, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
			    all[i].statement, NULL) != SQLITE_OK)
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
