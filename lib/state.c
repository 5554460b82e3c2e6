#include "lib/state.h"

#include <stdlib.h>
#include <string.h>

#include "lib/crc32c.h"
#include "lib/hash.h"
#include "lib/late.h"
#include "lib/message.h"

#define CRC_AT 20

static const char magic[8] = "GFSTATE";

struct writing {
	struct bytes *out;
	enum state_extent extent;
	uint64_t fingerprint;
	uint32_t count;
	const struct announced **templates; /* of the domain in hand */
	size_t template_count, template_room;
};

/* Adds what was written since `from`, which belongs to what has the checksum `of`, to the
 * fingerprint, in which order does not matter. Returns its checksum. */
static uint32_t imprint(struct writing *w, size_t from, uint32_t of)
{
	const struct bytes *b = w->out;
	uint32_t crc = b->failed ? 0 : crc32c(of, b->at + from, b->len - from);
	w->fingerprint += (uint64_t)crc << 16 | 1;
	return crc;
}

/* Puts a number of entries where room was left for it. */
static void put_count(struct writing *w, size_t at)
{
	struct bytes number = {.at = w->out->at + at, .cap = 4};
	if (!w->out->failed)
		bytes_uint(&number, w->count, 4);
}

static size_t begin_list(struct writing *w)
{
	w->count = 0;
	bytes_uint(w->out, 0, 4);
	return w->out->len - 4;
}

static void put_definition(void *ctx, const struct template *t)
{
	struct writing *w = ctx;
	struct bytes *b = w->out;
	w->count++;
	bytes_uint(b, t->id, 2);
	bytes_uint(b, t->options, 1);
	bytes_uint(b, t->scope_count, 2);
	bytes_uint(b, t->field_count, 2);
	for (size_t i = 0; i < t->field_count; i++) {
		bytes_uint(b, t->fields[i].pen, 4);
		bytes_uint(b, t->fields[i].id, 2);
		bytes_uint(b, t->fields[i].len, 2);
	}
}

static bool take_template(void *ctx, const struct announced *a)
{
	struct writing *w = ctx;
	w->templates[w->template_count++] = a;
	return true;
}

static int by_use(const void *a, const void *b)
{
	const struct announced *const *x = a, *const *y = b;
	if ((*x)->tick != (*y)->tick)
		return (*x)->tick < (*y)->tick ? -1 : 1;
	return (*x)->id < (*y)->id ? -1 : 1;
}

/* The domain's templates, the least recently used first. When they were announced is no change of
 * them: it has no part in the fingerprint. */
static void put_templates(struct writing *w, const struct domain *d, uint32_t crc)
{
	struct bytes *b = w->out;
	if (d->template_count > w->template_room) {
		const struct announced **more =
			realloc(w->templates, d->template_count * sizeof *more);
		b->failed |= !more;
		if (!more)
			return;
		w->templates = more;
		w->template_room = d->template_count;
	}
	w->template_count = 0;
	announced_each(d, take_template, w);
	if (w->template_count)
		qsort(w->templates, w->template_count, sizeof(struct announced *), by_use);
	for (size_t i = 0; i < w->template_count; i++) {
		const struct announced *a = w->templates[i];
		bytes_uint(b, a->template->number, 4);
		bytes_uint(b, a->seen_ns, 8);
		w->fingerprint += (hash_mix(crc, a->template->hash) << 16) | 1;
	}
}

