/* Which frames are stored: (stream id, sequence) under a unique key, in the transaction of their
 * rows. A rival waits for that key, and then finds the frame stored. Later the numbers that follow
 * on each other become ranges. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define MERGES_MAX 1000 /* islands joined in one transaction */

static int compare(const struct frame *a, const struct frame *b)
{
	int order = memcmp(a->id.b, b->id.b, sizeof a->id.b);
	return order ? order : (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

struct order {
	const struct frame *frame;
	size_t at; /* in the batch */
};

static int compare_orders(const void *a, const void *b)
{
	return compare(((const struct order *)a)->frame, ((const struct order *)b)->frame);
}

/* The numbered frames, sorted, so that two writers take their keys in the same order. */
static size_t sort_frames(const struct sink_batch *batch, struct order *order)
{
	size_t count = 0;
	for (size_t i = 0; i < batch->count; i++)
		if (batch->frames[i].numbered)
			order[count++] = (struct order){&batch->frames[i], i};
	if (count)
		qsort(order, count, sizeof *order, compare_orders);
	return count;
}

/* Inserts the rows of some frames; *inserted tells how many were new. */
static int insert_rows(
	struct my_conn *c, const struct order *order, size_t count, uint64_t *inserted)
{
	my_sql(c, "INSERT IGNORE INTO `%s` (`stream`,`first`,`last`,`at`) VALUES ", c->s->ledger);
	for (size_t i = 0; i < count; i++) {
		const struct frame *f = order[i].frame;
		my_add(c, i ? ",(" : "(");
		my_add_hex(c, f->id.b, sizeof f->id.b);
		my_add(c, ",%" PRIu64 ",%" PRIu64 ",UTC_TIMESTAMP())", f->sequence, f->sequence);
	}
	int err = my_send(c, "writing the ledger");
	*inserted = err ? 0 : mysql_affected_rows(c->db);
	return err;
}

/* Claims all at once; where some were there already, one at a time to see which. */
static int claim_keys(struct my_conn *c, const struct order *order, size_t count)
{
	uint64_t inserted = 0;
	int err = my_run(c, "writing the ledger", "SAVEPOINT claims");
	if (!err)
		err = insert_rows(c, order, count, &inserted);
	if (err || inserted == count)
		return err;
	err = my_run(c, "writing the ledger", "ROLLBACK TO SAVEPOINT claims");
	for (size_t i = 0; i < count && !err; i++) {
		err = insert_rows(c, &order[i], 1, &inserted);
		c->mine[order[i].at] = inserted == 1;
	}
	return err;
}

/* Frames of one stream that the range holds are not ours: the rows just made for them go again. */
static int give_up_range(
	struct my_conn *c, const struct order *order, size_t count, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < count; i++) {
		const struct frame *f = order[i].frame;
		if (f->sequence < first || f->sequence > last || !c->mine[order[i].at])
			continue;
		c->mine[order[i].at] = false;
		if (f->sequence == first)
			continue; /* the row of that key is the range's own */
		my_sql(c, "DELETE FROM `%s` WHERE `stream` = ", c->s->ledger);
		my_add_hex(c, f->id.b, sizeof f->id.b);
		my_add(c, " AND `first` = %" PRIu64, f->sequence);
		int err = my_send(c, "writing the ledger");
		if (err)
			return err;
	}
	return 0;
}

/* Ranges do not overlap: one that begins before the frames can only be the last one that does. */
static int check_ranges(struct my_conn *c, const struct order *order, size_t count)
{
	const struct frame *low = order[0].frame, *high = order[count - 1].frame;
	int err = 0;
	my_sql(c, "(SELECT `first`, `last` FROM `%s` WHERE `stream` = ", c->s->ledger);
	my_add_hex(c, low->id.b, sizeof low->id.b);
	my_add(c,
		" AND `first` < %" PRIu64 " ORDER BY `first` DESC LIMIT 1) UNION ALL (SELECT "
		"`first`, `last` FROM `%s` WHERE `stream` = ",
		low->sequence, c->s->ledger);
	my_add_hex(c, low->id.b, sizeof low->id.b);
	my_add(c, " AND `first` BETWEEN %" PRIu64 " AND %" PRIu64 " AND `last` > `first`)",
		low->sequence, high->sequence);
	MYSQL_RES *rows = my_rows(c, "reading the ledger");
	if (!rows)
		return ERR_RETRY;
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));)
		err = give_up_range(
			c, order, count, strtoull(row[0], NULL, 10), strtoull(row[1], NULL, 10));
	mysql_free_result(rows);
	return err;
}

