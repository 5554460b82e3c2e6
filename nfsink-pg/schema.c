/* The table of flow records and what belongs to it: made on the first start, extended and checked
 * on every other. */
#include <stdio.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-pg/nfsink_pg.h"

/* The types that a value of each kind can be sent as, the one that we make first. */
struct type_name {
	const char *name; /* as format_type() says it, without a modifier */
	enum column_type type;
};

static const struct type_name numbers[] = {
	{"smallint", COLUMN_INT2}, {"integer", COLUMN_INT4}, {"bigint", COLUMN_INT8}};
static const struct type_name others[] = {{"inet", COLUMN_INET}, {"macaddr", COLUMN_MACADDR},
	{"timestamp with time zone", COLUMN_TIME}};
static const struct type_name texts[] = {{"text", COLUMN_TEXT}, {"character varying", COLUMN_TEXT}};
static const struct type_name documents[] = {
	{"jsonb", COLUMN_JSONB}, {"json", COLUMN_JSON}, {"text", COLUMN_TEXT}};

struct type_names {
	const struct type_name *name;
	size_t count;
};

/* A number fits into every type that is wide enough. */
static struct type_names types_of(enum field_kind kind)
{
	switch (kind) {
	case KIND_U8: return (struct type_names){numbers, 3};
	case KIND_U16: return (struct type_names){numbers + 1, 2};
	case KIND_U32:
	case KIND_U64: return (struct type_names){numbers + 2, 1};
	case KIND_IP: return (struct type_names){others, 1};
	case KIND_MAC: return (struct type_names){others + 1, 1};
	case KIND_TIME: return (struct type_names){others + 2, 1};
	default: return (struct type_names){texts, LEN(texts)};
	}
}

/* Into *type; false: the column is of another type. */
static bool find_type(struct type_names names, const char *found, uint8_t *type)
{
	for (size_t i = 0; i < names.count; i++)
		if (strcmp(names.name[i].name, found) == 0) {
			*type = names.name[i].type;
			return true;
		}
	return false;
}

int schema_lock(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql, "SELECT pg_advisory_xact_lock(hashtextextended('goflow %s', 0))",
		       c->s->set.table)
		       ? pg_run(c, "waiting for another sink's schema", sql)
		       : ERR_RETRY;
}

/* The table's columns: name, type without modifier, NOT NULL that we may have to lift. */
static PGresult *read_columns(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	if (!pg_format(c, sql,
		    "SELECT attname, format_type(atttypid, NULL), attnotnull AND NOT atthasdef "
		    "AND attidentity = '' FROM pg_attribute WHERE attrelid = to_regclass('\"%s\"') "
		    "AND attnum > 0 AND NOT attisdropped",
		    c->s->set.table))
		return NULL;
	return pg_query(c, "reading the schema", sql);
}

static int find_column(const PGresult *columns, const char *name)
{
	for (int i = 0; i < PQntuples(columns); i++)
		if (strcmp(PQgetvalue(columns, i, 0), name) == 0)
			return i;
	return -1;
}

/* Making --------------------------------------------------------------------------------------- */

static int make_table(struct pg_conn *c)
{
	const struct sql_columns *columns = &c->s->columns;
	char sql[SQL_ROOM];
	int len = snprintf(sql, sizeof sql, "CREATE TABLE \"%s\" (", c->s->set.table);
	for (size_t i = 0; i < columns->count; i++) {
		const struct field *f = &fields[columns->field[i]];
		len += snprintf(sql + len, sizeof sql - (size_t)len, "%s\"%s\" %s%s", i ? ", " : "",
			f->name, kind_postgres_type(f->kind),
			columns->field[i] == FIELD_last_switched ? " NOT NULL" : "");
	}
	snprintf(sql + len, sizeof sql - (size_t)len, "%s)%s",
		columns->extra ? ", extra jsonb" : "",
		c->layout == LAYOUT_PARTITIONS ? " PARTITION BY RANGE (last_switched)" : "");
	return pg_run(c, "making the table", sql);
}

/* Rows come nearly in the order of their time, so blocks have narrow ranges of it; and a B-tree
 * costs a fifth of the speed (see bench/RESULTS.md). TimescaleDB indexes the time itself. */
static int make_index(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	return pg_format(c, sql,
		       "CREATE INDEX IF NOT EXISTS \"%s_time\" ON \"%s\" "
		       "USING brin (last_switched) WITH (pages_per_range = 32, autosummarize = on)",
		       c->s->set.table, c->s->set.table)
		       ? pg_run(c, "making the index", sql)
		       : ERR_RETRY;
}

static int make_belongings(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	const struct pg_sink *s = c->s;
	return pg_format(c, sql,
		       "CREATE TABLE IF NOT EXISTS \"%s\" (stream uuid NOT NULL, "
		       "first bigint NOT NULL, last bigint NOT NULL, at timestamptz NOT NULL, "
		       "PRIMARY KEY (stream, first)); CREATE TABLE IF NOT EXISTS \"%s\" (since "
		       "timestamptz NOT NULL, until timestamptz NOT NULL, "
		       "taken boolean NOT NULL DEFAULT false)",
		       s->ledger, s->dirty)
		       ? pg_run(c, "making the ledger", sql)
		       : ERR_RETRY;
}

