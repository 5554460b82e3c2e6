/* Retention: whole partitions are dropped; a table without them loses old rows in small, paced
 * steps. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/log.h"
#include "lib/stage.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define HOUR_NS     (3600 * NS_PER_S)
#define ROWS_A_STEP 2000
#define ROW_FRAME                                                                                  \
	"30" /* the row's own header, its key, transaction and undo pointer, which columns are     \
		NULL */
#define PAGE_SHARE "1.08" /* pages are filled by fifteen sixteenths, and have headers */

struct part {
	char name[SQL_NAME_MAX + 1];
	char until[32]; /* "2026-11-23 00:00:00", or MAXVALUE */
	uint64_t bytes;
	int64_t rows;
};

static void count_pruned(struct my_conn *c, uint64_t n)
{
	pthread_mutex_lock(&c->s->lock);
	c->s->figures.pruned += n;
	pthread_mutex_unlock(&c->s->lock);
}

/* The first partition in the order of time, or of those behind "old". Returns 1, 0 (none), or
 * ERR_RETRY. */
static int first_part(struct my_conn *c, struct part *p)
{
	my_sql(c,
		"SELECT PARTITION_NAME, REPLACE(PARTITION_DESCRIPTION, '''', ''), "
		"DATA_LENGTH + INDEX_LENGTH, TABLE_ROWS FROM information_schema.PARTITIONS "
		"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '%s' "
		"AND (PARTITION_NAME <> 'old' OR TABLE_ROWS > 0) "
		"ORDER BY PARTITION_ORDINAL_POSITION LIMIT 1",
		c->s->set.table);
	MYSQL_RES *rows = my_rows(c, "pruning");
	if (!rows)
		return ERR_RETRY;
	MYSQL_ROW row = mysql_fetch_row(rows);
	if (row) {
		snprintf(p->name, sizeof p->name, "%s", row[0]);
		snprintf(p->until, sizeof p->until, "%s", row[1]);
		p->bytes = row[2] ? strtoull(row[2], NULL, 10) : 0;
		p->rows = row[3] ? strtoll(row[3], NULL, 10) : 0;
	}
	mysql_free_result(rows);
	return row != NULL;
}

/* "old" and the last day stay, without their rows. */
static int drop_part(struct my_conn *c, const struct part *p, const char *why)
{
	bool old = strcmp(p->name, "old") == 0;
	my_sql(c, "ALTER TABLE `%s` %s PARTITION `%s`", c->s->set.table, old ? "TRUNCATE" : "DROP",
		p->name);
	int err = my_send(c, "dropping a partition");
	if (err)
		return err;
	count_pruned(c, 1);
	log_info(
		"partition removed partition=%s because=%s bytes=%" PRIu64, p->name, why, p->bytes);
	return 1;
}

static void cut_off(const struct my_conn *c, char out[DATETIME_LEN + 1])
{
	uint64_t now = instant_now().ns, age = c->s->set.max_age_ns;
	*values_datetime(age < now ? now - age : 0, out) = '\0';
}

struct size {
	int64_t data, index;
};

/* The size of the table and its indexes, as of now. */
static int table_size(struct my_conn *c, struct size *size)
{
	my_sql(c, "ANALYZE NO_WRITE_TO_BINLOG TABLE `%s`", c->s->set.table);
	int err = my_send(c, "measuring the table");
	my_sql(c,
		"SELECT DATA_LENGTH, INDEX_LENGTH FROM information_schema.TABLES "
		"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '%s'",
		c->s->set.table);
	MYSQL_RES *rows = err ? NULL : my_rows(c, "measuring the table");
	if (!rows)
		return ERR_RETRY;
	MYSQL_ROW row = mysql_fetch_row(rows);
	size->data = row && row[0] ? strtoll(row[0], NULL, 10) : 0;
	size->index = row && row[1] ? strtoll(row[1], NULL, 10) : 0;
	mysql_free_result(rows);
	return 0;
}

/* Today's partition is what is being written: it is not dropped for its size. */
static bool is_today(const char *until)
{
	char now[DATETIME_LEN + 1];
	*values_datetime(instant_now().ns, now) = '\0';
	return strcmp(until, now) > 0;
}

static void say_too_small(struct my_conn *c)
{
	pthread_mutex_lock(&c->s->lock);
	bool said = c->s->said_size;
	c->s->said_size = true;
	pthread_mutex_unlock(&c->s->lock);
	if (!said)
		log_warn("today alone is larger than --max-size, and is kept table=%s",
			c->s->set.table);
}

static int prune_partitions(struct my_conn *c)
{
	char edge[DATETIME_LEN + 1];
	struct size size;
	struct part p;
	int got = first_part(c, &p);
	if (got <= 0)
		return got;
	if (c->s->set.max_age_ns) {
		cut_off(c, edge);
		if (strcmp(p.until, edge) <= 0)
			return drop_part(c, &p, "max-age");
	}
	if (!c->s->set.max_size)
		return 0;
	int err = table_size(c, &size);
	if (err || (uint64_t)(size.data + size.index) <= c->s->set.max_size)
		return err;
	got = first_part(c, &p); /* as measured now */
	if (got > 0 && !is_today(p.until))
		return drop_part(c, &p, "max-size");
	say_too_small(c);
	return got < 0 ? got : 0;
}

