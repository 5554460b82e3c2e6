/* The reading half of jsonl.h: a strict parser of one JSON object (RFC 8259) into a record. */
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/elements.h"
#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/jsontext.h"

#define DEPTH_MAX 32 /* of nested values that are passed over */

struct jsonl_reader {
	const char *p, *end; /* NULL p: syntax error, at `bad` */
	const char *bad;
	int err;
	char *arena; /* unescaped strings and bytes of the line; JSONL_LINE_MAX */
	size_t used;
	uint64_t hex_seen[FIELD_WORDS]; /* text fields whose exact bytes came as NAME_hex */
	struct text *counters;          /* of a line of counters; NULL: it is to be a flow's */
	bool is_counters;               /* its type says so */
};

struct jsonl_reader *jsonl_reader_new(void)
{
	struct jsonl_reader *j = calloc(1, sizeof *j);
	if (j && !(j->arena = malloc(JSONL_LINE_MAX))) {
		free(j);
		return NULL;
	}
	return j;
}

void jsonl_reader_free(struct jsonl_reader *j)
{
	if (j)
		free(j->arena);
	free(j);
}

/* The first failure stays. After it the position is at the end, so that every loop ends. */
static bool fail(struct jsonl_reader *j, int err)
{
	if (!j->err) {
		j->err = err;
		j->bad = j->p;
	}
	j->p = j->end;
	return false;
}

static char peek(struct jsonl_reader *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\r' || *j->p == '\n'))
		j->p++;
	return j->p < j->end ? *j->p : '\0';
}

/* Takes c if it is next, white space before it aside. */
static bool accept(struct jsonl_reader *j, char c)
{
	if (peek(j) != c || j->p == j->end)
		return false;
	j->p++;
	return true;
}

