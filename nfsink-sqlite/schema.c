/* The table of flow records: made on the first start, extended and checked on every other. */
#include "nfsink-sqlite/nfsink_sqlite.h"

#include <string.h>

#include "lib/base.h"
#include "lib/err.h"

/* Text that grows, of sqlite3's own string builder; NULL without memory. */
static char *create_table(const struct sqlite_sink *s)
{
	sqlite3_str *sql = sqlite3_str_new(s->db);
	sqlite3_str_appendf(sql, "CREATE TABLE IF NOT EXISTS \"%w\" (", s->set.table);
	for (size_t i = 0; i < s->columns.count; i++) {
		const struct field *f = &fields[s->columns.field[i]];
		sqlite3_str_appendf(
			sql, "%s\"%w\" %s", i ? ", " : "", f->name, kind_sqlite_type(f->kind));
	}
	if (s->set.extra)
		sqlite3_str_appendf(sql, "%sextra TEXT", s->columns.count ? ", " : "");
	sqlite3_str_appendall(sql, ")");
	return sqlite3_str_finish(sql);
}

static char *create_ledger(const struct sqlite_sink *s)
{
	return sqlite3_mprintf(
		"CREATE TABLE IF NOT EXISTS \"%w\" (stream BLOB NOT NULL, first INTEGER NOT NULL, "
		"last INTEGER NOT NULL, PRIMARY KEY (stream, first)) WITHOUT ROWID",
		s->ledger_name);
}

char *schema_insert(const struct sqlite_sink *s)
{
	sqlite3_str *sql = sqlite3_str_new(s->db);
	size_t count = s->columns.count + s->set.extra;
	sqlite3_str_appendf(sql, "INSERT INTO \"%w\" (", s->set.table);
	for (size_t i = 0; i < s->columns.count; i++)
		sqlite3_str_appendf(
			sql, "%s\"%w\"", i ? ", " : "", fields[s->columns.field[i]].name);
	if (s->set.extra)
		sqlite3_str_appendf(sql, "%sextra", s->columns.count ? ", " : "");
	sqlite3_str_appendall(sql, ") VALUES (");
	for (size_t i = 0; i < count; i++)
		sqlite3_str_appendall(sql, i ? ", ?" : "?");
	sqlite3_str_appendall(sql, ")");
	return sqlite3_str_finish(sql);
}

/* Runs and frees text of a string builder. */
static int run_owned(struct sqlite_sink *s, char *sql)
{
	int rc = sql ? sqlite_run(s, sql) : SQLITE_NOMEM;
	sqlite3_free(sql);
	return rc;
}

/* SQLite's affinity of a declared type (datatype3.html, 3.1), as the type that stands for it. */
static const char *affinity(const char *type)
{
	static const struct {
		const char *part, *affinity;
	} rules[] = {{"INT", "INTEGER"}, {"CHAR", "TEXT"}, {"CLOB", "TEXT"}, {"TEXT", "TEXT"},
		{"BLOB", "BLOB"}, {"REAL", "REAL"}, {"FLOA", "REAL"}, {"DOUB", "REAL"}};
	for (size_t i = 0; i < LEN(rules); i++)
		if (strcasestr(type, rules[i].part))
			return rules[i].affinity;
	return *type ? "NUMERIC" : "BLOB";
}

/* The declared type of a column into `type`; false if the table has none of that name. */
static bool declared_type(struct sqlite_sink *s, const char *name, char *type, size_t cap)
{
	const char *found = NULL;
	if (sqlite3_table_column_metadata(
		    s->db, NULL, s->set.table, name, &found, NULL, NULL, NULL, NULL) != SQLITE_OK)
		return false;
	sqlite3_snprintf((int)cap, type, "%s", found ? found : "");
	return true;
}

/* Adds a column, or checks the type of the one that is there. Returns 0, ERR_RETRY or ERR_CONFIG.
 */
