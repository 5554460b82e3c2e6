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

void late_free(struct late *l)
{
	while (l && l->oldest) {
		struct held *h = l->oldest;
		l->oldest = h->next;
		if (--h->of->sets == 0)
			free(h->of);
		free(h);
	}
	free(l);
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
	while (l->oldest && l->oldest->datagram.received.ns + l->max_ns < now_ns)
		done_with(d, take_out(l, &l->oldest), ERR_NO_TEMPLATE);
}

static void make_room(struct decoder *d, size_t bytes)
{
	struct late *l = d->late;
	while (l->oldest && l->bytes + bytes > l->max_bytes)
		done_with(d, take_out(l, &l->oldest), ERR_NO_TEMPLATE);
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
	m->pending->sets++;
	*l->end = h;
	l->end = &h->next;
	l->bytes += bytes;
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
	struct decoder *d, struct domain *domain, struct held *h, struct template *t)
{
	struct message m;
	struct cursor set = cursor_over(h->bytes, h->len);
	message_resume(&m, d, &h->datagram, &h->header, domain);
	if (h->times.has_base)
		m.times = h->times;
	if (d->trace)
		d->trace->set(d->trace->ctx, 0, h->id, 4 + (size_t)h->len,
			"data that waited for its template");
	message_data(&m, t, set);
	message_count_flows(&m);
	done_with(d, h, m.err);
}

void late_release(struct decoder *d, struct domain *domain)
{
	struct held **at = &d->late->oldest;
	while (*at) {
		struct template *t = is_of(*at, domain) ? domain_template(domain, (*at)->id) : NULL;
		if (t)
			decode_held(d, domain, take_out(d->late, at), t);
		else
			at = &(*at)->next;
	}
}
