#include "lib/record.h"

#include <string.h>

#include "lib/base.h"
#include "lib/err.h"

#define ENTRY_HEAD       4
#define ENTRY_LENGTH_MAX 0xffffff
#define WORDS_MAX        4  /* presence words that an entry's flags can name */
#define COPY             16 /* fixed values are moved in one copy of this size */

_Static_assert(FIELD_WORDS <= WORDS_MAX, "an entry names at most four presence words");

/* Bytes of a packed value by kind; 0: it depends on the value. A struct instant begins with its
 * nine packed bytes, and integers are little-endian in memory, so all of these are plain copies. */
static const uint8_t packed_size[KIND_COUNT] = {
	[KIND_U8] = 1,
	[KIND_U16] = 2,
	[KIND_U32] = 4,
	[KIND_U64] = 8,
	[KIND_MAC] = 6,
	[KIND_TIME] = 9,
	[KIND_WORD] = 1,
};
_Static_assert(offsetof(struct instant, digits) == 8, "the packed form of a time");

/* What packing needs of a field, dense enough to stay in the cache. */
static const struct {
	uint16_t offset;
	uint8_t kind;
} layout[FIELD_COUNT] = {
#define F(name, kind, dflt, unit, doc, ...) {offsetof(struct record, name), KIND_##kind},
#define W(field, value, word)
#include "lib/fields.def"
#undef F
#undef W
};

/* Fixed copies may read this far behind the last member. */
_Static_assert(sizeof(struct record) - offsetof(struct record, present) >= COPY,
	"a fixed copy stays inside the record");

/* The most that all values but text and extras take, with room for the last fixed copy. */
#define FIXED_MAX (ENTRY_HEAD + 8 * WORDS_MAX + FIELD_COUNT * 17 + 2 + COPY)

static uint8_t *put_ip(uint8_t *p, const struct ip *ip)
{
	if (ip_is4(ip)) {
		*p = 4;
		memcpy(p + 1, ip->b + 12, 4);
		return p + 5;
	}
	*p = 16;
	memcpy(p + 1, ip->b, 16);
	return p + 17;
}

/* A text's length and bytes, taken from the budget; NULL when that is used up. */
static uint8_t *put_text(uint8_t *p, const struct text *t, size_t *budget)
{
	if (t->len > UINT16_MAX || *budget < t->len + 2)
		return NULL;
	*budget -= t->len + 2;
	uint16_t len = (uint16_t)t->len;
	memcpy(p, &len, 2);
	memcpy(p + 2, t->p, len);
	return p + 2 + len;
}

static uint8_t *put_extras(uint8_t *p, const struct record *r, size_t *budget)
{
	uint16_t count = (uint16_t)r->extra_count;
	memcpy(p, &count, 2);
	p += 2;
	for (uint16_t i = 0; i < count; i++) {
		const struct extra *x = &r->extras[i];
		if (*budget < 8u + x->len)
			return NULL;
		*budget -= 8u + x->len;
		memcpy(p, &x->pen, 4);
		memcpy(p + 4, &x->id, 2);
		memcpy(p + 6, &x->len, 2);
		memcpy(p + 8, x->bytes, x->len);
		p += 8 + x->len;
	}
	return p;
}

/* How to pack a set of fields: neighbours in memory of fixed size go in one copy. */
struct piece {
	uint16_t offset;
	uint8_t kind; /* KIND_IP or KIND_TEXT, if size is 0 */
	uint8_t size; /* of a plain copy, at most COPY */
};

struct pieces {
	uint64_t which[FIELD_WORDS]; /* the fields; none before the first use */
	uint16_t count;
	struct piece list[FIELD_COUNT];
};

#define PIECES_KEPT_BITS 4

static void add_piece(struct pieces *all, unsigned id)
{
	uint8_t size = packed_size[layout[id].kind];
	struct piece *last = all->count ? &all->list[all->count - 1] : NULL;
	if (last && last->size && size && last->offset + last->size == layout[id].offset &&
		last->size + size <= COPY) {
		last->size = (uint8_t)(last->size + size);
		return;
	}
	all->list[all->count++] = (struct piece){layout[id].offset, layout[id].kind, size};
}

static void make_pieces(struct pieces *all, const uint64_t *which)
{
	all->count = 0;
	for (unsigned w = 0; w < FIELD_WORDS; w++) {
		all->which[w] = which[w];
		for (uint64_t bits = which[w]; bits; bits &= bits - 1)
			add_piece(all, w * 64 + (unsigned)__builtin_ctzll(bits));
	}
}

