/* The table of sFlow's counters, where it is asked for: made, and filled by an INSERT of many rows.
 * They are few beside records. */
#include <stdio.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/jsontext.h"
#include "nfsink-pg/nfsink_pg.h"

#define VALUE_ROOM 64 /* the longest value but the JSON, with its quotes and comma */

_Static_assert(
	COPY_FULL + SQL_ROOM + SQL_COUNTERS_FIELDS * VALUE_ROOM + 2 * STREAM_FRAME_MAX < COPY_ROOM,
	"the buffer holds one line more than it is sent with");

/* The columns' names, with their types or without. Returns the length. */
static size_t put_columns(char *out, size_t cap, bool types)
{
	size_t len = 0;
	for (size_t i = 0; i < SQL_COUNTERS_FIELDS; i++) {
		const struct field *f = &fields[sql_counters_fields[i]];
		len += (size_t)snprintf(out + len, cap - len, "\"%s\" %s%s, ", f->name,
			types ? kind_postgres_type(f->kind) : "",
			types && i == 0 ? " NOT NULL" : "");
	}
	return len +
	       (size_t)snprintf(out + len, cap - len, "counters%s", types ? " jsonb NOT NULL" : "");
}

int counters_prepare(struct pg_conn *c)
{
	const char *table = c->s->counters;
	char sql[SQL_ROOM], typed[1024], names[1024];
	if (!c->s->set.counters)
		return 0;
	put_columns(typed, sizeof typed, true);
	put_columns(names, sizeof names, false);
	if (!pg_format(c, sql,
		    "CREATE TABLE IF NOT EXISTS \"%s\" (%s); CREATE INDEX IF NOT EXISTS "
		    "\"%s_received\" ON \"%s\" (received); SELECT %s FROM \"%s\" LIMIT 0",
		    table, typed, table, table, names, table))
		return ERR_RETRY;
	int err = pg_run(c, "making the table of counters", sql);
	return err && strcmp(c->state, "42703") == 0 ? ERR_CONFIG : err; /* a column is missing */
}

static char *put_quoted(char *p, const char *text)
{
	*p++ = '\'';
	p = stpcpy(p, text);
	*p++ = '\'';
	return p;
}

static char *put_number(char *p, uint64_t v)
{
	return jsontext_decimal(p, v > INT64_MAX ? INT64_MAX : v);
}

/* To the microsecond, and no further: the server would round. */
static char *put_time(char *p, const struct instant *t)
{
	struct instant exact = {t->ns - t->ns % NS_PER_US, 6};
	char text[INSTANT_TEXT_MAX];
	return put_quoted(p, instant_text(exact, text));
}

static char *put_ip(char *p, const struct ip *ip)
{
	char text[IP_TEXT_MAX];
	return put_quoted(p, ip_text(ip, text));
}

static char *put_field(char *p, enum field_id id, const struct record *r)
{
	const void *v = record_field(r, id);
	if (!record_has(r, id))
		return stpcpy(p, "NULL");
	switch (fields[id].kind) {
	case KIND_TIME: return put_time(p, v);
	case KIND_U64: return put_number(p, *(const uint64_t *)v);
	case KIND_U32: return put_number(p, *(const uint32_t *)v);
	default: return put_ip(p, v);
	}
}

static char *begin(struct pg_conn *c, char *p)
{
	p = stpcpy(stpcpy(p, "SAVEPOINT counters; INSERT INTO \""), c->s->counters);
	p = stpcpy(p, "\" (");
	p += put_columns(p, SQL_ROOM / 2, false);
	return stpcpy(p, ") VALUES ");
}

static bool add_row(void *connection, bool first)
{
	struct pg_conn *c = connection;
	const struct text *json = &c->counters.counters;
	char *p = first ? begin(c, c->buffer) : stpcpy(c->buffer + c->used, ", ");
	*p++ = '(';
	for (size_t i = 0; i < SQL_COUNTERS_FIELDS; i++) {
		p = put_field(p, sql_counters_fields[i], &c->counters.head);
		*p++ = ',';
	}
	*p++ = '\'';
	p += PQescapeStringConn(c->db, p, json->p, json->len, NULL);
	p = stpcpy(p, "')");
	c->used = (size_t)(p - c->buffer);
	return c->used < COPY_FULL;
}

static int send_rows(void *connection)
{
	struct pg_conn *c = connection;
	stpcpy(c->buffer + c->used, "; RELEASE SAVEPOINT counters");
	int err = pg_run(c, "inserting counters", c->buffer);
	if (!err || PQstatus(c->db) == CONNECTION_BAD || !pg_is_refusal(c))
		return err;
	err = pg_run(
		c, "rolling back", "ROLLBACK TO SAVEPOINT counters; RELEASE SAVEPOINT counters");
	return err ? err : 1;
}

int counters_store(struct pg_conn *c, const struct sink_batch *batch, const bool *mine,
	struct sink_result *result)
{
	const struct sql_counters_way way = {add_row, send_rows, c, c->why};
	int err = 0;
	for (size_t i = 0; i < batch->count && !err; i++)
		if (mine[i] && batch->frames[i].kind == FRAME_COUNTERS)
			err = sql_counters_store(&way, &c->counters, &batch->frames[i], result);
	return err;
}
