/* nfsink-mysql: stores flow records in MariaDB or MySQL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-mysql/nfsink_mysql.h"

enum {
	OPT_DEFAULTS = 256,
	OPT_SSL_CA,
	OPT_SSL_CERT,
	OPT_SSL_KEY,
	OPT_SSL_MODE,
	OPT_METHOD,
	OPT_MIGRATE
};

static const struct opt options[] = {
	{'H', "host", "HOST", "the server; or SQL_SERVER (localhost)"},
	{'P', "port", "PORT", "its TCP port (3306)"},
	{'S', "socket", "PATH", "its unix socket, in place of host and port"},
	{'u', "user", "NAME", "log in as; or SQL_USERNAME"},
	{'d', "database", "NAME", "the database; or SQL_DB (goflow)"},
	{OPT_DEFAULTS, "defaults-file", "FILE",
		"an option file, of which [client] and [nfsink-mysql] are read"},
	{OPT_SSL_MODE, "ssl-mode", "off|preferred|required|verify", "TLS (preferred)"},
	{OPT_SSL_CA, "ssl-ca", "FILE", "certificates that are trusted"},
	{OPT_SSL_CERT, "ssl-cert", "FILE", "our certificate"},
	{OPT_SSL_KEY, "ssl-key", "FILE", "our key"},
	{OPT_METHOD, "method", "auto|bulk|load|insert", "how rows are sent (auto: the fastest)"},
	{OPT_MIGRATE, "migrate", NULL,
		"copy the rows of a table that does not fit into a new one, and end"},
	SQL_OPTIONS,
	SQL_OPTIONS_OF_SERVERS,
};

/* The position of a word in a list. */
static int choose(const char *name, const char *arg, const char *const *words, size_t count,
	const char *expected, unsigned *out)
{
	for (*out = 0; *out < count; ++*out)
		if (strcmp(arg, words[*out]) == 0)
			return 0;
	log_error("option --%s: found \"%s\", expected %s", name, arg, expected);
	return ERR_SYNTAX;
}

static int set_method(struct my_sink *s, const char *arg)
{
	static const char *const words[] = {"auto", "bulk", "load", "insert"};
	unsigned n;
	int err = choose("method", arg, words, LEN(words), "auto, bulk, load or insert", &n);
	s->method = err ? METHOD_AUTO : n;
	return err;
}

static int set_ssl_mode(struct my_sink *s, const char *arg)
{
	static const char *const words[] = {"off", "preferred", "required", "verify"};
	unsigned n;
	int err = choose(
		"ssl-mode", arg, words, LEN(words), "off, preferred, required or verify", &n);
	s->ssl_mode = err ? SSL_PREFERRED : n;
	return err;
}

static int set_port(struct my_sink *s, const char *arg)
{
	uint64_t port;
	int err = opt_number("port", arg, 1, 65535, &port);
	s->port = err ? 0 : (unsigned)port;
	return err;
}

static int option(void *self, int id, const char *arg)
{
	struct my_sink *s = self;
	switch (id) {
	case 'H': s->host = arg; return 0;
	case 'P': return set_port(s, arg);
	case 'S': s->socket = arg; return 0;
	case 'u': s->user = arg; return 0;
	case 'd': s->database = arg; return 0;
	case OPT_DEFAULTS: s->defaults_file = arg; return 0;
	case OPT_SSL_CA: s->ssl_ca = arg; return 0;
	case OPT_SSL_CERT: s->ssl_cert = arg; return 0;
	case OPT_SSL_KEY: s->ssl_key = arg; return 0;
	case OPT_SSL_MODE: return set_ssl_mode(s, arg);
	case OPT_METHOD: return set_method(s, arg);
	case OPT_MIGRATE: s->migrate = true; return 0;
	default: return sql_option(&s->set, id, arg);
	}
}

static const char *from_environment(const char *given, const char *name)
{
	return given ? given : getenv(name);
}

