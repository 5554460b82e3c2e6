/* Sums per minute, hour and day for dashboards: continuous aggregates on TimescaleDB, tables of the
 * same names and columns that upkeep fills elsewhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-pg/nfsink_pg.h"

#define NOTES_A_STEP 100000 /* of what is dirty that are taken at a time */
#define ROWS_A_STEP  5000

/* What the sums are grouped by. */
static const struct grouping {
	const char *suffix;
	const char *from_records; /* the keys as expressions over the records */
	const char *keys;         /* and as columns of the sums */
	const char *group;        /* GROUP BY: the bucket and the keys by their place */
	uint8_t needs[3];         /* the fields; FIELD_last_switched where there is none */
} groupings[] = {
	{"", "", "", "1", {FIELD_last_switched, FIELD_last_switched, FIELD_last_switched}},
	{"_port", "protocol, least(src_port, dst_port) AS port, ", "protocol, port, ", "1, 2, 3",
		{FIELD_protocol, FIELD_src_port, FIELD_dst_port}},
	{"_if", "exporter, in_if, out_if, ", "exporter, in_if, out_if, ", "1, 2, 3, 4",
		{FIELD_exporter, FIELD_in_if, FIELD_out_if}},
};

/* Each made of the one before it; the first of the records. */
static const struct level {
	const char *name, *interval, *offset, *schedule;
} levels[] = {{"minute", "1 minute", "3 hours", "1 minute"},
	{"hour", "1 hour", "1 day", "10 minutes"}, {"day", "1 day", "7 days", "1 hour"}};

#define SUMS_OF_RECORDS                                                                            \
	"sum(in_bytes) AS bytes, sum(in_pkts) AS pkts, count(*) AS flows, sum(in_bytes::float8 * " \
	"coalesce(sampling_rate, 1)) AS est_bytes, sum(in_pkts::float8 * coalesce(sampling_rate, " \
	"1)) AS est_pkts"
#define SUMS_OF_SUMS                                                                               \
	"sum(bytes) AS bytes, sum(pkts) AS pkts, sum(flows)::bigint AS flows, sum(est_bytes) AS "  \
	"est_bytes, sum(est_pkts) AS est_pkts"

/* The statement's parts for one aggregate. */
struct aggregate {
	char name[SQL_NAME_MAX + 1], source[SQL_NAME_MAX + 1];
	const char *keys, *group, *sums, *time;
	const struct level *level;
};

static struct aggregate aggregate_of(
	const struct pg_sink *s, const struct grouping *g, size_t level)
{
	struct aggregate a = {.level = &levels[level],
		.keys = level ? g->keys : g->from_records,
		.group = g->group,
		.sums = level ? SUMS_OF_SUMS : SUMS_OF_RECORDS,
		.time = level ? "bucket" : "last_switched"};
	char suffix[32];
	snprintf(suffix, sizeof suffix, "_%s%s", levels[level].name, g->suffix);
	sql_name(&s->set, suffix, a.name);
	snprintf(suffix, sizeof suffix, "_%s%s", levels[level ? level - 1 : 0].name, g->suffix);
	sql_name(&s->set, suffix, a.source);
	if (!level)
		snprintf(a.source, sizeof a.source, "%s", s->set.table);
	return a;
}

static bool has_fields(const struct pg_sink *s, const struct grouping *g)
{
	static const uint8_t always[] = {FIELD_in_bytes, FIELD_in_pkts, FIELD_sampling_rate};
	for (size_t i = 0; i < LEN(always); i++)
		if (!s->set.chosen[always[i]] || !s->set.chosen[g->needs[i]])
			return false;
	return true;
}

static bool is_there(struct pg_conn *c, const char *name)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql, "SELECT 1 WHERE to_regclass('\"%s\"') IS NOT NULL", name) &&
	       pg_number(c, sql, 0) == 1;
}

/* Making --------------------------------------------------------------------------------------- */

static int make_continuous(struct pg_conn *c, const struct aggregate *a)
{
	char sql[SQL_ROOM];
	const struct level *l = a->level;
	if (!pg_format(c, sql,
		    "CREATE MATERIALIZED VIEW \"%s\" WITH (timescaledb.continuous, "
		    "timescaledb.materialized_only = false) AS "
		    "SELECT time_bucket(INTERVAL '%s', %s) AS bucket, %s%s FROM \"%s\" GROUP BY %s "
		    "WITH NO DATA; SELECT add_continuous_aggregate_policy('\"%s\"', "
		    "start_offset => INTERVAL '%s', end_offset => INTERVAL '%s', "
		    "schedule_interval => INTERVAL '%s')",
		    a->name, l->interval, a->time, a->keys, a->sums, a->source, a->group, a->name,
		    l->offset, l->interval, l->schedule))
		return ERR_RETRY;
	return pg_run(c, "making a continuous aggregate", sql);
}

