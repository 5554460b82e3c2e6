/* The connection: its parameters, its session, and the method that its server allows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define TEXT(x)   #x
#define DIGITS(x) TEXT(x)

const char *method_name(enum method m)
{
	static const char *const names[] = {"auto", "bulk", "load", "insert"};
	return names[m];
}

static void set_options(struct my_conn *c)
{
	const struct my_sink *s = c->s;
	unsigned connect_s = 10, read_s = c->patient || s->migrate ? 0 : READ_SECONDS;
	unsigned local = s->method == METHOD_AUTO || s->method == METHOD_LOAD;
	if (s->defaults_file) {
		mysql_options(c->db, MYSQL_READ_DEFAULT_FILE, s->defaults_file);
		mysql_options(c->db, MYSQL_READ_DEFAULT_GROUP, "nfsink-mysql");
	}
	mysql_options(c->db, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	mysql_options(c->db, MYSQL_OPT_READ_TIMEOUT, &read_s);
	mysql_options(c->db, MYSQL_OPT_WRITE_TIMEOUT, &read_s);
	mysql_options(c->db, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(c->db, MYSQL_OPT_LOCAL_INFILE, &local);
	load_guard(c);
	tls_options(c);
}

static const char *password(void)
{
	const char *given = getenv("SQL_PASSWORD");
	return given ? given : getenv("MYSQL_PWD");
}

static int set_session(struct my_conn *c)
{
	int64_t packet = 1024 * 1024;
	int err = my_run(c, "setting up the session",
		"SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,"
		"NO_ENGINE_SUBSTITUTION', autocommit = 1, lock_wait_timeout = " DIGITS(
			LOCK_SECONDS) ", innodb_lock_wait_timeout = " DIGITS(LOCK_SECONDS));
	if (!err)
		err = my_run(c, "setting up the session",
			"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
	if (!err) {
		my_sql(c, "SELECT @@max_allowed_packet");
		err = my_number(c, "setting up the session", &packet);
	}
	c->packet_max = (uint64_t)packet;
	return err;
}

static bool has_bulk(struct my_conn *c)
{
	unsigned long extended = 0; /* so large is what the library writes */
	if (mariadb_get_infov(c->db, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &extended))
		return false;
	return extended & (unsigned long)(MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32);
}

static void say_method(struct my_conn *c)
{
	static const char *const words[] = {[METHOD_BULK] = "bulk-bound statements",
		[METHOD_LOAD] = "LOAD DATA LOCAL from memory",
		[METHOD_INSERT] = "INSERT of many rows"};
	pthread_mutex_lock(&c->s->lock);
	bool said = c->s->said_method && c->s->figures.method == c->method;
	c->s->said_method = true;
	c->s->figures.method = c->method;
	pthread_mutex_unlock(&c->s->lock);
	if (!said)
		log_info("storing by %s method=%s server=%s", words[c->method],
			method_name(c->method), mysql_get_server_info(c->db));
}

/* The fastest one that the server allows, or the one that was asked for. */
static int choose_method(struct my_conn *c)
{
	int64_t local = 0;
	bool bulk = has_bulk(c);
	my_sql(c, "SELECT @@local_infile");
	int err = my_number(c, "setting up the session", &local);
	if (err)
		return err;
	c->method = c->s->method;
	if (c->method == METHOD_AUTO)
		c->method = bulk ? METHOD_BULK : local ? METHOD_LOAD : METHOD_INSERT;
	if ((c->method == METHOD_BULK && !bulk) || (c->method == METHOD_LOAD && !local)) {
		snprintf(c->why, sizeof c->why, "--method %s: the server %s does not allow it%s",
			method_name(c->method), mysql_get_server_info(c->db),
			c->method == METHOD_LOAD ? "; its setting local_infile is off" : "");
		return ERR_CONFIG;
	}
	say_method(c);
	return 0;
}

int my_connect(struct my_conn *c)
{
	const struct my_sink *s = c->s;
	c->db = mysql_init(NULL);
	if (!c->db) {
		snprintf(c->why, sizeof c->why, "connecting: out of memory");
		return ERR_RETRY;
	}
	set_options(c);
	if (!mysql_real_connect(
		    c->db, s->host, s->user, password(), s->database, s->port, s->socket, 0))
		return my_failed(c, "connecting");
	int err = tls_check(c);
	if (!err)
		err = set_session(c);
	return err ? err : choose_method(c);
}

void my_disconnect(struct my_conn *c)
{
	bulk_close(c);
	if (c->db)
		mysql_close(c->db);
	c->db = NULL;
}

struct my_conn *my_conn_new(struct my_sink *s)
{
	struct my_conn *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->s = s;
	c->sql = malloc(SQL_ROOM);
	c->arena = malloc(ARENA_ROOM);
	c->text = malloc(TEXT_ROOM);
	for (size_t i = 0; i < s->columns.count; i++)
		c->column_of[s->columns.field[i]] = (uint8_t)i;
	if (c->sql && c->arena && c->text && record_init(&c->record) == 0 &&
		record_init(&c->again) == 0 && sql_counters_open(&c->counters) == 0)
		return c;
	my_conn_free(c);
	return NULL;
}

void my_conn_free(struct my_conn *c)
{
	record_release(&c->record);
	record_release(&c->again);
	sql_counters_close(&c->counters);
	bulk_free(c);
	free(c->text);
	free(c->arena);
	free(c->sql);
	free(c);
}
