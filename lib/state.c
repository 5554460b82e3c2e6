#include "lib/state.h"

#include <string.h>

#include "lib/crc32c.h"
#include "lib/late.h"
#include "lib/message.h"

#define CRC_AT 20

static const char magic[8] = "GFSTATE";

struct writing {
	struct bytes *out;
	enum state_extent extent;
	uint64_t fingerprint;
	uint32_t count;
	const struct domain *oldest;
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

static void put_template(struct bytes *b, const struct template *t)
{
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

static void put_sequence(struct bytes *b, const struct sequence *s)
{
	bytes_uint(b, s->known, 1);
	bytes_uint(b, s->next, 4);
	bytes_uint(b, s->datagrams, 8);
	bytes_uint(b, s->records, 8);
}

static void put_domain(struct writing *w, const struct domain *d)
{
	static const struct sequence none;
	struct bytes *b = w->out;
	size_t from = b->len;
	bytes_put(b, d->exporter->address.b, sizeof d->exporter->address.b);
	bytes_uint(b, d->port, 2);
	bytes_uint(b, d->version, 1);
	bytes_uint(b, d->id, 4);
	put_sequence(b, w->extent == STATE_WHOLE ? &d->sequence : &none);
	bytes_uint(b, d->init_ms, 8);
	bytes_uint(b, d->clock_s, 4);
	bytes_uint(b, d->clock_uptime, 4);
	bytes_uint(b, d->clock_known, 1);
	bytes_uint(b, d->uptime_in_seconds, 1);
	bytes_uint(b, d->template_count, 4);
	uint32_t crc = imprint(w, from, 0);
	for (size_t i = 0; i < TEMPLATE_BUCKETS; i++)
		for (const struct template *t = d->templates[i]; t; t = t->next) {
			from = b->len;
			put_template(b, t);
			imprint(w, from, crc);
		}
	w->count++;
}

static bool find_oldest(void *ctx, const struct domain *d)
{
	((struct writing *)ctx)->oldest = d;
	return true;
}

/* Domains of version 0 stand for datagrams that no protocol took: there is nothing to know of them.
 */
static void put_domains(struct writing *w, const struct exporters *all)
{
	size_t at = begin_list(w);
	domains_each(all, find_oldest, w);
	for (const struct domain *d = w->oldest; d; d = d->newer)
		if (d->version)
			put_domain(w, d);
	put_count(w, at);
}

static bool put_exporter(void *ctx, const struct exporter *e)
{
	struct writing *w = ctx;
	struct bytes *b = w->out;
	const struct samplers *s = &e->samplers;
	size_t from = b->len;
	if (!s->count)
		return true;
	bytes_put(b, e->address.b, sizeof e->address.b);
	bytes_uint(b, s->count, 4);
	for (uint32_t i = 0; i < s->count && i < SAMPLERS_MAX; i++) {
		bytes_uint(b, s->list[i].domain, 4);
		bytes_uint(b, s->list[i].has_id, 1);
		bytes_uint(b, s->list[i].id, 8);
		bytes_uint(b, s->list[i].rate, 4);
	}
	imprint(w, from, 0);
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

static int get_template(struct decoder *d, struct cursor *c, struct domain *domain)
{
	uint16_t id = cursor_u16(c);
	bool options = cursor_u8(c);
	uint16_t scopes = cursor_u16(c);
	uint16_t count = cursor_u16(c);
	int err;
	if (!cursor_ok(c) || count > TEMPLATE_FIELDS_MAX || scopes > count)
		return ERR_STATE_DAMAGED;
	for (size_t i = 0; i < count; i++) {
		d->defs[i].pen = cursor_u32(c);
		d->defs[i].id = cursor_u16(c);
		d->defs[i].len = cursor_u16(c);
	}
	if (!cursor_ok(c))
		return ERR_STATE_DAMAGED;
	struct template *t = template_compile(id, d->defs, count, scopes, options, &err);
	if (!t)
		return err == ERR_MEMORY ? err : ERR_STATE_DAMAGED;
	domain_define(d->exporters, domain, t); /* where there is no room it is left out */
	return 0;
}

static void get_sequence(struct cursor *c, struct sequence *s)
{
	s->known = cursor_u8(c);
	s->next = cursor_u32(c);
	s->datagrams = cursor_u64(c);
	s->records = cursor_u64(c);
}

static int get_domain(struct decoder *d, struct cursor *c)
{
	struct datagram dg = {.src = get_address(c)};
	dg.src_port = cursor_u16(c);
	uint8_t version = cursor_u8(c);
	uint32_t id = cursor_u32(c);
	if (!cursor_ok(c) || !version) /* such a domain is not written */
		return ERR_STATE_DAMAGED;
	struct domain *domain = exporters_domain(d->exporters, &dg, version, id);
	if (!domain)
		return ERR_MEMORY;
	get_sequence(c, &domain->sequence);
	domain->init_ms = cursor_u64(c);
	domain->clock_s = cursor_u32(c);
	domain->clock_uptime = cursor_u32(c);
	domain->clock_known = cursor_u8(c);
	domain->uptime_in_seconds = cursor_u8(c);
	uint32_t templates = cursor_u32(c);
	int err = cursor_ok(c) ? 0 : ERR_STATE_DAMAGED;
	for (uint32_t i = 0; i < templates && !err; i++)
		err = get_template(d, c, domain);
	return err;
}

/* An exporter whose domains found no room is passed over. */
static int get_exporter(struct decoder *d, struct cursor *c)
{
	struct samplers passed_over = {.count = 0};
	struct ip address = get_address(c);
	struct exporter *e = exporters_find(d->exporters, &address);
	struct samplers *s = e ? &e->samplers : &passed_over;
	uint32_t count = cursor_u32(c);
	s->count = count;
	for (uint32_t i = 0; i < count && i < SAMPLERS_MAX && cursor_ok(c); i++) {
		s->list[i].domain = cursor_u32(c);
		s->list[i].has_id = cursor_u8(c);
		s->list[i].id = cursor_u64(c);
		s->list[i].rate = cursor_u32(c);
	}
	return cursor_ok(c) ? 0 : ERR_STATE_DAMAGED;
}

static int get_list(
	struct decoder *d, struct cursor *c, int (*get)(struct decoder *d, struct cursor *c))
{
	uint32_t count = cursor_u32(c);
	int err = cursor_ok(c) ? 0 : ERR_STATE_DAMAGED;
	while (count-- && !err)
		err = get(d, c);
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
	struct cursor c;
	int err = check_header(bytes, len, &c);
	if (!err)
		err = get_list(d, &c, get_domain);
	if (!err)
		err = get_list(d, &c, get_exporter);
	if (!err)
		err = late_read(d, &c);
	if (!err && cursor_left(&c))
		err = ERR_STATE_DAMAGED;
	if (err) {
		late_clear(d->late);
		d->counts.waiting = d->counts.resumed = 0;
		exporters_clear(d->exporters);
	}
	return err;
}