/* An empty table of the columns that the query gives. */
static int make_plain(struct pg_conn *c, const struct aggregate *a)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql,
		       "CREATE TABLE \"%s\" AS SELECT date_trunc('%s', %s) AS bucket, %s%s "
		       "FROM \"%s\" GROUP BY %s WITH NO DATA; CREATE INDEX ON \"%s\" (bucket)",
		       a->name, a->level->name, a->time, a->keys, a->sums, a->source, a->group,
		       a->name)
		       ? pg_run(c, "making an aggregate", sql)
		       : ERR_RETRY;
}

/* Rows that are older than the sums: the table was taken over, or the sums were switched on. */
static int note_all(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql,
		       "INSERT INTO \"%s\" (since, until) "
		       "SELECT date_trunc('minute', min(last_switched)), date_trunc('minute', "
		       "max(last_switched)) + interval '1 minute' FROM \"%s\" HAVING count(*) > 0",
		       c->s->dirty, c->s->set.table)
		       ? pg_run(c, "noting what is dirty", sql)
		       : ERR_RETRY;
}

static int make_aggregate(struct pg_conn *c, const struct aggregate *a)
{
	return c->layout == LAYOUT_HYPERTABLE ? make_continuous(c, a) : make_plain(c, a);
}

int aggregate_prepare(struct pg_conn *c)
{
	int err = 0;
	bool made = false;
	for (size_t g = 0; g < LEN(groupings) && c->s->set.aggregates; g++)
		for (size_t l = 0; l < LEN(levels) && !err && has_fields(c->s, &groupings[g]);
			l++) {
			struct aggregate a = aggregate_of(c->s, &groupings[g], l);
			if (is_there(c, a.name))
				continue;
			err = make_aggregate(c, &a);
			made = true;
		}
	return !err && made ? note_all(c) : err;
}

/* Bringing up to date -------------------------------------------------------------------------- */

/* The sums of one range, made anew. The range is widened to whole units. */
static int recompute(
	struct pg_conn *c, const struct aggregate *a, const char *from, const char *until)
{
	char sql[SQL_ROOM];
	const char *unit = a->level->name;
	return pg_format(c, sql,
		       "DELETE FROM \"%s\" WHERE bucket >= date_trunc('%s', '%s'::timestamptz) "
		       "AND bucket < '%s'; INSERT INTO \"%s\" "
		       "SELECT date_trunc('%s', %s) AS bucket, %s%s FROM \"%s\" "
		       "WHERE %s >= date_trunc('%s', '%s'::timestamptz) "
		       "AND %s < date_trunc('%s', '%s'::timestamptz - interval '1 microsecond') + "
		       "interval '%s' GROUP BY %s",
		       a->name, unit, from, until, a->name, unit, a->time, a->keys, a->sums,
		       a->source, a->time, unit, from, a->time, unit, until, a->level->interval,
		       a->group)
		       ? pg_run(c, "bringing an aggregate up to date", sql)
		       : ERR_RETRY;
}

static int refresh_continuous(
	struct pg_conn *c, const struct aggregate *a, const char *from, const char *until)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql,
		       "CALL refresh_continuous_aggregate('\"%s\"', time_bucket(INTERVAL '%s', "
		       "'%s'::timestamptz), time_bucket(INTERVAL '%s', '%s'::timestamptz - "
		       "interval "
		       "'1 microsecond') + interval '%s')",
		       a->name, a->level->interval, from, a->level->interval, until,
		       a->level->interval)
		       ? pg_run(c, "refreshing a continuous aggregate", sql)
		       : ERR_RETRY;
}

static int refresh_range(struct pg_conn *c, const char *from, const char *until)
{
	int err = 0;
	for (size_t g = 0; g < LEN(groupings); g++)
		for (size_t l = 0; l < LEN(levels) && !err && has_fields(c->s, &groupings[g]);
			l++) {
			struct aggregate a = aggregate_of(c->s, &groupings[g], l);
			err = c->layout == LAYOUT_HYPERTABLE
				      ? refresh_continuous(c, &a, from, until)
				      : recompute(c, &a, from, until);
		}
	return err;
}

/* From a row of the result on. */
static int refresh_ranges(struct pg_conn *c, const PGresult *ranges, int first)
{
	int err = 0;
	for (int i = first; i < PQntuples(ranges) && !err; i++)
		err = refresh_range(c, PQgetvalue(ranges, i, 0), PQgetvalue(ranges, i, 1));
	return err;
}

/* Since when rows are kept, as an expression. */
struct bound {
	char sql[160];
};

/* Beyond that age most rows are gone, and what came late must not take the place of their sums. */
static struct bound kept_since(const struct pg_sink *s)
{
	struct bound b = {"'-infinity'"};
	if (s->set.max_age_ns)
		snprintf(b.sql, sizeof b.sql,
			"date_trunc('minute', now() - make_interval(secs => %llu)) + interval '1 "
			"minute'",
			(unsigned long long)(s->set.max_age_ns / NS_PER_S));
	return b;
}

