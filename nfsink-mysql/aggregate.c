/* Aggregates: sums per minute, hour and day, in all, by protocol and port, by exporter and
 * interface. Each batch notes the minutes that it touched in its own transaction; upkeep makes
 * those anew, the hours from the minutes and the days from the hours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define NOTES_MAX   1000 /* taken in one transaction */
#define DAY_S       86400
#define HOUR_S      3600
#define ROWS_A_STEP 2000

/* How the rows are told apart, beside the time. */
static const struct {
	const char *suffix, *keys, *types, *from; /* `from`: of the flows' columns */
	const char *group; /* GROUP BY: the bucket and the keys by their place */
	uint8_t needs[4];
	size_t need_count;
} groups[] = {
	{"", "", "", "", "1", {0}, 0},
	{"_port", ", `protocol`, `port`",
		", `protocol` tinyint unsigned NULL, `port` smallint unsigned NULL",
		", `protocol`, COALESCE(LEAST(`src_port`, `dst_port`), `src_port`, `dst_port`)",
		"1, 2, 3", {FIELD_protocol, FIELD_src_port, FIELD_dst_port}, 3},
	{"_if", ", `exporter`, `in_if`, `out_if`",
		", `exporter` varbinary(16) NULL, `in_if` int unsigned NULL, `out_if` int unsigned "
		"NULL",
		", `exporter`, `in_if`, `out_if`", "1, 2, 3, 4",
		{FIELD_exporter, FIELD_in_if, FIELD_out_if}, 3},
};

/* The spans, each made from the one before it. */
static const struct {
	const char *name;
	unsigned seconds;
	const char *unit;
} spans[] = {{"minute", 60, "MINUTE"}, {"hour", 3600, "HOUR"}, {"day", 86400, "DAY"}};

static char *table_name(const struct my_conn *c, size_t span, size_t group, char *out)
{
	char suffix[32];
	snprintf(suffix, sizeof suffix, "_%s%s", spans[span].name, groups[group].suffix);
	return sql_name(&c->s->set, suffix, out);
}

/* The first field that is missing for a group; NULL: none is. */
static const char *missing_field(const struct my_conn *c, size_t group)
{
	if (!c->has[FIELD_in_bytes] || !c->has[FIELD_in_pkts])
		return c->has[FIELD_in_bytes] ? "in_pkts" : "in_bytes";
	for (size_t i = 0; i < groups[group].need_count; i++)
		if (!c->has[groups[group].needs[i]])
			return fields[groups[group].needs[i]].name;
	return NULL;
}

static void say_missing(struct my_conn *c)
{
	char name[SQL_NAME_MAX + 1];
	pthread_mutex_lock(&c->s->lock);
	bool said = c->s->said_missing;
	c->s->said_missing = true;
	pthread_mutex_unlock(&c->s->lock);
	for (size_t g = 0; g < LEN(groups) && !said; g++)
		if (missing_field(c, g))
			log_info("aggregate left out, the table lacks a column aggregate=%s "
				 "column=%s",
				table_name(c, 0, g, name), missing_field(c, g));
}

static int make_table(struct my_conn *c, size_t span, size_t group)
{
	char name[SQL_NAME_MAX + 1];
	my_sql(c,
		"CREATE TABLE IF NOT EXISTS `%s` (`bucket` datetime NOT NULL%s, "
		"`bytes` decimal(38) NOT NULL, `pkts` decimal(38) NOT NULL, "
		"`flows` bigint unsigned NOT NULL, `est_bytes` decimal(38) NOT NULL, "
		"`est_pkts` decimal(38) NOT NULL, KEY `bucket` (`bucket`)) ENGINE=InnoDB",
		table_name(c, span, group, name), groups[group].types);
	return my_send(c, "making the aggregates");
}

int aggregate_prepare(struct my_conn *c)
{
	if (!c->s->set.aggregates)
		return 0;
	my_sql(c,
		"CREATE TABLE IF NOT EXISTS `%s` (`id` bigint unsigned NOT NULL AUTO_INCREMENT "
		"PRIMARY KEY, `since` datetime NOT NULL, `until` datetime NOT NULL) ENGINE=InnoDB",
		c->s->dirty);
	int err = my_send(c, "making the aggregates");
	for (size_t g = 0; g < LEN(groups) && !err; g++)
		for (size_t s = 0; s < LEN(spans) && !err && !missing_field(c, g); s++)
			err = make_table(c, s, g);
	if (!err)
		say_missing(c);
	return err;
}

int aggregate_note(struct my_conn *c)
{
	char from[DATETIME_LEN], until[DATETIME_LEN];
	if (!c->s->set.aggregates || c->dirty.count == 0 || missing_field(c, 0))
		return 0;
	my_sql(c, "INSERT INTO `%s` (`since`, `until`) VALUES ", c->s->dirty);
	for (unsigned i = 0; i < c->dirty.count; i++) {
		values_datetime(c->dirty.range[i].from, from);
		values_datetime(c->dirty.range[i].until, until);
		my_add(c, "%s('%.19s', '%.19s')", i ? "," : "", from, until);
	}
	return my_send(c, "noting minutes");
}

