#include <string.h>

#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/jsontext.h"
#include "lib/sql.h"

bool sql_row_time(const struct sql_settings *s, struct record *r)
{
	if (!record_time_astray(r, s->back_ns, s->ahead_ns))
		return false;
	RECORD_SET(r, last_switched, r->received);
	RECORD_SET(r, time_source, field_word_value(FIELD_time_source, "received", 8));
	return true;
}

static uint64_t number_of(const struct record *r, enum field_id id)
{
	const void *v = record_field(r, id);
	return fields[id].kind == KIND_U64 ? *(const uint64_t *)v : ((const struct instant *)v)->ns;
}

unsigned sql_row_saturated(const struct sql_columns *c, const struct record *r)
{
	unsigned count = 0;
	for (unsigned w = 0; w < FIELD_WORDS; w++)
		for (uint64_t bits = r->present[w] & c->signed_bits[w]; bits; bits &= bits - 1)
			count += number_of(r, w * 64 + (unsigned)__builtin_ctzll(bits)) > INT64_MAX;
	return count;
}

/* Valid UTF-8 without NUL. */
static bool is_clean(const struct text *t)
{
	const uint8_t *p = (const uint8_t *)t->p;
	for (size_t i = 0, n; i < t->len; i += n) {
		n = utf8_length(p + i, t->len - i);
		if (n == 0 || p[i] == 0)
			return false;
	}
	return true;
}

size_t sql_text(const struct text *t, const char **text, char *out)
{
	const uint8_t *p = (const uint8_t *)t->p;
	char *o = out;
	*text = t->p;
	if (is_clean(t))
		return t->len;
	for (size_t i = 0, n; i < t->len; i += n ? n : 1) {
		n = utf8_length(p + i, t->len - i);
		bool bad = n == 0 || p[i] == 0;
		size_t len = bad ? 3 : n;
		memcpy(o, bad ? (const uint8_t *)"\xef\xbf\xbd" : p + i, len);
		o += len;
	}
	*text = out;
	return (size_t)(o - out);
}

/* Whether a column cannot hold a value of the record as it is. */
static bool is_inexact(const struct record *r, enum field_id id)
{
	return fields[id].kind == KIND_TEXT ? !is_clean(record_field(r, id))
					    : number_of(r, id) > INT64_MAX;
}

/* A counter or a time as in JSON lines; text as hex. */
static char *put_exact(const struct record *r, enum field_id id, char *p)
{
	const void *v = record_field(r, id);
	const struct text *t = v;
	if (fields[id].kind == KIND_U64)
		return jsontext_decimal(p, *(const uint64_t *)v);
	*p++ = '"';
	if (fields[id].kind == KIND_TEXT)
		p = jsontext_hex(p, (const uint8_t *)t->p, t->len);
	else
		p += instant_format(*(const struct instant *)v, p);
	*p++ = '"';
	return p;
}

static size_t exact_room(const struct record *r, enum field_id id)
{
	size_t text = fields[id].kind == KIND_TEXT
			      ? 2 * (size_t)((const struct text *)record_field(r, id))->len
			      : INSTANT_TEXT_MAX;
	return text + strlen(fields[id].name) + sizeof ",\"_hex\":\"\"";
}

/* A member with a comma in front. */
static char *put_member(const struct record *r, enum field_id id, char *p)
{
	size_t len = strlen(fields[id].name);
	*p++ = ',';
	*p++ = '"';
	memcpy(p, fields[id].name, len);
	p += len;
	if (fields[id].kind == KIND_TEXT) {
		memcpy(p, "_hex", 4);
		p += 4;
	}
	*p++ = '"';
	*p++ = ':';
	return put_exact(r, id, p);
}

/* The members of what columns hold inexactly. Returns the end; NULL: no room. */
static char *put_inexact(
	const struct sql_columns *c, const struct record *r, char *p, const char *end)
{
	for (unsigned w = 0; w < FIELD_WORDS; w++)
		for (uint64_t bits = r->present[w] & c->inexact_bits[w]; bits; bits &= bits - 1) {
			enum field_id id = w * 64 + (unsigned)__builtin_ctzll(bits);
			if (!is_inexact(r, id))
				continue;
			if ((size_t)(end - p) < exact_room(r, id))
				return NULL;
			p = put_member(r, id, p);
		}
	return p;
}

int sql_row_extra(const struct sql_columns *c, const struct record *r, char *out, size_t cap)
{
	char *p = put_inexact(c, r, out, out + cap - 1);
	if (!p)
		return ERR_TOO_LARGE;
	if (p == out && !r->extra_count)
		return 0;
	if (r->extra_count) {
		size_t len = jsonl_write_extras(r, p, cap - (size_t)(p - out));
		if (!len)
			return ERR_TOO_LARGE;
		*p = ','; /* in place of its brace */
		p += len;
	} else {
		*p++ = '}';
	}
	*out = '{';
	return (int)(p - out);
}
