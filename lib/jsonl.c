/* The writing half of jsonl.h. */
#include "lib/jsonl.h"

#include <pthread.h>
#include <string.h>

#include "lib/base.h"
#include "lib/elements.h"
#include "lib/jsontext.h"
#include "lib/lists.h"

/* Each key with the comma in front of it; the first key's comma becomes the brace. */
#define KEY_ROOM 32 /* the longest key with quotes, comma and colon; copied as one block */
static const struct {
	char text[KEY_ROOM];
	uint8_t len, kind;
	uint16_t offset;
} keys[FIELD_COUNT] = {
#define F(name, kind, dflt, unit, doc, ...)                                                        \
	{",\"" #name "\":", sizeof(",\"" #name "\":") - 1, KIND_##kind,                            \
		offsetof(struct record, name)},
#define W(field, value, word)
#include "lib/fields.def"
#undef F
#undef W
};

#define VALUE_ROOM 64 /* the longest value that is not text */
#define FIXED_ROOM (FIELD_COUNT * (KEY_ROOM + VALUE_ROOM) + 64)

/* What text takes: its string, and its hex under a key of its own. */
#define TEXT_ROOM(len) (8 * (size_t)(len) + 2 * KEY_ROOM)
/* What an extra takes: its name, value and hex, and what stands around them. */
#define EXTRA_ROOM(len)                                                                            \
	(8 * (size_t)(len) + ELEMENT_NAME_MAX + ELEMENT_VALUE_ROOM + KEY_ROOM + NUMBER_ROOM)
/* What the values of a record's lists may take, all together. */
#define LISTS_ROOM (1024 * 1024)
/* What the numbers of an element take: "element":"en4294967295:id65535", */
#define NUMBER_ROOM 40

#define KEY_FITS(name)                      _Static_assert(sizeof(#name) + 4 <= KEY_ROOM, "a key fits its room");
#define F(name, kind, dflt, unit, doc, ...) KEY_FITS(name)
#define W(field, value, word)
#include "lib/fields.def"
#undef F
#undef W

static char *put(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}

#define PUT(out, literal) put((out), (literal), sizeof(literal) - 1)

static char *put_quoted_time(char *out, const struct instant *t)
{
	*out++ = '"';
	out += instant_format(*t, out);
	*out++ = '"';
	return out;
}

static char *put_quoted_ip(char *out, const struct ip *ip)
{
	*out++ = '"';
	out += ip_format(ip, out);
	*out++ = '"';
	return out;
}

static char *put_quoted_mac(char *out, const struct mac *mac)
{
	for (int i = 0; i < 6; i++) {
		*out++ = i ? ':' : '"';
		out = jsontext_hex(out, &mac->b[i], 1);
	}
	*out++ = '"';
	return out;
}

static char *put_word(char *out, enum field_id id, uint8_t value)
{
	const char *word = field_word(id, value);
	if (!word)
		return jsontext_decimal(out, value);
	*out++ = '"';
	out = put(out, word, strlen(word));
	*out++ = '"';
	return out;
}

/* Text, and where it does not survive as JSON its bytes under NAME_hex. */
static char *put_text(char *out, enum field_id id, const struct text *t)
{
	bool exact = true;
	out = jsontext_quote(out, t->p, t->len, &exact);
	if (exact)
		return out;
	out = put(out, keys[id].text, keys[id].len - 2u);
	out = PUT(out, "_hex\":\"");
	out = jsontext_hex(out, (const uint8_t *)t->p, t->len);
	*out++ = '"';
	return out;
}

static char *put_value(char *out, enum field_id id, const char *value)
{
	switch (keys[id].kind) {
	case KIND_U8: return jsontext_decimal(out, *(const uint8_t *)value);
	case KIND_U16: return jsontext_decimal(out, *(const uint16_t *)(const void *)value);
	case KIND_U32: return jsontext_decimal(out, *(const uint32_t *)(const void *)value);
	case KIND_U64: return jsontext_decimal(out, *(const uint64_t *)(const void *)value);
	case KIND_IP: return put_quoted_ip(out, (const struct ip *)value);
	case KIND_MAC: return put_quoted_mac(out, (const struct mac *)value);
	case KIND_TIME: return put_quoted_time(out, (const struct instant *)(const void *)value);
	case KIND_WORD: return put_word(out, id, *(const uint8_t *)value);
	default: return put_text(out, id, (const struct text *)(const void *)value);
	}
}

/* The readable value of an element. Returns its length; 0: there is none. *lists is the room for
 * lists. */
static size_t put_readable(const struct record *r, const struct extra *x, const struct element *e,
	char *out, size_t *lists)
{
	if (!element_is_list(e))
		return element_value_json(e, x->bytes, x->len, out);
	size_t len = list_json(r, x, out, *lists);
	*lists -= len;
	return len;
}

/* One element: {"value":...,"hex":"..."}. */
static char *put_extra(char *out, const struct record *r, const struct extra *x, size_t *lists)
{
	const struct element *e = element_find(x->pen, x->id);
	*out++ = '{';
	if (e && element_is_own(e)) { /* for readers who do not know its name */
		out = PUT(out, "\"element\":\"");
		out += element_number(x->pen, x->id, out);
		out = PUT(out, "\",");
	}
	if (e) {
		char *value = PUT(out, "\"value\":");
		size_t len = put_readable(r, x, e, value, lists);
		if (len) {
			out = value + len;
			*out++ = ',';
		}
	}
	out = PUT(out, "\"hex\":\"");
	out = jsontext_hex(out, x->bytes, x->len);
	return PUT(out, "\"}");
}

