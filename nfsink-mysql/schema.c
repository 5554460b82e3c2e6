/* The table of flow records and what belongs to it: made on the first start, extended and checked
 * on every other. Nothing is altered without a line in the log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define EXTRA_TYPE "json"

const char *schema_type(uint8_t kind)
{
	static const char *const types[KIND_COUNT] = {
#define K(name, number, ctype, pg, my, lite, proto) [KIND_##name] = my,
#include "lib/kinds.def"
#undef K
	};
	return types[kind];
}

/* A column as information_schema has it; the strings are the result's. */
struct column {
	const char *name, *type, *full_type, *collation, *key;
	unsigned long long length; /* of characters */
	unsigned digits;           /* of a time */
	bool nullable, fills_itself;
};

#define COLUMNS_SQL                                                                                \
	"SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, COLLATION_NAME, COLUMN_KEY, "                 \
	"CHARACTER_MAXIMUM_LENGTH, DATETIME_PRECISION, IS_NULLABLE, COLUMN_DEFAULT IS NOT NULL "   \
	"OR EXTRA <> '' FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND "      \
	"TABLE_NAME = '%s'"

static struct column column_of(MYSQL_ROW row)
{
	return (struct column){.name = row[0],
		.type = row[1],
		.full_type = row[2],
		.collation = row[3],
		.key = row[4] ? row[4] : "",
		.length = row[5] ? strtoull(row[5], NULL, 10) : 0,
		.digits = row[6] ? (unsigned)strtoul(row[6], NULL, 10) : 0,
		.nullable = strcmp(row[7], "YES") == 0,
		.fills_itself = strcmp(row[8], "1") == 0};
}

/* The bytes of an integer type; 0 for another type. */
static unsigned integer_size(const char *type)
{
	static const struct {
		const char *name;
		unsigned size;
	} sizes[] = {{"tinyint", 1}, {"smallint", 2}, {"mediumint", 3}, {"int", 4}, {"bigint", 8}};
	for (size_t i = 0; i < LEN(sizes); i++)
		if (strcmp(type, sizes[i].name) == 0)
			return sizes[i].size;
	return 0;
}

static bool is_text(const struct column *col)
{
	return strcmp(col->type, "varchar") == 0 || strcmp(col->type, "text") == 0 ||
	       strcmp(col->type, "mediumtext") == 0 || strcmp(col->type, "longtext") == 0;
}

static bool fits_integer(const struct column *col, unsigned bytes)
{
	unsigned size = integer_size(col->type);
	return strstr(col->full_type, "unsigned") ? size >= bytes : size > bytes;
}

/* Whether every value of the kind can be stored in the column. */
static bool fits(const struct column *col, uint8_t kind)
{
	switch (kind) {
	case KIND_U8: return fits_integer(col, 1);
	case KIND_U16: return fits_integer(col, 2);
	case KIND_U32: return fits_integer(col, 4);
	case KIND_U64: return fits_integer(col, 8);
	case KIND_IP: return strcmp(col->type, "varbinary") == 0 && col->length >= 16;
	case KIND_MAC:
		return (strcmp(col->type, "binary") == 0 && col->length == 6) ||
		       (strcmp(col->type, "varbinary") == 0 && col->length >= 6);
	case KIND_TIME: return strcmp(col->type, "datetime") == 0 && col->digits == 6;
	default: return is_text(col);
	}
}

static bool fits_extra(const struct column *col)
{
	return strcmp(col->type, "json") == 0 || strcmp(col->type, "longtext") == 0;
}

static int misfit(struct my_conn *c, const struct column *col, const char *expected)
{
	snprintf(c->why, sizeof c->why,
		"column %s of table %s does not fit: found type %s, expected %s; "
		"\"nfsink-mysql --migrate\" with the same options renames the table and copies "
		"its rows into a new one, or use --table",
		col->name, c->s->set.table, col->full_type, expected);
	return ERR_CONFIG;
}

/* A column that the sink does not know has to fill itself. */
static int check_other(struct my_conn *c, const struct column *col)
{
	if (col->nullable || col->fills_itself)
		return 0;
	snprintf(c->why, sizeof c->why,
		"column %s of table %s does not fit: found NOT NULL without a default, "
		"expected one of them; ALTER TABLE `%s` MODIFY `%s` %s NULL",
		col->name, c->s->set.table, c->s->set.table, col->name, col->full_type);
	return ERR_CONFIG;
}