/* Deletes some of the oldest rows. Returns how many, or ERR_RETRY. */
static int delete_some(struct my_conn *c, const char *before, uint64_t count)
{
	my_sql(c, "DELETE FROM `%s`%s%s%s ORDER BY `last_switched` LIMIT %" PRIu64, c->s->set.table,
		before ? " WHERE `last_switched` < '" : "", before ? before : "", before ? "'" : "",
		count);
	int err = my_send(c, "deleting old rows");
	if (err)
		return err;
	uint64_t n = mysql_affected_rows(c->db);
	count_pruned(c, n);
	return (int)n;
}

/* The bytes of a value; 0: it has a length of its own. */
static unsigned fixed_size(uint8_t kind)
{
	switch (kind) {
	case KIND_U8: return 1;
	case KIND_U16: return 2;
	case KIND_U32: return 4;
	case KIND_MAC: return 6;
	case KIND_U64:
	case KIND_TIME: return 8;
	default: return 0;
	}
}

/* The bytes of a row in its page, by a sample: what the columns hold, and what the server puts
 * around them. */
static int row_bytes(struct my_conn *c, double *bytes)
{
	char number[32];
	my_sql(c, "SELECT AVG(" ROW_FRAME);
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		unsigned size = c->has[i] ? fixed_size(fields[i].kind) : 0;
		if (size)
			my_add(c, " + IF(`%s` IS NULL, 0, %u)", fields[i].name, size);
		else if (c->has[i])
			my_add(c, " + IFNULL(LENGTH(`%s`) + 1, 0)", fields[i].name);
	}
	my_add(c, "%s) * " PAGE_SHARE " FROM (SELECT * FROM `%s` LIMIT 1000) AS `some`",
		c->s->set.extra ? " + IFNULL(LENGTH(`extra`) + 2, 0)" : "", c->s->set.table);
	int err = my_word(c, "measuring the table", number, sizeof number);
	*bytes = strtod(number, NULL);
	return err;
}

/* How many rows are too many. The table's size does not tell: what deleting leaves behind is used
 * again, not given back. So it is the bytes of a row times their number, and the same share of the
 * index. */
static int find_excess(struct my_conn *c)
{
	struct size size = {0, 0};
	int64_t rows = 0;
	double row = 0;
	int err = c->s->set.max_size ? table_size(c, &size) : 0;
	double max = (double)c->s->set.max_size, all = (double)size.data + (double)size.index;
	if (err || max == 0 || all <= max)
		return err;
	my_sql(c, "SELECT COUNT(*) FROM `%s`", c->s->set.table);
	err = my_number(c, "measuring the table", &rows);
	if (!err)
		err = row_bytes(c, &row);
	double live = (double)rows * row / (double)size.data;
	if (live < 1)
		all *= live;
	if (!err && all > max)
		c->to_delete = (uint64_t)((1 - max / all) * (double)rows);
	return err;
}

/* One step a call: the inserts go on in between. */
static int prune_rows(struct my_conn *c)
{
	char edge[DATETIME_LEN + 1];
	if (c->to_delete) {
		uint64_t count = c->to_delete < ROWS_A_STEP ? c->to_delete : ROWS_A_STEP;
		int n = delete_some(c, NULL, count);
		c->to_delete = n <= 0 ? 0 : c->to_delete - (uint64_t)n;
		return n < 0 ? n : c->to_delete > 0;
	}
	if (!c->s->set.max_age_ns)
		return 0;
	cut_off(c, edge);
	int n = delete_some(c, edge, ROWS_A_STEP);
	return n < 0 ? n : n == ROWS_A_STEP;
}

static int prune_records(struct my_conn *c)
{
	if (c->layout == LAYOUT_PARTITIONS)
		return prune_partitions(c);
	int err = c->pruning ? 0 : find_excess(c);
	c->pruning = true;
	return err ? err : prune_rows(c);
}

int retention(struct my_conn *c)
{
	uint64_t now = monotonic_ns();
	if (!c->s->set.max_age_ns && !c->s->set.max_size)
		return 0;
	if (c->pruned_ns && now - c->pruned_ns < HOUR_NS)
		return 0;
	int more = c->rows_pruned ? 0 : prune_records(c);
	c->pruning = true;
	c->rows_pruned |= more == 0;
	if (more == 0)
		more = aggregate_prune(c);
	if (more == 0)
		more = counters_prune(c);
	if (more)
		return more; /* or it is tried again */
	c->pruning = c->rows_pruned = false;
	c->pruned_ns = now;
	return 0;
}
