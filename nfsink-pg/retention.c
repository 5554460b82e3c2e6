/* Retention: partitions and chunks are dropped whole; rows are deleted only from a table that has
 * neither, some at a time. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/stage.h"
#include "nfsink-pg/nfsink_pg.h"

#define ROWS_A_STEP     5000
#define ESTIMATE_LAG_NS (10 * NS_PER_S)

static void count_pruned(struct pg_sink *s, uint64_t n)
{
	pthread_mutex_lock(&s->lock);
	s->figures.pruned += n;
	pthread_mutex_unlock(&s->lock);
}

static unsigned long long max_age_s(const struct pg_sink *s)
{
	return s->set.max_age_ns / NS_PER_S;
}

/* Partitions ----------------------------------------------------------------------------------- */

/* The day partitions of ours in the order of their days, or those that are older than the bound. */
static PGresult *list_partitions(struct pg_conn *c, bool old)
{
	char sql[SQL_ROOM], bound[96] = "";
	if (old)
		snprintf(bound, sizeof bound,
			" AND to_date(right(relname, 8), 'YYYYMMDD') + 1 <= now() - "
			"make_interval(secs "
			"=> %llu)",
			max_age_s(c->s));
	return pg_format(c, sql,
		       "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
		       "WHERE inhparent = to_regclass('\"%s\"') AND relname ~ '^%s_p[0-9]{8}$'%s "
		       "ORDER BY relname",
		       c->s->set.table, c->s->set.table, bound)
		       ? pg_query(c, "listing partitions", sql)
		       : NULL;
}

/* Waits but shortly for the writers, who would wait behind it. */
static int drop_partition(struct pg_conn *c, const char *name)
{
	char sql[SQL_ROOM];
	if (!pg_format(c, sql, "BEGIN; SET LOCAL lock_timeout = '2s'; DROP TABLE \"%s\"; COMMIT",
		    name))
		return ERR_RETRY;
	int err = pg_run(c, "dropping a partition", sql);
	if (err) {
		PQclear(PQexec(c->db, "ROLLBACK"));
		return err;
	}
	count_pruned(c->s, 1);
	log_info("partition dropped name=%s", name);
	return 0;
}

static int drop_old_partitions(struct pg_conn *c)
{
	PGresult *old = list_partitions(c, true);
	int err = old ? 0 : ERR_RETRY;
	for (int i = 0; !err && i < PQntuples(old); i++)
		err = drop_partition(c, PQgetvalue(old, i, 0));
	PQclear(old);
	return err;
}

static int64_t partitions_bytes(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql,
		       "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits "
		       "WHERE inhparent = to_regclass('\"%s\"')",
		       c->s->set.table)
		       ? pg_number(c, sql, 0)
		       : 0;
}

/* The oldest one that holds something; "" where none does. Returns how many do. */
static int oldest_partition(struct pg_conn *c, char oldest[SQL_NAME_MAX + 1])
{
	PGresult *all = list_partitions(c, false);
	char sql[SQL_ROOM];
	int holding = 0;
	*oldest = '\0';
	for (int i = 0; all && i < PQntuples(all); i++) {
		const char *name = PQgetvalue(all, i, 0);
		if (pg_format(c, sql, "SELECT 1 FROM \"%s\" LIMIT 1", name) &&
			pg_number(c, sql, 0) == 1 && holding++ == 0)
			snprintf(oldest, SQL_NAME_MAX + 1, "%s", name);
	}
	PQclear(all);
	return holding;
}

/* The oldest partition that holds something goes, but never the last one that does. */
static int drop_oldest_partition(struct pg_conn *c)
{
	char oldest[SQL_NAME_MAX + 1];
	if (oldest_partition(c, oldest) < 2)
		return 0;
	int err = drop_partition(c, oldest);
	return err ? err : 1;
}

/* Chunks --------------------------------------------------------------------------------------- */

