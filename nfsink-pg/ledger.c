/* Which frames are stored, as rows (stream, first, last), in the same transaction as their records.
 *
 * A frame's row is its claim: a rival writer of the same frame waits on the unique key until the
 * claim is committed or given up. Upkeep joins rows that follow on each other, so a row that is
 * missing may be part of a range: that is looked for in a second statement, whose snapshot is newer
 * than any claim that the first one waited for. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/jsontext.h"
#include "nfsink-pg/nfsink_pg.h"

#define UUID_TEXT 36

/* Frames of one stream that follow on each other. */
struct run {
	const struct stream_id *id;
	uint64_t first, last;
};

static int compare_runs(const void *a, const void *b)
{
	const struct run *x = a, *y = b;
	int order = memcmp(x->id, y->id, sizeof *x->id);
	return order ? order : (x->first > y->first) - (x->first < y->first);
}

/* The numbered frames as runs, sorted: writers that claim in one order cannot wait for each other
 * in a circle. Returns how many. */
static size_t make_runs(const struct sink_batch *b, struct run *runs)
{
	size_t count = 0, kept = 0;
	for (size_t i = 0; i < b->count; i++) {
		const struct frame *f = &b->frames[i];
		if (f->numbered)
			runs[count++] = (struct run){&f->id, f->sequence, f->sequence};
	}
	if (count)
		qsort(runs, count, sizeof *runs, compare_runs);
	for (size_t i = 1; i < count; i++) {
		struct run *last = &runs[kept];
		bool same = memcmp(last->id, runs[i].id, sizeof *last->id) == 0;
		if (same && runs[i].first <= last->last + 1)
			last->last = runs[i].last;
		else
			runs[++kept] = runs[i];
	}
	return count ? kept + 1 : 0;
}

static const char *uuid_text(const struct stream_id *id, char out[UUID_TEXT + 1])
{
	static const uint8_t groups[] = {4, 2, 2, 2, 6};
	const uint8_t *b = id->b;
	char *p = out;
	for (size_t i = 0; i < sizeof groups; b += groups[i++]) {
		if (i)
			*p++ = '-';
		p = jsontext_hex(p, b, groups[i]);
	}
	*p = '\0';
	return out;
}

PRINTF_LIKE(3, 4)
static bool append(char **p, const char *end, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(*p, (size_t)(end - *p), format, args);
	va_end(args);
	if (len < 0 || len >= end - *p)
		return false;
	*p += len;
	return true;
}

/* Sequences are bigint: the same 64 bits. */
static bool append_claim(char **p, const char *end, const struct run *r, bool first)
{
	char uuid[UUID_TEXT + 1];
	return append(p, end,
		"%sSELECT '%s'::uuid, g, g, now() FROM generate_series(%" PRId64 ", %" PRId64 ") g",
		first ? "" : " UNION ALL ", uuid_text(r->id, uuid), (int64_t)r->first,
		(int64_t)r->last);
}

static bool append_run(char **p, const char *end, const struct run *r, bool first)
{
	char uuid[UUID_TEXT + 1];
	return append(p, end, "%s(l.stream = '%s' AND l.first BETWEEN %" PRId64 " AND %" PRId64 ")",
		first ? "" : " OR ", uuid_text(r->id, uuid), (int64_t)r->first, (int64_t)r->last);
}

/* Ranges are few beside claims, and only they can cover one: they are gathered once, where the
 * planner would look at all claims before it for each claim. */
bool ledger_claim_sql(
	const struct pg_sink *s, const struct sink_batch *b, char **p, const char *end)
{
	static _Thread_local struct run runs[SINK_FRAMES_MAX];
	const char *table = s->ledger;
	size_t count = make_runs(b, runs);
	if (!count)
		return true;
	bool fits = append(p, end, "INSERT INTO \"%s\" (stream, first, last, at) ", table);
	for (size_t i = 0; i < count && fits; i++)
		fits = append_claim(p, end, &runs[i], i == 0);
	fits = fits && append(p, end,
			       " ON CONFLICT DO NOTHING RETURNING stream, first; WITH r AS "
			       "MATERIALIZED (SELECT stream, first, last FROM \"%s\" WHERE last "
			       "> first) DELETE FROM \"%s\" l USING r WHERE r.stream = l.stream "
			       "AND r.first < l.first AND r.last >= l.first AND (",
			       table, table);
	for (size_t i = 0; i < count && fits; i++)
		fits = append_run(p, end, &runs[i], i == 0);
	return fits && append(p, end, ") RETURNING l.stream, l.first; ");
}