static bool put_domain(void *ctx, const struct domain *d)
{
	static const struct sequence none;
	struct writing *w = ctx;
	struct bytes *b = w->out;
	size_t from = b->len;
	if (!d->version)
		return true; /* it stands for datagrams that no protocol took: there is nothing to
				know */
	bytes_put(b, d->exporter->address.b, sizeof d->exporter->address.b);
	bytes_uint(b, d->port, 2);
	bytes_uint(b, d->version, 1);
	bytes_uint(b, d->id, 4);
	sequence_write(w->extent == STATE_WHOLE ? &d->sequence : &none, b);
	bytes_uint(b, d->init_ms, 8);
	bytes_uint(b, d->clock_s, 4);
	bytes_uint(b, d->clock_uptime, 4);
	bytes_uint(b, d->clock_known, 1);
	bytes_uint(b, d->uptime_in_seconds, 1);
	bytes_uint(b, d->exporter->proven, 1);
	bytes_uint(b, d->template_count, 4);
	put_templates(w, d, imprint(w, from, 0));
	w->count++;
	return true;
}

static void put_definitions(struct writing *w, const struct exporters *all)
{
	size_t at = begin_list(w);
	announced_definitions(all, put_definition, w);
	put_count(w, at);
}

static void put_domains(struct writing *w, const struct exporters *all)
{
	size_t at = begin_list(w);
	domains_each(all, put_domain, w);
	put_count(w, at);
	free(w->templates);
}

/* The one that was announced longest ago first. */
static void put_names(struct writing *w, const struct names *names, uint32_t of)
{
	struct bytes *b = w->out;
	bytes_uint(b, names_count(names), 4);
	for (const struct name *n = names_oldest(names); n; n = n->newer) {
		size_t from = b->len;
		bytes_uint(b, n->key.kind, 1);
		bytes_uint(b, n->key.domain, 4);
		bytes_uint(b, n->key.id, 8);
		bytes_uint(b, n->text.len, 2);
		bytes_put(b, n->text.p, n->text.len);
		imprint(w, from, of);
	}
}

static bool put_exporter(void *ctx, const struct exporter *e)
{
	struct writing *w = ctx;
	struct bytes *b = w->out;
	const struct samplers *s = &e->samplers;
	size_t from = b->len;
	if (!s->count && !names_count(e->names))
		return true;
	bytes_put(b, e->address.b, sizeof e->address.b);
	bytes_uint(b, s->count, 4);
	for (uint32_t i = 0; i < s->count && i < SAMPLERS_MAX; i++) {
		bytes_uint(b, s->list[i].domain, 4);
		bytes_uint(b, s->list[i].of, 1);
		bytes_uint(b, s->list[i].id, 8);
		bytes_uint(b, s->list[i].rate, 4);
	}
	uint32_t crc = imprint(w, from, 0);
	put_names(w, e->names, crc);
	w->count++;
	return true;
}

static void put_exporters(struct writing *w, const struct exporters *all)
{
	size_t at = begin_list(w);
	exporters_each(all, put_exporter, w);
	put_count(w, at);
}

/* Behind the room left for it, all is written: the header tells of it. */
static void put_header(struct bytes *b)
{
	struct bytes header = {.at = b->at, .cap = STATE_HEADER_SIZE};
	bytes_put(&header, magic, sizeof magic);
	bytes_uint(&header, STATE_VERSION, 4);
	bytes_uint(&header, b->len - STATE_HEADER_SIZE, 8);
	uint32_t crc = crc32c(0, b->at, CRC_AT);
	crc = crc32c(crc, b->at + STATE_HEADER_SIZE, b->len - STATE_HEADER_SIZE);
	bytes_uint(&header, crc, 4);
}

int state_write(
	const struct decoder *d, enum state_extent extent, struct bytes *out, uint64_t *fingerprint)
{
	struct writing w = {.out = out, .extent = extent};
	static const uint8_t room[STATE_HEADER_SIZE];
	out->len = 0;
	out->failed = false;
	bytes_put(out, room, sizeof room);
	put_definitions(&w, d->exporters);
	put_domains(&w, d->exporters);
	put_exporters(&w, d->exporters);
	if (extent == STATE_WHOLE)
		late_write(d->late, out);
	else
		bytes_uint(out, 0, 4);
	if (out->failed)
		return ERR_MEMORY;
	put_header(out);
	*fingerprint = w.fingerprint;
	return 0;
}

