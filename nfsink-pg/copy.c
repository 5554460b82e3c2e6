/* Rows of binary COPY (PostgreSQL's manual, COPY, "Binary Format"), straight from the record. */
#include <endian.h>
#include <string.h>

#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/jsontext.h"
#include "nfsink-pg/nfsink_pg.h"

#define EPOCH_2000_US INT64_C(946684800000000) /* timestamptz counts from there */
#define INET4         2                        /* PGSQL_AF_INET, and PGSQL_AF_INET6 behind it */
#define INET6         3

static char *put16(char *p, uint16_t v)
{
	v = htobe16(v);
	return (char *)memcpy(p, &v, 2) + 2;
}

static char *put32(char *p, uint32_t v)
{
	v = htobe32(v);
	return (char *)memcpy(p, &v, 4) + 4;
}

static char *put64(char *p, uint64_t v)
{
	v = htobe64(v);
	return (char *)memcpy(p, &v, 8) + 8;
}

static char *put_number(char *p, enum column_type type, uint64_t v)
{
	if (type == COLUMN_INT2)
		return put16(put32(p, 2), (uint16_t)v);
	if (type == COLUMN_INT4)
		return put32(put32(p, 4), (uint32_t)v);
	return put64(put32(p, 8), v > INT64_MAX ? INT64_MAX : v);
}

static char *put_bytes(char *p, const void *bytes, size_t len)
{
	p = put32(p, (uint32_t)len);
	memcpy(p, bytes, len);
	return p + len;
}

static char *put_inet(char *p, const struct ip *ip)
{
	bool v4 = ip_is4(ip);
	uint8_t head[4] = {v4 ? INET4 : INET6, v4 ? 32 : 128, 0, v4 ? 4 : 16};
	p = put32(p, sizeof head + head[3]);
	memcpy(p, head, sizeof head);
	memcpy(p + sizeof head, ip->b + (v4 ? 12 : 0), head[3]);
	return p + sizeof head + head[3];
}

static char *put_time(char *p, const struct instant *t)
{
	return put64(put32(p, 8), (uint64_t)((int64_t)(t->ns / 1000) - EPOCH_2000_US));
}

static char *put_word(char *p, enum field_id id, uint8_t v)
{
	const char *word = field_word(id, v);
	if (word)
		return put_bytes(p, word, strlen(word));
	char *end = jsontext_decimal(p + 4, v);
	put32(p, (uint32_t)(end - p - 4));
	return end;
}

/* Text is cleaned into the place where it will stand. */
static char *put_text(char *p, const struct text *t)
{
	const char *text;
	size_t len = sql_text(t, &text, p + 4);
	if (text == t->p)
		return put_bytes(p, text, len);
	return put32(p, (uint32_t)len) + len;
}

static char *put_value(char *p, enum column_type type, enum field_id id, const struct record *r)
{
	const void *v = record_field(r, id);
	switch (fields[id].kind) {
	case KIND_U8: return put_number(p, type, *(const uint8_t *)v);
	case KIND_U16: return put_number(p, type, *(const uint16_t *)v);
	case KIND_U32: return put_number(p, type, *(const uint32_t *)v);
	case KIND_U64: return put_number(p, type, *(const uint64_t *)v);
	case KIND_IP: return put_inet(p, v);
	case KIND_MAC: return put_bytes(p, v, 6);
	case KIND_TIME: return put_time(p, v);
	case KIND_WORD: return put_word(p, id, *(const uint8_t *)v);
	default: return put_text(p, v);
	}
}

/* Returns the end; NULL: the JSON is too long. */
static char *put_extra(struct pg_conn *c, const struct record *r, char *p)
{
	bool jsonb = c->extra_type == COLUMN_JSONB;
	char *text = p + 4 + jsonb;
	int len = sql_row_extra(&c->s->columns, r, text, JSONL_LINE_MAX);
	if (len <= 0)
		return len == 0 ? put32(p, UINT32_MAX) : NULL;
	put32(p, (uint32_t)(len + jsonb));
	if (jsonb)
		p[4] = 1; /* its version */
	return text + len;
}

int copy_row(struct pg_conn *c, const struct record *r)
{
	const struct sql_columns *columns = &c->s->columns;
	char *p = put16(c->buffer + c->used, (uint16_t)(columns->count + columns->extra));
	for (size_t i = 0; i < columns->count; i++) {
		enum field_id id = columns->field[i];
		p = record_has(r, id) ? put_value(p, c->type[i], id, r) : put32(p, UINT32_MAX);
	}
	if (columns->extra)
		p = put_extra(c, r, p);
	if (!p)
		return ERR_TOO_LARGE;
	c->used = (size_t)(p - c->buffer);
	return 0;
}

void copy_header(struct pg_conn *c)
{
	static const char header[19] = "PGCOPY\n\377\r\n"; /* and a NUL, no flags, no extension */
	memcpy(c->buffer + c->used, header, sizeof header);
	c->used += sizeof header;
}

void copy_trailer(struct pg_conn *c)
{
	put16(c->buffer + c->used, UINT16_MAX);
	c->used += 2;
}