/* "ranges" of the notes of a table, which do not touch. */
#define RANGES_OF                                                                                  \
	"ranges AS (SELECT unnest(range_agg(tstzrange(since, until)) * "                           \
	"tstzmultirange(tstzrange(%s, 'infinity'))) AS r FROM %s) "

/* Takes notes of what is dirty out of their table: a row that says whether there are more, then the
 * ranges of their first day. What is behind its end is noted again, so that a transaction is never
 * one of a year. */
static PGresult *take_ranges(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	const char *t = c->s->dirty;
	return pg_format(c, sql,
		       "WITH gone AS (DELETE FROM \"%s\" WHERE ctid = ANY (ARRAY(SELECT ctid FROM "
		       "\"%s\" LIMIT %d)) RETURNING since, until), " RANGES_OF
		       ", edge AS (SELECT date_trunc('day', "
		       "min(lower(r))) + interval '1 day' AS at "
		       "FROM ranges), rest AS (INSERT INTO \"%s\" (since, until) "
		       "SELECT greatest(lower(r), at), upper(r) FROM ranges, edge "
		       "WHERE upper(r) > at RETURNING 1) SELECT ((SELECT count(*) FROM gone) = %d "
		       "OR EXISTS (SELECT FROM rest))::int::text, NULL "
		       "UNION ALL (SELECT lower(r)::text, least(upper(r), at)::text "
		       "FROM ranges, edge WHERE lower(r) < at)",
		       t, t, NOTES_A_STEP, kept_since(c->s).sql, "gone", t, NOTES_A_STEP)
		       ? pg_query(c, "reading what is dirty", sql)
		       : NULL;
}

/* On a hypertable the policies refresh what is recent (for three hours: here an hour is left for
 * one that is late), and a refresh cannot be part of a transaction: the notes of old ranges are
 * marked, refreshed, and only then removed. */
static int refresh_old(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	const char *t = c->s->dirty;
	if (!pg_format(c, sql,
		    "DELETE FROM \"%s\" WHERE since > now() - interval '2 hours'; UPDATE \"%s\" "
		    "SET taken = true; WITH notes AS (SELECT since, until FROM \"%s\" WHERE "
		    "taken), " RANGES_OF "SELECT lower(r)::text, upper(r)::text FROM ranges",
		    t, t, t, kept_since(c->s).sql, "notes"))
		return ERR_RETRY;
	PGresult *ranges = pg_query(c, "reading what is dirty", sql);
	int err = ranges ? refresh_ranges(c, ranges, 0) : ERR_RETRY;
	PQclear(ranges);
	if (!err)
		err = pg_format(c, sql, "DELETE FROM \"%s\" WHERE taken", t)
			      ? pg_run(c, "noting what is refreshed", sql)
			      : ERR_RETRY;
	return err;
}

/* One transaction: what it does not see as dirty yet will be noted, and met by the next one. */
static int recompute_dirty(struct pg_conn *c)
{
	int err = pg_run(c, "beginning", "BEGIN");
	PGresult *ranges = err ? NULL : take_ranges(c);
	if (!ranges)
		return ERR_RETRY;
	bool more = *PQgetvalue(ranges, 0, 0) == '1';
	err = refresh_ranges(c, ranges, 1);
	PQclear(ranges);
	if (!err)
		err = pg_run(c, "committing the aggregates", "COMMIT");
	return err ? err : more;
}

int aggregate_refresh(struct pg_conn *c)
{
	if (!c->s->set.aggregates)
		return 0;
	return c->layout == LAYOUT_HYPERTABLE ? refresh_old(c) : recompute_dirty(c);
}

/* Pruning -------------------------------------------------------------------------------------- */

/* Some of the rows, or whole chunks. Returns how many went, or -1. */
static int64_t remove_minutes(struct pg_conn *c, const char *name, const char *before)
{
	char sql[SQL_ROOM];
	bool fits = c->layout == LAYOUT_HYPERTABLE
			    ? pg_format(c, sql,
				      "SELECT count(*) FROM drop_chunks('\"%s\"', "
				      "older_than => '%s'::timestamptz)",
				      name, before)
			    : pg_format(c, sql,
				      "WITH gone AS (DELETE FROM \"%s\" "
				      "WHERE ctid = ANY (ARRAY(SELECT ctid FROM \"%s\" "
				      "WHERE bucket < '%s' LIMIT %d)) RETURNING 1) SELECT count(*) "
				      "FROM gone",
				      name, name, before, ROWS_A_STEP);
	return fits ? pg_number(c, sql, -1) : -1;
}

int aggregate_prune(struct pg_conn *c, const char *before)
{
	for (size_t g = 0; g < LEN(groupings) && c->s->set.aggregates; g++) {
		struct aggregate a = aggregate_of(c->s, &groupings[g], 0);
		if (!has_fields(c->s, &groupings[g]))
			continue;
		int64_t gone = remove_minutes(c, a.name, before);
		if (gone < 0)
			return pg_failed(c, NULL, "pruning an aggregate");
		if (c->layout != LAYOUT_HYPERTABLE && gone == ROWS_A_STEP)
			return 1;
	}
	return 0;
}
