/* Statements: put together, sent, and what they say when they fail. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/jsontext.h"
#include "nfsink-mysql/nfsink_mysql.h"

static int keep_failure(
	struct my_conn *c, const char *doing, unsigned error, const char *state, const char *text)
{
	c->error = error;
	snprintf(c->state, sizeof c->state, "%s", state);
	snprintf(c->why, sizeof c->why, "%s: %s (error %u)", doing, text, error);
	return ERR_RETRY;
}

int my_failed(struct my_conn *c, const char *doing)
{
	return keep_failure(
		c, doing, mysql_errno(c->db), mysql_sqlstate(c->db), mysql_error(c->db));
}

int my_statement_failed(struct my_conn *c, const char *doing)
{
	return keep_failure(c, doing, mysql_stmt_errno(c->statement),
		mysql_stmt_sqlstate(c->statement), mysql_stmt_error(c->statement));
}

bool query_is_refusal(const struct my_conn *c)
{
	/* data, constraints, and a trigger's SIGNAL; two that have no class of their own on every
	 * server */
	return strncmp(c->state, "22", 2) == 0 || strncmp(c->state, "23", 2) == 0 ||
	       strncmp(c->state, "45", 2) == 0 || c->error == ER_TRUNCATED_WRONG_VALUE_FOR_FIELD ||
	       c->error == ER_TOO_BIG_ROWSIZE;
}

static void add(struct my_conn *c, const char *format, va_list args)
{
	size_t room = SQL_ROOM - c->sql_len;
	int len = vsnprintf(c->sql + c->sql_len, room, format, args);
	c->sql_full |= len < 0 || (size_t)len >= room;
	if (!c->sql_full)
		c->sql_len += (size_t)len;
}

void my_sql(struct my_conn *c, const char *format, ...)
{
	va_list args;
	c->sql_len = 0;
	c->sql_full = false;
	va_start(args, format);
	add(c, format, args);
	va_end(args);
}

void my_add(struct my_conn *c, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(c, format, args);
	va_end(args);
}

void my_add_hex(struct my_conn *c, const void *bytes, size_t len)
{
	c->sql_full |= SQL_ROOM - c->sql_len < 2 * len + 4;
	if (c->sql_full)
		return;
	char *p = c->sql + c->sql_len;
	*p++ = 'x';
	*p++ = '\'';
	p = jsontext_hex(p, bytes, len);
	*p++ = '\'';
	*p = '\0';
	c->sql_len = (size_t)(p - c->sql);
}

/* Sends c->sql without taking its answer's rows. */
static int query(struct my_conn *c, const char *doing)
{
	if (c->sql_full)
		return keep_failure(c, doing, 0, "", "the statement is too long");
	if (mysql_real_query(c->db, c->sql, c->sql_len) != 0)
		return my_failed(c, doing);
	return 0;
}

int my_send(struct my_conn *c, const char *doing)
{
	int err = query(c, doing);
	if (err)
		return err;
	MYSQL_RES *rows = mysql_store_result(c->db); /* as of ANALYZE TABLE */
	if (!rows && mysql_errno(c->db))
		return my_failed(c, doing);
	mysql_free_result(rows);
	return 0;
}

int my_run(struct my_conn *c, const char *doing, const char *sql)
{
	my_sql(c, "%s", sql);
	return my_send(c, doing);
}

MYSQL_RES *my_rows(struct my_conn *c, const char *doing)
{
	if (query(c, doing))
		return NULL;
	MYSQL_RES *rows = mysql_store_result(c->db);
	if (!rows)
		my_failed(c, doing);
	return rows;
}

int my_word(struct my_conn *c, const char *doing, char *out, size_t cap)
{
	MYSQL_RES *rows = my_rows(c, doing);
	*out = '\0';
	if (!rows)
		return ERR_RETRY;
	MYSQL_ROW row = mysql_fetch_row(rows);
	if (row && row[0])
		snprintf(out, cap, "%s", row[0]);
	mysql_free_result(rows);
	return 0;
}

int my_number(struct my_conn *c, const char *doing, int64_t *out)
{
	char text[32];
	int err = my_word(c, doing, text, sizeof text);
	if (!err && *text)
		*out = strtoll(text, NULL, 10);
	return err;
}

/* The name of a lock has at most 64 characters, and is the whole server's. */
#define LOCK_NAME "CONCAT('goflow', '%s:', MD5(CONCAT(DATABASE(), '.%s')))"

int my_lock(struct my_conn *c, const char *what, unsigned seconds)
{
	int64_t got = 0;
	my_sql(c, "SELECT GET_LOCK(" LOCK_NAME ", %u)", what, c->s->set.table, seconds);
	int err = my_number(c, "locking", &got);
	if (err || got == 1)
		return err;
	snprintf(c->why, sizeof c->why, "locking: another sink holds the lock of table %s",
		c->s->set.table);
	return 1;
}

void my_unlock(struct my_conn *c, const char *what)
{
	char why[WHY_MAX]; /* that of what was done under the lock */
	memcpy(why, c->why, sizeof why);
	my_sql(c, "DO RELEASE_LOCK(" LOCK_NAME ")", what, c->s->set.table);
	my_send(c, "unlocking");
	memcpy(c->why, why, sizeof why);
}