/* Checks a column and takes note of it. */
static int take_column(struct my_conn *c, const struct column *col, bool *has_extra)
{
	int id = field_by_name(col->name, strlen(col->name));
	if (strcmp(col->name, "extra") == 0) {
		*has_extra = true;
		return c->s->set.extra && !fits_extra(col) ? misfit(c, col, EXTRA_TYPE) : 0;
	}
	if (id < 0)
		return check_other(c, col);
	c->has[id] = true;
	if (!c->s->set.chosen[id])
		return check_other(c, col);
	return fits(col, fields[id].kind) ? 0 : misfit(c, col, schema_type(fields[id].kind));
}

static int read_columns(struct my_conn *c, bool *has_extra)
{
	int err = 0;
	*has_extra = false;
	memset(c->has, 0, sizeof c->has);
	my_sql(c, COLUMNS_SQL, c->s->set.table);
	MYSQL_RES *rows = my_rows(c, "reading the schema");
	if (!rows)
		return ERR_RETRY;
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));) {
		struct column col = column_of(row);
		err = take_column(c, &col, has_extra);
	}
	mysql_free_result(rows);
	return err;
}

int schema_check(struct my_conn *c)
{
	bool has_extra;
	return read_columns(c, &has_extra);
}

void schema_add_columns(struct my_conn *c)
{
	for (size_t i = 0; i < c->s->columns.count; i++)
		my_add(c, "%s`%s`", i ? "," : "(", fields[c->s->columns.field[i]].name);
	if (c->s->columns.extra)
		my_add(c, ",`extra`");
}

static int create_table(struct my_conn *c)
{
	const struct sql_columns *columns = &c->s->columns;
	my_sql(c, "CREATE TABLE `%s` (", c->s->set.table);
	for (size_t i = 0; i < columns->count; i++) {
		const struct field *f = &fields[columns->field[i]];
		my_add(c, "`%s` %s NULL, ", f->name, schema_type(f->kind));
	}
	if (columns->extra)
		my_add(c, "`extra` " EXTRA_TYPE " NULL, ");
	my_add(c, "KEY `last_switched` (`last_switched`)) ENGINE=InnoDB DEFAULT CHARACTER SET "
		  "utf8mb4 COLLATE utf8mb4_bin ");
	partition_add_clause(c);
	int err = my_send(c, "making the table");
	if (!err)
		log_info("table made table=%s columns=%zu", c->s->set.table,
			columns->count + columns->extra);
	return err;
}

/* Adds what is missing, all at once. */
static int add_columns(struct my_conn *c, bool has_extra, bool *altered)
{
	unsigned count = 0;
	my_sql(c, "ALTER TABLE `%s` ", c->s->set.table);
	for (size_t i = 0; i < c->s->columns.count; i++) {
		const struct field *f = &fields[c->s->columns.field[i]];
		if (c->has[c->s->columns.field[i]])
			continue;
		my_add(c, "%sADD COLUMN `%s` %s NULL", count++ ? ", " : "", f->name,
			schema_type(f->kind));
	}
	if (c->s->set.extra && !has_extra)
		my_add(c, "%sADD COLUMN `extra` " EXTRA_TYPE " NULL", count++ ? ", " : "");
	*altered = count > 0;
	if (count == 0)
		return 0;
	int err = my_send(c, "adding columns");
	if (!err)
		log_info("columns added table=%s count=%u", c->s->set.table, count);
	return err;
}

/* A record may lack any field: what was NOT NULL becomes NULL. A key's columns have to stay as they
 * are. */
static int allow_nulls(struct my_conn *c)
{
	char sql[4096];
	size_t len = 0;
	my_sql(c, COLUMNS_SQL " AND IS_NULLABLE = 'NO' AND COLUMN_KEY <> 'PRI'", c->s->set.table);
	MYSQL_RES *rows = my_rows(c, "reading the schema");
	if (!rows)
		return ERR_RETRY;
	for (MYSQL_ROW row; (row = mysql_fetch_row(rows)) && len < sizeof sql;) {
		struct column col = column_of(row);
		int id = field_by_name(col.name, strlen(col.name));
		if (id < 0 || !c->s->set.chosen[id])
			continue;
		len += (size_t)snprintf(sql + len, sizeof sql - len, "%sMODIFY `%s` %s%s%s NULL",
			len ? ", " : "", col.name, col.full_type, col.collation ? " COLLATE " : "",
			col.collation ? col.collation : "");
	}
	mysql_free_result(rows);
	if (len == 0)
		return 0;
	my_sql(c, "ALTER TABLE `%s` %s", c->s->set.table, sql);
	int err = my_send(c, "dropping NOT NULL");
	if (!err)
		log_info("NOT NULL dropped, since records may lack a field: %s", sql);
	return err;
}

