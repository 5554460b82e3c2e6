/* What a record's values are to a MySQL server, whichever way they are sent. */
#include <string.h>

#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/jsontext.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define DAY_S 86400

/* The date of a day since 1970, by eras of 400 years that begin in March. */
static void set_date(uint64_t day, MYSQL_TIME *out)
{
	uint64_t z = day + 719468, era = z / 146097, doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	out->day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	out->month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	out->year = (unsigned)(yoe + era * 400 + (out->month <= 2));
}

void values_time(uint64_t ns, MYSQL_TIME *out)
{
	uint64_t s = ns / NS_PER_S, of_day = s % DAY_S;
	*out = (MYSQL_TIME){.time_type = MYSQL_TIMESTAMP_DATETIME};
	set_date(s / DAY_S, out);
	out->hour = (unsigned)(of_day / 3600);
	out->minute = (unsigned)(of_day / 60 % 60);
	out->second = (unsigned)(of_day % 60);
	out->second_part = ns % NS_PER_S / NS_PER_US;
}

static char *put_digits(char *p, unsigned long v, int digits, char behind)
{
	for (int i = digits; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	p[digits] = behind;
	return p + digits + 1;
}

char *values_datetime(uint64_t ns, char *out)
{
	MYSQL_TIME t;
	char text[DATETIME_LEN + 1], *p = text;
	values_time(ns, &t);
	p = put_digits(p, t.year, 4, '-');
	p = put_digits(p, t.month, 2, '-');
	p = put_digits(p, t.day, 2, ' ');
	p = put_digits(p, t.hour, 2, ':');
	p = put_digits(p, t.minute, 2, ':');
	p = put_digits(p, t.second, 2, '.');
	put_digits(p, t.second_part, 6, '\0');
	return (char *)memcpy(out, text, DATETIME_LEN) + DATETIME_LEN;
}

struct piece values_word(enum field_id id, uint8_t value, char *room)
{
	const char *word = field_word(id, value);
	if (word)
		return (struct piece){word, strlen(word)};
	return (struct piece){room, (size_t)(jsontext_decimal(room, value) - room)};
}

/* Returns the text's length, or ERR_TOO_LARGE. */
static int prepare_text(struct my_conn *c, enum field_id id, const struct record *r)
{
	const struct text *t = record_field(r, id);
	struct piece *piece = &c->texts[id];
	if (ARENA_ROOM - c->arena_used < 3 * (size_t)t->len)
		return ERR_TOO_LARGE;
	char *room = c->arena + c->arena_used;
	piece->len = sql_text(t, &piece->p, room);
	if (piece->p == room)
		c->arena_used += piece->len;
	return (int)piece->len;
}

/* Returns its length, or ERR_TOO_LARGE. */
static int prepare_extra(struct my_conn *c, const struct record *r)
{
	char *room = c->arena + c->arena_used;
	c->extra = (struct piece){NULL, 0};
	if (!c->s->columns.extra)
		return 0;
	int len = sql_row_extra(&c->s->columns, r, room, ARENA_ROOM - c->arena_used);
	if (len > 0) {
		c->extra = (struct piece){room, (size_t)len};
		c->arena_used += (size_t)len;
	}
	return len;
}

int values_prepare(struct my_conn *c, const struct record *r)
{
	const struct sql_columns *columns = &c->s->columns;
	int bytes = (int)columns->count * 16;
	for (unsigned w = 0; w < FIELD_WORDS; w++)
		for (uint64_t bits = r->present[w] & columns->inexact_bits[w]; bits;
			bits &= bits - 1) {
			int len = prepare_text(c, w * 64 + (unsigned)__builtin_ctzll(bits), r);
			if (len < 0)
				return len;
			bytes += len;
		}
	int len = prepare_extra(c, r);
	return len < 0 ? len : bytes + len;
}