static int drop_old_chunks(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	if (!pg_format(c, sql,
		    "SELECT count(*) FROM drop_chunks('\"%s\"', "
		    "older_than => make_interval(secs => %llu))",
		    c->s->set.table, max_age_s(c->s)))
		return ERR_RETRY;
	int64_t dropped = pg_number(c, sql, -1);
	if (dropped < 0)
		return pg_failed(c, NULL, "dropping chunks");
	count_pruned(c->s, (uint64_t)dropped);
	return 0;
}

static int64_t chunks_bytes(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql, "SELECT hypertable_size('\"%s\"')", c->s->set.table)
		       ? pg_number(c, sql, 0)
		       : 0;
}

static int drop_oldest_chunk(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	const char *t = c->s->set.table;
	if (!pg_format(c, sql,
		    "SELECT count(*) FROM drop_chunks('\"%s\"', "
		    "older_than => (SELECT min(range_end) FROM timescaledb_information.chunks "
		    "WHERE hypertable_name = '%s' HAVING count(*) > 1))",
		    t, t))
		return ERR_RETRY;
	int64_t dropped = pg_number(c, sql, -1);
	if (dropped < 0)
		return pg_failed(c, NULL, "dropping a chunk");
	count_pruned(c->s, (uint64_t)dropped);
	return dropped > 0;
}

/* Rows ----------------------------------------------------------------------------------------- */

/* Deletes some rows: of those older than the bound, or else the oldest. Returns how many, or
 * ERR_RETRY. */
static int64_t delete_rows(struct pg_conn *c, const char *t, const char *which, int64_t limit)
{
	char sql[SQL_ROOM];
	if (!pg_format(c, sql,
		    "WITH gone AS (DELETE FROM \"%s\" WHERE ctid = ANY (ARRAY(SELECT ctid "
		    "FROM \"%s\" %s LIMIT %lld)) RETURNING 1) SELECT count(*) FROM gone",
		    t, t, which, (long long)limit))
		return ERR_RETRY;
	int64_t gone = pg_number(c, sql, -1);
	if (gone < 0)
		return pg_failed(c, NULL, "deleting old rows");
	count_pruned(c->s, (uint64_t)gone);
	return gone;
}

static int delete_old(struct pg_conn *c)
{
	char bound[96];
	snprintf(bound, sizeof bound, "WHERE last_switched < now() - make_interval(secs => %llu)",
		max_age_s(c->s));
	int64_t gone = delete_rows(c, c->s->set.table, bound, ROWS_A_STEP);
	return gone < 0 ? ERR_RETRY : gone == ROWS_A_STEP;
}

/* How many rows are too many. The table's size does not tell: what deleting leaves behind is used
 * again, not given back. So the bytes of a row, by a sample, times their number by the server's
 * estimate, and the same share of the indexes. -1: not known. */
static int64_t excess_rows(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	const char *t = c->s->set.table;
	return pg_format(c, sql,
		       "SELECT coalesce(sum(n_live_tup * (1 - least(1, %llu / nullif(live, 0)))), "
		       "0)::bigint FROM (SELECT n_live_tup, "
		       "pg_total_relation_size(relid) * least(1, "
		       "n_live_tup * row_bytes / nullif(pg_relation_size(relid), 0)) AS live "
		       "FROM pg_stat_user_tables, (SELECT avg(pg_column_size(one.*)) + 4 AS "
		       "row_bytes FROM (SELECT * FROM \"%s\" LIMIT 1000) AS one) AS sample "
		       "WHERE relid = to_regclass('\"%s\"')) AS found",
		       (unsigned long long)c->s->set.max_size, t, t)
		       ? pg_number(c, sql, -1)
		       : -1;
}

