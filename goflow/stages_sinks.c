/* The sinks: a backend's keys as options of its program. */
#include <stdio.h>
#include <string.h>

#include "goflow/stages.h"
#include "lib/err.h"
#include "lib/kafka_secret.h"
#include "lib/stats.h"

enum translation { AS_TEXT, AS_SWITCH };

struct key_option {
	enum config_key key;
	const char *option;
	enum translation how;
};

static const struct key_option of_every_sink[] = {
	{KEY_BATCH, "--batch", AS_TEXT},
	{KEY_LINGER, "--linger", AS_TEXT},
	{KEY_REJECT, "--reject", AS_TEXT},
	{KEY_CONNECTIONS, "--connections", AS_TEXT},
};

static const struct key_option of_databases[] = {
	{KEY_TABLE, "--table", AS_TEXT},
	{KEY_EXTRA, "--extra", AS_SWITCH},
	{KEY_COUNTERS, "--counters", AS_SWITCH},
	{KEY_TIME_WINDOW, "--time-window", AS_TEXT},
};

static const struct key_option of_servers[] = {
	{KEY_AGGREGATES, "--aggregates", AS_SWITCH},
	{KEY_LEDGER_KEEP, "--ledger-keep", AS_TEXT},
};

static const struct key_option of_postgres[] = {
	{KEY_CHUNK_INTERVAL, "--chunk-interval", AS_TEXT},
	{KEY_COMPRESS_AFTER, "--compress-after", AS_TEXT},
	{KEY_DIRECT_COMPRESS, "--direct-compress", AS_SWITCH},
};

static const struct key_option of_mysql[] = {
	{KEY_SQL_SOCKET, "--socket", AS_TEXT},
	{KEY_SQL_PORT, "--port", AS_TEXT},
	{KEY_SQL_USERNAME, "--user", AS_TEXT},
	{KEY_SQL_DB, "--database", AS_TEXT},
	{KEY_SSL_MODE, "--ssl-mode", AS_TEXT},
	{KEY_SSL_CA, "--ssl-ca", AS_TEXT},
	{KEY_SSL_CERT, "--ssl-cert", AS_TEXT},
	{KEY_SSL_KEY, "--ssl-key", AS_TEXT},
	{KEY_METHOD, "--method", AS_TEXT},
};

static const struct key_option of_kafka[] = {
	{KEY_KAFKA_SERVER, "--brokers", AS_TEXT},
	{KEY_KAFKA_TOPIC, "--topic", AS_TEXT},
	{KEY_FORMAT, "--format", AS_TEXT},
	{KEY_MESSAGE_KEY, "--key", AS_TEXT},
	{KEY_CREATE_TOPIC, "--create-topic", AS_TEXT},
};

static const struct key_option of_sqlite[] = {
	{KEY_DATABASE_FILE, "--database", AS_TEXT},
	{KEY_INDEX, "--index", AS_TEXT},
};

static const struct key_option of_dump[] = {
	{KEY_DATABASE_FILE, "--output", AS_TEXT},
};

static void translate(struct stage_spec *s, const struct config_value *values,
	const struct key_option *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct config_value *v = &values[table[i].key];
		if (v->text)
			stage_argument(s, table[i].option,
				table[i].how == AS_TEXT ? v->text
				: v->number             ? "on"
							: "off");
	}
}

/* Appends " key='value'" to a connection string of libpq, with what is special in it escaped.
 * Returns the length that it comes to, which may be more than room. */
static size_t add_parameter(
	char *out, size_t at, size_t room, const char *key, const struct config_value *v)
{
	if (!v->text)
		return at;
	at += (size_t)snprintf(
		at < room ? out + at : NULL, at < room ? room - at : 0, " %s='", key);
	for (const char *p = v->text; *p; p++) {
		if ((*p == '\'' || *p == '\\') && at++ < room)
			out[at - 1] = '\\';
		if (at++ < room)
			out[at - 1] = *p;
	}
	if (at++ < room)
		out[at - 1] = '\'';
	if (at < room)
		out[at] = '\0';
	return at;
}