/* The object of all extras; those of one element stand next to each other and become an array. */
static char *put_extras(char *out, const struct record *r, size_t lists)
{
	for (uint32_t i = 0; i < r->extra_count;) {
		const struct extra *x = &r->extras[i];
		uint32_t end = i + 1;
		while (end < r->extra_count && r->extras[end].pen == x->pen &&
			r->extras[end].id == x->id)
			end++;
		*out++ = i ? ',' : '{';
		*out++ = '"';
		out += element_name(x->pen, x->id, out);
		out = PUT(out, "\":");
		if (end - i == 1) {
			out = put_extra(out, r, x, &lists);
			i = end;
			continue;
		}
		for (char open = '['; i < end; i++, open = ',') {
			*out++ = open;
			out = put_extra(out, r, &r->extras[i], &lists);
		}
		*out++ = ']';
	}
	*out++ = '}';
	return out;
}

static size_t extras_room(const struct record *r)
{
	size_t room = KEY_ROOM;
	for (uint32_t i = 0; i < r->extra_count; i++)
		room += EXTRA_ROOM(r->extras[i].len);
	return room;
}

static uint64_t text_bits[FIELD_WORDS];

static void find_text_bits(void)
{
	for (unsigned id = 0; id < FIELD_COUNT; id++)
		if (keys[id].kind == KIND_TEXT)
			text_bits[id / 64] |= UINT64_C(1) << (id % 64);
}

/* The presence bits of the fields of kind TEXT. */
static const uint64_t *text_fields(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, find_text_bits);
	return text_bits;
}

static size_t text_room(const struct record *r)
{
	const uint64_t *text = text_fields();
	size_t room = 0;
	for (unsigned w = 0; w < FIELD_WORDS; w++)
		for (uint64_t bits = r->present[w] & text[w]; bits; bits &= bits - 1) {
			unsigned id = w * 64 + (unsigned)__builtin_ctzll(bits);
			room += TEXT_ROOM(((const struct text *)record_field(r, id))->len);
		}
	return room;
}

/* What a record's lists may take of `cap`, of which `room` is for all else. */
static size_t lists_room(size_t cap, size_t room)
{
	return cap - room < LISTS_ROOM ? cap - room : LISTS_ROOM;
}

size_t jsonl_write_extras(const struct record *r, char *out, size_t cap)
{
	size_t room = extras_room(r);
	if (cap < room)
		return 0;
	return (size_t)(put_extras(out, r, lists_room(cap, room)) - out);
}

/* The members of the fields whose bits are set, each with a comma in front. */
static char *put_fields(char *out, const struct record *r, unsigned word, uint64_t bits)
{
	for (; bits; bits &= bits - 1) {
		enum field_id id = word * 64 + (unsigned)__builtin_ctzll(bits);
		memcpy(out, keys[id].text, KEY_ROOM);
		out = put_value(out + keys[id].len, id, (const char *)r + keys[id].offset);
	}
	return out;
}

/* Ends a line that began at `out` with the comma of its first member, which becomes the brace. */
static size_t end_line(const struct record *r, char *out, char *p, size_t lists)
{
	if (r->extra_count) {
		p = PUT(p, ",\"extra\":");
		p = put_extras(p, r, lists);
	}
	if (p == out)
		p++;
	out[0] = '{';
	*p++ = '}';
	*p++ = '\n';
	return (size_t)(p - out);
}

size_t jsonl_write(const struct record *r, char *out, size_t cap)
{
	char *p = out;
	size_t room = FIXED_ROOM + text_room(r) + extras_room(r);
	if (cap < room)
		return 0;
	for (unsigned w = 0; w < FIELD_WORDS; w++)
		p = put_fields(p, r, w, r->present[w]);
	return end_line(r, out, p, lists_room(cap, room));
}

/* Renders the shared fields, if they take no more than their room: text among them may be long. */
static void keep_prefix(struct jsonl_prefix *prefix, const struct record *r)
{
	char text[FIXED_ROOM], *p = text;
	prefix->len = 0;
	for (unsigned w = 0; w < FIELD_WORDS; w++) {
		if (r->shared[w] & text_fields()[w])
			return;
		p = put_fields(p, r, w, r->shared[w]);
	}
	if ((size_t)(p - text) > sizeof prefix->text)
		return;
	prefix->len = (size_t)(p - text);
	prefix->share_id = r->share_id;
	memcpy(prefix->text, text, prefix->len);
}

size_t jsonl_write_run(struct jsonl_prefix *prefix, const struct record *r, char *out, size_t cap)
{
	if (!prefix->len || prefix->share_id != r->share_id)
		keep_prefix(prefix, r);
	size_t room = FIXED_ROOM + text_room(r) + extras_room(r);
	if (!prefix->len || cap < room)
		return jsonl_write(r, out, cap);
	char *p = put(out, prefix->text, prefix->len);
	for (unsigned w = 0; w < FIELD_WORDS; w++)
		p = put_fields(p, r, w, r->present[w] & ~r->shared[w]);
	return end_line(r, out, p, lists_room(cap, room));
}