/* The number is found once, and then worked off: estimates lag behind what was deleted. */
static int delete_oldest(struct pg_conn *c)
{
	uint64_t now = monotonic_ns();
	if (c->excess <= 0 && (!c->excess_ns || now - c->excess_ns > ESTIMATE_LAG_NS))
		c->excess = excess_rows(c);
	if (c->excess < 0)
		return pg_failed(c, NULL, "finding how large the table is");
	if (c->excess == 0)
		return 0;
	int64_t gone = delete_rows(c, c->s->set.table, "ORDER BY last_switched",
		c->excess < ROWS_A_STEP ? c->excess : ROWS_A_STEP);
	if (gone < 0)
		return ERR_RETRY;
	c->excess = gone ? c->excess - gone : 0;
	c->excess_ns = now;
	return c->excess > 0;
}

/* All ------------------------------------------------------------------------------------------ */

static bool is_too_large(struct pg_conn *c, int64_t bytes)
{
	return bytes > (int64_t)c->s->set.max_size;
}

static int keep_age(struct pg_conn *c)
{
	switch (c->layout) {
	case LAYOUT_PARTITIONS: return drop_old_partitions(c);
	case LAYOUT_HYPERTABLE: return drop_old_chunks(c);
	default: return delete_old(c);
	}
}

static int keep_size(struct pg_conn *c)
{
	switch (c->layout) {
	case LAYOUT_PARTITIONS:
		return is_too_large(c, partitions_bytes(c)) ? drop_oldest_partition(c) : 0;
	case LAYOUT_HYPERTABLE: return is_too_large(c, chunks_bytes(c)) ? drop_oldest_chunk(c) : 0;
	default: return delete_oldest(c);
	}
}

/* Since when there are records, as an expression: NULL where there are none. */
static bool oldest_sql(struct pg_conn *c, char *sql)
{
	char name[SQL_NAME_MAX + 1];
	const char *t = c->s->set.table;
	switch (c->layout) {
	case LAYOUT_PARTITIONS:
		oldest_partition(c, name);
		return pg_format(c, sql, "to_date(nullif(right('%s', 8), ''), 'YYYYMMDD')", name);
	case LAYOUT_HYPERTABLE:
		return pg_format(c, sql,
			"(SELECT min(range_start) FROM timescaledb_information.chunks "
			"WHERE hypertable_name = '%s')",
			t);
	default: return pg_format(c, sql, "(SELECT min(last_switched) FROM \"%s\")", t);
	}
}

static int prune_counters(struct pg_conn *c, const char *before)
{
	char bound[96];
	if (!c->s->set.counters)
		return 0;
	snprintf(bound, sizeof bound, "WHERE received < '%s'", before);
	int64_t gone = delete_rows(c, c->s->counters, bound, ROWS_A_STEP);
	return gone < 0 ? ERR_RETRY : gone == ROWS_A_STEP;
}

/* The sums per minute and the counters go with the records: in all they would become more than
 * these. Of an hour that is summed again all minutes are there. */
static int prune_others(struct pg_conn *c)
{
	char sql[SQL_ROOM], oldest[SQL_ROOM] = "NULL", age[96] = "NULL";
	if (c->s->set.max_size && !oldest_sql(c, oldest))
		return ERR_RETRY;
	if (c->s->set.max_age_ns)
		snprintf(age, sizeof age, "now() - make_interval(secs => %llu)", max_age_s(c->s));
	if (!pg_format(c, sql, "SELECT date_trunc('hour', greatest(%s, %s))", age, oldest))
		return ERR_RETRY;
	PGresult *row = pg_query(c, "finding the oldest row", sql);
	int more = row ? 0 : ERR_RETRY;
	if (row && !PQgetisnull(row, 0, 0))
		more = aggregate_prune(c, PQgetvalue(row, 0, 0));
	if (row && !PQgetisnull(row, 0, 0) && more == 0)
		more = prune_counters(c, PQgetvalue(row, 0, 0));
	PQclear(row);
	return more;
}

int retention(struct pg_conn *c)
{
	int more = c->s->set.max_age_ns ? keep_age(c) : 0;
	if (more == 0 && c->s->set.max_size)
		more = keep_size(c);
	if (more == 0 && (c->s->set.max_age_ns || c->s->set.max_size))
		more = prune_others(c);
	return more;
}
