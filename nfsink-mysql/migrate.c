/* --migrate: a table that does not fit is renamed, a new one made, and its rows copied in batches,
 * each in one transaction with a note of how far it is: so that it goes on where it was stopped.
 * The old table stays. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define ROWS_A_STEP "10000"
#define LOCK_WAIT_S 30
#define INDEX       "goflow_migrate"
#define TYPE_MAX    64

struct migration {
	struct my_conn *c;
	char old[SQL_NAME_MAX + 1], progress[SQL_NAME_MAX + 1];
	char type[FIELD_COUNT]
		 [TYPE_MAX];        /* of the old table's columns; "": it has none of that name */
	bool has_ipv6[FIELD_COUNT]; /* a column NAMEv6 beside it, as the first goflow had */
	char until[32];             /* the last time that is copied; "": none yet */
};

/* The type of a column of the old table, "" where there is none. */
static int find_type(struct migration *m, const char *name, const char *suffix, char out[TYPE_MAX])
{
	my_sql(m->c,
		"SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() "
		"AND TABLE_NAME = '%s' AND COLUMN_NAME = '%s%s'",
		m->old, name, suffix);
	return my_word(m->c, "reading the schema", out, TYPE_MAX);
}

static int find_types(struct migration *m)
{
	char type[TYPE_MAX] = "";
	int err = 0;
	for (size_t id = 0; id < FIELD_COUNT && !err; id++) {
		err = find_type(m, fields[id].name, "", m->type[id]);
		if (!err && fields[id].kind == KIND_IP)
			err = find_type(m, fields[id].name, "v6", type);
		m->has_ipv6[id] = fields[id].kind == KIND_IP && !err && *type;
	}
	return err;
}

/* Preparing ------------------------------------------------------------------------------------ */

/* Renames the table unless that was done before. Returns 0, 1 (there is nothing to do) or a
 * negative code. */
static int move_away(struct migration *m)
{
	struct my_conn *c = m->c;
	const char *table = c->s->set.table;
	int moved = schema_table_exists(c, m->old);
	if (moved)
		return moved < 0 ? moved : 0;
	int there = schema_table_exists(c, table);
	if (there <= 0)
		return there < 0 ? there : 1;
	int fits = schema_check(c);
	if (fits != ERR_CONFIG)
		return fits < 0 ? fits : 1;
	my_sql(c, "RENAME TABLE `%s` TO `%s`", table, m->old);
	int err = my_send(c, "renaming the table");
	if (!err)
		log_info("table renamed from=%s to=%s", table, m->old);
	return err;
}

static int make_progress(struct migration *m)
{
	struct my_conn *c = m->c;
	int64_t keys = 0;
	my_sql(c,
		"CREATE TABLE IF NOT EXISTS `%s` (`until` datetime(6) NULL, "
		"`copied` bigint NOT NULL) ENGINE=InnoDB",
		m->progress);
	int err = my_send(c, "noting progress");
	if (err)
		return err;
	my_sql(c,
		"SELECT COUNT(*) FROM information_schema.STATISTICS "
		"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '%s' "
		"AND COLUMN_NAME = 'last_switched' AND SEQ_IN_INDEX = 1",
		m->old);
	err = my_number(c, "reading the schema", &keys);
	if (err || keys)
		return err;
	my_sql(c, "ALTER TABLE `%s` ADD KEY `" INDEX "` (`last_switched`)", m->old);
	return my_send(c, "indexing the old table");
}

/* Copying -------------------------------------------------------------------------------------- */

/* The old value as the new column holds it. IPv4 addresses were numbers, IPv6 ones stood beside
 * them. */
static void add_value(struct migration *m, enum field_id id)
{
	const char *name = fields[id].name;
	bool number = strstr(m->type[id], "int") != NULL;
	if (fields[id].kind != KIND_IP) {
		my_add(m->c, "`%s`", name);
	} else if (number && m->has_ipv6[id]) {
		my_add(m->c,
			"IF(COALESCE(`%s`, 0) = 0, COALESCE(NULLIF(`%sv6`, REPEAT(CHAR(0), 16)), "
			"UNHEX(LPAD(HEX(`%s`), 8, '0'))), UNHEX(LPAD(HEX(`%s`), 8, '0')))",
			name, name, name, name);
	} else if (number) {
		my_add(m->c, "UNHEX(LPAD(HEX(`%s`), 8, '0'))", name);
	} else if (strstr(m->type[id], "char")) {
		my_add(m->c, "INET6_ATON(`%s`)", name);
	} else {
		my_add(m->c, "`%s`", name);
	}
}

static bool is_copied(const struct migration *m, enum field_id id)
{
	return *m->type[id] && m->c->s->set.chosen[id];
}

static int copy_rows(struct migration *m, const char *where)
{
	struct my_conn *c = m->c;
	const char *comma = "";
	my_sql(c, "INSERT INTO `%s` (", c->s->set.table);
	for (size_t id = 0; id < FIELD_COUNT; id++)
		if (is_copied(m, id)) {
			my_add(c, "%s`%s`", comma, fields[id].name);
			comma = ", ";
		}
	my_add(c, ") SELECT ");
	comma = "";
	for (size_t id = 0; id < FIELD_COUNT; id++)
		if (is_copied(m, id)) {
			my_add(c, "%s", comma);
			add_value(m, id);
			comma = ", ";
		}
	my_add(c, " FROM `%s` WHERE %s", m->old, where);
	return my_send(c, "copying rows");
}

