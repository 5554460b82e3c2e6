/* Storing a batch: one transaction, of as few round trips as it can have: the claim and the start
 * of the COPY; its rows; what is dirty and the COMMIT. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/sink_walk.h"
#include "nfsink-pg/nfsink_pg.h"

#define DIRECT_ROWS 1000         /* of a COPY, below which the server compresses nothing */
#define CLAIM_ROOM  (256 * 1024) /* 1,024 frames that are all runs of their own */

/* Which records of a batch a COPY sends, counted over the frames that are ours. */
struct range {
	uint64_t from, to;
};

struct storing {
	struct pg_conn *c;
	const struct sink_batch *batch;
	struct sink_result *result;
	struct claims claims;
};

static struct sink_walk walk_of(const struct storing *st)
{
	return (struct sink_walk){.batch = st->batch, .mine = st->claims.mine};
}

/* Copying -------------------------------------------------------------------------------------- */

static int send_buffer(struct pg_conn *c)
{
	int sent = PQputCopyData(c->db, c->buffer, (int)c->used);
	c->used = 0;
	return sent == 1 ? 0 : pg_failed(c, NULL, "copying");
}

/* What a COPY did with its records. */
struct copied {
	uint64_t records, saturated, retimed, received_ns;
};

static int send_record(struct storing *st, struct record *r, struct copied *done)
{
	struct pg_conn *c = st->c;
	bool retimed = sql_row_time(&c->s->set, r);
	if (copy_row(c, r) != 0) {
		sink_refuse(st->result, r, "its extra elements are too long as JSON");
		return 0;
	}
	done->records++;
	done->retimed += retimed;
	done->saturated += sql_row_saturated(&c->s->columns, r);
	if (record_has(r, FIELD_received))
		done->received_ns = r->received.ns;
	if (c->s->set.aggregates && record_has(r, FIELD_last_switched))
		dirty_note(&c->dirty,
			r->last_switched.ns); /* refused or not: once too often does no harm */
	return c->used >= COPY_FULL ? send_buffer(c) : 0;
}

/* Sends the rows. An error of the server shows at the COPY's end; here only that of the connection.
 */
static int send_records(struct storing *st, struct range range, struct copied *done)
{
	struct pg_conn *c = st->c;
	struct sink_walk w = walk_of(st);
	int err = 0;
	c->used = 0;
	copy_header(c);
	while (!err && w.next < range.to && sink_walk_next(&w, &c->record))
		if (w.next > range.from)
			err = send_record(st, &c->record, done);
	copy_trailer(c);
	if (!err)
		err = send_buffer(c);
	if (!err && PQputCopyEnd(c->db, NULL) != 1)
		err = pg_failed(c, NULL, "copying");
	return err;
}

static void take_copied(struct sink_result *result, const struct copied *done)
{
	result->stored += done->records;
	result->saturated += done->saturated;
	result->retimed += done->retimed;
	if (done->received_ns > result->received_ns)
		result->received_ns = done->received_ns;
}

/* The end of a COPY and of the statements with it. */
static int end_copy(struct pg_conn *c)
{
	PGresult *result;
	int err = 0;
	while ((result = PQgetResult(c->db)) != NULL) {
		if (!err && PQresultStatus(result) == PGRES_FATAL_ERROR)
			err = pg_failed(c, result, "copying");
		PQclear(result);
	}
	if (!err && PQstatus(c->db) == CONNECTION_BAD)
		err = pg_failed(c, NULL, "copying");
	return err;
}

/* "COPY ... FROM STDIN (FORMAT binary)" of all columns. */
static bool copy_sql(const struct pg_conn *c, char **p, const char *end)
{
	const struct sql_columns *columns = &c->s->columns;
	char *o = *p;
	if (end - o < SQL_ROOM) /* all names of all fields take a fraction of that */
		return false;
	o += snprintf(o, SQL_ROOM, "SAVEPOINT batch; COPY \"%s\" (", c->s->set.table);
	for (size_t i = 0; i < columns->count; i++)
		o += snprintf(
			o, SQL_NAME_MAX, "%s\"%s\"", i ? ", " : "", fields[columns->field[i]].name);
	o += snprintf(
		o, SQL_NAME_MAX, "%s) FROM STDIN (FORMAT binary)", columns->extra ? ", extra" : "");
	*p = o;
	return true;
}

static int copy_range(struct storing *st, struct range range);

/* The server refused something in the range: a single record is counted, more are halved. */
static int isolate(struct storing *st, struct range range)
{
	struct pg_conn *c = st->c;
	struct sink_walk w = walk_of(st);
	char reason[WHY_MAX];
	snprintf(reason, sizeof reason, "%s", c->why);
	int err = pg_run(c, "rolling back", "ROLLBACK TO SAVEPOINT batch");
	if (err)
		return err;
	uint64_t middle = range.from + (range.to - range.from) / 2;
	if (middle > range.from) {
		err = copy_range(st, (struct range){range.from, middle});
		return err ? err : copy_range(st, (struct range){middle, range.to});
	}
	while (w.next < range.to && sink_walk_next(&w, &c->record))
		;
	sink_refuse(st->result, &c->record, reason);
	return 0;
}