static bool expect(struct jsonl_reader *j, char c)
{
	return accept(j, c) || fail(j, ERR_JSON_SYNTAX);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_u16_escape(struct jsonl_reader *j, uint32_t *out)
{
	uint32_t v = 0;
	if (j->end - j->p < 4)
		return fail(j, ERR_JSON_SYNTAX);
	for (int i = 0; i < 4; i++) {
		int d = hex_digit(*j->p);
		if (d < 0)
			return fail(j, ERR_JSON_SYNTAX);
		v = v << 4 | (uint32_t)d;
		j->p++;
	}
	*out = v;
	return true;
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* \uXXXX, and the second half of a surrogate pair (RFC 8259, section 7). */
static bool read_unicode(struct jsonl_reader *j)
{
	uint32_t c, low;
	if (!read_u16_escape(j, &c))
		return false;
	if (c >= 0xd800 && c < 0xdc00) {
		if (j->end - j->p < 2 || j->p[0] != '\\' || j->p[1] != 'u')
			return fail(j, ERR_JSON_SYNTAX);
		j->p += 2;
		if (!read_u16_escape(j, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return fail(j, ERR_JSON_SYNTAX);
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xdc00 && c < 0xe000) {
		return fail(j, ERR_JSON_SYNTAX);
	}
	j->used += put_utf8(j->arena + j->used, c);
	return true;
}

static bool read_escape(struct jsonl_reader *j)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (j->p == j->end)
		return fail(j, ERR_JSON_SYNTAX);
	char c = *j->p++;
	if (c == 'u')
		return read_unicode(j);
	const char *at = c ? strchr(from, c) : NULL;
	if (!at)
		return fail(j, ERR_JSON_SYNTAX);
	j->arena[j->used++] = to[at - from];
	return true;
}

/* A string into the arena. No escape makes it longer than it is in the line, so it always fits. */
static bool read_string(struct jsonl_reader *j, struct text *out)
{
	size_t start = j->used;
	if (!expect(j, '"'))
		return false;
	for (;;) {
		if (j->p == j->end || (uint8_t)*j->p < 0x20)
			return fail(j, ERR_JSON_SYNTAX);
		if (*j->p == '"')
			break;
		if (*j->p == '\\') {
			j->p++;
			if (!read_escape(j))
				return false;
			continue;
		}
		size_t n = utf8_length((const uint8_t *)j->p, (size_t)(j->end - j->p));
		if (!n)
			return fail(j, ERR_JSON_SYNTAX);
		memcpy(j->arena + j->used, j->p, n);
		j->used += n;
		j->p += n;
	}
	j->p++;
	*out = (struct text){j->arena + start, (uint32_t)(j->used - start)};
	return true;
}

/* A whole number from 0 to max. */
static bool read_number(struct jsonl_reader *j, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	char c = peek(j);
	const char *start = j->p;
	if (c < '0' || c > '9')
		return fail(j, ERR_JSON_VALUE);
	for (; j->p < j->end && *j->p >= '0' && *j->p <= '9'; j->p++) {
		uint64_t digit = (uint64_t)(*j->p - '0');
		if (v > (max - digit) / 10)
			return fail(j, ERR_JSON_VALUE);
		v = v * 10 + digit;
	}
	if (*start == '0' && j->p - start > 1)
		return fail(j, ERR_JSON_SYNTAX);
	if (j->p < j->end && (*j->p == '.' || *j->p == 'e' || *j->p == 'E'))
		return fail(j, ERR_JSON_VALUE);
	*out = v;
	return true;
}

static bool skip_literal(struct jsonl_reader *j, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(j->end - j->p) < len || memcmp(j->p, word, len) != 0)
		return fail(j, ERR_JSON_SYNTAX);
	j->p += len;
	return true;
}

static bool skip_digits(struct jsonl_reader *j)
{
	const char *start = j->p;
	while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
		j->p++;
	return j->p > start || fail(j, ERR_JSON_SYNTAX);
}

static bool skip_number(struct jsonl_reader *j)
{
	if (*j->p == '-')
		j->p++;
	if (!skip_digits(j))
		return false;
	if (j->p < j->end && *j->p == '.') {
		j->p++;
		if (!skip_digits(j))
			return false;
	}
	if (j->p < j->end && (*j->p == 'e' || *j->p == 'E')) {
		j->p++;
		if (j->p < j->end && (*j->p == '+' || *j->p == '-'))
			j->p++;
		return skip_digits(j);
	}
	return true;
}

/* Passes over any value. */
static bool skip_value(struct jsonl_reader *j, int depth)
{
	struct text ignored;
	size_t used = j->used;
	char c = peek(j), close = c == '{' ? '}' : ']';

	if (depth > DEPTH_MAX)
		return fail(j, ERR_JSON_SYNTAX);
	switch (c) {
	case '"':
		if (!read_string(j, &ignored))
			return false;
		j->used = used;
		return true;
	case 't': return skip_literal(j, "true");
	case 'f': return skip_literal(j, "false");
	case 'n': return skip_literal(j, "null");
	case '{':
	case '[': break;
	default:
		return (c == '-' || (c >= '0' && c <= '9')) ? skip_number(j)
							    : fail(j, ERR_JSON_SYNTAX);
	}
	j->p++;
	if (accept(j, close))
		return true;
	do {
		if (c == '{') {
			if (!read_string(j, &ignored) || !expect(j, ':'))
				return false;
			j->used = used;
		}
		if (!skip_value(j, depth + 1))
			return false;
	} while (accept(j, ','));
	return expect(j, close);
}

/* A string of hex digits as bytes, which take the place of the digits in the arena. */
static bool read_hex(struct jsonl_reader *j, struct text *out)
{
	struct text digits;
	size_t start = j->used;
	if (peek(j) != '"')
		return fail(j, ERR_JSON_VALUE);
	if (!read_string(j, &digits))
		return false;
	if (digits.len % 2 || digits.len / 2 > UINT16_MAX)
		return fail(j, ERR_JSON_VALUE);
	for (uint32_t i = 0; i < digits.len; i += 2) {
		int high = hex_digit(digits.p[i]), low = hex_digit(digits.p[i + 1]);
		if (high < 0 || low < 0)
			return fail(j, ERR_JSON_VALUE);
		j->arena[start + i / 2] = (char)(high << 4 | low);
	}
	j->used = start + digits.len / 2;
	*out = (struct text){j->arena + start, digits.len / 2};
	return true;
}

static int parse_mac(const struct text *t, struct mac *out)
{
	if (t->len != 17)
		return ERR_SYNTAX;
	for (int i = 0; i < 6; i++) {
		int high = hex_digit(t->p[3 * i]), low = hex_digit(t->p[3 * i + 1]);
		if (high < 0 || low < 0 || (i && t->p[3 * i - 1] != ':'))
			return ERR_SYNTAX;
		out->b[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static bool read_word(struct jsonl_reader *j, enum field_id id, uint8_t *out)
{
	struct text t;
	uint64_t n;
	if (peek(j) != '"') {
		if (!read_number(j, UINT8_MAX, &n))
			return false;
		*out = (uint8_t)n;
		return true;
	}
	if (!read_string(j, &t))
		return false;
	*out = field_word_value(id, t.p, t.len);
	return *out || fail(j, ERR_JSON_VALUE);
}

static bool read_integer(struct jsonl_reader *j, unsigned bytes, void *out)
{
	uint64_t v, max = bytes == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1;
	if (!read_number(j, max, &v))
		return false;
	memcpy(out, &v, bytes); /* little-endian: the low bytes come first */
	return true;
}

/* The values that are written as strings. */
static bool read_quoted(struct jsonl_reader *j, enum field_id id, void *value)
{
	struct text t;
	int err = 0;
	const char *at = j->p;
	if (peek(j) != '"')
		return fail(j, ERR_JSON_VALUE);
	if (!read_string(j, &t))
		return false;
	switch (fields[id].kind) {
	case KIND_IP: err = ip_parse(t.p, t.len, value); break;
	case KIND_MAC: err = parse_mac(&t, value); break;
	case KIND_TIME: err = instant_parse(t.p, t.len, value); break;
	default:
		if (t.len > UINT16_MAX)
			err = ERR_SYNTAX;
		else if (!(j->hex_seen[id / 64] >> (id % 64) & 1))
			*(struct text *)value = t;
		break;
	}
	if (err) {
		j->p = at;
		return fail(j, ERR_JSON_VALUE);
	}
	return true;
}

static bool read_field(struct jsonl_reader *j, enum field_id id, struct record *r)
{
	void *value = (char *)r + fields[id].offset;
	bool ok;
	if (peek(j) == 'n') /* null is as good as absent */
		return skip_literal(j, "null");
	switch (fields[id].kind) {
	case KIND_U8: ok = read_integer(j, 1, value); break;
	case KIND_U16: ok = read_integer(j, 2, value); break;
	case KIND_U32: ok = read_integer(j, 4, value); break;
	case KIND_U64: ok = read_integer(j, 8, value); break;
	case KIND_WORD: ok = read_word(j, id, value); break;
	default: ok = read_quoted(j, id, value); break;
	}
	if (ok)
		record_mark(r, id);
	return ok;
}

/* {"value":...,"hex":"..."}: the hex is what counts. */
static bool read_extra(struct jsonl_reader *j, uint32_t pen, uint16_t id, struct record *r)
{
	struct text key, bytes = {NULL, 0};
	size_t used = j->used;
	if (!expect(j, '{'))
		return false;
	do {
		if (!read_string(j, &key) || !expect(j, ':'))
			return false;
		bool hex = key.len == 3 && memcmp(key.p, "hex", 3) == 0 && !bytes.p;
		if (!bytes.p)
			j->used = used;
		if (hex ? !read_hex(j, &bytes) : !skip_value(j, 0))
			return false;
	} while (accept(j, ','));
	if (!expect(j, '}'))
		return false;
	if (!bytes.p || r->extra_count == EXTRAS_MAX)
		return fail(j, ERR_JSON_VALUE);
	r->extras[r->extra_count++] =
		(struct extra){pen, id, (uint16_t)bytes.len, (const uint8_t *)bytes.p};
	return true;
}

/* Looks ahead into what is there of an element whose name is not known, for what its numbers are.
 */
static bool tells_numbers(const struct jsonl_reader *reader, uint32_t *pen, uint16_t *id)
{
	struct jsonl_reader ahead = *reader, *j = &ahead;
	struct text key;
	accept(j, '[');
	if (peek(j) != '{' || !expect(j, '{'))
		return false;
	do {
		if (!read_string(j, &key) || !expect(j, ':'))
			return false;
		bool numbers = key.len == 7 && memcmp(key.p, "element", 7) == 0;
		if (numbers && peek(j) == '"')
			return read_string(j, &key) &&
			       element_by_name(key.p, key.len, pen, id) == 0;
		if (!skip_value(j, 0))
			return false;
	} while (accept(j, ','));
	return false;
}

/* One element by name: an object, or an array of them. */
static bool read_element(struct jsonl_reader *j, struct record *r, uint64_t *unknown)
{
	struct text name;
	uint32_t pen;
	uint16_t id;
	size_t used = j->used;
	if (!read_string(j, &name) || !expect(j, ':'))
		return false;
	bool known = element_by_name(name.p, name.len, &pen, &id) == 0;
	j->used = used;
	if (!known)
		known = tells_numbers(j, &pen, &id);
	if (!known) {
		++*unknown;
		return skip_value(j, 0);
	}
	if (!accept(j, '['))
		return read_extra(j, pen, id, r);
	do {
		if (!read_extra(j, pen, id, r))
			return false;
	} while (accept(j, ','));
	return expect(j, ']');
}

static bool read_extras(struct jsonl_reader *j, struct record *r, uint64_t *unknown)
{
	if (peek(j) == 'n')
		return skip_literal(j, "null");
	if (!expect(j, '{'))
		return false;
	if (accept(j, '}'))
		return true;
	do {
		if (!read_element(j, r, unknown))
			return false;
	} while (accept(j, ','));
	return expect(j, '}');
}

/* The text field that a key NAME_hex belongs to, or -1. */
static int hex_field(const struct text *key)
{
	if (key->len < 5 || memcmp(key->p + key->len - 4, "_hex", 4) != 0)
		return -1;
	int id = field_by_name(key->p, key->len - 4);
	return id >= 0 && fields[id].kind == KIND_TEXT ? id : -1;
}

static bool is_key(const struct text *key, const char *name)
{
	return key->len == strlen(name) && memcmp(key->p, name, key->len) == 0;
}

/* Lines of another type than flows, which have keys of flows too, are none. */
static bool read_type(struct jsonl_reader *j, uint64_t *unknown)
{
	struct text type;
	if (peek(j) == '"') {
		if (!read_string(j, &type))
			return false;
		j->is_counters = is_key(&type, "counters");
		if (j->is_counters)
			return j->counters || fail(j, ERR_OTHER_RECORD);
	} else if (!skip_value(j, 0)) {
		return false;
	}
	++*unknown;
	return true;
}

static bool read_counters(struct jsonl_reader *j)
{
	if (peek(j) != '{')
		return fail(j, ERR_JSON_VALUE);
	const char *start = j->p;
	if (!skip_value(j, 0))
		return false;
	*j->counters = (struct text){start, (uint32_t)(j->p - start)};
	return true;
}

static bool read_member(struct jsonl_reader *j, struct record *r, uint64_t *unknown)
{
	struct text key = {NULL, 0};
	size_t used = j->used;
	if (!read_string(j, &key) || !expect(j, ':'))
		return false;
	int id = field_by_name(key.p, key.len);
	int exact = id < 0 ? hex_field(&key) : -1;
	bool extra = is_key(&key, "extra"), type = is_key(&key, "type");
	bool counters = j->counters && is_key(&key, "counters");
	j->used = used;
	if (id >= 0)
		return read_field(j, (enum field_id)id, r);
	if (exact >= 0) {
		j->hex_seen[exact / 64] |= UINT64_C(1) << (exact % 64);
		record_mark(r, (enum field_id)exact);
		return read_hex(j, (struct text *)((char *)r + fields[exact].offset));
	}
	if (extra)
		return read_extras(j, r, unknown);
	if (type)
		return read_type(j, unknown);
	if (counters)
		return read_counters(j);
	++*unknown;
	return skip_value(j, 0);
}

static bool read_line(struct jsonl_reader *j, struct record *r, uint64_t *unknown)
{
	if (!expect(j, '{'))
		return false;
	if (!accept(j, '}')) {
		do {
			if (!read_member(j, r, unknown))
				return false;
		} while (accept(j, ','));
		if (!expect(j, '}'))
			return false;
	}
	peek(j);
	return j->p == j->end || fail(j, ERR_JSON_SYNTAX);
}

int jsonl_read(struct jsonl_reader *j, const char *line, size_t len, struct record *r,
	size_t *offset, uint64_t *unknown)
{
	memset(r->present, 0, sizeof r->present);
	memset(r->shared, 0, sizeof r->shared);
	memset(j->hex_seen, 0, sizeof j->hex_seen);
	r->extra_count = 0;
	j->is_counters = false;
	j->p = line;
	j->end = line + len;
	j->err = 0;
	j->used = 0;
	*offset = 0;
	if (len >= JSONL_LINE_MAX)
		return ERR_JSON_VALUE;
	if (!read_line(j, r, unknown))
		*offset = (size_t)(j->bad - line);
	return j->err;
}

int jsonl_read_counters(struct jsonl_reader *j, const char *line, size_t len, struct record *r,
	struct text *counters)
{
	size_t offset;
	uint64_t unknown = 0;
	*counters = (struct text){NULL, 0};
	j->counters = counters;
	int err = jsonl_read(j, line, len, r, &offset, &unknown);
	j->counters = NULL;
	return err || (j->is_counters && counters->p) ? err : ERR_JSON_VALUE;
}
