/* LOAD DATA LOCAL INFILE, whose "file" is memory. The server may ask for any file at any time, and
 * is never given one: the handler knows memory alone, and that only while our own statement runs.
 */
#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/jsontext.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define VALUE_ROOM 64 /* the longest value that is not text, escaped, with its tab */

static int begin_reading(void **state, const char *name, void *userdata)
{
	struct my_conn *c = userdata;
	(void)name; /* what the server asks for does not matter */
	*state = c;
	c->text_sent = 0;
	return c->loading ? 0 : 1;
}

static int read_some(void *state, char *out, unsigned room)
{
	struct my_conn *c = state;
	size_t left = c->text_len - c->text_sent, n = left < room ? left : room;
	if (!c->loading)
		return -1;
	memcpy(out, c->text + c->text_sent, n);
	c->text_sent += n;
	return (int)n;
}

static void end_reading(void *state)
{
	(void)state;
}

static int say_error(void *state, char *out, unsigned room)
{
	(void)state;
	snprintf(out, room, "the server asked for a file that was not offered");
	return CR_UNKNOWN_ERROR;
}

void load_guard(struct my_conn *c)
{
	mysql_set_local_infile_handler(c->db, begin_reading, read_some, end_reading, say_error, c);
}

/* Bytes with what LOAD DATA takes for something else behind a backslash. */
static char *put_bytes(char *p, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char b = bytes[i];
		if (b == '\\' || b == '\t' || b == '\n')
			*p++ = '\\';
		else if (b == '\0') {
			*p++ = '\\';
			b = '0';
		}
		*p++ = b;
	}
	return p;
}

static char *put_ip(char *p, const struct ip *ip)
{
	bool v4 = ip_is4(ip);
	return put_bytes(p, (const char *)ip->b + (v4 ? 12 : 0), v4 ? 4 : 16);
}

static char *put_word(char *p, enum field_id id, uint8_t value)
{
	char room[20];
	struct piece word = values_word(id, value, room);
	return put_bytes(p, word.p, word.len);
}

static char *put_value(struct my_conn *c, char *p, enum field_id id, const struct record *r)
{
	const void *v = record_field(r, id);
	switch (fields[id].kind) {
	case KIND_U8: return jsontext_decimal(p, *(const uint8_t *)v);
	case KIND_U16: return jsontext_decimal(p, *(const uint16_t *)v);
	case KIND_U32: return jsontext_decimal(p, *(const uint32_t *)v);
	case KIND_U64: return jsontext_decimal(p, *(const uint64_t *)v);
	case KIND_IP: return put_ip(p, v);
	case KIND_MAC: return put_bytes(p, v, sizeof(struct mac));
	case KIND_TIME: return values_datetime(((const struct instant *)v)->ns, p);
	case KIND_WORD: return put_word(p, id, *(const uint8_t *)v);
	default: return put_bytes(p, c->texts[id].p, c->texts[id].len);
	}
}

static char *put_null(char *p)
{
	*p++ = '\\';
	*p++ = 'N';
	return p;
}

int load_add(struct my_conn *c, const struct record *r)
{
	const struct sql_columns *columns = &c->s->columns;
	if (c->rows == 0)
		c->text_len = 0;
	c->arena_used = 0;
	int bytes = values_prepare(c, r);
	size_t need = columns->count * VALUE_ROOM + 2 * (size_t)(bytes > 0 ? bytes : 0);
	if (bytes < 0 || c->text_len + need > TEXT_ROOM || (c->rows && c->text_len > TEXT_FULL))
		return ERR_TOO_LARGE;
	char *p = c->text + c->text_len;
	for (size_t i = 0; i < columns->count; i++) {
		enum field_id id = columns->field[i];
		if (i)
			*p++ = '\t';
		p = record_has(r, id) ? put_value(c, p, id, r) : put_null(p);
	}
	if (columns->extra) {
		*p++ = '\t';
		p = c->extra.p ? put_bytes(p, c->extra.p, c->extra.len) : put_null(p);
	}
	*p++ = '\n';
	c->text_len = (size_t)(p - c->text);
	c->rows++;
	return 0;
}

/* The bytes are taken as they are; JSON has to be told that it is text. */
static void write_statement(struct my_conn *c)
{
	my_sql(c,
		"LOAD DATA LOCAL INFILE 'rows' INTO TABLE `%s` CHARACTER SET binary FIELDS "
		"TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ",
		c->s->set.table);
	for (size_t i = 0; i < c->s->columns.count; i++)
		my_add(c, "%s`%s`", i ? "," : "(", fields[c->s->columns.field[i]].name);
	if (c->s->columns.extra)
		my_add(c, ",@extra) SET `extra` = CONVERT(@extra USING utf8mb4)");
	else
		my_add(c, ")");
}

int load_send(struct my_conn *c)
{
	size_t rows = c->rows;
	c->rows = 0;
	int err = my_run(c, "loading", "SAVEPOINT rows_loaded");
	if (err)
		return err;
	write_statement(c);
	c->loading = true;
	int failed = mysql_real_query(c->db, c->sql, c->sql_len);
	c->loading = false;
	if (failed) {
		my_failed(c, "loading");
		if (!query_is_refusal(c))
			return ERR_RETRY;
	} else if (mysql_warning_count(c->db) == 0 && mysql_affected_rows(c->db) == rows) {
		return 0;
	}
	/* LOCAL clips values and passes rows over with no more than a warning */
	err = my_run(c, "loading", "ROLLBACK TO SAVEPOINT rows_loaded");
	return err ? err : 1;
}
