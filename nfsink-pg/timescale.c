/* TimescaleDB: the hypertable, its compression, and compression on the way in. */
#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-pg/nfsink_pg.h"

bool timescale_there(struct pg_conn *c)
{
	return pg_number(c, "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'", 0) == 1;
}

/* Segments by exporter: what is asked of one router then reads its rows alone (bench/RESULTS.md has
 * what that costs). A table without that column is ordered by time alone. */
static int compression(struct pg_conn *c)
{
	const struct pg_sink *s = c->s;
	char sql[SQL_ROOM];
	if (!pg_format(c, sql,
		    "ALTER TABLE \"%s\" SET (timescaledb.compress, "
		    "timescaledb.compress_orderby = 'last_switched DESC'%s)",
		    s->set.table,
		    s->set.chosen[FIELD_exporter] ? ", timescaledb.compress_segmentby = 'exporter'"
						  : ""))
		return ERR_RETRY;
	int err = pg_run(c, "switching compression on", sql);
	if (err || !s->compress_ns)
		return err;
	return pg_format(c, sql,
		       "SELECT add_compression_policy('\"%s\"', make_interval(secs => %llu))",
		       s->set.table, (unsigned long long)(s->compress_ns / NS_PER_S))
		       ? pg_run(c, "adding the policy of compression", sql)
		       : ERR_RETRY;
}

int timescale_prepare(struct pg_conn *c)
{
	const struct pg_sink *s = c->s;
	char sql[SQL_ROOM];
	if (!pg_format(c, sql,
		    "SELECT create_hypertable('\"%s\"', 'last_switched', "
		    "chunk_time_interval => make_interval(secs => %llu))",
		    s->set.table, (unsigned long long)(s->chunk_ns / NS_PER_S)))
		return ERR_RETRY;
	int err = pg_run(c, "making the hypertable", sql);
	return err ? err : compression(c);
}

/* Notes which way it went; whether it is the first connection to do so. */
static bool direct_known(struct pg_conn *c, bool works)
{
	struct pg_sink *s = c->s;
	c->direct_checked = true;
	pthread_mutex_lock(&s->lock);
	bool first = !s->said_direct;
	s->said_direct = true;
	snprintf(s->figures.direct_compress, sizeof s->figures.direct_compress, "%s",
		works ? "on" : "off");
	pthread_mutex_unlock(&s->lock);
	return first;
}

/* A hypertable that was there before may have no compression: it is not ours to switch that on. */
static bool has_compression(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	const char *t = c->s->set.table;
	if (!pg_format(c, sql,
		    "SELECT 1 FROM timescaledb_information.hypertables "
		    "WHERE hypertable_name = '%s' AND compression_enabled",
		    t))
		return false;
	if (pg_number(c, sql, 0) == 1)
		return true;
	if (direct_known(c, false))
		log_info("table \"%s\" is not compressed; to switch that on: ALTER TABLE \"%s\" "
			 "SET (timescaledb.compress, timescaledb.compress_orderby = 'last_switched "
			 "DESC'); SELECT add_compression_policy('%s', INTERVAL '1 day')",
			t, t, t);
	return false;
}

void timescale_direct(struct pg_conn *c)
{
	c->has_direct = false;
	c->direct_checked = false;
	if (c->layout != LAYOUT_HYPERTABLE || !c->s->direct_compress || !has_compression(c))
		return;
	if (pg_number(c,
		    "SELECT 1 FROM pg_settings WHERE name = "
		    "'timescaledb.enable_direct_compress_copy'",
		    0) != 1) {
		c->direct_checked = true;
		return;
	}
	c->has_direct = pg_run(c, "switching direct compression on",
				"SET timescaledb.enable_direct_compress_copy = on") == 0;
}

/* How many rows this transaction inserted into chunks as rows; -1: not known. Compressed ones go
 * into tables of their own. */
static int64_t uncompressed_rows(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql,
		       "SELECT sum(pg_stat_get_xact_tuples_inserted(format('%%I.%%I', "
		       "chunk_schema, chunk_name)::regclass))::bigint "
		       "FROM timescaledb_information.chunks WHERE hypertable_name = '%s'",
		       c->s->set.table)
		       ? pg_number(c, sql, -1)
		       : -1;
}

/* The server switches it off silently, as for a trigger or a unique index: so it is looked at. */
void timescale_check_direct(struct pg_conn *c)
{
	c->direct_checked =
		true; /* also where it cannot be seen: a transaction that failed is tried again */
	int64_t rows = uncompressed_rows(c);
	if (rows < 0 || !direct_known(c, rows == 0))
		return;
	if (rows == 0)
		log_info("rows are compressed as they come in (direct compression)");
	else
		log_warn("the server did not compress rows as they came in: a unique index, a "
			 "trigger or its version prevents direct compression");
}