static const struct pieces *find_pieces(const uint64_t *which, bool shared)
{
	static _Thread_local struct pieces kept[2][1 << PIECES_KEPT_BITS];
	uint64_t h = 0;
	for (unsigned w = 0; w < FIELD_WORDS; w++)
		h = (h ^ which[w]) * UINT64_C(0x9e3779b97f4a7c15);
	struct pieces *all = &kept[shared][h >> (64 - PIECES_KEPT_BITS)];
	if (memcmp(all->which, which, sizeof all->which) != 0)
		make_pieces(all, which);
	return all;
}

/* The pieces for a set of fields. Records have but a few such sets, in turn: some are kept, those
 * of shared entries apart. The last one is at hand. */
static const struct pieces *pieces_for(const uint64_t *which, bool shared)
{
	static const struct pieces none;
	static _Thread_local const struct pieces *last[2] = {&none, &none};
	if (memcmp(last[shared]->which, which, sizeof last[shared]->which) != 0)
		last[shared] = find_pieces(which, shared);
	return last[shared];
}

/* The values; NULL when the budget for text is used up. */
static inline uint8_t *put_values(
	uint8_t *p, const struct record *r, const struct pieces *pieces, size_t *budget)
{
	const struct piece *end = pieces->list + pieces->count;
	for (const struct piece *piece = pieces->list; piece < end; piece++) {
		const char *value = (const char *)r + piece->offset;
		if (piece->size) {
			memcpy(p, value, COPY);
			p += piece->size;
		} else if (piece->kind == KIND_IP) {
			p = put_ip(p, (const struct ip *)value);
		} else {
			p = put_text(p, (const struct text *)(const void *)value, budget);
			if (!p)
				return NULL;
		}
	}
	return p;
}

size_t record_pack(
	const struct record *r, const uint64_t *which, unsigned flags, uint8_t *out, size_t cap)
{
	if (cap < FIXED_MAX)
		return 0;
	size_t budget = cap - FIXED_MAX;
	uint8_t *p = out + ENTRY_HEAD;
	uint32_t head = flags << 24;
	for (unsigned w = 0; w < FIELD_WORDS; w++)
		if (which[w]) {
			head |= UINT32_C(1) << (28 + w);
			memcpy(p, &which[w], 8);
			p += 8;
		}
	p = put_values(p, r, pieces_for(which, flags & ENTRY_SHARED), &budget);
	if (p && flags & ENTRY_EXTRAS)
		p = put_extras(p, r, &budget);
	if (!p || (size_t)(p - out) > RECORD_PACKED_MAX)
		return 0;
	head |= (uint32_t)(p - out);
	memcpy(out, &head, ENTRY_HEAD);
	return (size_t)(p - out);
}

size_t entry_length(const uint8_t *p, size_t len, unsigned *flags)
{
	uint32_t head;
	if (len < ENTRY_HEAD)
		return 0;
	memcpy(&head, p, ENTRY_HEAD);
	*flags = head >> 24;
	size_t total = head & ENTRY_LENGTH_MAX;
	return total >= ENTRY_HEAD && total <= len ? total : 0;
}

/* Reading: a little-endian walk over an entry, with the same rules as a cursor. */
struct walk {
	const uint8_t *p, *end;
};

static const uint8_t *take(struct walk *w, size_t n)
{
	if (!w->p || (size_t)(w->end - w->p) < n) {
		w->p = NULL;
		return NULL;
	}
	const uint8_t *at = w->p;
	w->p += n;
	return at;
}

static size_t take_u16(struct walk *w)
{
	uint16_t v = 0;
	const uint8_t *p = take(w, 2);
	if (p)
		memcpy(&v, p, 2);
	return v;
}

static bool get_ip(struct walk *w, struct ip *ip)
{
	const uint8_t *len = take(w, 1);
	if (!len || (*len != 4 && *len != 16))
		return false;
	const uint8_t *p = take(w, *len);
	if (!p)
		return false;
	*ip = *len == 4 ? ip_from4(p) : ip_from6(p);
	return true;
}

/* Reads a value of a kind into `value`. */
static bool get_value(struct walk *w, uint8_t kind, void *value)
{
	if (kind == KIND_IP)
		return get_ip(w, value);
	if (kind == KIND_TEXT) {
		size_t len = take_u16(w);
		const uint8_t *p = take(w, len);
		*(struct text *)value = (struct text){(const char *)p, (uint32_t)len};
		return p != NULL;
	}
	size_t size = kind < KIND_COUNT ? packed_size[kind] : 0;
	const uint8_t *p = size ? take(w, size) : NULL;
	if (!p)
		return false;
	memcpy(value, p, size);
	return true;
}