/* Whether one of the rows is a frame's. */
static bool has_row(const PGresult *rows, const char *uuid, const char *sequence)
{
	for (int i = 0; i < PQntuples(rows); i++)
		if (strcmp(PQgetvalue(rows, i, 1), sequence) == 0 &&
			strcmp(PQgetvalue(rows, i, 0), uuid) == 0)
			return true;
	return false;
}

/* A frame that stands in the batch twice is claimed once. */
static bool came_before(const struct sink_batch *b, size_t at)
{
	const struct frame *f = &b->frames[at];
	for (size_t i = 0; i < at; i++) {
		const struct frame *g = &b->frames[i];
		if (g->numbered && g->sequence == f->sequence &&
			memcmp(&g->id, &f->id, sizeof f->id) == 0)
			return true;
	}
	return false;
}

static bool is_mine(
	const struct sink_batch *b, size_t at, const PGresult *inserted, const PGresult *covered)
{
	char uuid[UUID_TEXT + 1], sequence[24];
	const struct frame *f = &b->frames[at];
	if (!f->numbered)
		return true;
	uuid_text(&f->id, uuid);
	snprintf(sequence, sizeof sequence, "%" PRId64, (int64_t)f->sequence);
	return has_row(inserted, uuid, sequence) && !has_row(covered, uuid, sequence) &&
	       !came_before(b, at);
}

static size_t count_numbered(const struct sink_batch *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->count; i++)
		n += b->frames[i].numbered;
	return n;
}

void ledger_take(struct claims *claims, const struct sink_batch *b, const PGresult *inserted,
	const PGresult *covered)
{
	/* as nearly always: each frame is new, and stands there once */
	bool all = count_numbered(b) == (size_t)PQntuples(inserted) && PQntuples(covered) == 0;
	claims->count = 0;
	for (size_t i = 0; i < b->count; i++) {
		claims->mine[i] = all || is_mine(b, i, inserted, covered);
		claims->count += claims->mine[i];
	}
}

int ledger_merge(struct pg_conn *c)
{
	char sql[SQL_ROOM];
	const char *t = c->s->ledger;
	/* one statement: a snapshot in which every row is a claim that was committed */
	if (!pg_format(c, sql,
		    "WITH edges AS (SELECT *, (first IS DISTINCT "
		    "FROM lag(last) OVER w + 1)::int AS begins FROM \"%s\" "
		    "WHERE last < 9223372036854775807 WINDOW w AS (PARTITION BY stream "
		    "ORDER BY first)), runs AS (SELECT *, sum(begins) OVER (PARTITION BY stream "
		    "ORDER BY first) AS run FROM edges), joined AS (SELECT stream, "
		    "min(first) AS first, max(last) AS last, max(at) AS at FROM runs "
		    "GROUP BY stream, run HAVING count(*) > 1), gone AS (DELETE FROM \"%s\" l "
		    "USING joined j WHERE l.stream = j.stream AND l.first > j.first "
		    "AND l.first <= j.last) UPDATE \"%s\" l SET last = j.last, at = j.at "
		    "FROM joined j WHERE l.stream = j.stream AND l.first = j.first; DELETE "
		    "FROM \"%s\" l WHERE NOT EXISTS (SELECT FROM \"%s\" k "
		    "WHERE k.stream = l.stream AND k.at > now() - make_interval(secs => %llu))",
		    t, t, t, t, t, (unsigned long long)(c->s->set.ledger_keep_ns / NS_PER_S)))
		return ERR_RETRY;
	return pg_run(c, "joining the ledger", sql);
}
