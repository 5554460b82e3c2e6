/* The days of a batch: where many of its rows are of days that have no partition of their own, as a
 * replayed capture's are, the partitions are made before the rows are stored, while what they are
 * split from is next to empty. Few rows of a day go where they fall: a forged time makes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/log.h"
#include "lib/stage.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define READ_AGAIN_NS (60 * NS_PER_S) /* others make and drop partitions as well */
#define BUSY_NS       (5 * NS_PER_S)  /* a table that was locked is tried again so soon */
#define BUSY_S        5               /* of waiting for its lock: inserts wait behind it */
#define ROWS_MIN      100             /* of a batch that make a day worth a partition; */
#define SHARE         16              /* and one of so many of its rows */
#define FULL_ROWS     300000 /* a partition that holds more is not split: that takes long */

/* The partition that takes a day: its place in the list, or the list's length: "rest". */
static unsigned place_of(const struct partitions *p, int64_t day)
{
	unsigned low = 0, high = p->count;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		if (p->part[middle].until <= day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether a partition is to stay as it is: it is one day's, or "rest", or cannot be split now. */
static bool is_settled(const struct partitions *p, unsigned i)
{
	if (i >= p->count)
		return true;
	int64_t since = i ? p->part[i - 1].until : INT32_MIN;
	return p->part[i].kept || p->part[i].until - since == 1;
}

int days_begin(struct my_conn *c)
{
	uint64_t now = monotonic_ns();
	c->strange.count = 0;
	c->strange.known_day = -1;
	if (c->layout != LAYOUT_PARTITIONS)
		return 0;
	if (c->partitions.read_ns && now - c->partitions.read_ns < READ_AGAIN_NS)
		return 0;
	c->partitions.read_ns = now;
	return partition_list(c, &c->partitions);
}

static void count_strange(struct strange_days *s, int64_t day)
{
	for (unsigned i = s->count; i-- > 0;)
		if (s->of[i].day == day) {
			s->of[i].rows++;
			return;
		}
	if (s->count == STRANGE_MAX)
		return;
	s->of[s->count].day = day;
	s->of[s->count++].rows = 1;
}

void days_note(struct my_conn *c, uint64_t ns)
{
	int64_t day = (int64_t)(ns / DAY_NS);
	if (c->layout != LAYOUT_PARTITIONS || day == c->strange.known_day)
		return;
	if (is_settled(&c->partitions, place_of(&c->partitions, day)))
		c->strange.known_day = day;
	else
		count_strange(&c->strange, day);
}

static int compare_days(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Those that are worth a partition, in ascending order. */
static size_t worthy(const struct my_conn *c, uint64_t rows, int64_t days[SHARE])
{
	size_t count = 0;
	for (unsigned i = 0; i < c->strange.count; i++)
		if (c->strange.of[i].rows >= ROWS_MIN && c->strange.of[i].rows * SHARE >= rows &&
			count < SHARE)
			days[count++] = c->strange.of[i].day;
	qsort(days, count, sizeof *days, compare_days);
	return count;
}

bool days_are_missing(const struct my_conn *c, uint64_t rows)
{
	int64_t days[SHARE] = {0};
	return worthy(c, rows, days) > 0;
}

/* What the server refuses is no outage: the rows go where they fall. */
static int split_or_keep(struct my_conn *c, unsigned i, const int64_t *days, size_t count)
{
	bool full = false;
	int err = partition_holds(c, &c->partitions, i, FULL_ROWS, &full);
	if (!err && !full)
		err = partition_split(c, &c->partitions, i, days, count);
	if (err && c->error >= CR_MIN_ERROR && c->error <= CR_MAX_ERROR)
		return err;
	if (err)
		log_info("rows of days gone by go to a partition of many days table=%s because=%s",
			c->s->set.table, c->why);
	if (err && c->error == ER_LOCK_WAIT_TIMEOUT)
		c->partitions.read_ns -= READ_AGAIN_NS - BUSY_NS;
	if (err || full)
		c->partitions.part[i].kept = true;
	else
		c->partitions.read_ns = 0; /* it is another list now */
	return 0;
}

/* Days of one partition at a time, from the last on: those before keep their places. */
static int make_days(struct my_conn *c, const int64_t *days, size_t count)
{
	int err = 0;
	while (!err && count > 0) {
		unsigned i = place_of(&c->partitions, days[count - 1]);
		size_t first = count - 1;
		while (first > 0 && place_of(&c->partitions, days[first - 1]) == i)
			first--;
		if (!is_settled(&c->partitions, i))
			err = split_or_keep(c, i, days + first, count - first);
		count = first;
	}
	return err;
}

/* A lock of the table is waited for but shortly. */
static int make_locked(struct my_conn *c, const int64_t *days, size_t count)
{
	int err = partition_list(c, &c->partitions);
	my_sql(c, "SET SESSION lock_wait_timeout = %d", BUSY_S);
	if (!err)
		err = my_send(c, "making partitions");
	if (!err)
		err = make_days(c, days, count);
	my_sql(c, "SET SESSION lock_wait_timeout = %d", LOCK_SECONDS);
	return err ? err : my_send(c, "making partitions");
}

int days_make(struct my_conn *c, uint64_t rows)
{
	int64_t days[SHARE] = {0};
	size_t count = worthy(c, rows, days);
	int got = my_lock(c, "", LOCK_SECONDS);
	if (got)
		return got < 0 ? got : 0;
	int err = make_locked(c, days, count);
	my_unlock(c, "");
	return err;
}