/* Refreshing ----------------------------------------------------------------------------------- */

/* Seconds since 1970, until not included. */
struct range {
	int64_t from, until;
};

/* The notes that one transaction takes. */
struct notes {
	size_t taken, count; /* count: of ranges to make anew */
	struct range range[NOTES_MAX];
};

static void put_times(struct range r, char from[DATETIME_LEN], char until[DATETIME_LEN])
{
	values_datetime((uint64_t)r.from * NS_PER_S, from);
	values_datetime((uint64_t)r.until * NS_PER_S, until);
}

static struct range whole(struct range r, unsigned seconds)
{
	return (struct range){
		r.from / seconds * seconds, (r.until + seconds - 1) / seconds * seconds};
}

static int clear(struct my_conn *c, size_t span, size_t group, struct range r)
{
	char name[SQL_NAME_MAX + 1], from[DATETIME_LEN], until[DATETIME_LEN];
	put_times(r, from, until);
	my_sql(c, "DELETE FROM `%s` WHERE `bucket` >= '%.19s' AND `bucket` < '%.19s'",
		table_name(c, span, group, name), from, until);
	return my_send(c, "refreshing aggregates");
}

/* Counters are summed as decimals: a sum may pass 2^64. */
static int fill_minutes(struct my_conn *c, size_t group, struct range r)
{
	char name[SQL_NAME_MAX + 1], from[DATETIME_LEN], until[DATETIME_LEN];
	const char *rate = c->has[FIELD_sampling_rate] ? "COALESCE(`sampling_rate`, 1)" : "1";
	put_times(r, from, until);
	my_sql(c,
		"INSERT INTO `%s` SELECT TIMESTAMPADD(MINUTE, TIMESTAMPDIFF(MINUTE, '1970-01-01', "
		"`last_switched`), '1970-01-01')%s, COALESCE(SUM(`in_bytes`), 0), "
		"COALESCE(SUM(`in_pkts`), 0), COUNT(*), "
		"COALESCE(SUM(CAST(`in_bytes` AS DECIMAL(20)) * %s), 0), "
		"COALESCE(SUM(CAST(`in_pkts` AS DECIMAL(20)) * %s), 0) FROM `%s` "
		"WHERE `last_switched` >= '%.19s' AND `last_switched` < '%.19s' GROUP BY %s",
		table_name(c, 0, group, name), groups[group].from, rate, rate, c->s->set.table,
		from, until, groups[group].group);
	return my_send(c, "refreshing aggregates");
}

/* Hours of minutes, days of hours. */
static int fill_from_below(struct my_conn *c, size_t span, size_t group, struct range r)
{
	char name[SQL_NAME_MAX + 1], below[SQL_NAME_MAX + 1];
	char from[DATETIME_LEN], until[DATETIME_LEN];
	put_times(r, from, until);
	my_sql(c,
		"INSERT INTO `%s` SELECT TIMESTAMPADD(%s, TIMESTAMPDIFF(%s, '1970-01-01', "
		"`bucket`), '1970-01-01')%s, SUM(`bytes`), SUM(`pkts`), SUM(`flows`), "
		"SUM(`est_bytes`), SUM(`est_pkts`) FROM `%s` WHERE `bucket` >= '%.19s' "
		"AND `bucket` < '%.19s' GROUP BY %s",
		table_name(c, span, group, name), spans[span].unit, spans[span].unit,
		groups[group].keys, table_name(c, span - 1, group, below), from, until,
		groups[group].group);
	return my_send(c, "refreshing aggregates");
}

