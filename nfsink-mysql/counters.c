/* The table of sFlow's counters, where it is asked for: made, filled by an INSERT of many rows, and
 * pruned with the records. */
#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define ROWS_A_STEP 2000
#define VALUE_ROOM  64 /* the longest value but the JSON, with its quotes and comma */

static void add_names(struct my_conn *c)
{
	for (size_t i = 0; i < SQL_COUNTERS_FIELDS; i++)
		my_add(c, "`%s`,", fields[sql_counters_fields[i]].name);
	my_add(c, "`counters`");
}

/* Whether it has our columns, which it may have had before. */
static int check_table(struct my_conn *c)
{
	my_sql(c, "SELECT ");
	add_names(c);
	my_add(c, " FROM `%s` LIMIT 0", c->s->counters);
	int err = my_send(c, "reading the table of counters");
	return err && c->error == ER_BAD_FIELD_ERROR ? ERR_CONFIG : err;
}

int counters_prepare(struct my_conn *c)
{
	if (!c->s->set.counters)
		return 0;
	my_sql(c, "CREATE TABLE IF NOT EXISTS `%s` (", c->s->counters);
	for (size_t i = 0; i < SQL_COUNTERS_FIELDS; i++) {
		const struct field *f = &fields[sql_counters_fields[i]];
		my_add(c, "`%s` %s %s, ", f->name, schema_type(f->kind), i ? "NULL" : "NOT NULL");
	}
	my_add(c, "`counters` json NOT NULL, KEY `received` (`received`)) ENGINE=InnoDB DEFAULT "
		  "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
	int err = my_send(c, "making the table of counters");
	return err ? err : check_table(c);
}

static void begin(struct my_conn *c)
{
	my_sql(c, "INSERT INTO `%s` (", c->s->counters);
	add_names(c);
	my_add(c, ") VALUES ");
	memcpy(c->text, c->sql, c->sql_len);
	c->text_len = c->sql_len;
}

/* What is larger than a packet of the server may be is no statement: its length is 0. */
static bool add_row(void *connection, bool first)
{
	struct my_conn *c = connection;
	const struct text *json = &c->counters.counters;
	size_t most = c->packet_max < TEXT_ROOM ? c->packet_max - 64 : TEXT_ROOM;
	if (first)
		begin(c);
	if (c->text_len + SQL_COUNTERS_FIELDS * VALUE_ROOM + 2 * (size_t)json->len > most) {
		c->text_len = 0;
		return false;
	}
	char *p = c->text + c->text_len;
	*p++ = first ? ' ' : ',';
	*p++ = '(';
	for (size_t i = 0; i < SQL_COUNTERS_FIELDS; i++) {
		p = insert_value(c, p, sql_counters_fields[i], &c->counters.head);
		*p++ = ',';
	}
	p = insert_string(c, p, (struct piece){json->p, json->len});
	*p++ = ')';
	c->text_len = (size_t)(p - c->text);
	return c->text_len < TEXT_FULL && c->text_len < most / 2;
}

static int send_rows(void *connection)
{
	struct my_conn *c = connection;
	if (c->text_len)
		return insert_send(c);
	snprintf(c->why, sizeof c->why, "it is larger than a packet of the server may be");
	return 1;
}

int counters_store(struct my_conn *c, const struct sink_batch *batch, struct sink_result *result)
{
	const struct sql_counters_way way = {add_row, send_rows, c, c->why};
	int err = 0;
	for (size_t i = 0; i < batch->count && !err; i++)
		if (c->mine[i] && batch->frames[i].kind == FRAME_COUNTERS)
			err = sql_counters_store(&way, &c->counters, &batch->frames[i], result);
	return err;
}

int counters_prune(struct my_conn *c)
{
	char until[DATETIME_LEN];
	int64_t since;
	if (!c->s->set.counters)
		return 0;
	int err = aggregate_first_hour(c, &since);
	if (err || since <= 0)
		return err;
	values_datetime((uint64_t)since * NS_PER_S, until);
	my_sql(c, "DELETE FROM `%s` WHERE `received` < '%.19s' ORDER BY `received` LIMIT %d",
		c->s->counters, until, ROWS_A_STEP);
	err = my_send(c, "pruning the counters");
	return err ? err : mysql_affected_rows(c->db) == ROWS_A_STEP;
}