static struct ip get_address(struct cursor *c)
{
	struct ip a = {{0}};
	const uint8_t *p = cursor_take(c, sizeof a.b);
	if (p)
		memcpy(a.b, p, sizeof a.b);
	return a;
}

/* Where the definitions stand, by their numbers: they are compiled when a template needs them. */
struct reading {
	struct decoder *decoder;
	struct cursor c;
	struct cursor *definitions;
	uint32_t definition_count;
};

static int get_definitions(struct reading *r)
{
	const size_t least = 7; /* octets of one */
	r->definition_count = cursor_u32(&r->c);
	if (r->definition_count > cursor_left(&r->c) / least)
		return ERR_STATE_DAMAGED;
	r->definitions = malloc((r->definition_count + (size_t)1) * sizeof *r->definitions);
	if (!r->definitions)
		return ERR_MEMORY;
	for (uint32_t i = 0; i < r->definition_count; i++) {
		r->definitions[i] = r->c;
		cursor_take(&r->c, least - 2);
		size_t count = cursor_u16(&r->c);
		cursor_take(&r->c, count * 8);
	}
	return cursor_ok(&r->c) ? 0 : ERR_STATE_DAMAGED;
}

/* Takes over definition `number` for a domain. Where there is no room it is left out. */
static int define(struct reading *r, struct domain *domain, uint32_t number, uint64_t seen_ns)
{
	struct decoder *d = r->decoder;
	struct cursor c = r->definitions[number];
	uint16_t id = cursor_u16(&c);
	bool options = cursor_u8(&c);
	uint16_t scopes = cursor_u16(&c);
	uint16_t count = cursor_u16(&c);
	int err;
	if (count > TEMPLATE_FIELDS_MAX || scopes > count)
		return ERR_STATE_DAMAGED;
	for (size_t i = 0; i < count; i++) {
		d->defs[i].pen = cursor_u32(&c);
		d->defs[i].id = cursor_u16(&c);
		d->defs[i].len = cursor_u16(&c);
	}
	announced_define(d->exporters, domain, id, d->defs, count, scopes, options, seen_ns, &err);
	return err == ERR_BAD_TEMPLATE ? ERR_STATE_DAMAGED : err == ERR_MEMORY ? err : 0;
}

static int get_template(struct reading *r, struct domain *domain)
{
	uint32_t number = cursor_u32(&r->c);
	uint64_t seen_ns = cursor_u64(&r->c);
	if (!cursor_ok(&r->c) || number >= r->definition_count)
		return ERR_STATE_DAMAGED;
	return define(r, domain, number, seen_ns);
}

static int get_domain(struct reading *r)
{
	struct cursor *c = &r->c;
	struct exporters *all = r->decoder->exporters;
	struct datagram dg = {.src = get_address(c)};
	dg.src_port = cursor_u16(c);
	uint8_t version = cursor_u8(c);
	uint32_t id = cursor_u32(c);
	if (!cursor_ok(c) || !version) /* such a domain is not written */
		return ERR_STATE_DAMAGED;
	struct domain *domain = exporters_domain(all, &dg, version, id);
	if (!domain)
		return ERR_MEMORY;
	sequence_read(&domain->sequence, c);
	domain->init_ms = cursor_u64(c);
	domain->clock_s = cursor_u32(c);
	domain->clock_uptime = cursor_u32(c);
	domain->clock_known = cursor_u8(c);
	domain->uptime_in_seconds = cursor_u8(c);
	if (cursor_u8(c))
		exporters_prove(all, domain->exporter);
	uint32_t templates = cursor_u32(c);
	int err = cursor_ok(c) ? 0 : ERR_STATE_DAMAGED;
	for (uint32_t i = 0; i < templates && !err; i++)
		err = get_template(r, domain);
	return err;
}

