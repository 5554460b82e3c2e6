/* Bulk-bound statements of MariaDB: arrays of values, a column each, go to the server as they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define WORD_ROOM 20 /* of a word that has none, in decimal */

/* The type that a kind is sent as, and how large a value is in its array. */
static const struct {
	enum enum_field_types type;
	uint8_t size;
	bool has_length;
} shapes[KIND_COUNT] = {
	[KIND_U8] = {MYSQL_TYPE_TINY, 1, false},
	[KIND_U16] = {MYSQL_TYPE_SHORT, 2, false},
	[KIND_U32] = {MYSQL_TYPE_LONG, 4, false},
	[KIND_U64] = {MYSQL_TYPE_LONGLONG, 8, false},
	[KIND_IP] = {MYSQL_TYPE_BLOB, sizeof(struct ip), true},
	[KIND_MAC] = {MYSQL_TYPE_BLOB, sizeof(struct mac), true},
	[KIND_TIME] = {MYSQL_TYPE_DATETIME, sizeof(MYSQL_TIME), false},
	[KIND_TEXT] = {MYSQL_TYPE_STRING, 0, true},
	[KIND_WORD] = {MYSQL_TYPE_STRING, WORD_ROOM, true},
};

static uint8_t kind_of(const struct my_conn *c, size_t column)
{
	const struct sql_columns *columns = &c->s->columns;
	return column < columns->count ? fields[columns->field[column]].kind : (uint8_t)KIND_TEXT;
}

/* Cuts a piece off the memory; with none to cut from (p NULL), only counts. */
static void *cut(char *memory, size_t *used, size_t size)
{
	void *p = memory ? memory + *used : NULL;
	*used += (size + 15) & ~(size_t)15;
	return p;
}

/* Lays the arrays out in the memory (NULL: only counts). Returns how much they take. */
static size_t lay_out(struct my_conn *c, char *memory)
{
	size_t count = c->s->columns.count + c->s->columns.extra, used = 0;
	MYSQL_BIND *binds = cut(memory, &used, count * sizeof *binds);
	struct bulk_column *columns = cut(memory, &used, count * sizeof *columns);
	for (size_t i = 0; i < count; i++) {
		uint8_t kind = kind_of(c, i);
		struct bulk_column b = {
			.values = cut(memory, &used, (size_t)shapes[kind].size * BULK_ROWS),
			.indicators = cut(memory, &used, BULK_ROWS)};
		/* the library takes arrays of numbers, but of pointers for all else */
		if (shapes[kind].has_length || kind == KIND_TIME)
			b.pointers = cut(memory, &used, BULK_ROWS * sizeof *b.pointers);
		if (shapes[kind].has_length)
			b.lengths = cut(memory, &used, BULK_ROWS * sizeof *b.lengths);
		if (!memory)
			continue;
		columns[i] = b;
		binds[i] = (MYSQL_BIND){.buffer_type = shapes[kind].type,
			.buffer = b.pointers ? (void *)b.pointers : b.values,
			.length = b.lengths,
			.u.indicator = b.indicators,
			.is_unsigned = 1};
	}
	c->binds = binds;
	c->bulk = columns;
	return used;
}

static int allocate(struct my_conn *c)
{
	if (c->bulk_memory)
		return 0;
	c->bulk_memory = calloc(1, lay_out(c, NULL));
	if (!c->bulk_memory)
		return ERR_MEMORY;
	lay_out(c, c->bulk_memory);
	return 0;
}

int bulk_open(struct my_conn *c)
{
	size_t count = c->s->columns.count + c->s->columns.extra;
	if (allocate(c) || !(c->statement = mysql_stmt_init(c->db))) {
		snprintf(c->why, sizeof c->why, "preparing: out of memory");
		return ERR_RETRY;
	}
	my_sql(c, "INSERT INTO `%s` ", c->s->set.table);
	schema_add_columns(c);
	my_add(c, ") VALUES (");
	for (size_t i = 0; i < count; i++)
		my_add(c, i ? ",?" : "?");
	my_add(c, ")");
	unsigned rows =
		BULK_ROWS; /* told before the arrays are bound, so that they are taken for arrays */
	if (mysql_stmt_prepare(c->statement, c->sql, c->sql_len) ||
		mysql_stmt_attr_set(c->statement, STMT_ATTR_ARRAY_SIZE, &rows) ||
		mysql_stmt_bind_param(c->statement, c->binds))
		return my_statement_failed(c, "preparing");
	return 0;
}