/* The library would silently read what cannot be read as if it were empty. */
static int check_defaults_file(const struct my_sink *s)
{
	FILE *f = s->defaults_file ? fopen(s->defaults_file, "re") : NULL;
	if (f)
		fclose(f);
	if (f || !s->defaults_file)
		return 0;
	log_error(
		"option --defaults-file: found %s: %m, expected an option file", s->defaults_file);
	return ERR_SYNTAX;
}

static int configured(void *self)
{
	struct my_sink *s = self;
	if (!s->socket)
		s->host = from_environment(s->host, "SQL_SERVER");
	s->user = from_environment(s->user, "SQL_USERNAME");
	s->database = from_environment(s->database, "SQL_DB");
	if (!s->database && !s->defaults_file)
		s->database = "goflow";
	if (check_defaults_file(s))
		return ERR_SYNTAX;
	sql_columns(&s->columns, &s->set, SQL_SIGNED_NONE);
	sql_name(&s->set, "_ledger", s->ledger);
	sql_name(&s->set, "_dirty", s->dirty);
	sql_name(&s->set, "_counters", s->counters);
	sql_name(&s->set, "_flows", s->view);
	if (mysql_library_init(0, NULL, NULL) || tls_init()) {
		log_error("the client library cannot be initialised");
		return ERR_SYNTAX;
	}
	if (s->migrate)
		exit(migrate(s)); /* in place of the loop: nothing is open yet */
	return 0;
}

static bool counters(void *self)
{
	return ((struct my_sink *)self)->set.counters;
}

static void *connection_new(void *self)
{
	return my_conn_new(self);
}

static void connection_free(void *connection)
{
	my_conn_free(connection);
}

static int open_server(void *connection)
{
	struct my_conn *c = connection;
	int err = my_connect(c);
	if (!err)
		err = schema_prepare(c);
	if (!err && c->method == METHOD_BULK)
		err = bulk_open(c);
	return err;
}

static void close_server(void *connection)
{
	my_disconnect(connection);
}

static const char *why(void *connection)
{
	return ((struct my_conn *)connection)->why;
}

static void set_text(json_t *o, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(o, key, json_string(text));
}

static void status(void *self, json_t *doc)
{
	struct my_sink *s = self;
	json_t *o = json_object();
	pthread_mutex_lock(&s->lock);
	struct figures now = s->figures;
	pthread_mutex_unlock(&s->lock);
	set_text(o, "host", s->socket ? s->socket : s->host);
	set_text(o, "database", s->database);
	set_text(o, "table", s->set.table);
	set_text(o, "method", method_name(now.method));
	set_text(o, "layout", now.layout == LAYOUT_PARTITIONS ? "partitions" : "plain");
	json_object_set_new(o, "rows", json_integer(now.rows));
	json_object_set_new(o, "rows_per_second", json_integer((json_int_t)now.rows_a_second));
	json_object_set_new(o, "table_bytes", json_integer(now.table_bytes));
	json_object_set_new(o, "index_bytes", json_integer(now.index_bytes));
	json_object_set_new(o, "pruned", json_integer((json_int_t)now.pruned));
	set_text(o, "oldest", now.oldest);
	set_text(o, "newest", now.newest);
	json_object_set_new(doc, "mysql", o);
}

static const struct sink_ops ops = {
	.program = "nfsink-mysql",
	.usage = "[-H HOST | -S PATH] [-u NAME] [-d DATABASE] [options] < flow-stream",
	.about = "Stores flow records, as a flow stream or JSON lines, in MariaDB or MySQL.",
	.options = options,
	.option_count = LEN(options),
	.connections = 2,
	.option = option,
	.configured = configured,
	.counters = counters,
	.connection_new = connection_new,
	.connection_free = connection_free,
	.open = open_server,
	.store = store_batch,
	.tick = upkeep_tick,
	.upkeep_apart = true,
	.close = close_server,
	.why = why,
	.status = status,
};

int main(int argc, char **argv)
{
	static struct my_sink s = {.ssl_mode = SSL_PREFERRED, .lock = PTHREAD_MUTEX_INITIALIZER};
	log_init("nfsink-mysql");
	sql_defaults(&s.set);
	return sink_main(&ops, &s, argc, argv);
}