static int get_samplers(struct cursor *c, struct samplers *s)
{
	uint32_t count = cursor_u32(c);
	*s = (struct samplers){.count = count};
	for (uint32_t i = 0; i < count && i < SAMPLERS_MAX && cursor_ok(c); i++) {
		s->list[i].domain = cursor_u32(c);
		s->list[i].of = cursor_u8(c);
		s->list[i].id = cursor_u64(c);
		s->list[i].rate = cursor_u32(c);
		if (s->list[i].of >= SAMPLER_OF_COUNT)
			return ERR_STATE_DAMAGED;
		s->by_template |= s->list[i].of == SAMPLER_OF_TEMPLATE;
	}
	return cursor_ok(c) ? 0 : ERR_STATE_DAMAGED;
}

/* e NULL: passed over. */
static int get_name(struct decoder *d, struct cursor *c, struct exporter *e)
{
	struct name_key key = {.kind = cursor_u8(c)};
	key.domain = cursor_u32(c);
	key.id = cursor_u64(c);
	uint16_t len = cursor_u16(c);
	const uint8_t *text = cursor_take(c, len);
	if (!text || key.kind >= NAME_KINDS || len == 0 || len > NAME_MAX_LEN)
		return ERR_STATE_DAMAGED;
	if (e)
		exporter_name_put(
			d->exporters, e, &key, &(struct text){(const char *)text, len}, false);
	return 0;
}

/* An exporter whose domains found no room is passed over. */
static int get_exporter(struct reading *r)
{
	struct cursor *c = &r->c;
	struct samplers samplers;
	struct ip address = get_address(c);
	struct exporter *e = exporters_find(r->decoder->exporters, &address);
	int err = get_samplers(c, e ? &e->samplers : &samplers);
	uint32_t names = cursor_u32(c);
	if (!cursor_ok(c))
		return ERR_STATE_DAMAGED;
	while (names-- && !err)
		err = get_name(r->decoder, c, e);
	return err;
}

static int get_list(struct reading *r, int (*get)(struct reading *r))
{
	uint32_t count = cursor_u32(&r->c);
	int err = cursor_ok(&r->c) ? 0 : ERR_STATE_DAMAGED;
	while (count-- && !err)
		err = get(r);
	return err;
}

/* The contents behind a header that holds; a failed cursor otherwise. */
static int check_header(const uint8_t *bytes, size_t len, struct cursor *contents)
{
	*contents = cursor_over(bytes, len);
	const uint8_t *mark = cursor_take(contents, sizeof magic);
	uint32_t version = cursor_u32(contents);
	if (mark && memcmp(mark, magic, sizeof magic) != 0)
		return ERR_STATE_VERSION;
	if (cursor_ok(contents) && version != STATE_VERSION)
		return ERR_STATE_VERSION;
	uint64_t size = cursor_u64(contents);
	uint32_t expected = cursor_u32(contents);
	if (!cursor_ok(contents) || size != cursor_left(contents))
		return ERR_STATE_DAMAGED;
	uint32_t crc = crc32c(0, bytes, CRC_AT);
	crc = crc32c(crc, contents->p, cursor_left(contents));
	return crc == expected ? 0 : ERR_STATE_DAMAGED;
}

int state_read(struct decoder *d, const uint8_t *bytes, size_t len)
{
	struct reading r = {.decoder = d};
	int err = check_header(bytes, len, &r.c);
	if (!err)
		err = get_definitions(&r);
	if (!err)
		err = get_list(&r, get_domain);
	if (!err)
		err = get_list(&r, get_exporter);
	if (!err)
		err = late_read(d, &r.c);
	if (!err && cursor_left(&r.c))
		err = ERR_STATE_DAMAGED;
	free(r.definitions);
	if (err) {
		late_clear(d->late);
		d->counts = (struct decode_counts){.decoded = 0};
		exporters_clear(d->exporters);
	}
	return err;
}