/* A new statement sees what others committed while this one waited for their keys. */
static int claim_ranges(struct my_conn *c, const struct order *order, size_t count)
{
	int err = 0;
	for (size_t i = 0, n; i < count && !err; i += n) {
		for (n = 1; i + n < count; n++)
			if (memcmp(order[i].frame->id.b, order[i + n].frame->id.b,
				    sizeof order[i].frame->id.b) != 0)
				break;
		err = check_ranges(c, &order[i], n);
	}
	return err;
}

int ledger_claim(struct my_conn *c, const struct sink_batch *batch)
{
	struct order order[SINK_FRAMES_MAX];
	for (size_t i = 0; i < batch->count; i++)
		c->mine[i] = true;
	size_t count = sort_frames(batch, order);
	if (count == 0)
		return 0;
	int err = claim_keys(c, order, count);
	return err ? err : claim_ranges(c, order, count);
}

/* Merging -------------------------------------------------------------------------------------- */

/* A row of which the one before ends right in front of it belongs to the same island. */
#define ISLANDS                                                                                    \
	"SELECT HEX(`stream`), MIN(`first`), MAX(`last`), MAX(`at`) FROM (SELECT `stream`, "       \
	"`first`, `last`, `at`, SUM(`gap`) OVER (PARTITION BY `stream` ORDER BY `first`) AS "      \
	"`island` FROM (SELECT `stream`, `first`, `last`, `at`, CASE WHEN LAG(`last`) OVER "       \
	"(PARTITION BY `stream` ORDER BY `first`) = IF(`first` = 0, NULL, `first` - 1) THEN 0 "    \
	"ELSE 1 END AS `gap` FROM `%s`) AS `gaps`) AS `rows_` GROUP BY `stream`, `island` "        \
	"HAVING COUNT(*) > 1 LIMIT %d"

static int merge_island(struct my_conn *c, MYSQL_ROW row)
{
	my_sql(c,
		"UPDATE `%s` SET `last` = %s, `at` = '%s' WHERE `stream` = x'%s' AND `first` = %s",
		c->s->ledger, row[2], row[3], row[0], row[1]);
	int err = my_send(c, "merging the ledger");
	if (err)
		return err;
	my_sql(c, "DELETE FROM `%s` WHERE `stream` = x'%s' AND `first` > %s AND `first` <= %s",
		c->s->ledger, row[0], row[1], row[2]);
	return my_send(c, "merging the ledger");
}

static int merge_islands(struct my_conn *c)
{
	int err = 0;
	my_sql(c, ISLANDS, c->s->ledger, MERGES_MAX);
	MYSQL_RES *rows = my_rows(c, "merging the ledger");
	if (!rows)
		return ERR_RETRY;
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));)
		err = merge_island(c, row);
	mysql_free_result(rows);
	return err;
}

/* Old streams are looked for first: a DELETE that searches would wait for the keys that others are
 * just writing. */
static int forget_streams(struct my_conn *c)
{
	int err = 0;
	if (!c->s->set.ledger_keep_ns)
		return 0;
	my_sql(c,
		"SELECT HEX(`stream`) FROM `%s` GROUP BY `stream` HAVING MAX(`at`) < "
		"UTC_TIMESTAMP() - INTERVAL %" PRIu64 " SECOND LIMIT %d",
		c->s->ledger, c->s->set.ledger_keep_ns / NS_PER_S, MERGES_MAX);
	MYSQL_RES *rows = my_rows(c, "forgetting old streams");
	if (!rows)
		return ERR_RETRY;
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));) {
		my_sql(c, "DELETE FROM `%s` WHERE `stream` = x'%s'", c->s->ledger, row[0]);
		err = my_send(c, "forgetting old streams");
	}
	mysql_free_result(rows);
	return err;
}

int ledger_merge(struct my_conn *c)
{
	int err = my_run(c, "merging the ledger", "START TRANSACTION");
	if (!err)
		err = merge_islands(c);
	if (!err)
		err = forget_streams(c);
	return err ? err : my_run(c, "merging the ledger", "COMMIT");
}
