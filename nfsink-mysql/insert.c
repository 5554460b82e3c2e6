/* INSERT of many rows: for servers that allow nothing faster, and to find the row that is refused.
 */
#include <string.h>

#include "lib/err.h"
#include "lib/jsontext.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define VALUE_ROOM 64 /* the longest value that is not text, with its quotes and comma */

static char *put_hex(char *p, const void *bytes, size_t len)
{
	*p++ = 'x';
	*p++ = '\'';
	p = jsontext_hex(p, bytes, len);
	*p++ = '\'';
	return p;
}

char *insert_string(struct my_conn *c, char *p, struct piece text)
{
	*p++ = '\'';
	p += mysql_real_escape_string(c->db, p, text.p, text.len);
	*p++ = '\'';
	return p;
}

static char *put_ip(char *p, const struct ip *ip)
{
	bool v4 = ip_is4(ip);
	return put_hex(p, ip->b + (v4 ? 12 : 0), v4 ? 4 : 16);
}

static char *put_time(char *p, uint64_t ns)
{
	*p++ = '\'';
	p = values_datetime(ns, p);
	*p++ = '\'';
	return p;
}

static char *put_value(struct my_conn *c, char *p, enum field_id id, const struct record *r)
{
	const void *v = record_field(r, id);
	char room[20];
	switch (fields[id].kind) {
	case KIND_U8: return jsontext_decimal(p, *(const uint8_t *)v);
	case KIND_U16: return jsontext_decimal(p, *(const uint16_t *)v);
	case KIND_U32: return jsontext_decimal(p, *(const uint32_t *)v);
	case KIND_U64: return jsontext_decimal(p, *(const uint64_t *)v);
	case KIND_IP: return put_ip(p, v);
	case KIND_MAC: return put_hex(p, v, sizeof(struct mac));
	case KIND_TIME: return put_time(p, ((const struct instant *)v)->ns);
	case KIND_WORD: return insert_string(c, p, values_word(id, *(const uint8_t *)v, room));
	default: return insert_string(c, p, c->texts[id]);
	}
}

static char *put_null(char *p)
{
	memcpy(p, "NULL", 4);
	return p + 4;
}

char *insert_value(struct my_conn *c, char *p, enum field_id id, const struct record *r)
{
	return record_has(r, id) ? put_value(c, p, id, r) : put_null(p);
}

static void begin(struct my_conn *c)
{
	my_sql(c, "INSERT INTO `%s` ", c->s->set.table);
	schema_add_columns(c);
	my_add(c, ") VALUES ");
	memcpy(c->text, c->sql, c->sql_len);
	c->text_len = c->sql_len;
}

int insert_add(struct my_conn *c, const struct record *r)
{
	const struct sql_columns *columns = &c->s->columns;
	if (c->rows == 0)
		begin(c);
	c->arena_used = 0;
	int bytes = values_prepare(c, r);
	size_t most = c->packet_max < TEXT_ROOM ? c->packet_max - 64 : TEXT_ROOM;
	size_t need = columns->count * VALUE_ROOM + 2 * (size_t)(bytes > 0 ? bytes : 0);
	if (bytes < 0 || c->text_len + need > most || (c->rows && c->text_len > TEXT_FULL))
		return ERR_TOO_LARGE;
	char *p = c->text + c->text_len;
	*p++ = c->rows ? ',' : ' ';
	*p++ = '(';
	for (size_t i = 0; i < columns->count; i++) {
		enum field_id id = columns->field[i];
		if (i)
			*p++ = ',';
		p = insert_value(c, p, id, r);
	}
	if (columns->extra) {
		*p++ = ',';
		p = c->extra.p ? insert_string(c, p, c->extra) : put_null(p);
	}
	*p++ = ')';
	c->text_len = (size_t)(p - c->text);
	c->rows++;
	return 0;
}

int insert_send(struct my_conn *c)
{
	c->rows = 0;
	if (mysql_real_query(c->db, c->text, c->text_len) == 0)
		return 0;
	my_failed(c, "inserting");
	return query_is_refusal(c) ? 1 : ERR_RETRY;
}
