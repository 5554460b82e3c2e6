#include "lib/late.h"

#include <stdlib.h>
#include <string.h>

/* A datagram of which sets wait. It is counted as waiting until the last of them is done with. */
struct pending {
	uint32_t sets;
	int err;      /* of a set that was given up, or that had a fault */
	bool waiting; /* counted so; false: its datagram is still in hand, or had a fault of its own
		       */
	struct ip exporter;
};

struct held {
	struct held *next;
	struct pending *of;
	struct datagram datagram; /* its data are the set's contents */
	uint64_t since_ns;        /* that it has waited from */
	struct message_header header;
	struct plan_times times;
	uint16_t id;
	uint32_t len;
	uint8_t bytes[];
};

struct late {
	size_t bytes, max_bytes;
	uint64_t max_ns;
	struct held *oldest, **end;
};

struct late *late_new(size_t max_bytes, uint64_t max_ns)
{
	struct late *l = calloc(1, sizeof *l);
	if (l) {
		l->max_bytes = max_bytes;
		l->max_ns = max_ns;
		l->end = &l->oldest;
	}
	return l;
}

static size_t size_of(uint32_t len)
{
	return sizeof(struct held) + sizeof(struct pending) + len;
}

/* Takes the set at *at out of the list; returns it. */
static struct held *take_out(struct late *l, struct held **at)
{
	struct held *h = *at;
	*at = h->next;
	if (!h->next)
		l->end = at;
	l->bytes -= size_of(h->len);
	return h;
}

void late_clear(struct late *l)
{
	while (l->oldest) {
		struct held *h = take_out(l, &l->oldest);
		if (--h->of->sets == 0)
			free(h->of);
		free(h);
	}
}

void late_free(struct late *l)
{
	if (l)
		late_clear(l);
	free(l);
}

/* The datagram's last set is done with: it is decoded now, or it never will be. */
static void settle(struct decoder *d, struct pending *p)
{
	struct exporter *e = exporters_find(d->exporters, &p->exporter);
	d->counts.waiting--;
	if (!p->err)
		d->counts.decoded++;
	else
		d->counts.undecodable[-p->err]++;
	if (p->err && e)
		e->undecodable[-p->err]++;
}

/* One set of its datagram is done with. */
static void done_with(struct decoder *d, struct held *h, int err)
{
	struct pending *p = h->of;
	if (err && !p->err)
		p->err = err;
	if (--p->sets == 0) {
		if (p->waiting)
			settle(d, p);
		free(p);
	}
	free(h);
}

void late_expire(struct decoder *d, uint64_t now_ns)
{
	struct late *l = d->late;
	for (struct held *h; (h = l->oldest);
		done_with(d, take_out(l, &l->oldest), ERR_NO_TEMPLATE)) {
		if (h->since_ns > now_ns)
			h->since_ns = now_ns; /* the clock was set back: it begins to wait now */
		if (now_ns - h->since_ns <= l->max_ns)
			return;
	}
}

static void make_room(struct decoder *d, size_t bytes)
{
	struct late *l = d->late;
	while (l->oldest && l->bytes + bytes > l->max_bytes)
		done_with(d, take_out(l, &l->oldest), ERR_NO_TEMPLATE);
}

static void append(struct late *l, struct held *h)
{
	h->of->sets++;
	*l->end = h;
	l->end = &h->next;
	l->bytes += size_of(h->len);
}

static struct held *copy_of(const struct message *m, uint16_t id, struct cursor set)
{
	uint32_t len = (uint32_t)cursor_left(&set);
	struct held *h = malloc(sizeof *h + len);
	if (!h)
		return NULL;
	*h = (struct held){
		.of = m->pending,
		.datagram = *m->datagram,
		.header = m->header,
		.times = m->times,
		.since_ns = m->datagram->received.ns,
		.id = id,
		.len = len,
	};
	memcpy(h->bytes, set.p, len);
	h->datagram.data = h->bytes;
	h->datagram.len = len;
	return h;
}

bool late_hold(struct message *m, uint16_t id, struct cursor set)
{
	struct late *l = m->decoder->late;
	size_t bytes = size_of((uint32_t)cursor_left(&set));
	if (bytes > l->max_bytes)
		return false;
	if (!m->pending) {
		m->pending = calloc(1, sizeof *m->pending);
		if (!m->pending)
			return false;
		m->pending->exporter = m->datagram->src;
		m->pending->sets = 1; /* the message in hand counts as one until late_settle */
	}
	make_room(m->decoder, bytes);
	struct held *h = copy_of(m, id, set);
	if (!h)
		return false;
	append(l, h);
	return true;
}

bool late_settle(struct message *m)
{
	struct pending *p = m->pending;
	if (!p)
		return false;
	m->pending = NULL;
	if (--p->sets == 0) { /* all of them have been given up already */
		if (!m->err)
			m->err = p->err;
		free(p);
		return false;
	}
	p->waiting = !m->err;
	m->decoder->counts.waiting += p->waiting;
	return p->waiting;
}

static bool is_of(const struct held *h, const struct domain *domain)
{
	return h->header.domain == domain->id && h->header.version == domain->version &&
	       h->datagram.src_port == domain->port &&
	       ip_equal(&h->datagram.src, &domain->exporter->address);
}

static void decode_held(
	struct decoder *d, struct domain *domain, struct held *h, struct announced *a)
{
	struct message m;
	struct cursor set = cursor_over(h->bytes, h->len);
	message_resume(&m, d, &h->datagram, &h->header, domain);
	if (h->times.has_base)
		m.times = h->times;
	if (d->trace)
		d->trace->set(d->trace->ctx, 0, h->id, 4 + (size_t)h->len,
			"data that waited for its template");
	message_data(&m, a->template, set);
	a->records += m.records;
	message_count_flows(&m);
	done_with(d, h, m.err);
}

