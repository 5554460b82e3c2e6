/* Upkeep, on a connection of its own: partitions, retention, the ledger, aggregates, figures. One
 * sink does it at a time; the others have their figures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/stage.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define MINUTE_NS (60 * NS_PER_S)
#define HOUR_NS   (60 * MINUTE_NS)

/* A time of the server's as RFC 3339. */
static void set_time(char out[40], const char *time)
{
	if (time)
		snprintf(out, 40, "%.10sT%.15sZ", time, time + 11);
}

static int read_sizes(struct my_conn *c, struct figures *f)
{
	my_sql(c,
		"SELECT DATA_LENGTH, INDEX_LENGTH, TABLE_ROWS FROM information_schema.TABLES "
		"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '%s'",
		c->s->set.table);
	MYSQL_RES *rows = my_rows(c, "reading figures");
	if (!rows)
		return ERR_RETRY;
	MYSQL_ROW row = mysql_fetch_row(rows);
	if (row) {
		f->table_bytes = row[0] ? strtoll(row[0], NULL, 10) : 0;
		f->index_bytes = row[1] ? strtoll(row[1], NULL, 10) : 0;
		f->rows = row[2] ? strtoll(row[2], NULL, 10) : 0;
	}
	mysql_free_result(rows);
	return 0;
}

static int read_edges(struct my_conn *c, struct figures *f)
{
	my_sql(c, "SELECT MIN(`last_switched`), MAX(`last_switched`) FROM `%s`", c->s->set.table);
	MYSQL_RES *rows = my_rows(c, "reading figures");
	if (!rows)
		return ERR_RETRY;
	MYSQL_ROW row = mysql_fetch_row(rows);
	if (row) {
		set_time(f->oldest, row[0]);
		set_time(f->newest, row[1]);
	}
	mysql_free_result(rows);
	return 0;
}

static int refresh_figures(struct my_conn *c)
{
	struct figures now = {.rows = 0};
	int err = read_sizes(c, &now);
	if (!err)
		err = read_edges(c, &now);
	if (err)
		return err;
	pthread_mutex_lock(&c->s->lock);
	now.rows_a_second = rate_since(&c->stored_rate, c->s->stored, monotonic_ns());
	now.pruned = c->s->figures.pruned;
	now.layout = c->s->figures.layout;
	now.method = c->s->figures.method;
	c->s->figures = now;
	pthread_mutex_unlock(&c->s->lock);
	return 0;
}

/* At the first tick, and each time the period is over. */
static bool is_due(uint64_t *last_ns, uint64_t period_ns)
{
	uint64_t now = monotonic_ns();
	if (*last_ns && now - *last_ns < period_ns)
		return false;
	*last_ns = now;
	return true;
}

static int keep_partitions(struct my_conn *c)
{
	if (c->layout != LAYOUT_PARTITIONS || !is_due(&c->parted_ns, HOUR_NS))
		return 0;
	int err = my_lock(c, "", LOCK_SECONDS);
	if (err)
		return err < 0 ? err : 0;
	err = partition_ahead(c);
	if (!err)
		err = partition_fill(c);
	my_unlock(c, "");
	return err;
}

/* What one sink does for all. */
static int keep_up(struct my_conn *c, bool last)
{
	if (last && !c->pruning)
		c->parted_ns = c->merged_ns = c->pruned_ns = c->refreshed_ns = 0;
	int err = keep_partitions(c);
	if (!err && is_due(&c->merged_ns, MINUTE_NS))
		err = ledger_merge(c);
	int more = err ? err : retention(c);
	int left = more;
	if (more >= 0 && is_due(&c->refreshed_ns, MINUTE_NS)) {
		left = aggregate_refresh(c);
		if (left)
			c->refreshed_ns = 0;
	}
	return left < 0 ? left : more || left;
}

/* Long statements want a connection that waits longer for its answers. */
static int be_patient(struct my_conn *c)
{
	if (c->patient)
		return 0;
	my_disconnect(c);
	c->patient = true;
	return my_connect(c);
}

int upkeep_tick(void *connection, bool last)
{
	struct my_conn *c = connection;
	int err = be_patient(c);
	if (!err)
		err = my_lock(c, "upkeep", 0);
	if (err < 0)
		return err;
	int more = 0;
	if (err == 0) {
		more = keep_up(c, last);
		my_unlock(c, "upkeep");
	}
	if (more >= 0 && is_due(&c->figures_ns, NS_PER_S))
		err = refresh_figures(c);
	return err < 0 ? err : more;
}
