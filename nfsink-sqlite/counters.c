/* The table of sFlow's counters, where it is asked for: made, filled, and pruned with the records.
 */
#include "nfsink-sqlite/nfsink_sqlite.h"

#include "lib/base.h"
#include "lib/err.h"

#define ROWS_A_STEP 5000
#define COUNTERS_AT (SQL_COUNTERS_FIELDS + 1) /* the place of the JSON among the columns */

/* Runs and frees text of a string builder. */
static int run_owned(struct sqlite_sink *s, char *sql)
{
	int rc = sql ? sqlite_run(s, sql) : SQLITE_NOMEM;
	sqlite3_free(sql);
	return rc;
}

int counters_prepare(struct sqlite_sink *s)
{
	const char *table = s->counters_name;
	if (!s->set.counters)
		return 0;
	sqlite3_str *sql = sqlite3_str_new(s->db);
	sqlite3_str_appendf(sql, "CREATE TABLE IF NOT EXISTS \"%w\" (", table);
	for (size_t i = 0; i < SQL_COUNTERS_FIELDS; i++) {
		const struct field *f = &fields[sql_counters_fields[i]];
		sqlite3_str_appendf(sql, "\"%w\" %s%s, ", f->name, kind_sqlite_type(f->kind),
			i ? "" : " NOT NULL");
	}
	sqlite3_str_appendf(sql,
		"counters TEXT NOT NULL); CREATE INDEX IF NOT EXISTS \"%w_received\" ON \"%w\" "
		"(received)",
		table, table);
	return run_owned(s, sqlite3_str_finish(sql)) == SQLITE_OK
		       ? 0
		       : sqlite_failed(s, "making the table of counters");
}

int counters_open(struct sqlite_sink *s)
{
	if (!s->set.counters)
		return 0;
	sqlite3_str *sql = sqlite3_str_new(s->db);
	sqlite3_str_appendf(sql, "INSERT INTO \"%w\" (", s->counters_name);
	for (size_t i = 0; i < SQL_COUNTERS_FIELDS; i++)
		sqlite3_str_appendf(sql, "\"%w\", ", fields[sql_counters_fields[i]].name);
	sqlite3_str_appendall(sql, "counters) VALUES (?, ?, ?, ?, ?, ?)");
	char *text = sqlite3_str_finish(sql);
	int rc = text ? sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT,
				&s->insert_counters, NULL)
		      : SQLITE_NOMEM;
	sqlite3_free(text);
	return rc == SQLITE_OK ? 0 : sqlite_failed(s, "preparing");
}

void counters_close(struct sqlite_sink *s)
{
	sqlite3_finalize(s->insert_counters);
	s->insert_counters = NULL;
}

static int bind_number(sqlite3_stmt *statement, int at, uint64_t v)
{
	return sqlite3_bind_int64(statement, at, v > INT64_MAX ? INT64_MAX : (sqlite3_int64)v);
}

/* text: of an address, which the binding borrows */
static int bind_field(
	sqlite3_stmt *statement, int at, enum field_id id, const struct record *r, char *text)
{
	const void *v = record_field(r, id);
	if (!record_has(r, id))
		return sqlite3_bind_null(statement, at);
	switch (fields[id].kind) {
	case KIND_TIME: return bind_number(statement, at, ((const struct instant *)v)->ns);
	case KIND_U64: return bind_number(statement, at, *(const uint64_t *)v);
	case KIND_U32: return bind_number(statement, at, *(const uint32_t *)v);
	default:
		return sqlite3_bind_text(
			statement, at, text, (int)ip_format(v, text), SQLITE_STATIC);
	}
}

/* Rows are sent one by one. */
static bool add_line(void *self, bool first)
{
	(void)self;
	(void)first;
	return false;
}

static int insert_line(void *self)
{
	struct sqlite_sink *s = self;
	const struct text *json = &s->counters.counters;
	char text[SQL_COUNTERS_FIELDS][IP_TEXT_MAX];
	int rc = SQLITE_OK;
	for (int i = 0; i < SQL_COUNTERS_FIELDS && rc == SQLITE_OK; i++)
		rc = bind_field(s->insert_counters, i + 1, sql_counters_fields[i],
			&s->counters.head, text[i]);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(
			s->insert_counters, COUNTERS_AT, json->p, (int)json->len, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s->insert_counters);
	sqlite3_reset(s->insert_counters);
	sqlite3_clear_bindings(s->insert_counters); /* they borrow */
	if (rc == SQLITE_DONE)
		return 0;
	int err = sqlite_failed(s, "inserting counters");
	return sqlite_is_refusal(s, rc) ? 1 : err;
}

int counters_store(struct sqlite_sink *s, const struct frame *f, struct sink_result *result)
{
	const struct sql_counters_way way = {add_line, insert_line, s, s->why};
	return sql_counters_store(&way, &s->counters, f, result);
}

int counters_prune(struct sqlite_sink *s, sqlite3_int64 before)
{
	if (!s->set.counters)
		return 0;
	char *sql = sqlite3_mprintf("DELETE FROM \"%w\" WHERE rowid IN (SELECT rowid FROM \"%w\" "
				    "WHERE received < %lld ORDER BY received LIMIT %d)",
		s->counters_name, s->counters_name, before, ROWS_A_STEP);
	if (run_owned(s, sql) != SQLITE_OK)
		return sqlite_failed(s, "pruning the counters");
	return sqlite3_changes(s->db) == ROWS_A_STEP;
}
