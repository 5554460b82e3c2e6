/* Retention: partitions and chunks are dropped whole; rows are deleted only from a table that has
 * neither, some at a time. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-pg/nfsink_pg.h"

#define ROWS_A_STEP 5000

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

/* Partitions ------------------------------------------------------------------------------------
 */

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
		       "WHERE "
		       "inhparent = to_regclass('\"%s\"')",
		       c->s->set.table)
		       ? pg_number(c, sql, 0)
		       : 0;
}

/* The oldest partition that holds something goes, but never the last one that does. */
static int drop_oldest_partition(struct pg_conn *c)
{
	PGresult *all = list_partitions(c, false);
	char sql[SQL_ROOM], oldest[SQL_NAME_MAX + 1] = "";
	int holding = 0;
	for (int i = 0; all && i < PQntuples(all); i++) {
		const char *name = PQgetvalue(all, i, 0);
		if (pg_format(c, sql, "SELECT 1 FROM \"%s\" LIMIT 1", name) &&
			pg_number(c, sql, 0) == 1 && holding++ == 0)
			snprintf(oldest, sizeof oldest, "%s", name);
	}
	PQclear(all);
	if (holding < 2)
		return 0;
	int err = drop_partition(c, oldest);
	return err ? err : 1;
}

/* Chunks ----------------------------------------------------------------------------------------
 */

static int drop_old_chunks(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	if (!pg_format(c, sql,
		    "SELECT count(*) FROM drop_chunks('\"%s\"', older_than => make_interval(secs "
		    "=> "
		    "%llu))",
		    c->s->set.table, max_age_s(c->s)))
		return ERR_RETRY;
	int64_t dropped = pg_number(c, sql, -1);
	if (dropped < 0)
		return pg_failed(c, NULL, "dropping chunks");
	count_pruned(c->s, (uint64_t)dropped);
	return 0;
}

static int drop_oldest_chunk(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	const char *t = c->s->set.table;
	if (!pg_format(c, sql,
		    "SELECT count(*) FROM drop_chunks('\"%s\"', older_than => (SELECT "
		    "min(range_end) "
		    "FROM timescaledb_information.chunks WHERE hypertable_name = '%s' HAVING "
		    "count(*) > 1))",
		    t, t))
		return ERR_RETRY;
	int64_t dropped = pg_number(c, sql, 0);
	count_pruned(c->s, (uint64_t)dropped);
	return dropped > 0;
}

/* Rows ------------------------------------------------------------------------------------------
 */

/* The oldest rows, or those older than the bound, a few; 1 where there may be more. */
static int delete_rows(struct pg_conn *c, bool old)
{
	char sql[SQL_ROOM], bound[96] = "";
	const char *t = c->s->set.table;
	if (old)
		snprintf(bound, sizeof bound,
			" WHERE last_switched < now() - make_interval(secs => %llu)",
			max_age_s(c->s));
	if (!pg_format(c, sql,
		    "WITH gone AS (DELETE FROM \"%s\" WHERE ctid = ANY (ARRAY(SELECT ctid FROM "
		    "\"%s\"%s ORDER BY last_switched LIMIT %d)) RETURNING 1) SELECT count(*) FROM "
		    "gone",
		    t, t, bound, ROWS_A_STEP))
		return ERR_RETRY;
	int64_t gone = pg_number(c, sql, -1);
	if (gone < 0)
		return pg_failed(c, NULL, "deleting old rows");
	count_pruned(c->s, (uint64_t)gone);
	return gone == ROWS_A_STEP;
}

/* The bytes that live rows hold: deleting gives nothing back before a VACUUM. */
static int64_t live_bytes(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql,
		       "SELECT (pg_total_relation_size(relid) * (n_live_tup::float8 / "
		       "greatest(n_live_tup + n_dead_tup, 1)))::bigint FROM pg_stat_user_tables "
		       "WHERE relid = to_regclass('\"%s\"')",
		       c->s->set.table)
		       ? pg_number(c, sql, 0)
		       : 0;
}

/* All -------------------------------------------------------------------------------------------
 */

static int64_t table_bytes(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	switch (c->layout) {
	case LAYOUT_PARTITIONS: return partitions_bytes(c);
	case LAYOUT_HYPERTABLE:
		return pg_format(c, sql, "SELECT hypertable_size('\"%s\"')", c->s->set.table)
			       ? pg_number(c, sql, 0)
			       : 0;
	default: return live_bytes(c);
	}
}

static int keep_age(struct pg_conn *c)
{
	switch (c->layout) {
	case LAYOUT_PARTITIONS: return drop_old_partitions(c);
	case LAYOUT_HYPERTABLE: return drop_old_chunks(c);
	default: return delete_rows(c, true);
	}
}

static int keep_size(struct pg_conn *c)
{
	if (table_bytes(c) <= (int64_t)c->s->set.max_size)
		return 0;
	switch (c->layout) {
	case LAYOUT_PARTITIONS: return drop_oldest_partition(c);
	case LAYOUT_HYPERTABLE: return drop_oldest_chunk(c);
	default: return delete_rows(c, false);
	}
}

int retention(struct pg_conn *c)
{
	int more = c->s->set.max_age_ns ? keep_age(c) : 0;
	if (more == 0 && c->s->set.max_size)
		more = keep_size(c);
	return more;
}