void bulk_close(struct my_conn *c)
{
	if (c->statement)
		mysql_stmt_close(c->statement);
	c->statement = NULL;
}

void bulk_free(struct my_conn *c)
{
	free(c->bulk_memory);
}

static void set_piece(struct bulk_column *b, size_t row, const void *p, size_t len)
{
	b->pointers[row] = p;
	b->lengths[row] = len;
}

static void set_ip(struct bulk_column *b, size_t row, const struct ip *ip)
{
	struct ip *own = (struct ip *)b->values + row;
	bool v4 = ip_is4(ip);
	*own = *ip;
	set_piece(b, row, own->b + (v4 ? 12 : 0), v4 ? 4 : 16);
}

static void set_word(struct bulk_column *b, size_t row, enum field_id id, uint8_t value)
{
	struct piece word = values_word(id, value, (char *)b->values + row * WORD_ROOM);
	set_piece(b, row, word.p, word.len);
}

static void set_value(struct my_conn *c, enum field_id id, const struct record *r)
{
	struct bulk_column *b = &c->bulk[c->column_of[id]];
	const void *v = record_field(r, id);
	size_t row = c->rows;
	b->indicators[row] = STMT_INDICATOR_NONE;
	switch (fields[id].kind) {
	case KIND_U8: ((uint8_t *)b->values)[row] = *(const uint8_t *)v; break;
	case KIND_U16: ((uint16_t *)b->values)[row] = *(const uint16_t *)v; break;
	case KIND_U32: ((uint32_t *)b->values)[row] = *(const uint32_t *)v; break;
	case KIND_U64: ((uint64_t *)b->values)[row] = *(const uint64_t *)v; break;
	case KIND_IP: set_ip(b, row, v); break;
	case KIND_MAC:
		memcpy((struct mac *)b->values + row, v, sizeof(struct mac));
		set_piece(b, row, (struct mac *)b->values + row, sizeof(struct mac));
		break;
	case KIND_TIME:
		b->pointers[row] = (MYSQL_TIME *)b->values + row;
		values_time(((const struct instant *)v)->ns, (MYSQL_TIME *)b->values + row);
		break;
	case KIND_WORD: set_word(b, row, id, *(const uint8_t *)v); break;
	default: set_piece(b, row, c->texts[id].p, c->texts[id].len);
	}
}

static void clear_rows(struct my_conn *c)
{
	size_t count = c->s->columns.count + c->s->columns.extra;
	for (size_t i = 0; i < count; i++)
		memset(c->bulk[i].indicators, STMT_INDICATOR_NULL, BULK_ROWS);
	c->arena_used = 0;
	c->bytes = 0;
}

int bulk_add(struct my_conn *c, const struct record *r)
{
	const struct sql_columns *columns = &c->s->columns;
	size_t most = c->packet_max / 2 < TEXT_FULL * 2 ? c->packet_max / 2 : TEXT_FULL * 2;
	if (c->rows == 0)
		clear_rows(c);
	if (c->rows == BULK_ROWS)
		return ERR_TOO_LARGE;
	int bytes = values_prepare(c, r);
	if (bytes < 0 || (c->rows && c->bytes + (size_t)bytes > most) ||
		(size_t)bytes > c->packet_max / 4 * 3)
		return ERR_TOO_LARGE;
	for (unsigned w = 0; w < FIELD_WORDS; w++)
		for (uint64_t bits = r->present[w] & columns->bits[w]; bits; bits &= bits - 1)
			set_value(c, w * 64 + (unsigned)__builtin_ctzll(bits), r);
	if (c->extra.p) {
		c->bulk[columns->count].indicators[c->rows] = STMT_INDICATOR_NONE;
		set_piece(&c->bulk[columns->count], c->rows, c->extra.p, c->extra.len);
	}
	c->rows++;
	c->bytes += (size_t)bytes;
	return 0;
}

int bulk_send(struct my_conn *c)
{
	unsigned rows = (unsigned)c->rows;
	c->rows = 0;
	if (mysql_stmt_attr_set(c->statement, STMT_ATTR_ARRAY_SIZE, &rows) ||
		mysql_stmt_execute(c->statement)) {
		my_statement_failed(c, "inserting");
		return query_is_refusal(c) ? 1 : ERR_RETRY;
	}
	return 0;
}