static bool get_word(struct walk *w, const struct schema *schema, unsigned word, uint64_t bits,
	struct record *r, uint64_t *unknown)
{
	union {
		struct ip ip;
		struct text text;
		struct instant instant;
		uint64_t number;
	} nowhere;

	for (; bits; bits &= bits - 1) {
		unsigned id = word * 64 + (unsigned)__builtin_ctzll(bits);
		if (id >= schema->count)
			return false;
		int own = schema->column[id].field;
		if (own >= 0 && record_has(r, (enum field_id)own))
			return false; /* repeats a shared value */
		void *value = own >= 0 ? (char *)r + layout[own].offset : (void *)&nowhere;
		if (!get_value(w, schema->column[id].kind, value))
			return false;
		if (own >= 0)
			record_mark(r, (enum field_id)own);
		else
			++*unknown;
	}
	return true;
}

static bool get_extras(struct walk *w, struct record *r, size_t cap)
{
	size_t count = take_u16(w);
	if (count > cap)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct extra *x = &r->extras[i];
		const uint8_t *p = take(w, 8);
		if (!p)
			return false;
		memcpy(&x->pen, p, 4);
		memcpy(&x->id, p + 4, 2);
		memcpy(&x->len, p + 6, 2);
		x->bytes = take(w, x->len);
		if (!x->bytes)
			return false;
	}
	r->extra_count = (uint32_t)count;
	return true;
}

/* The values of an entry behind its head. */
static bool get_entry(struct walk *w, const struct schema *schema, struct record *r,
	size_t extra_cap, unsigned flags, uint64_t *unknown)
{
	uint64_t words[WORDS_MAX] = {0};
	for (unsigned i = 0; i < WORDS_MAX; i++) {
		if (!(flags >> (4 + i) & 1))
			continue;
		const uint8_t *p = take(w, 8);
		if (!p)
			return false;
		memcpy(&words[i], p, 8);
	}
	for (unsigned i = 0; i < WORDS_MAX; i++)
		if (!get_word(w, schema, i, words[i], r, unknown))
			return false;
	if (flags & ENTRY_EXTRAS && !get_extras(w, r, extra_cap))
		return false;
	return w->p == w->end;
}

int record_unpack(const struct schema *schema, const uint8_t *entry, size_t len, struct record *r,
	size_t extra_cap, unsigned *flags, uint64_t *unknown)
{
	if (entry_length(entry, len, flags) != len)
		return ERR_FRAME_FORMAT;
	struct walk w = {entry + ENTRY_HEAD, entry + len};
	bool shared = *flags & ENTRY_SHARED;
	if (shared)
		memset(r->shared, 0, sizeof r->shared);
	memcpy(r->present, r->shared, sizeof r->present);
	r->extra_count = 0;
	if (!get_entry(&w, schema, r, extra_cap, *flags, unknown)) {
		memcpy(r->present, r->shared, sizeof r->present);
		r->extra_count = 0;
		return ERR_FRAME_FORMAT;
	}
	if (shared) {
		memcpy(r->shared, r->present, sizeof r->shared);
		r->share_id++;
	}
	return 0;
}

static bool equal_value(uint8_t kind, const void *a, const void *b)
{
	if (kind == KIND_TEXT) {
		const struct text *s = a, *t = b;
		return s->len == t->len && memcmp(s->p, t->p, s->len) == 0;
	}
	return memcmp(a, b, kind == KIND_IP ? sizeof(struct ip) : packed_size[kind]) == 0;
}

bool record_equal(const struct record *a, const struct record *b)
{
	if (memcmp(a->present, b->present, sizeof a->present) != 0 ||
		a->extra_count != b->extra_count)
		return false;
	for (int id = 0; id < FIELD_COUNT; id++)
		if (record_has(a, id) &&
			!equal_value(layout[id].kind, record_field(a, id), record_field(b, id)))
			return false;
	for (uint32_t i = 0; i < a->extra_count; i++) {
		const struct extra *x = &a->extras[i], *y = &b->extras[i];
		if (x->pen != y->pen || x->id != y->id || x->len != y->len ||
			memcmp(x->bytes, y->bytes, x->len) != 0)
			return false;
	}
	return true;
}

bool record_time_astray(const struct record *r, uint64_t back_ns, uint64_t ahead_ns)
{
	uint64_t t = r->last_switched.ns, received = r->received.ns;
	if (!record_has(r, FIELD_received) || !record_has(r, FIELD_last_switched))
		return false;
	return (back_ns && t < received && received - t > back_ns) ||
	       (ahead_ns && t > received && t - received > ahead_ns);
}