static int refresh_range(struct my_conn *c, struct range range)
{
	int err = 0;
	for (size_t g = 0; g < LEN(groups); g++)
		for (size_t s = 0; s < LEN(spans) && !err && !missing_field(c, g); s++) {
			struct range r = whole(range, spans[s].seconds);
			err = clear(c, s, g, r);
			if (!err)
				err = s ? fill_from_below(c, s, g, r) : fill_minutes(c, g, r);
		}
	return err;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

/* Ranges that touch become one. */
static void join_ranges(struct notes *n)
{
	size_t kept = 0;
	qsort(n->range, n->count, sizeof *n->range, compare_ranges);
	for (size_t i = 1; i < n->count; i++) {
		struct range *last = &n->range[kept];
		if (n->range[i].from > last->until)
			n->range[++kept] = n->range[i];
		else if (n->range[i].until > last->until)
			last->until = n->range[i].until;
	}
	n->count = n->count ? kept + 1 : 0;
}

/* Since when rows are kept, in seconds since 1970: of the minutes before, most rows are gone, and
 * what came late must not take the place of their sums. */
static int64_t kept_since(const struct my_sink *s)
{
	uint64_t now = instant_now().ns, age = s->set.max_age_ns;
	return age && age < now ? (int64_t)((now - age) / NS_PER_S) : 0;
}

/* Takes the oldest notes out: those of a number that is lower and not committed yet stay for the
 * next time, since only what was read is deleted. */
static int take_notes(struct my_conn *c, struct notes *n)
{
	int64_t kept = (kept_since(c->s) + 59) / 60 * 60;
	n->taken = n->count = 0;
	my_sql(c,
		"SELECT `id`, TIMESTAMPDIFF(SECOND, '1970-01-01', `since`), TIMESTAMPDIFF(SECOND, "
		"'1970-01-01', `until`) FROM `%s` ORDER BY `id` LIMIT %d",
		c->s->dirty, NOTES_MAX);
	MYSQL_RES *rows = my_rows(c, "reading notes");
	if (!rows)
		return ERR_RETRY;
	my_sql(c, "DELETE FROM `%s` WHERE `id` IN (0", c->s->dirty);
	for (MYSQL_ROW row; n->taken < NOTES_MAX && (row = mysql_fetch_row(rows)) != NULL;) {
		struct range r = {strtoll(row[1], NULL, 10), strtoll(row[2], NULL, 10)};
		my_add(c, ",%s", row[0]);
		n->taken++;
		if (r.from < kept)
			r.from = kept;
		if (r.from < r.until)
			n->range[n->count++] = r;
	}
	mysql_free_result(rows);
	my_add(c, ")");
	return n->taken ? my_send(c, "taking notes") : 0;
}

/* Leaves the ranges of the first day; what is behind its end is noted again. So a transaction is
 * never one of a year. Returns 0, 1 (there is such) or ERR_RETRY. */
static int put_rest_back(struct my_conn *c, struct notes *n)
{
	int64_t end = n->count ? (n->range[0].from / DAY_S + 1) * DAY_S : 0;
	size_t within = 0, behind = 0;
	char from[DATETIME_LEN], until[DATETIME_LEN];
	my_sql(c, "INSERT INTO `%s` (`since`, `until`) VALUES ", c->s->dirty);
	for (size_t i = 0; i < n->count; i++) {
		struct range r = n->range[i], rest = {r.from > end ? r.from : end, r.until};
		if (r.until > end) {
			put_times(rest, from, until);
			my_add(c, "%s('%.19s', '%.19s')", behind++ ? "," : "", from, until);
			r.until = end;
		}
		if (r.from < end)
			n->range[within++] = r;
	}
	n->count = within;
	int err = behind ? my_send(c, "noting minutes") : 0;
	return err ? err : behind > 0;
}

int aggregate_refresh(struct my_conn *c)
{
	static struct notes notes; /* one connection does the upkeep */
	if (!c->s->set.aggregates || missing_field(c, 0))
		return 0;
	int err = my_run(c, "beginning", "START TRANSACTION");
	if (!err)
		err = take_notes(c, &notes);
	if (err)
		return err;
	join_ranges(&notes);
	int rest = put_rest_back(c, &notes);
	err = rest < 0 ? rest : 0;
	for (size_t i = 0; i < notes.count && !err; i++)
		err = refresh_range(c, notes.range[i]);
	if (!err)
		err = my_run(c, "committing aggregates", "COMMIT");
	return err ? err : rest || notes.taken == NOTES_MAX;
}

/* Pruning -------------------------------------------------------------------------------------- */

int aggregate_first_hour(struct my_conn *c, int64_t *since)
{
	int64_t oldest = 0;
	*since = kept_since(c->s);
	if (c->s->set.max_size) {
		my_sql(c,
			"SELECT TIMESTAMPDIFF(SECOND, '1970-01-01', MIN(`last_switched`)) "
			"FROM `%s`",
			c->s->set.table);
		int err = my_number(c, "pruning aggregates", &oldest);
		if (err)
			return err;
	}
	if (oldest > *since)
		*since = oldest;
	*since -= *since % HOUR_S; /* of an hour that is summed again all minutes are there */
	return 0;
}

/* Deletes some. Returns 0, 1 (there is more) or ERR_RETRY. */
static int delete_minutes(struct my_conn *c, size_t group, int64_t before)
{
	char name[SQL_NAME_MAX + 1], until[DATETIME_LEN];
	values_datetime((uint64_t)before * NS_PER_S, until);
	my_sql(c, "DELETE FROM `%s` WHERE `bucket` < '%.19s' ORDER BY `bucket` LIMIT %d",
		table_name(c, 0, group, name), until, ROWS_A_STEP);
	int err = my_send(c, "pruning aggregates");
	return err ? err : mysql_affected_rows(c->db) == ROWS_A_STEP;
}

int aggregate_prune(struct my_conn *c)
{
	int64_t since;
	if (!c->s->set.aggregates)
		return 0;
	int more = aggregate_first_hour(c, &since);
	for (size_t g = 0; g < LEN(groups) && more == 0 && since > 0; g++)
		if (!missing_field(c, g))
			more = delete_minutes(c, g, since);
	return more;
}
