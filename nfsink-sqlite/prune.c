/* Bounds on age and size: the oldest rows go, in small transactions, for a short while at a time.
 */
#include "nfsink-sqlite/nfsink_sqlite.h"

#include "lib/err.h"
#include "lib/instant.h"
#include "lib/stage.h"

#define ROWS_A_STEP  5000
#define PAGES_A_STEP "4000"
#define TIME_NS      (200 * NS_PER_MS) /* of one call */

/* What goes next: so many of the rows that were stored first, or of those before a time. */
struct step {
	bool by_time;
	sqlite3_int64 before;
	int rows; /* 0: none */
};

/* Returns how many rows were deleted, or -1. */
static int delete_some(struct sqlite_sink *s, struct step step)
{
	char *sql = step.by_time
			    ? sqlite3_mprintf(
				      "DELETE FROM \"%w\" WHERE rowid IN (SELECT rowid FROM \"%w\" "
				      "WHERE last_switched < %lld ORDER BY last_switched LIMIT %d)",
				      s->set.table, s->set.table, step.before, step.rows)
			    : sqlite3_mprintf(
				      "DELETE FROM \"%w\" WHERE rowid IN (SELECT rowid FROM \"%w\" "
				      "ORDER BY rowid LIMIT %d)",
				      s->set.table, s->set.table, step.rows);
	int rc = sql ? sqlite_run(s, sql) : SQLITE_NOMEM;
	sqlite3_free(sql);
	return rc == SQLITE_OK ? sqlite3_changes(s->db) : -1;
}

/* The bytes of the database that hold something. */
static uint64_t used_bytes(struct sqlite_sink *s)
{
	sqlite3_int64 pages =
		sqlite_number(s, "PRAGMA page_count") - sqlite_number(s, "PRAGMA freelist_count");
	return (uint64_t)(pages * sqlite_number(s, "PRAGMA page_size"));
}

/* How many rows hold `excess` of the `used` bytes; by row ids, since counting reads the whole
 * table. */
static int rows_of(struct sqlite_sink *s, uint64_t excess, uint64_t used)
{
	/* two queries: SQLite reads the whole table for both in one */
	char *sql = sqlite3_mprintf("SELECT (SELECT max(rowid) FROM \"%w\") - "
				    "(SELECT min(rowid) FROM \"%w\") + 1",
		s->set.table, s->set.table);
	sqlite3_int64 rows = sql ? sqlite_number(s, sql) : 0;
	sqlite3_free(sql);
	double share = (double)excess / (double)used * (double)rows;
	return share < ROWS_A_STEP ? (int)share + (rows > 0) : ROWS_A_STEP;
}

static struct step next_step(struct sqlite_sink *s)
{
	uint64_t now = instant_now().ns, used = s->set.max_size ? used_bytes(s) : 0;
	if (used > s->set.max_size)
		return (struct step){false, 0, rows_of(s, used - s->set.max_size, used)};
	if (s->set.max_age_ns && s->set.max_age_ns < now)
		return (struct step){true, (sqlite3_int64)(now - s->set.max_age_ns), ROWS_A_STEP};
	return (struct step){false, 0, 0};
}

/* Deletes until nothing is to go, or time is up. Returns 0, 1 (there is more) or ERR_RETRY. */
static int delete_for(struct sqlite_sink *s, uint64_t end)
{
	struct step step;
	while ((step = next_step(s)).rows > 0) {
		if (monotonic_ns() >= end)
			return 1;
		int n = delete_some(s, step);
		if (n < 0)
			return sqlite_failed(s, "pruning");
		pthread_mutex_lock(&s->lock);
		s->figures.pruned += (uint64_t)n;
		pthread_mutex_unlock(&s->lock);
		if (n < step.rows)
			break;
	}
	return 0;
}

/* Whether pages are given back: those that new rows will soon fill are kept. */
static bool too_empty(struct sqlite_sink *s)
{
	uint64_t pages = (uint64_t)sqlite_number(s, "PRAGMA page_count");
	uint64_t empty = (uint64_t)sqlite_number(s, "PRAGMA freelist_count");
	uint64_t size = pages * (uint64_t)sqlite_number(s, "PRAGMA page_size");
	return empty > pages / 4 || (empty && s->set.max_size && size > s->set.max_size);
}

/* Gives empty pages back to the file system, so many at a time. Returns like delete_for. */
static int shrink(struct sqlite_sink *s)
{
	if (!s->shrinks || !too_empty(s))
		return 0;
	if (sqlite_run(s, "PRAGMA incremental_vacuum(" PAGES_A_STEP ")") != SQLITE_OK)
		return sqlite_failed(s, "giving back pages");
	return too_empty(s);
}

/* The counters go with the records: those that are too old, or older than any record that the size
 * left. */
static int prune_counters(struct sqlite_sink *s)
{
	sqlite3_int64 before = 0, now = (sqlite3_int64)instant_now().ns;
	if (s->set.max_age_ns)
		before = now - (sqlite3_int64)s->set.max_age_ns;
	sqlite3_int64 oldest = s->set.max_size ? (sqlite3_int64)sqlite_edge(s, "min") : 0;
	return counters_prune(s, oldest > before ? oldest : before);
}

int prune(struct sqlite_sink *s)
{
	if (!s->set.max_age_ns && !s->set.max_size)
		return 0;
	int more = delete_for(s, monotonic_ns() + TIME_NS);
	if (more < 0)
		return more;
	int counters = prune_counters(s);
	if (counters < 0)
		return counters;
	int left = shrink(s);
	return left < 0 ? left : more || counters || left;
}
