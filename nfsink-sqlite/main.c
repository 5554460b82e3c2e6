/* nfsink-sqlite: stores flow records in an SQLite file. */
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/log.h"
#include "nfsink-sqlite/store.h"

enum { OPT_TABLE = 256, OPT_FIELDS, OPT_INDEX, OPT_EXTRA, OPT_MAX_AGE, OPT_MAX_SIZE };

static const struct opt options[] = {
	{'d', "database", "FILE", "the SQLite file (goflow.sqlite)"},
	{OPT_TABLE, "table", "NAME", "the table (goflow_records)"},
	{OPT_FIELDS, "fields", "LIST|default|all", "the fields that become columns (default)"},
	{OPT_INDEX, "index", "LIST", "fields to index beside last_switched"},
	{OPT_EXTRA, "extra", "on|off", "a column of JSON for elements that no field claims (on)"},
	{OPT_MAX_AGE, "max-age", "DAYS", "delete rows whose last_switched is older"},
	{OPT_MAX_SIZE, "max-size", "BYTES",
		"delete the rows stored first when the file holds more (K, M, G)"},
};

int sqlite_failed(struct sqlite_sink *s, const char *doing)
{
	int rc = sqlite3_errcode(s->db) & 0xff;
	sqlite3_snprintf(
		sizeof s->why, s->why, "%s: %s: %s", s->file, doing, sqlite3_errmsg(s->db));
	bool never =
		rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT || (rc == SQLITE_ERROR && !s->ready);
	return never ? ERR_CONFIG : ERR_RETRY;
}

int sqlite_run(struct sqlite_sink *s, const char *sql)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

sqlite3_int64 sqlite_number(struct sqlite_sink *s, const char *sql)
{
	sqlite3_stmt *statement;
	sqlite3_int64 v = 0;
	if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) == SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW)
		v = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return v;
}

static int bad_option(const char *name, const char *found, const char *expected)
{
	log_error("option --%s: found \"%s\", expected %s", name, found, expected);
	return ERR_SYNTAX;
}

/* Marks the fields of a comma-separated list. */
static int mark_fields(const char *option, const char *list, bool *marks)
{
	for (const char *p = list; *p;) {
		size_t len = strcspn(p, ",");
		int id = field_by_name(p, len);
		if (id < 0) {
			log_error("option --%s: found \"%.*s\", expected the name of a field, as "
				  "in goflow-record(5)",
				option, (int)len, p);
			return ERR_SYNTAX;
		}
		marks[id] = true;
		p += len;
		p += *p == ',';
	}
	return 0;
}

static int set_fields(struct sqlite_sink *s, const char *list)
{
	bool all = strcmp(list, "all") == 0, by_default = strcmp(list, "default") == 0;
	for (size_t id = 0; id < FIELD_COUNT; id++)
		s->chosen[id] = all || (by_default && fields[id].by_default);
	s->chosen[FIELD_last_switched] = true; /* rows are found and pruned by it */
	return all || by_default ? 0 : mark_fields("fields", list, s->chosen);
}

static int set_table(struct sqlite_sink *s, const char *name)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	size_t len = strspn(name, letters);
	if (name[len] || len == 0 || len > TABLE_NAME_MAX || (*name >= '0' && *name <= '9') ||
		strncmp(name, "sqlite_", 7) == 0 || strcmp(name, "goflow_ledger") == 0)
		return bad_option("table", name, "up to 63 letters, digits and underscores");
	memcpy(s->table, name, len + 1);
	return 0;
}

static int set_extra(struct sqlite_sink *s, const char *arg)
{
	s->extra = strcmp(arg, "on") == 0;
	return s->extra || strcmp(arg, "off") == 0 ? 0 : bad_option("extra", arg, "on or off");
}

static int set_max_age(struct sqlite_sink *s, const char *arg)
{
	uint64_t days;
	int err = opt_number("max-age", arg, 1, 36500, &days);
	s->max_age_ns = err ? 0 : days * 86400 * NS_PER_S;
	return err;
}

static int option(void *self, int id, const char *arg)
{
	struct sqlite_sink *s = self;
	switch (id) {
	case 'd':
		s->file = arg;
		return *arg ? 0 : bad_option("database", arg, "the name of a file");
	case OPT_TABLE: return set_table(s, arg);
	case OPT_FIELDS: return set_fields(s, arg);
	case OPT_INDEX: return mark_fields("index", arg, s->indexed);
	case OPT_EXTRA: return set_extra(s, arg);
	case OPT_MAX_AGE: return set_max_age(s, arg);
	default: return opt_size("max-size", arg, 1024 * 1024, INT64_MAX, &s->max_size);
	}
}