static int finish_range(struct storing *st, struct range range)
{
	struct copied done = {0};
	uint64_t refused = st->result->refused;
	size_t rejects = st->result->rejects->len;
	int err = send_records(st, range, &done);
	if (!err)
		err = end_copy(st->c);
	if (!err)
		take_copied(st->result, &done);
	if (!err || PQstatus(st->c->db) == CONNECTION_BAD || !pg_is_refusal(st->c))
		return err;
	st->result->refused = refused; /* those that were not sent are met again */
	if (st->result->rejects->len > rejects)
		st->result->rejects->len = rejects;
	return isolate(st, range);
}

static int copy_range(struct storing *st, struct range range)
{
	struct pg_conn *c = st->c;
	char sql[SQL_ROOM + 1], *p = sql;
	if (!copy_sql(c, &p, sql + sizeof sql))
		return ERR_CONFIG;
	PGresult *result = NULL;
	if (PQsendQuery(c->db, sql) == 1)
		while ((result = PQgetResult(c->db)) && PQresultStatus(result) == PGRES_COMMAND_OK)
			PQclear(result);
	bool ready = result && PQresultStatus(result) == PGRES_COPY_IN;
	if (!ready)
		pg_failed(c, result, "copying");
	PQclear(result);
	return ready ? finish_range(st, range) : ERR_RETRY;
}

/* The transaction ------------------------------------------------------------------------------ */

/* Takes the results of BEGIN, the claim and the savepoint, up to the COPY's. */
static int take_begin(struct storing *st)
{
	struct pg_conn *c = st->c;
	PGresult *rows[2] = {NULL, NULL}, *result;
	int found = 0, err = ERR_RETRY;
	while ((result = PQgetResult(c->db)) != NULL) {
		ExecStatusType status = PQresultStatus(result);
		if (status == PGRES_TUPLES_OK && found < 2) {
			rows[found++] = result;
			continue;
		}
		if (status == PGRES_COPY_IN) {
			ledger_take(&st->claims, st->batch, rows[0], rows[1]);
			err = 0;
		} else if (status != PGRES_COMMAND_OK) {
			pg_failed(c, result, "beginning");
		}
		PQclear(result);
		if (!err)
			break;
	}
	PQclear(rows[0]);
	PQclear(rows[1]);
	return err;
}

static int begin(struct storing *st)
{
	struct pg_conn *c = st->c;
	char *sql = c->buffer, *p = sql; /* the COPY's buffer is not in use yet */
	const char *end = sql + CLAIM_ROOM;
	p = stpcpy(p, "BEGIN; ");
	if (!ledger_claim_sql(c->s, st->batch, &p, end) || !copy_sql(c, &p, end)) {
		snprintf(c->why, sizeof c->why, "a statement is too long");
		return ERR_CONFIG;
	}
	if (PQsendQuery(c->db, sql) != 1)
		return pg_failed(c, NULL, "beginning");
	return take_begin(st);
}

/* "INSERT INTO ... VALUES ...; " of the ranges into sql of SQL_ROOM bytes; "" where there are none.
 */
static size_t dirty_sql(const struct dirty *d, const char *table, char *sql)
{
	size_t room = SQL_ROOM - sizeof "COMMIT";
	int len = d->count ? snprintf(sql, room, "INSERT INTO \"%s\" (since, until) VALUES ", table)
			   : 0;
	sql[len] = '\0';
	for (unsigned i = 0; i < d->count; i++)
		len += snprintf(sql + len, room - (size_t)len,
			"%s(to_timestamp(%" PRIu64 "), to_timestamp(%" PRIu64 "))", i ? ", " : "",
			d->range[i].from / NS_PER_S, d->range[i].until / NS_PER_S);
	if (len)
		len += snprintf(sql + len, room - (size_t)len, "; ");
	return (size_t)len;
}

static int commit(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	size_t len = dirty_sql(&c->dirty, c->s->dirty, sql);
	snprintf(sql + len, sizeof sql - len, "COMMIT");
	PGresult *result = PQexec(c->db, sql);
	int err = 0;
	if (PQresultStatus(result) != PGRES_COMMAND_OK) {
		err = pg_failed(c, result, "committing");
	} else if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
		/* a transaction that had failed ends so, without an error: none of ours does, but a
		 * batch must never be lost without a word */
		snprintf(c->why, sizeof c->why, "committing: the server rolled back");
		err = ERR_RETRY;
	}
	PQclear(result);
	return err;
}

/* What it asks may be refused, and is no reason to give the batch up. */
static int check_direct(struct pg_conn *c)
{
	int err = pg_run(c, "checking direct compression", "SAVEPOINT direct");
	if (!err)
		timescale_check_direct(c);
	if (!err && PQtransactionStatus(c->db) == PQTRANS_INERROR)
		err = pg_run(c, "rolling back", "ROLLBACK TO SAVEPOINT direct");
	return err;
}

int store_batch(void *connection, const struct sink_batch *batch, struct sink_result *result)
{
	struct pg_conn *c = connection;
	struct storing st = {.c = c, .batch = batch, .result = result};
	c->dirty.count = 0;
	int err = begin(&st);
	if (!err)
		err = finish_range(
			&st, (struct range){0, sink_walk_records(batch, st.claims.mine)});
	if (!err)
		err = counters_store(c, batch, st.claims.mine, result);
	if (!err && !c->direct_checked && c->has_direct && result->stored >= DIRECT_ROWS)
		err = check_direct(c);
	if (!err)
		err = commit(c);
	if (err)
		return err;
	sink_walk_account(batch, st.claims.mine, result);
	pthread_mutex_lock(&c->s->lock);
	c->s->stored += result->stored;
	pthread_mutex_unlock(&c->s->lock);
	return 0;
}
