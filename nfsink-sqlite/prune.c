/* Bounds on age and size: the oldest rows go, in small transactions, for a short while at a time. */
#include "nfsink_sqlite.h"

#include "lib/err.h"
#include "lib/instant.h"
#include "lib/stage.h"

#define ROWS_A_STEP 5000
#define TIME_NS     (200 * NS_PER_MS) /* of one call */

/* Deletes a step's rows that are older than `before`, oldest first. Returns their number, or -1. */
static int delete_some(struct sqlite_sink *s, sqlite3_int64 before)
{
	char *sql = sqlite3_mprintf("DELETE FROM \"%w\" WHERE rowid IN (SELECT rowid FROM \"%w\" "
				    "WHERE last_switched < %lld ORDER BY last_switched LIMIT %d)",
		s->table, s->table, before, ROWS_A_STEP);
	int rc = sql ? sqlite_run(s, sql) : SQLITE_NOMEM;
	sqlite3_free(sql);
	return rc == SQLITE_OK ? sqlite3_changes(s->db) : -1;
}

static sqlite3_int64 pragma_number(struct sqlite_sink *s, const char *sql)
{
	sqlite3_stmt *statement;
	sqlite3_int64 v = 0;
	if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		v = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return v;
}

/* The bytes of the database that hold something. */
static uint64_t used_bytes(struct sqlite_sink *s)
{
	sqlite3_int64 pages = pragma_number(s, "PRAGMA page_count") - pragma_number(s, "PRAGMA freelist_count");
	return (uint64_t)(pages * pragma_number(s, "PRAGMA page_size"));
}

/* The time before which rows go now; 0: none go. */
static sqlite3_int64 limit(struct sqlite_sink *s)
{
	uint64_t now = instant_now().ns;
	if (s->max_size && used_bytes(s) > s->max_size)
		return INT64_MAX;
	return s->max_age_ns && s->max_age_ns < now ? (sqlite3_int64)(now - s->max_age_ns) : 0;
}

int prune(struct sqlite_sink *s)
{
	uint64_t end = monotonic_ns() + TIME_NS;
	sqlite3_int64 before;
	bool any = false;
	while ((before = limit(s)) != 0 && monotonic_ns() < end) {
		int n = delete_some(s, before);
		if (n < 0)
			return sqlite_failed(s, "pruning");
		s->pruned += (uint64_t)n;
		any |= n > 0;
		if (n < ROWS_A_STEP && before != INT64_MAX)
			break;
		if (n == 0)
			break;
	}
	if (any && sqlite_run(s, "PRAGMA incremental_vacuum") != SQLITE_OK)
		return sqlite_failed(s, "giving back pages");
	return 0;
}
