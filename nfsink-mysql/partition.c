/* Partitions: one a UTC day, by last_switched. "old" in front takes what is older than the first
 * day, and "rest" behind what is newer than the last, so that no row is without one. A partition is
 * named by its last day; it reaches back to the end of the one before. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define DAY_NS     (86400 * NS_PER_S)
#define DAYS_AHEAD 3
#define DAYS_ONCE  64 /* partitions made by one statement; beyond that one takes all days */
#define FILL_ROWS                                                                                  \
	2000000 /* more rows of "old" are not moved: that would stop the inserts for long */

static int64_t today(void)
{
	return (int64_t)(instant_now().ns / DAY_NS);
}

/* "PARTITION pYYYYMMDD VALUES LESS THAN (the day behind), " */
static void add_day(struct my_conn *c, int64_t day)
{
	char name[DATETIME_LEN], until[DATETIME_LEN];
	values_datetime((uint64_t)day * DAY_NS, name);
	values_datetime((uint64_t)(day + 1) * DAY_NS, until);
	my_add(c, "PARTITION p%.4s%.2s%.2s VALUES LESS THAN ('%.10s'), ", name, name + 5, name + 8,
		until);
}

static void add_old(struct my_conn *c, int64_t day)
{
	char until[DATETIME_LEN];
	values_datetime((uint64_t)day * DAY_NS, until);
	my_add(c, "PARTITION `old` VALUES LESS THAN ('%.10s'), ", until);
}

void partition_add_clause(struct my_conn *c)
{
	int64_t first = today() - 1;
	my_add(c, "PARTITION BY RANGE COLUMNS (`last_switched`) (");
	add_old(c, first);
	for (int64_t day = first; day <= first + 1 + DAYS_AHEAD; day++)
		add_day(c, day);
	my_add(c, "PARTITION `rest` VALUES LESS THAN (MAXVALUE))");
}

#define FROM_PARTITIONS                                                                            \
	" FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = "    \
	"'%s' "

int partition_layout(struct my_conn *c)
{
	int64_t ours = 0;
	my_sql(c,
		"SELECT COUNT(*)" FROM_PARTITIONS
		"AND PARTITION_NAME IN ('old', 'rest') AND PARTITION_METHOD = 'RANGE COLUMNS' AND "
		"PARTITION_EXPRESSION = '`last_switched`'",
		c->s->set.table);
	int err = my_number(c, "reading the partitions", &ours);
	c->layout = ours == 2 ? LAYOUT_PARTITIONS : LAYOUT_PLAIN;
	pthread_mutex_lock(&c->s->lock);
	c->s->figures.layout = c->layout;
	pthread_mutex_unlock(&c->s->lock);
	return err;
}

/* The day at which "old" ends (MIN), or "rest" begins (MAX). */
static int edge(struct my_conn *c, const char *which, int64_t *day)
{
	*day = today();
	my_sql(c,
		"SELECT TO_DAYS(%s(REPLACE(PARTITION_DESCRIPTION, '''', ''))) - "
		"TO_DAYS('1970-01-01')" FROM_PARTITIONS "AND PARTITION_NAME <> 'rest'",
		which, c->s->set.table);
	return my_number(c, "reading the partitions", day);
}

int partition_ahead(struct my_conn *c)
{
	int64_t next, until = today() + DAYS_AHEAD;
	int err = edge(c, "MAX", &next);
	if (err || next > until)
		return err;
	my_sql(c, "ALTER TABLE `%s` REORGANIZE PARTITION `rest` INTO (", c->s->set.table);
	if (until - next >= DAYS_ONCE) {
		add_day(c, until - DAYS_ONCE);
		next = until - DAYS_ONCE + 1;
	}
	for (; next <= until; next++)
		add_day(c, next);
	my_add(c, "PARTITION `rest` VALUES LESS THAN (MAXVALUE))");
	return my_send(c, "making partitions");
}

/* Ends a list of partitions, which is without a comma behind the last. */
static int send_list(struct my_conn *c)
{
	c->sql_len -= 2;
	my_add(c, ")");
	return my_send(c, "making partitions");
}

/* Splits "old", which ends at `end`: a partition for each of the days, and for each gap between. */
static int split_old(struct my_conn *c, const int64_t *days, size_t count, int64_t end)
{
	if (count == 0)
		return 0;
	my_sql(c, "ALTER TABLE `%s` REORGANIZE PARTITION `old` INTO (", c->s->set.table);
	add_old(c, days[0]);
	for (size_t i = 0; i < count; i++) {
		int64_t next = i + 1 < count ? days[i + 1] : end;
		add_day(c, days[i]);
		if (next > days[i] + 1)
			add_day(c, next - 1);
	}
	return send_list(c);
}

/* The last days that rows of "old" are of, in ascending order. Returns their number or ERR_RETRY.
 */
static int days_of_old(struct my_conn *c, int64_t days[DAYS_ONCE])
{
	int count = 0;
	my_sql(c,
		"SELECT `day` FROM (SELECT DISTINCT TO_DAYS(`last_switched`) - "
		"TO_DAYS('1970-01-01') AS `day` FROM `%s` PARTITION (`old`) WHERE `last_switched` "
		">= '1970-01-02' ORDER BY `day` DESC LIMIT %d) AS `days` ORDER BY `day`",
		c->s->set.table, DAYS_ONCE);
	MYSQL_RES *rows = my_rows(c, "reading the partitions");
	if (!rows)
		return ERR_RETRY;
	for (MYSQL_ROW row; count < DAYS_ONCE && (row = mysql_fetch_row(rows));)
		days[count++] = strtoll(row[0], NULL, 10);
	mysql_free_result(rows);
	return count;
}

int partition_fill(struct my_conn *c)
{
	int64_t days[DAYS_ONCE] = {0}, end, rows = 0;
	my_sql(c, "SELECT TABLE_ROWS" FROM_PARTITIONS "AND PARTITION_NAME = 'old'",
		c->s->set.table);
	int err = my_number(c, "reading the partitions", &rows);
	if (err || rows > FILL_ROWS)
		return err;
	err = edge(c, "MIN", &end);
	int count = err ? err : days_of_old(c, days);
	if (count <= 0)
		return count;
	log_info("partitions made for rows of days gone by table=%s days=%d", c->s->set.table,
		count);
	return split_old(c, days, (size_t)count, end);
}

int partition_days(struct my_conn *c, int64_t first_day, int64_t last_day)
{
	int64_t days[DAYS_ONCE] = {0}, end;
	size_t count = 0;
	int err = edge(c, "MIN", &end);
	if (last_day >= end)
		last_day = end - 1;
	if (first_day <= last_day - DAYS_ONCE)
		first_day = last_day - DAYS_ONCE + 1;
	for (int64_t day = first_day; day <= last_day; day++)
		days[count++] = day;
	return err || count == 0 ? err : split_old(c, days, count, end);
}