static int need_column(struct sqlite_sink *s, const char *name, const char *type)
{
	char found[64];
	if (!declared_type(s, name, found, sizeof found)) {
		char *sql = sqlite3_mprintf(
			"ALTER TABLE \"%w\" ADD COLUMN \"%w\" %s", s->set.table, name, type);
		return run_owned(s, sql) == SQLITE_OK ? 0 : sqlite_failed(s, "adding a column");
	}
	if (strcmp(affinity(found), affinity(type)) == 0)
		return 0;
	sqlite3_snprintf(sizeof s->why, s->why,
		"%s: column %s of table %s does not fit: found type %s, expected %s; rename it, or "
		"use --table",
		s->file, name, s->set.table, *found ? found : "(none)", type);
	return ERR_CONFIG;
}

static int need_columns(struct sqlite_sink *s)
{
	int err = 0;
	for (size_t i = 0; i < s->columns.count && !err; i++) {
		const struct field *f = &fields[s->columns.field[i]];
		err = need_column(s, f->name, kind_sqlite_type(f->kind));
	}
	return err || !s->set.extra ? err : need_column(s, "extra", "TEXT");
}

static int need_indexes(struct sqlite_sink *s)
{
	for (size_t id = 0; id < FIELD_COUNT; id++) {
		const char *name = fields[id].name;
		if (!s->indexed[id])
			continue;
		char *sql =
			sqlite3_mprintf("CREATE INDEX IF NOT EXISTS \"%w_%w\" ON \"%w\" (\"%w\")",
				s->set.table, name, s->set.table, name);
		if (run_owned(s, sql) != SQLITE_OK)
			return sqlite_failed(s, "making an index");
	}
	return 0;
}

/* The view TABLE_text: the same rows with times as text, whichever of the fields this run fills. */
static int need_view(struct sqlite_sink *s)
{
	const char *comma = "";
	char type[64];
	sqlite3_str *sql = sqlite3_str_new(s->db);
	sqlite3_str_appendf(sql,
		"DROP VIEW IF EXISTS \"%w_text\"; CREATE VIEW \"%w_text\" AS SELECT ", s->set.table,
		s->set.table);
	for (size_t id = 0; id < FIELD_COUNT; id++) {
		const struct field *f = &fields[id];
		if (!declared_type(s, f->name, type, sizeof type))
			continue;
		if (f->kind == KIND_TIME)
			sqlite3_str_appendf(sql,
				"%sstrftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', \"%w\" / 1e9, 'unixepoch') "
				"AS \"%w\"",
				comma, f->name, f->name);
		else
			sqlite3_str_appendf(sql, "%s\"%w\"", comma, f->name);
		comma = ", ";
	}
	bool extra = declared_type(s, "extra", type, sizeof type);
	sqlite3_str_appendf(sql, "%s FROM \"%w\"", extra ? ", extra" : "", s->set.table);
	return run_owned(s, sqlite3_str_finish(sql)) == SQLITE_OK
		       ? 0
		       : sqlite_failed(s, "making the view");
}

static int prepare_all(struct sqlite_sink *s)
{
	if (run_owned(s, create_table(s)) != SQLITE_OK)
		return sqlite_failed(s, "making the table");
	if (run_owned(s, create_ledger(s)) != SQLITE_OK)
		return sqlite_failed(s, "making the ledger");
	int err = need_columns(s);
	if (!err)
		err = need_indexes(s);
	if (!err)
		err = need_view(s);
	return err ? err : counters_prepare(s);
}

int schema_prepare(struct sqlite_sink *s)
{
	if (sqlite_run(s, "BEGIN IMMEDIATE") != SQLITE_OK)
		return sqlite_failed(s, "beginning");
	int err = prepare_all(s);
	if (!err && sqlite_run(s, "COMMIT") != SQLITE_OK)
		err = sqlite_failed(s, "committing the schema");
	if (err)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}