static int make_all(struct pg_conn *c)
{
	bool timescale = timescale_there(c);
	c->layout = timescale ? LAYOUT_PLAIN : LAYOUT_PARTITIONS;
	int err = make_table(c);
	if (!err && timescale)
		err = timescale_prepare(c);
	if (!err && !timescale)
		err = make_index(c);
	if (!err)
		log_info("table \"%s\" made", c->s->set.table);
	return err;
}

/* Checking ------------------------------------------------------------------------------------- */

static int misfit(struct pg_conn *c, const char *name, const char *found, const char *expected)
{
	const char *table = c->s->set.table;
	snprintf(c->why, sizeof c->why,
		"column %s of table %s does not fit: found type %s, expected %s; mend it by: "
		"ALTER TABLE \"%s\" ALTER COLUMN \"%s\" TYPE %s "
		"USING \"%s\"::%s; or keep it and give the sink another table with --table",
		name, table, found, expected, table, name, expected, name, expected);
	return ERR_CONFIG;
}

/* Adds a column, or checks that there is one of a type that fits. Returns 0 or an error. */
static int need_column(struct pg_conn *c, const PGresult *columns, const char *name,
	const char *type, struct type_names fit, uint8_t *out)
{
	char sql[SQL_ROOM];
	int at = find_column(columns, name);
	if (at >= 0)
		return find_type(fit, PQgetvalue(columns, at, 1), out)
			       ? 0
			       : misfit(c, name, PQgetvalue(columns, at, 1), type);
	find_type(fit, fit.name[0].name, out);
	if (!pg_format(
		    c, sql, "ALTER TABLE \"%s\" ADD COLUMN \"%s\" %s", c->s->set.table, name, type))
		return ERR_RETRY;
	int err = pg_run(c, "adding a column", sql);
	if (!err)
		log_info("column \"%s\" added to table \"%s\"", name, c->s->set.table);
	return err;
}

/* A record may lack any field but the time. */
static int lift_not_null(struct pg_conn *c, const PGresult *columns)
{
	char sql[SQL_ROOM];
	int err = 0;
	for (int i = 0; i < PQntuples(columns) && !err; i++) {
		char *name = PQgetvalue(columns, i, 0);
		if (*PQgetvalue(columns, i, 2) != 't' || strcmp(name, "last_switched") == 0)
			continue;
		char *quoted = PQescapeIdentifier(c->db, name, strlen(name));
		bool fits = quoted &&
			    pg_format(c, sql, "ALTER TABLE \"%s\" ALTER COLUMN %s DROP NOT NULL",
				    c->s->set.table, quoted);
		PQfreemem(quoted);
		err = fits ? pg_run(c, "lifting NOT NULL", sql) : ERR_RETRY;
		if (!err)
			log_info("column \"%s\" of table \"%s\" may be NULL now", name,
				c->s->set.table);
	}
	return err;
}

static int check_columns(struct pg_conn *c, const PGresult *found)
{
	const struct sql_columns *columns = &c->s->columns;
	int err = 0;
	for (size_t i = 0; i < columns->count && !err; i++) {
		const struct field *f = &fields[columns->field[i]];
		err = need_column(c, found, f->name, kind_postgres_type(f->kind), types_of(f->kind),
			&c->type[i]);
	}
	if (!err && columns->extra)
		err = need_column(c, found, "extra", "jsonb",
			(struct type_names){documents, LEN(documents)}, &c->extra_type);
	return err ? err : lift_not_null(c, found);
}

/* How the table keeps its rows apart: by what it is, not by what we would make. */
static void find_layout(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	c->layout = LAYOUT_PLAIN;
	if (pg_format(c, sql,
		    "SELECT 1 FROM pg_class WHERE oid = to_regclass('\"%s\"') AND relkind = 'p'",
		    c->s->set.table) &&
		pg_number(c, sql, 0) == 1)
		c->layout = LAYOUT_PARTITIONS;
	else if (timescale_there(c) &&
		 pg_format(c, sql,
			 "SELECT 1 FROM timescaledb_information.hypertables "
			 "WHERE hypertable_name = '%s' AND hypertable_schema = (SELECT nspname "
			 "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
			 "WHERE c.oid = to_regclass('\"%s\"'))",
			 c->s->set.table, c->s->set.table) &&
		 pg_number(c, sql, 0) == 1)
		c->layout = LAYOUT_HYPERTABLE;
}

static int prepare_all(struct pg_conn *c)
{
	PGresult *columns = read_columns(c);
	int err = columns ? 0 : ERR_RETRY;
	if (!err && PQntuples(columns) == 0) {
		err = make_all(c);
		PQclear(columns);
		columns = err ? NULL : read_columns(c);
		err = columns ? 0 : ERR_RETRY;
	}
	if (!err)
		err = check_columns(c, columns);
	PQclear(columns);
	if (!err)
		err = make_belongings(c);
	if (err)
		return err;
	find_layout(c);
	if (c->layout == LAYOUT_PARTITIONS)
		err = partition_ahead(c);
	if (!err)
		err = aggregate_prepare(c);
	return err ? err : counters_prepare(c);
}

int schema_prepare(struct pg_conn *c)
{
	int err = pg_run(c, "beginning", "BEGIN");
	if (!err)
		err = schema_lock(c);
	if (!err)
		err = prepare_all(c);
	if (!err)
		err = pg_run(c, "committing the schema", "COMMIT");
	return err;
}