/* The minutes of the rows, for the aggregates. */
static int note_minutes(struct migration *m, const char *where)
{
	struct my_conn *c = m->c;
	if (!c->s->set.aggregates)
		return 0;
	my_sql(c,
		"INSERT INTO `%s` (`since`, `until`) SELECT * "
		"FROM (SELECT DATE_FORMAT(MIN(last_switched), '%%Y-%%m-%%d %%H:%%i:00') AS since, "
		"DATE_FORMAT(MAX(last_switched) + INTERVAL 1 MINUTE, '%%Y-%%m-%%d %%H:%%i:00') "
		"FROM `%s` WHERE %s) AS minutes WHERE since IS NOT NULL",
		c->s->dirty, m->old, where);
	return my_send(c, "noting minutes");
}

/* One batch: rows up to a time, all of which it takes. */
static int copy_step(struct migration *m, const char *next)
{
	struct my_conn *c = m->c;
	char where[160];
	if (*next && *m->until)
		snprintf(where, sizeof where, "last_switched > '%s' AND last_switched <= '%s'",
			m->until, next);
	else if (*next)
		snprintf(where, sizeof where, "last_switched <= '%s'", next);
	else
		snprintf(where, sizeof where, "last_switched IS NULL");
	int err = my_run(c, "beginning", "START TRANSACTION");
	if (!err)
		err = copy_rows(m, where);
	uint64_t copied = err ? 0 : mysql_affected_rows(c->db);
	if (!err)
		err = note_minutes(m, where);
	if (err)
		return err;
	my_sql(c, "INSERT INTO `%s` VALUES (%s%s%s, %" PRIu64 ")", m->progress, *next ? "'" : "",
		*next ? next : "NULL", *next ? "'" : "", copied);
	err = my_send(c, "noting progress");
	return err ? err : my_run(c, "committing", "COMMIT");
}

/* The time that the next batch goes up to; "" where no row is left that has one. */
static int next_time(struct migration *m, char *next, size_t cap)
{
	struct my_conn *c = m->c;
	char after[64] = "IS NOT NULL";
	if (*m->until)
		snprintf(after, sizeof after, "> '%s'", m->until);
	/* in the index's own order, so that no batch looks at more than its rows */
	my_sql(c,
		"SELECT MAX(last_switched) FROM (SELECT last_switched FROM `%s` WHERE "
		"last_switched %s ORDER BY last_switched LIMIT " ROWS_A_STEP ") AS step",
		m->old, after);
	return my_word(c, "reading the old table", next, cap);
}

static int copy_all(struct migration *m)
{
	struct my_conn *c = m->c;
	int64_t without = 0;
	char next[32] = "";
	my_sql(c, "SELECT MAX(`until`) FROM `%s`", m->progress);
	int err = my_word(c, "reading progress", m->until, sizeof m->until);
	while (!err && !(err = next_time(m, next, sizeof next)) && *next) {
		err = copy_step(m, next);
		snprintf(m->until, sizeof m->until, "%s", next);
		log_info("rows copied until=%s", next);
	}
	if (err)
		return err;
	my_sql(c, "SELECT COUNT(*) FROM `%s` WHERE `until` IS NULL", m->progress);
	err = my_number(c, "reading progress", &without);
	return err || without ? err : copy_step(m, "");
}

static int verify(struct migration *m)
{
	struct my_conn *c = m->c;
	int64_t rows = -1, copied = -1;
	my_sql(c, "SELECT COUNT(*) FROM `%s`", m->old);
	int err = my_number(c, "counting", &rows);
	my_sql(c, "SELECT SUM(`copied`) FROM `%s`", m->progress);
	if (!err)
		err = my_number(c, "counting", &copied);
	if (err)
		return err;
	if (rows != copied) {
		snprintf(c->why, sizeof c->why,
			"%" PRId64 " rows of %s were copied, of %" PRId64
			" that it has: was it written meanwhile?",
			copied, m->old, rows);
		return ERR_CONFIG;
	}
	log_info("migrated rows=%" PRId64
		 " from=%s to=%s; look at them, then DROP TABLE `%s`, `%s`",
		rows, m->old, c->s->set.table, m->old, m->progress);
	return 0;
}

/* All of it, connected. Returns 0 or a negative code, with `why`. */
static int run(struct migration *m)
{
	struct my_conn *c = m->c;
	int err = my_lock(c, "", LOCK_WAIT_S);
	if (err > 0) {
		snprintf(c->why, sizeof c->why, "a sink holds the table's lock");
		return ERR_RETRY;
	}
	if (!err)
		err = move_away(m);
	if (err > 0) {
		log_info("nothing to migrate table=%s", c->s->set.table);
		return 0;
	}
	if (!err)
		err = schema_make(c);
	if (!err)
		err = find_types(m);
	if (!err)
		err = make_progress(m);
	if (!err)
		err = copy_all(m);
	return err ? err : verify(m);
}

int migrate(struct my_sink *s)
{
	static struct migration m;
	m.c = my_conn_new(s);
	if (!m.c) {
		log_error("%s", err_sentence(ERR_MEMORY));
		return EXIT_IO;
	}
	snprintf(m.old, sizeof m.old, "%s_old", s->set.table);
	sql_name(&s->set, "_migration", m.progress);
	int err = my_connect(m.c);
	if (!err)
		err = run(&m);
	if (err)
		log_error("%s", m.c->why);
	my_disconnect(m.c);
	my_conn_free(m.c);
	return err == 0 ? EXIT_DONE : err == ERR_CONFIG ? EXIT_CONFIG : EXIT_SERVER;
}
