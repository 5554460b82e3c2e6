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

int partition_list(struct my_conn *c, struct partitions *p)
{
	my_sql(c,
		"SELECT TO_DAYS(REPLACE(PARTITION_DESCRIPTION, '''', '')) - "
		"TO_DAYS('1970-01-01')" FROM_PARTITIONS
		"AND PARTITION_NAME <> 'rest' ORDER BY PARTITION_ORDINAL_POSITION",
		c->s->set.table);
	MYSQL_RES *rows = my_rows(c, "reading the partitions");
	if (!rows)
		return ERR_RETRY;
	p->count = 0;
	for (MYSQL_ROW row; p->count < PARTITIONS_MAX && (row = mysql_fetch_row(rows));) {
		p->part[p->count].kept = false;
		p->part[p->count++].until = row[0] ? (int32_t)strtol(row[0], NULL, 10) : 0;
	}
	mysql_free_result(rows);
	return 0;
}

/* The name of a partition: "old", or of its last day. */
struct part_name {
	char text[16];
};

static struct part_name name_of(const struct partitions *p, unsigned place)
{
	char day[DATETIME_LEN];
	struct part_name name = {"old"};
	if (place == 0)
		return name;
	values_datetime((uint64_t)(p->part[place].until - 1) * DAY_NS, day);
	snprintf(name.text, sizeof name.text, "p%.4s%.2s%.2s", day, day + 5, day + 8);
	return name;
}

int partition_holds(
	struct my_conn *c, const struct partitions *p, unsigned place, unsigned rows, bool *more)
{
	int64_t count = 0;
	my_sql(c, "SELECT COUNT(*) FROM (SELECT 1 FROM `%s` PARTITION (`%s`) LIMIT %u) AS `some`",
		c->s->set.table, name_of(p, place).text, rows + 1);
	int err = my_number(c, "reading the partitions", &count);
	*more = count > rows;
	return err;
}

int partition_split(struct my_conn *c, const struct partitions *p, unsigned place,
	const int64_t *days, size_t count)
{
	my_sql(c, "ALTER TABLE `%s` REORGANIZE PARTITION `%s` INTO (", c->s->set.table,
		name_of(p, place).text);
	if (place == 0)
		add_old(c, days[0]);
	else if (days[0] > p->part[place - 1].until)
		add_day(c, days[0] - 1);
	for (size_t i = 0; i < count; i++) {
		int64_t next = i + 1 < count ? days[i + 1] : p->part[place].until;
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
		"TO_DAYS('1970-01-01') AS `day` FROM `%s` PARTITION (`old`) "
		"WHERE `last_switched` >= '1970-01-02' ORDER BY `day` DESC LIMIT %d) AS `days` "
		"ORDER BY `day`",
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
	int64_t days[DAYS_ONCE] = {0};
	bool many = false;
	int err = partition_list(c, &c->partitions);
	if (!err)
		err = partition_holds(c, &c->partitions, 0, FILL_ROWS, &many);
	if (err || many)
		return err;
	int count = days_of_old(c, days);
	if (count <= 0)
		return count;
	log_info("partitions made for rows of days gone by table=%s days=%d", c->s->set.table,
		count);
	return partition_split(c, &c->partitions, 0, days, (size_t)count);
}
