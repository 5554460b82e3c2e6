/* Storing a batch: one transaction of the ledger, the rows, and the minutes that they touch. */
#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/sink_walk.h"
#include "nfsink-mysql/nfsink_mysql.h"

static const struct {
	int (*add)(struct my_conn *c, const struct record *r);
	int (*send)(struct my_conn *c);
} methods[] = {
	[METHOD_BULK] = {bulk_add, bulk_send},
	[METHOD_LOAD] = {load_add, load_send},
	[METHOD_INSERT] = {insert_add, insert_send},
};

/* Inserts `count` records from number `first` of the batch on, without knowing whether the server
 * takes them. Returns as the methods' send; the last of them is left in c->again. */
static int insert_some(
	struct my_conn *c, const struct sink_batch *batch, uint64_t first, uint64_t count)
{
	struct sink_walk walk = {.batch = batch, .mine = c->mine};
	bool fits = true;
	while (walk.next < first && sink_walk_next(&walk, &c->again))
		;
	c->rows = 0;
	while (walk.next < first + count && fits && sink_walk_next(&walk, &c->again)) {
		sql_row_time(&c->s->set, &c->again);
		fits = insert_add(c, &c->again) == 0;
	}
	if (fits)
		return insert_send(c);
	c->rows = 0;
	snprintf(c->why, sizeof c->why, "the row is larger than a packet of the server may be");
	return 1;
}

/* Stores what was refused together: in halves, down to the row that is refused alone. */
static int bisect(struct my_conn *c, const struct sink_batch *batch, uint64_t first, uint64_t count,
	struct sink_result *result)
{
	int got = insert_some(c, batch, first, count);
	if (got < 0)
		return got;
	if (got == 0) {
		result->stored += count;
		return 0;
	}
	if (count == 1) {
		sink_refuse(result, &c->again, c->why);
		return 0;
	}
	int err = bisect(c, batch, first, count / 2, result);
	return err ? err : bisect(c, batch, first + count / 2, count - count / 2, result);
}

/* Sends the rows that wait, the last of which is number next - 1 of the batch. */
static int send_rows(struct my_conn *c, const struct sink_batch *batch, uint64_t next,
	struct sink_result *result)
{
	size_t rows = c->rows;
	if (rows == 0)
		return 0;
	int got = methods[c->method].send(c);
	if (got == 0)
		result->stored += rows;
	return got <= 0 ? got : bisect(c, batch, next - rows, rows, result);
}

/* Adds the record in hand, number `number` of the batch, sending first where that makes room. */
static int add_row(struct my_conn *c, const struct sink_batch *batch, uint64_t number,
	struct sink_result *result)
{
	if (methods[c->method].add(c, &c->record) == 0)
		return 0;
	int err = send_rows(c, batch, number, result);
	if (err || methods[c->method].add(c, &c->record) == 0)
		return err;
	return bisect(c, batch, number, 1, result); /* which says how large it may be */
}

static int store_rows(struct my_conn *c, const struct sink_batch *batch, struct sink_result *result)
{
	struct sink_walk walk = {.batch = batch, .mine = c->mine};
	c->rows = 0;
	c->dirty.count = 0;
	while (sink_walk_next(&walk, &c->record)) {
		result->retimed += sql_row_time(&c->s->set, &c->record);
		if (record_has(&c->record, FIELD_last_switched)) {
			dirty_note(&c->dirty, c->record.last_switched.ns);
			days_note(c, c->record.last_switched.ns);
		}
		if (record_has(&c->record, FIELD_received))
			result->received_ns = c->record.received.ns;
		int err = add_row(c, batch, walk.next - 1, result);
		if (err)
			return err;
	}
	return send_rows(c, batch, walk.next, result);
}

/* *missing: nothing is committed, since partitions for the rows are to be made first; NULL: they
 * are stored where they fall. */
static int store_within(struct my_conn *c, const struct sink_batch *batch,
	struct sink_result *result, bool *missing)
{
	int err = my_run(c, "beginning", "START TRANSACTION");
	if (!err)
		err = ledger_claim(c, batch);
	if (!err)
		err = store_rows(c, batch, result);
	if (!err)
		err = counters_store(c, batch, result);
	if (err)
		return err;
	if (missing && (*missing = days_are_missing(c, result->stored)))
		return my_run(c, "rolling back", "ROLLBACK");
	err = aggregate_note(c);
	return err ? err : my_run(c, "committing", "COMMIT");
}

/* As if it had not been stored. */
static void take_back(struct sink_result *result)
{
	reject_forget(result->rejects);
	*result = (struct sink_result){.rejects = result->rejects};
}

/* A batch is stored twice where it is the first of its days. */
static int store_days(struct my_conn *c, const struct sink_batch *batch, struct sink_result *result)
{
	bool missing = false;
	int err = days_begin(c);
	if (!err)
		err = store_within(c, batch, result, &missing);
	if (err || !missing)
		return err;
	err = days_make(c, result->stored);
	take_back(result);
	return err ? err : store_within(c, batch, result, NULL);
}

int store_batch(void *connection, const struct sink_batch *batch, struct sink_result *result)
{
	struct my_conn *c = connection;
	int err = store_days(c, batch, result);
	if (err)
		return err; /* the connection is closed, and with it the transaction rolled back */
	sink_walk_account(batch, c->mine, result);
	pthread_mutex_lock(&c->s->lock);
	c->s->stored += result->stored;
	pthread_mutex_unlock(&c->s->lock);
	return 0;
}
