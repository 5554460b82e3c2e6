/* nfsink-sqlite: stores flow records in an SQLite file. */
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/log.h"
#include "nfsink-sqlite/store.h"

enum { OPT_INDEX = 256 };

static const struct opt options[] = {
	{'d', "database", "FILE", "the SQLite file (goflow.sqlite)"},
	{OPT_INDEX, "index", "LIST", "fields to index beside last_switched"},
	SQL_OPTIONS,
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

uint64_t sqlite_edge(struct sqlite_sink *s, const char *which)
{
	char *sql = sqlite3_mprintf("SELECT %s(last_switched) FROM \"%w\"", which, s->set.table);
	sqlite3_int64 ns = sql ? sqlite_number(s, sql) : 0;
	sqlite3_free(sql);
	return (uint64_t)ns;
}

static int option(void *self, int id, const char *arg)
{
	struct sqlite_sink *s = self;
	switch (id) {
	case 'd':
		s->file = arg;
		if (*arg)
			return 0;
		log_error("option --database: found \"\", expected the name of a file");
		return ERR_SYNTAX;
	case OPT_INDEX: return sql_mark_fields("index", arg, s->indexed);
	default: return sql_option(&s->set, id, arg);
	}
}

static int configured(void *self)
{
	struct sqlite_sink *s = self;
	/* a field that is indexed needs its column */
	for (size_t id = 0; id < FIELD_COUNT; id++)
		s->set.chosen[id] |= s->indexed[id];
	sql_name(&s->set, "_ledger", s->ledger_name);
	sql_name(&s->set, "_counters", s->counters_name);
	return 0;
}

static bool counters(void *self)
{
	return ((struct sqlite_sink *)self)->set.counters;
}

/* There is one connection, and the settings are all that it begins with. */
static void *connection_new(void *self)
{
	struct sqlite_sink *s = self;
	s->extra_text = malloc(JSONL_LINE_MAX);
	return s->extra_text && record_init(&s->record) == 0 && sql_counters_open(&s->counters) == 0
		       ? s
		       : NULL;
}

static void connection_free(void *connection)
{
	struct sqlite_sink *s = connection;
	record_release(&s->record);
	sql_counters_close(&s->counters);
	free(s->extra_text);
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
	store_columns(s);
	int err = open_file(s);
	if (!err)
		err = schema_prepare(s);
	if (!err)
		err = prepare_insert(s);
	if (!err)
		err = ledger_open(s);
	if (!err)
		err = counters_open(s);
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
	counters_close(s);
	sqlite3_close(s->db);
	s->db = NULL;
	s->ready = false;
}

static int store(void *self, const struct sink_batch *batch, struct sink_result *result)
{
	return store_batch(self, batch, result);
}

static void refresh_figures(struct sqlite_sink *s)
{
	struct figures now = {.file_bytes = sqlite_number(s, "PRAGMA page_count") *
					    sqlite_number(s, "PRAGMA page_size"),
		.oldest_ns = sqlite_edge(s, "min"),
		.newest_ns = sqlite_edge(s, "max")};
	pthread_mutex_lock(&s->lock);
	now.pruned = s->figures.pruned;
	s->figures = now;
	pthread_mutex_unlock(&s->lock);
}

static int tick(void *self, bool last)
{
	(void)last; /* what is left waits for the next start */
	int more = prune(self);
	refresh_figures(self);
	return more;
}

static const char *why(void *self)
{
	return ((struct sqlite_sink *)self)->why;
}

static void set_time(json_t *doc, const char *key, uint64_t ns)
{
	char text[INSTANT_TEXT_MAX];
	struct instant t = {.ns = ns, .digits = 9};
	if (ns)
		json_object_set_new(doc, key, json_string(instant_text(t, text)));
}

static void status(void *self, json_t *doc)
{
	struct sqlite_sink *s = self;
	json_t *o = json_object();
	pthread_mutex_lock(&s->lock);
	struct figures now = s->figures;
	pthread_mutex_unlock(&s->lock);
	json_object_set_new(o, "file", json_string(s->file));
	json_object_set_new(o, "table", json_string(s->set.table));
	json_object_set_new(o, "pruned", json_integer((json_int_t)now.pruned));
	json_object_set_new(o, "file_bytes", json_integer(now.file_bytes));
	set_time(o, "oldest", now.oldest_ns);
	set_time(o, "newest", now.newest_ns);
	json_object_set_new(doc, "sqlite", o);
}

static const struct sink_ops ops = {
	.program = "nfsink-sqlite",
	.usage = "[-d FILE] [options] < flow-stream",
	.about = "Stores flow records, as a flow stream or JSON lines, in an SQLite file.",
	.options = options,
	.option_count = LEN(options),
	.option = option,
	.configured = configured,
	.counters = counters,
	.connection_new = connection_new,
	.connection_free = connection_free,
	.open = open_database,
	.store = store,
	.tick = tick,
	.close = close_database,
	.why = why,
	.status = status,
};

int main(int argc, char **argv)
{
	static struct sqlite_sink s = {.file = "goflow.sqlite", .lock = PTHREAD_MUTEX_INITIALIZER};
	log_init("nfsink-sqlite");
	sql_defaults(&s.set);
	s.indexed[FIELD_last_switched] = true;
	return sink_main(&ops, &s, argc, argv);
}