static int open_file(struct sqlite_sink *s)
{
	int rc = sqlite3_open_v2(s->file, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return sqlite_failed(s, "opening");
	sqlite3_busy_timeout(s->db, BUSY_MS);
	if (sqlite_run(s, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA "
			  "synchronous = NORMAL; "
			  "PRAGMA cache_size = -8192") != SQLITE_OK)
		return sqlite_failed(s, "opening");
	return 0;
}

static int prepare_insert(struct sqlite_sink *s)
{
	char *sql = schema_insert(s);
	int rc = sql ? sqlite3_prepare_v3(
			       s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->insert, NULL)
		     : SQLITE_NOMEM;
	sqlite3_free(sql);
	return rc == SQLITE_OK ? 0 : sqlite_failed(s, "preparing");
}

static int open_database(void *self)
{
	struct sqlite_sink *s = self;
	/* a field that is indexed needs its column */
	for (size_t id = 0; id < FIELD_COUNT; id++)
		s->chosen[id] |= s->indexed[id];
	store_columns(s);
	int err = open_file(s);
	if (!err)
		err = schema_prepare(s);
	if (!err)
		err = prepare_insert(s);
	if (!err)
		err = ledger_open(s);
	if (err)
		return err;
	s->ready = true;
	s->shrinks = sqlite_number(s, "PRAGMA auto_vacuum") == 2;
	return 0;
}

static void close_database(void *self)
{
	struct sqlite_sink *s = self;
	sqlite3_finalize(s->insert);
	s->insert = NULL;
	ledger_close(s);
	sqlite3_close(s->db);
	s->db = NULL;
	s->ready = false;
}

static int store(void *self, const struct sink_batch *batch, struct sink_result *result)
{
	return store_batch(self, batch, result);
}

static int tick(void *self)
{
	return prune(self);
}

static const char *why(void *self)
{
	return ((struct sqlite_sink *)self)->why;
}

/* The first or last of all rows' times, by the index. */
static void set_time(struct sqlite_sink *s, json_t *doc, const char *key, const char *which)
{
	char text[INSTANT_TEXT_MAX],
		*sql = sqlite3_mprintf("SELECT %s(last_switched) FROM \"%w\"", which, s->table);
	struct instant t = {.digits = 9};
	if (sql)
		t.ns = (uint64_t)sqlite_number(s, sql);
	if (t.ns)
		json_object_set_new(doc, key, json_string(instant_text(t, text)));
	sqlite3_free(sql);
}

static void status(void *self, json_t *doc)
{
	struct sqlite_sink *s = self;
	json_t *o = json_object();
	json_object_set_new(o, "file", json_string(s->file));
	json_object_set_new(o, "table", json_string(s->table));
	json_object_set_new(o, "pruned", json_integer((json_int_t)s->pruned));
	json_object_set_new(o, "file_bytes",
		json_integer(sqlite_number(s, "PRAGMA page_count") *
			     sqlite_number(s, "PRAGMA page_size")));
	set_time(s, o, "oldest", "min");
	set_time(s, o, "newest", "max");
	json_object_set_new(doc, "sqlite", o);
}

static const struct sink_ops ops = {
	.program = "nfsink-sqlite",
	.usage = "[-d FILE] [options] < flow-stream",
	.about = "Stores flow records, as a flow stream or JSON lines, in an SQLite file.",
	.options = options,
	.option_count = LEN(options),
	.option = option,
	.open = open_database,
	.store = store,
	.tick = tick,
	.close = close_database,
	.why = why,
	.status = status,
};

int main(int argc, char **argv)
{
	static struct sqlite_sink s = {
		.file = "goflow.sqlite", .table = "goflow_records", .extra = true};
	log_init("nfsink-sqlite");
	set_fields(&s, "default");
	s.indexed[FIELD_last_switched] = true;
	s.extra_text = malloc(JSONL_LINE_MAX);
	if (!s.extra_text || record_init(&s.record) != 0) {
		log_error("%s", err_sentence(ERR_MEMORY));
		return EXIT_IO;
	}
	int code = sink_main(&ops, &s, argc, argv);
	record_release(&s.record);
	free(s.extra_text);
	return code;
}
