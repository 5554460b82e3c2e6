/* Plain PostgreSQL: one declarative partition for each UTC day, and a catch-all. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-pg/nfsink_pg.h"

#define DAYS_BEHIND 1 /* flows end before they are exported */
#define DAYS_AHEAD  3

/* "20261123" and "2026-11-23" of a day since 1970. */
struct day_text {
	char suffix[16], date[16];
};

static struct day_text day_text(int64_t day)
{
	struct day_text text;
	struct tm tm;
	time_t t = (time_t)(day * 86400);
	gmtime_r(&t, &tm);
	strftime(text.suffix, sizeof text.suffix, "%Y%m%d", &tm);
	strftime(text.date, sizeof text.date, "%Y-%m-%d", &tm);
	return text;
}

static bool partition_exists(struct pg_conn *c, int64_t day)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql, "SELECT 1 WHERE to_regclass('\"%s_p%s\"') IS NOT NULL",
		       c->s->set.table, day_text(day).suffix) &&
	       pg_number(c, sql, 0) == 1;
}

static bool has_catch_all(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql,
		       "SELECT 1 FROM pg_partitioned_table WHERE partrelid = to_regclass('\"%s\"') "
		       "AND partdefid <> 0",
		       c->s->set.table) &&
	       pg_number(c, sql, 0) == 1;
}

static int make_catch_all(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql, "CREATE TABLE \"%s_other\" PARTITION OF \"%s\" DEFAULT",
		       c->s->set.table, c->s->set.table)
		       ? pg_run(c, "making the catch-all partition", sql)
		       : ERR_RETRY;
}

/* Rows that were moved out leave their room behind: given back at once where none is left. The lock
 * on the catch-all is held. */
static int empty_catch_all(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	const char *t = c->s->set.table;
	if (!pg_format(c, sql, "SELECT 1 FROM \"%s_other\" LIMIT 1", t))
		return ERR_RETRY;
	if (pg_number(c, sql, 0) == 1)
		return 0;
	return pg_format(c, sql, "TRUNCATE \"%s_other\"", t)
		       ? pg_run(c, "emptying the catch-all partition", sql)
		       : ERR_RETRY;
}

/* Makes a day's partition with what the catch-all holds of it. */
static int make_partition(struct pg_conn *c, int64_t day)
{
	char sql[SQL_ROOM];
	struct day_text from = day_text(day), to = day_text(day + 1);
	const char *t = c->s->set.table;
	if (!pg_format(c, sql,
		    "CREATE TABLE \"%s_p%s\" (LIKE \"%s\" INCLUDING DEFAULTS INCLUDING "
		    "CONSTRAINTS); LOCK TABLE \"%s_other\" IN ACCESS EXCLUSIVE MODE; "
		    "WITH moved AS (DELETE FROM \"%s_other\" WHERE last_switched >= '%s' "
		    "AND last_switched < '%s' RETURNING *) INSERT INTO \"%s_p%s\" SELECT * "
		    "FROM moved; ALTER TABLE \"%s\" ATTACH PARTITION \"%s_p%s\" FOR VALUES "
		    "FROM ('%s') TO ('%s')",
		    t, from.suffix, t, t, t, from.date, to.date, t, from.suffix, t, t, from.suffix,
		    from.date, to.date))
		return ERR_RETRY;
	int err = pg_run(c, "making a partition", sql);
	if (!err)
		log_debug("partition made day=%s", from.date);
	return err ? err : empty_catch_all(c);
}

int partition_ahead(struct pg_conn *c)
{
	int64_t today = time(NULL) / 86400;
	int err = has_catch_all(c) ? 0 : make_catch_all(c);
	for (int64_t day = today - DAYS_BEHIND; !err && day <= today + DAYS_AHEAD; day++)
		if (!partition_exists(c, day))
			err = make_partition(c, day);
	return err;
}

/* The first day that the catch-all holds rows of, or -1. */
static int64_t stray_day(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql,
		       "SELECT floor(extract(epoch FROM min(last_switched)) / 86400)::bigint "
		       "FROM \"%s_other\"",
		       c->s->set.table)
		       ? pg_number(c, sql, -1)
		       : -1;
}

int partition_fill(struct pg_conn *c)
{
	int64_t day = stray_day(c);
	if (day < 0 || partition_exists(c, day))
		return 0;
	int err = pg_run(c, "beginning", "BEGIN");
	if (!err)
		err = schema_lock(c);
	if (!err)
		err = make_partition(c, day);
	if (!err)
		err = pg_run(c, "committing", "COMMIT");
	return err ? err : 1;
}
