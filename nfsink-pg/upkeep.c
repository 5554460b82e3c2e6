/* Upkeep, on a connection of its own: every minute the ledger and the aggregates, every hour
 * partitions and retention. One sink of those into a table does it, the others wait for that one to
 * end. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/log.h"
#include "lib/stage.h"
#include "nfsink-pg/nfsink_pg.h"

#define MINUTE_NS  (60 * NS_PER_S)
#define HOUR_NS    (60 * MINUTE_NS)
#define FIGURES_NS (10 * NS_PER_S)

/* The lock is the session's: it ends with the connection. */
static void take_lock(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	if (c->does_upkeep ||
		!pg_format(c, sql,
			"SELECT pg_try_advisory_lock(hashtextextended('goflow upkeep %s', 0))::int",
			c->s->set.table))
		return;
	c->does_upkeep = pg_number(c, sql, 0) == 1;
}

/* Figures -------------------------------------------------------------------------------------- */

static void edge(struct pg_conn *c, const char *which, char *out, size_t cap)
{
	char sql[SQL_ROOM];
	char minute[SQL_NAME_MAX + 1];
	/* the sums know it to the minute and have an index; of the rows it takes reading them */
	bool sums = c->s->set.aggregates && c->layout != LAYOUT_HYPERTABLE;
	PGresult *row = pg_format(c, sql,
				"SELECT to_char(%s(%s) AT TIME ZONE 'UTC', "
				"'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM \"%s\"",
				which, sums ? "bucket" : "last_switched",
				sums ? sql_name(&c->s->set, "_minute", minute) : c->s->set.table)
				? pg_query(c, "reading figures", sql)
				: NULL;
	snprintf(out, cap, "%s", row && PQntuples(row) ? PQgetvalue(row, 0, 0) : "");
	PQclear(row);
}

/* What a function of the server says of the table: "SELECT WHAT('"table"') ...". */
static int64_t number_of(struct pg_conn *c, const char *before, const char *behind)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql, "SELECT %s('\"%s\"')%s", before, c->s->set.table, behind)
		       ? pg_number(c, sql, 0)
		       : 0;
}

static void sizes(struct pg_conn *c, struct figures *f)
{
	if (c->layout == LAYOUT_HYPERTABLE) {
		f->table_bytes = number_of(c, "hypertable_size", "");
		f->index_bytes =
			number_of(c, "sum(index_bytes)::bigint FROM hypertable_detailed_size", "");
		f->rows = number_of(c, "approximate_row_count", "");
		return;
	}
	f->table_bytes = number_of(
		c, "sum(pg_total_relation_size(relid))::bigint FROM pg_partition_tree", "");
	f->index_bytes =
		number_of(c, "sum(pg_indexes_size(relid))::bigint FROM pg_partition_tree", "");
	f->rows = number_of(c,
		"sum(n_live_tup)::bigint FROM pg_stat_user_tables JOIN pg_partition_tree",
		" USING (relid)");
}

static void refresh_figures(struct pg_conn *c, uint64_t now)
{
	struct pg_sink *s = c->s;
	struct figures f = {0};
	sizes(c, &f);
	edge(c, "min", f.oldest, sizeof f.oldest);
	edge(c, "max", f.newest, sizeof f.newest);
	pthread_mutex_lock(&s->lock);
	f.rows_a_second = rate_since(&c->stored_rate, s->stored, now);
	f.pruned = s->figures.pruned;
	memcpy(f.direct_compress, s->figures.direct_compress, sizeof f.direct_compress);
	s->figures = f;
	pthread_mutex_unlock(&s->lock);
	c->figures_ns = now;
}

/* What is due ---------------------------------------------------------------------------------- */

static int minutely(struct pg_conn *c)
{
	int err = ledger_merge(c);
	return err ? err : aggregate_refresh(c);
}

static int make_ahead(struct pg_conn *c)
{
	int err = pg_run(c, "beginning", "BEGIN");
	if (!err)
		err = schema_lock(c);
	if (!err)
		err = partition_ahead(c);
	return err ? err : pg_run(c, "committing", "COMMIT");
}

static int hourly(struct pg_conn *c)
{
	int err = c->layout == LAYOUT_PARTITIONS ? make_ahead(c) : 0;
	return err ? err : retention(c);
}

/* Does it if it is due. Returns 0, 1 (there is more) or ERR_RETRY. */
static int do_due(struct pg_conn *c, bool due, uint64_t *done_ns, int (*what)(struct pg_conn *))
{
	int more = due ? what(c) : 0;
	if (due && more == 0)
		*done_ns = monotonic_ns();
	return more;
}

int upkeep_tick(void *connection, bool last)
{
	struct pg_conn *c = connection;
	uint64_t now = monotonic_ns();
	take_lock(c);
	bool minute = !c->minutely_ns || now - c->minutely_ns >= MINUTE_NS || last;
	bool hour = !c->hourly_ns || now - c->hourly_ns >= HOUR_NS || last;
	int more = 0;
	if (c->does_upkeep) {
		/* at every tick: of a day that comes in at speed soon the rest goes to its own
		 * place */
		int strays = c->layout == LAYOUT_PARTITIONS ? partition_fill(c) : 0;
		more = strays < 0 ? strays : do_due(c, minute, &c->minutely_ns, minutely);
		if (more >= 0) {
			more |= strays;
			int left = do_due(c, hour, &c->hourly_ns, hourly);
			more = left < 0 ? left : more | left;
		}
	}
	if (more >= 0 && (!c->figures_ns || now - c->figures_ns >= FIGURES_NS))
		refresh_figures(c, now);
	return more;
}