void late_release(struct decoder *d, struct domain *domain)
{
	struct held **at = &d->late->oldest;
	while (*at) {
		struct announced *a = NULL;
		if (is_of(*at, domain))
			a = announced_get(d->exporters, domain, (*at)->id);
		if (a)
			decode_held(d, domain, take_out(d->late, at), a);
		else
			at = &(*at)->next;
	}
}

/* The datagram that a set came in. */
static void put_datagram(struct bytes *b, const struct datagram *d)
{
	bytes_put(b, d->src.b, sizeof d->src.b);
	bytes_put(b, d->dst.b, sizeof d->dst.b);
	bytes_uint(b, d->src_port, 2);
	bytes_uint(b, d->dst_port, 2);
	bytes_uint(b, d->received.ns, 8);
	bytes_uint(b, d->received.digits, 1);
}

static void put_times(struct bytes *b, const struct message_header *h, const struct plan_times *t)
{
	bytes_uint(b, h->version, 1);
	bytes_uint(b, h->domain, 4);
	bytes_uint(b, h->sequence, 4);
	bytes_uint(b, h->export_ns, 8);
	bytes_uint(b, h->export_digits, 1);
	bytes_uint(b, h->per_datagram, 1);
	bytes_uint(b, t->export_ns, 8);
	bytes_uint(b, t->base_ns, 8);
	bytes_uint(b, t->base_uptime, 4);
	bytes_uint(b, t->has_base, 1);
	bytes_uint(b, t->in_seconds, 1);
}

void late_write(const struct late *l, struct bytes *out)
{
	const struct pending *last = NULL;
	uint32_t count = 0;
	for (const struct held *h = l->oldest; h; h = h->next)
		count++;
	bytes_uint(out, count, 4);
	/* the sets of a datagram stand next to each other */
	for (const struct held *h = l->oldest; h; last = h->of, h = h->next) {
		bytes_uint(out, h->of == last, 1);
		bytes_uint(out, h->of->waiting, 1);
		bytes_uint(out, (uint64_t)-h->of->err, 1);
		put_datagram(out, &h->datagram);
		put_times(out, &h->header, &h->times);
		bytes_uint(out, h->id, 2);
		bytes_uint(out, h->len, 4);
		bytes_put(out, h->bytes, h->len);
	}
}

static struct ip get_address(struct cursor *c)
{
	struct ip a = {{0}};
	const uint8_t *p = cursor_take(c, sizeof a.b);
	if (p)
		memcpy(a.b, p, sizeof a.b);
	return a;
}

static void get_datagram(struct cursor *c, struct datagram *d)
{
	d->src = get_address(c);
	d->dst = get_address(c);
	d->src_port = cursor_u16(c);
	d->dst_port = cursor_u16(c);
	d->received.ns = cursor_u64(c);
	d->received.digits = cursor_u8(c);
}

static void get_times(struct cursor *c, struct message_header *h, struct plan_times *t)
{
	h->version = cursor_u8(c);
	h->domain = cursor_u32(c);
	h->sequence = cursor_u32(c);
	h->export_ns = cursor_u64(c);
	h->export_digits = cursor_u8(c);
	h->per_datagram = cursor_u8(c);
	t->export_ns = cursor_u64(c);
	t->base_ns = cursor_u64(c);
	t->base_uptime = cursor_u32(c);
	t->has_base = cursor_u8(c);
	t->in_seconds = cursor_u8(c);
}

/* The set's datagram: that of the set before it, or a new one. NULL: no memory. */
static struct pending *resume_pending(
	struct decoder *d, struct pending *last, bool waiting, int err, const struct ip *exporter)
{
	if (last)
		return last;
	struct pending *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	*p = (struct pending){.waiting = waiting, .err = err, .exporter = *exporter};
	d->counts.waiting += waiting;
	d->counts.resumed += waiting;
	return p;
}

/* Reads one set; *last is the datagram of the one before it. */
static int read_held(struct decoder *d, struct cursor *c, struct pending **last)
{
	struct held head = {.next = NULL};
	bool same = cursor_u8(c);
	bool waiting = cursor_u8(c);
	uint8_t err = cursor_u8(c);
	get_datagram(c, &head.datagram);
	get_times(c, &head.header, &head.times);
	head.id = cursor_u16(c);
	head.len = cursor_u32(c);
	const uint8_t *bytes = cursor_take(c, head.len);
	if (!bytes || err >= ERR_COUNT || head.datagram.received.digits > 9 ||
		head.header.export_digits > 9 || (same && !*last) ||
		d->late->bytes + size_of(head.len) > d->late->max_bytes)
		return ERR_STATE_DAMAGED;
	struct held *h = malloc(sizeof *h + head.len);
	head.of = h ? resume_pending(d, same ? *last : NULL, waiting, -(int)err, &head.datagram.src)
		    : NULL;
	if (!head.of) {
		free(h);
		return ERR_MEMORY;
	}
	*h = head;
	h->since_ns = head.datagram.received.ns;
	memcpy(h->bytes, bytes, h->len);
	h->datagram.data = h->bytes;
	h->datagram.len = h->len;
	append(d->late, h);
	*last = h->of;
	return 0;
}

int late_read(struct decoder *d, struct cursor *c)
{
	struct pending *last = NULL;
	uint32_t count = cursor_u32(c);
	int err = cursor_ok(c) ? 0 : ERR_STATE_DAMAGED;
	while (count-- && !err)
		err = read_held(d, c, &last);
	return err;
}
