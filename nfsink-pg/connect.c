/* The connection: its parameters, its session, and what it says when something fails. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-pg/nfsink_pg.h"

#define LOCK_TIMEOUT "10s" /* a lock that is held longer is an outage, and said */

/* As libpq tells a connection string from the name of a database. */
static bool is_conninfo(const char *text)
{
	return strchr(text, '=') || strncmp(text, "postgresql://", 13) == 0 ||
	       strncmp(text, "postgres://", 11) == 0;
}

static bool holds_secret(const PQconninfoOption *option)
{
	return option->val && (strcmp(option->keyword, "password") == 0 ||
				      strcmp(option->keyword, "sslpassword") == 0);
}

int conninfo_check(const char *conninfo)
{
	char *error = NULL;
	bool secret = false;
	if (!is_conninfo(conninfo))
		return 0;
	PQconninfoOption *options = PQconninfoParse(conninfo, &error);
	for (PQconninfoOption *o = options; o && o->keyword; o++)
		secret |= holds_secret(o);
	if (secret)
		log_error("option --database: found a password, which every user can see in the "
			  "process list; expected it in SQL_PASSWORD, PGPASSWORD or a passfile");
	else if (!options) /* libpq's words may repeat what stands behind a password's key */
		log_error("option --database: found no connection string of libpq, expected "
			  "key=value pairs or postgresql://HOST/DATABASE%s%s",
			strcasestr(conninfo, "passw") || !error ? "" : ": ",
			strcasestr(conninfo, "passw") || !error ? "" : error);
	PQfreemem(error);
	PQconninfoFree(options);
	return secret || !options ? ERR_SYNTAX : 0;
}

int pg_failed(struct pg_conn *c, const PGresult *result, const char *doing)
{
	const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	if (!text)
		text = PQerrorMessage(c->db);
	snprintf(c->state, sizeof c->state, "%s", state ? state : "");
	snprintf(c->why, sizeof c->why, "%s: %.*s%s%s", doing, (int)strcspn(text, "\n"), text,
		detail ? "; " : "", detail ? detail : "");
	return ERR_RETRY;
}

bool pg_is_refusal(const struct pg_conn *c)
{
	return strncmp(c->state, "22", 2) == 0 || strncmp(c->state, "23", 2) == 0 ||
	       strncmp(c->state, "54", 2) == 0 || strcmp(c->state, "P0001") == 0;
}

bool pg_format(struct pg_conn *c, char *sql, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(sql, SQL_ROOM, format, args);
	va_end(args);
	if (len >= 0 && len < SQL_ROOM)
		return true;
	snprintf(c->why, sizeof c->why, "a statement is too long");
	return false;
}

int pg_run(struct pg_conn *c, const char *doing, const char *sql)
{
	PGresult *result = PQexec(c->db, sql);
	ExecStatusType status = PQresultStatus(result);
	int err = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
			  ? 0
			  : pg_failed(c, result, doing);
	PQclear(result);
	return err;
}

PGresult *pg_query(struct pg_conn *c, const char *doing, const char *sql)
{
	PGresult *result = PQexec(c->db, sql);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	pg_failed(c, result, doing);
	PQclear(result);
	return NULL;
}

int64_t pg_number(struct pg_conn *c, const char *sql, int64_t missing)
{
	PGresult *result = PQexec(c->db, sql);
	int64_t n = missing;
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0 &&
		!PQgetisnull(result, 0, 0))
		n = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return n;
}

static void ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	log_debug("server: %s", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
}

int pg_connect(struct pg_conn *c)
{
	/* in front of the connection string what it may override, behind it what it may not */
	const char *keys[] = {"connect_timeout", "keepalives_idle", "keepalives_interval",
		"keepalives_count", "tcp_user_timeout", "dbname", "fallback_application_name",
		"client_encoding", "password", NULL};
	const char *values[] = {"10", "30", "10", "3", "60000", c->s->conninfo, "nfsink-pg", "UTF8",
		getenv("SQL_PASSWORD"), NULL};
	c->db = PQconnectdbParams(keys, values, 1);
	if (PQstatus(c->db) != CONNECTION_OK)
		return pg_failed(c, NULL, "connecting");
	PQsetNoticeReceiver(c->db, ignore_notice, NULL);
	return pg_run(c, "setting up the session",
		"SET lock_timeout = '" LOCK_TIMEOUT "'; SET TimeZone = 'UTC'; "
		"SET statement_timeout = 0; SET default_transaction_isolation = 'read committed'");
}

void pg_disconnect(struct pg_conn *c)
{
	PQfinish(c->db);
	c->db = NULL;
}