int schema_table_exists(struct my_conn *c, const char *table)
{
	int64_t there = 0;
	my_sql(c,
		"SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
		"AND TABLE_NAME = '%s'",
		table);
	int err = my_number(c, "reading the schema", &there);
	return err ? err : there > 0;
}

/* Transactions are what exactly-once stands on. */
static int check_engine(struct my_conn *c)
{
	char engine[64];
	my_sql(c,
		"SELECT CONCAT(TABLE_TYPE, ' ', COALESCE(ENGINE, '')) "
		"FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
		"AND TABLE_NAME = '%s'",
		c->s->set.table);
	int err = my_word(c, "reading the schema", engine, sizeof engine);
	if (err || strcmp(engine, "BASE TABLE InnoDB") == 0)
		return err;
	snprintf(c->why, sizeof c->why,
		"table %s does not fit: found %s, expected BASE TABLE InnoDB; "
		"ALTER TABLE `%s` ENGINE = InnoDB, or use --table",
		c->s->set.table, engine, c->s->set.table);
	return ERR_CONFIG;
}

static int make_ledger(struct my_conn *c)
{
	my_sql(c,
		"CREATE TABLE IF NOT EXISTS `%s` (`stream` binary(16) NOT NULL, "
		"`first` bigint unsigned NOT NULL, `last` bigint unsigned NOT NULL, "
		"`at` datetime NOT NULL, PRIMARY KEY (`stream`, `first`)) ENGINE=InnoDB",
		c->s->ledger);
	return my_send(c, "making the ledger");
}

/* A MAC address as text. */
static void add_mac(struct my_conn *c, const char *name)
{
	my_add(c, "LOWER(CONCAT(");
	for (int i = 1; i <= 6; i++)
		my_add(c, "%sHEX(SUBSTR(`%s`, %d, 1))", i > 1 ? ", ':', " : "", name, i);
	my_add(c, ")) AS `%s`", name);
}

/* The view: the same rows with addresses as text, whichever of the fields this run fills. */
static int make_view(struct my_conn *c, bool anew)
{
	const char *comma = "";
	int there = anew ? 0 : schema_table_exists(c, c->s->view);
	if (there)
		return there < 0 ? there : 0;
	my_sql(c, "CREATE OR REPLACE SQL SECURITY INVOKER VIEW `%s` AS SELECT ", c->s->view);
	for (size_t id = 0; id < FIELD_COUNT; id++) {
		const struct field *f = &fields[id];
		if (!c->has[id])
			continue;
		my_add(c, "%s", comma);
		if (f->kind == KIND_IP)
			my_add(c, "INET6_NTOA(`%s`) AS `%s`", f->name, f->name);
		else if (f->kind == KIND_MAC)
			add_mac(c, f->name);
		else
			my_add(c, "`%s`", f->name);
		comma = ", ";
	}
	my_add(c, "%s FROM `%s`", c->s->set.extra ? ", `extra`" : "", c->s->set.table);
	return my_send(c, "making the view");
}

/* The table itself; *altered: it has columns that it had not before. */
static int make_table(struct my_conn *c, bool *altered)
{
	bool has_extra;
	int there = schema_table_exists(c, c->s->set.table);
	if (there < 0)
		return there;
	int err = there ? check_engine(c) : create_table(c);
	if (!err)
		err = read_columns(c, &has_extra);
	if (!err)
		err = add_columns(c, has_extra, altered);
	if (!err && there)
		err = allow_nulls(c);
	if (!err && *altered)
		err = read_columns(c, &has_extra);
	*altered |= !there;
	return err;
}

int schema_make(struct my_conn *c)
{
	bool altered = false;
	int err = make_table(c, &altered);
	if (!err)
		err = make_ledger(c);
	if (!err)
		err = make_view(c, altered);
	if (!err)
		err = partition_layout(c);
	if (!err)
		err = aggregate_prepare(c);
	return err ? err : counters_prepare(c);
}

int schema_prepare(struct my_conn *c)
{
	int err = my_lock(c, "", LOCK_SECONDS);
	if (err)
		return ERR_RETRY;
	err = schema_make(c);
	my_unlock(c, "");
	return err;
}
