/* nfsink-pg: stores flow records in PostgreSQL or TimescaleDB. */
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-pg/nfsink_pg.h"

#define DAY_NS  (86400 * NS_PER_S)
#define DAYS_NS (36500 * DAY_NS)

enum { OPT_CHUNK = 256, OPT_COMPRESS, OPT_DIRECT };

static const struct opt options[] = {
	{'d', "database", "CONNINFO", "connection string or URL of libpq, or a database's name"},
	SQL_OPTIONS,
	SQL_OPTIONS_OF_SERVERS,
	{OPT_CHUNK, "chunk-interval", "TIME", "TimescaleDB: what a chunk spans (1d)"},
	{OPT_COMPRESS, "compress-after", "TIME",
		"TimescaleDB: compress chunks so old; 0: never (1d)"},
	{OPT_DIRECT, "direct-compress", "on|off",
		"TimescaleDB: compress rows as they come in, where the server can (on)"},
};

static int set_chunk(struct pg_sink *s, const char *arg)
{
	int err = opt_duration("chunk-interval", arg, DAYS_NS, &s->chunk_ns);
	if (err || s->chunk_ns >= 60 * NS_PER_S)
		return err;
	log_error("option --chunk-interval: found \"%s\", expected a minute or more", arg);
	return ERR_SYNTAX;
}

static int option(void *self, int id, const char *arg)
{
	struct pg_sink *s = self;
	switch (id) {
	case 'd': s->conninfo = arg; return conninfo_check(arg);
	case OPT_CHUNK: return set_chunk(s, arg);
	case OPT_COMPRESS: return opt_duration("compress-after", arg, DAYS_NS, &s->compress_ns);
	case OPT_DIRECT: return opt_switch("direct-compress", arg, &s->direct_compress);
	default: return sql_option(&s->set, id, arg);
	}
}

static int configured(void *self)
{
	struct pg_sink *s = self;
	sql_columns(&s->columns, &s->set, SQL_SIGNED_COUNTERS);
	sql_name(&s->set, "_ledger", s->ledger);
	sql_name(&s->set, "_dirty", s->dirty);
	sql_name(&s->set, "_counters", s->counters);
	return 0;
}

static bool counters(void *self)
{
	return ((struct pg_sink *)self)->set.counters;
}

static void connection_free(void *connection)
{
	struct pg_conn *c = connection;
	record_release(&c->record);
	sql_counters_close(&c->counters);
	free(c->buffer);
	free(c);
}

static void *connection_new(void *self)
{
	struct pg_conn *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->s = self;
	c->buffer = malloc(COPY_ROOM);
	if (c->buffer && record_init(&c->record) == 0 && sql_counters_open(&c->counters) == 0)
		return c;
	connection_free(c);
	return NULL;
}

static int open_connection(void *connection)
{
	struct pg_conn *c = connection;
	int err = pg_connect(c);
	if (!err)
		err = schema_prepare(c);
	if (!err)
		timescale_direct(c);
	return err;
}

static void close_connection(void *connection)
{
	struct pg_conn *c = connection;
	pg_disconnect(c);
	c->does_upkeep = false;
}

static const char *why(void *connection)
{
	return ((struct pg_conn *)connection)->why;
}

static void set_text(json_t *o, const char *key, const char *text)
{
	if (*text)
		json_object_set_new(o, key, json_string(text));
}

static void set_number(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer((json_int_t)n));
}

static void status(void *self, json_t *doc)
{
	struct pg_sink *s = self;
	json_t *o = json_object();
	pthread_mutex_lock(&s->lock);
	struct figures f = s->figures;
	pthread_mutex_unlock(&s->lock);
	json_object_set_new(o, "table", json_string(s->set.table));
	set_number(o, "rows", (uint64_t)f.rows);
	set_number(o, "rows_per_second", f.rows_a_second);
	set_number(o, "table_bytes", (uint64_t)f.table_bytes);
	set_number(o, "index_bytes", (uint64_t)f.index_bytes);
	set_number(o, "pruned", f.pruned);
	set_text(o, "oldest", f.oldest);
	set_text(o, "newest", f.newest);
	set_text(o, "direct_compress", f.direct_compress);
	json_object_set_new(doc, "postgresql", o);
}

static const struct sink_ops ops = {
	.program = "nfsink-pg",
	.usage = "-d CONNINFO [options] < flow-stream",
	.about = "Stores flow records, as a flow stream or JSON lines, in PostgreSQL or "
		 "TimescaleDB.",
	.options = options,
	.option_count = LEN(options),
	.connections = 2,
	.option = option,
	.configured = configured,
	.counters = counters,
	.connection_new = connection_new,
	.connection_free = connection_free,
	.open = open_connection,
	.store = store_batch,
	.tick = upkeep_tick,
	.upkeep_apart = true,
	.close = close_connection,
	.why = why,
	.status = status,
};

int main(int argc, char **argv)
{
	static struct pg_sink s = {.conninfo = "",
		.chunk_ns = DAY_NS,
		.compress_ns = DAY_NS,
		.direct_compress = true,
		.lock = PTHREAD_MUTEX_INITIALIZER};
	log_init("nfsink-pg");
	sql_defaults(&s.set);
	return sink_main(&ops, &s, argc, argv);
}