static void add_postgres(struct stage_spec *s, const struct config_backend *b)
{
	static const char *const modes[] = {"disable", "prefer", "require", "verify-full"};
	static const struct {
		enum config_key key;
		const char *parameter;
	} parameters[] = {
		{KEY_SQL_SERVER, "host"},
		{KEY_SQL_PORT, "port"},
		{KEY_SQL_USERNAME, "user"},
		{KEY_SQL_DB, "dbname"},
		{KEY_SSL_CA, "sslrootcert"},
		{KEY_SSL_CERT, "sslcert"},
		{KEY_SSL_KEY, "sslkey"},
	};
	char conninfo[32 * 1024]; /* seven values of 4,095 bytes at most */
	size_t at = (size_t)snprintf(
		conninfo, sizeof conninfo, "sslmode=%s", modes[b->values[KEY_SSL_MODE].number]);
	for (size_t i = 0; i < LEN(parameters); i++)
		at = add_parameter(conninfo, at, sizeof conninfo, parameters[i].parameter,
			&b->values[parameters[i].key]);
	if (at < sizeof conninfo)
		stage_argument(s, "--database", conninfo);
	else
		s->argc = STAGE_WORDS_MAX;
	translate(s, b->values, of_postgres, LEN(of_postgres));
}

static void add_mysql(struct stage_spec *s, const struct config_backend *b)
{
	if (!b->values[KEY_SQL_SOCKET].text)
		stage_argument(s, "--host", b->values[KEY_SQL_SERVER].text);
	translate(s, b->values, of_mysql, LEN(of_mysql));
}

static void add_property(struct stage_spec *s, const char *name, const char *value)
{
	char text[8192];
	const char *variable = kafka_secret_variable(name);
	if (variable)
		stage_variable(s, variable, value);
	else if (value && snprintf(text, sizeof text, "%s=%s", name, value) < (int)sizeof text)
		stage_argument(s, "-X", text);
}

static const char *switch_word(const struct config_value *v)
{
	return v->number ? "true" : "false";
}

static void add_kafka(struct stage_spec *s, const struct config_backend *b)
{
	const struct config_value *v = b->values;
	translate(s, v, of_kafka, LEN(of_kafka));
	for (size_t i = 0; i < b->property_count; i++)
		add_property(s, b->properties[i].name, b->properties[i].value);
	add_property(s, "ssl.ca.location", v[KEY_SSL_CA].text);
	add_property(s, "ssl.certificate.location", v[KEY_SSL_CERT].text);
	add_property(s, "ssl.key.location", v[KEY_SSL_KEY].text);
	stage_variable(s, "SSL", switch_word(&v[KEY_SSL]));
	stage_variable(s, "SSL_VERIFY", switch_word(&v[KEY_SSL_VERIFY]));
	stage_variable(s, "SASL_USER", v[KEY_SASL_USER].text);
	stage_variable(s, "SASL_PASSWORD", v[KEY_SASL_PASSWORD].text);
}

static void add_database(
	struct stage_spec *s, const struct config *c, const struct config_backend *b)
{
	bool server = b->type != BACKEND_SQLITE;
	stage_argument(s, "--fields", c->values[KEY_COLUMNS].text);
	if (c->values[KEY_MAX_AGE].text)
		stage_argument(s, "--max-age", c->values[KEY_MAX_AGE].text);
	if (c->values[KEY_MAX_SIZE].text)
		stage_argument(s, "--max-size", c->values[KEY_MAX_SIZE].text);
	translate(s, b->values, of_databases, LEN(of_databases));
	if (!server)
		return;
	translate(s, b->values, of_servers, LEN(of_servers));
	stage_variable(s, "SQL_PASSWORD", b->values[KEY_SQL_PASSWORD].text);
}

int stage_sink(struct stage_spec *s, const struct config *c, const struct config_backend *b,
	const char *pipeline)
{
	static const char *const programs[] = {
		[BACKEND_MYSQL] = "nfsink-mysql",
		[BACKEND_TIMESCALE] = "nfsink-pg",
		[BACKEND_POSTGRES] = "nfsink-pg",
		[BACKEND_KAFKA] = "nfsink-kafka",
		[BACKEND_SQLITE] = "nfsink-sqlite",
		[BACKEND_DUMP] = "nfjson",
	};
	stage_begin(s, programs[b->type], c, pipeline);
	snprintf(s->backend, sizeof s->backend, "%s", b->name);
	stage_variable(s, STATS_BACKEND, b->name);
	stage_elements(s, c);
	if (b->type == BACKEND_DUMP) {
		translate(s, b->values, of_dump, LEN(of_dump));
		return stage_spec_ended(s);
	}
	if (pipeline)
		stage_argument(s, "--retry", "forever");
	translate(s, b->values, of_every_sink, LEN(of_every_sink));
	switch (b->type) {
	case BACKEND_MYSQL: add_mysql(s, b); break;
	case BACKEND_KAFKA: add_kafka(s, b); break;
	case BACKEND_SQLITE: translate(s, b->values, of_sqlite, LEN(of_sqlite)); break;
	default: add_postgres(s, b); break;
	}
	if (b->type != BACKEND_KAFKA)
		add_database(s, c, b);
	return stage_spec_ended(s);
}
