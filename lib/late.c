#include "lib/late.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/hash.h"
#include "lib/late_store.h"

struct late *late_new(size_t max_bytes, uint64_t max_ns, uint64_t seed)
{
	struct late *l = calloc(1, sizeof *l);
	if (l) {
		l->max_bytes = max_bytes;
		l->max_ns = max_ns;
		l->seed = seed;
	}
	return l;
}

static size_t size_of(uint32_t len)
{
	return sizeof(struct held) + sizeof(struct pending) + len + 2 * (size_t)BLOCK_OVERHEAD;
}

static void charge(struct late *l, struct sender *s, size_t bytes)
{
	l->bytes += bytes;
	s->bytes += bytes;
}

static struct sender **sender_bucket(struct late *l, const struct ip *address)
{
	return &l->senders[hash_ip(l->seed, address) % LATE_BUCKETS];
}

static struct sender *find_sender(struct late *l, const struct ip *address)
{
	struct sender *s = *sender_bucket(l, address);
	while (s && !ip_equal(&s->address, address))
		s = s->next;
	return s;
}

static struct queue **queue_bucket(
	struct late *l, const struct ip *address, const struct message_header *h, uint16_t id)
{
	uint64_t key = (uint64_t)h->domain << 32 | (uint64_t)id << 8 | h->version;
	return &l->queues[hash_mix(hash_ip(l->seed, address), key) % LATE_BUCKETS];
}

static struct queue *find_queue(
	struct late *l, const struct ip *address, const struct message_header *h, uint16_t id)
{
	struct queue *q = *queue_bucket(l, address, h, id);
	while (q && (q->id != id || q->domain != h->domain || q->version != h->version ||
			    !ip_equal(&q->sender->address, address)))
		q = q->next;
	return q;
}

static void free_sender(struct late *l, struct sender *s)
{
	struct sender **at = sender_bucket(l, &s->address);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	l->bytes -= sizeof *s + BLOCK_OVERHEAD;
	free(s);
}

void late_free_queue(struct late *l, struct queue *q)
{
	const struct message_header h = {.version = q->version, .domain = q->domain};
	struct sender *s = q->sender;
	struct queue **at = queue_bucket(l, &s->address, &h, q->id);
	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	charge(l, s, -(sizeof *q + BLOCK_OVERHEAD));
	free(q);
	if (--s->queues == 0)
		free_sender(l, s);
}

/* NULL: no memory. */
static struct sender *sender_of(struct decoder *d, const struct ip *address)
{
	struct late *l = d->late;
	struct sender *s = find_sender(l, address);
	if (s)
		return s;
	const struct exporter *e = exporters_find(d->exporters, address);
	struct sender **bucket = sender_bucket(l, address);
	s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->address = *address;
	s->proven = e && e->proven;
	s->next = *bucket;
	*bucket = s;
	charge(l, s, sizeof *s + BLOCK_OVERHEAD);
	return s;
}

/* The queue for that template of the sender, made if there is none. NULL: no memory. */
struct queue *late_queue_of(
	struct decoder *d, const struct ip *address, const struct message_header *h, uint16_t id)
{
	struct late *l = d->late;
	struct queue *q = find_queue(l, address, h, id);
	if (q)
		return q;
	struct sender *s = sender_of(d, address);
	q = s ? calloc(1, sizeof *q) : NULL;
	if (!q) {
		if (s && !s->queues)
			free_sender(l, s);
		return NULL;
	}
	struct queue **bucket = queue_bucket(l, address, h, id);
	*q = (struct queue){
		.next = *bucket, .version = h->version, .id = id, .domain = h->domain, .sender = s};
	*bucket = q;
	s->queues++;
	charge(l, s, sizeof *q + BLOCK_OVERHEAD);
	return q;
}

/* Takes a set out of all lists. */
static void unlist(struct late *l, struct held *h)
{
	struct queue *q = h->queue;
	struct sender *s = q->sender;
	lru_remove(&l->all, &h->all);
	lru_remove(&s->sets, &h->own);
	lru_remove(&q->sets, &h->queued);
	if (!s->proven)
		lru_remove(&l->unproven, &h->unproven);
	charge(l, s, -size_of(h->len));
}

/* The same; its queue goes with its last one, if late_release does not expect it. */
static struct held *take_out(struct late *l, struct held *h)
{
	struct queue *q = h->queue;
	unlist(l, h);
	if (!q->sets.oldest && !q->due)
		late_free_queue(l, q);
	return h;
}

static struct held *oldest_of(const struct late *l)
{
	return LRU_HOLDER_OR_NULL(l->all.oldest, struct held, all);
}

void late_clear(struct late *l)
{
	for (struct held *h; (h = oldest_of(l)); free(h)) {
		take_out(l, h);
		if (--h->of->sets == 0)
			free(h->of);
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

/* One set of its datagram, taken out, is done with. */
static void done_with(struct decoder *d, struct held *h, int err)
{
	struct pending *p = h->of;
	d->counts.wait_bytes = d->late->bytes;
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
	for (struct held *h; (h = oldest_of(l));) {
		if (h->since_ns > now_ns)
			h->since_ns = now_ns; /* the clock was set back: it begins to wait now */
		if (now_ns - h->since_ns <= l->max_ns)
			return;
		d->counts.wait_time_hits++;
		done_with(d, take_out(l, h), ERR_NO_TEMPLATE);
	}
}

/* The set that goes where there is no room for one more of `address`: of one that takes more than
 * half of it, its own oldest; else the oldest of exporters that never sent what could be decoded;
 * else the oldest. */
static struct held *to_give_up(struct late *l, const struct ip *address)
{
	const struct sender *s = find_sender(l, address);
	if (s && s->bytes > l->max_bytes / 2)
		return LRU_HOLDER_OR_NULL(s->sets.oldest, struct held, own);
	if (l->unproven.oldest)
		return LRU_HOLDER(l->unproven.oldest, struct held, unproven);
	return oldest_of(l);
}

void late_make_room(struct decoder *d, const struct ip *address, size_t bytes)
{
	struct late *l = d->late;
	while (l->all.oldest && l->bytes + bytes > l->max_bytes) {
		d->counts.wait_bytes_hits++;
		done_with(d, take_out(l, to_give_up(l, address)), ERR_NO_TEMPLATE);
	}
}

/* A set that begins to wait. */
void late_append(struct decoder *d, struct queue *q, struct held *h)
{
	struct late *l = d->late;
	struct sender *s = q->sender;
	h->of->sets++;
	h->queue = q;
	h->order = l->order++;
	h->since_ns = h->datagram.received.ns;
	lru_add(&l->all, &h->all);
	lru_add(&s->sets, &h->own);
	lru_add(&q->sets, &h->queued);
	if (!s->proven)
		lru_add(&l->unproven, &h->unproven);
	charge(l, s, size_of(h->len));
	d->counts.wait_bytes = l->bytes;
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
	const struct ip *address = &m->datagram->src;
	size_t bytes = size_of((uint32_t)cursor_left(&set)) + sizeof(struct queue) +
		       sizeof(struct sender) + 2 * (size_t)BLOCK_OVERHEAD;
	if (bytes > l->max_bytes)
		return false;
	if (!m->pending) {
		m->pending = calloc(1, sizeof *m->pending);
		if (!m->pending)
			return false;
		m->pending->exporter = *address;
		m->pending->sets = 1; /* the message in hand counts as one until late_settle */
	}
	late_make_room(m->decoder, address, bytes);
	struct held *h = copy_of(m, id, set);
	struct queue *q = h ? late_queue_of(m->decoder, address, &m->header, id) : NULL;
	if (!q) {
		free(h);
		return false;
	}
	late_append(m->decoder, q, h);
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

void late_prove(struct decoder *d, const struct ip *address)
{
	struct late *l = d->late;
	struct sender *s = find_sender(l, address);
	if (!s || s->proven)
		return;
	s->proven = true;
	for (struct lru_link *own = s->sets.oldest; own; own = own->newer)
		lru_remove(&l->unproven, &LRU_HOLDER(own, struct held, own)->unproven);
}

void late_announced(struct message *m, uint16_t id)
{
	struct late *l = m->decoder->late;
	struct queue *q = NULL;
	if (l->all.oldest)
		q = find_queue(l, &m->datagram->src, &m->header, id);
	if (!q || q->due)
		return;
	q->due = true;
	q->next_due = l->due;
	l->due = q;
}

/* Decodes a set, taken out. It is of the domain in hand, or of one that differs in its port. */
static void decode_held(struct decoder *d, struct held *h)
{
	struct message m;
	const struct message_header *header = &h->header;
	struct cursor set = cursor_over(h->bytes, h->len);
	struct domain *domain =
		exporters_domain(d->exporters, &h->datagram, header->version, header->domain);
	struct announced *a = NULL;
	if (domain)
		a = announced_find(d->exporters, domain, h->id, h->datagram.received.ns);
	if (!a) { /* forgotten again, to make room for that domain */
		done_with(d, h, domain ? ERR_NO_TEMPLATE : ERR_MEMORY);
		return;
	}
	message_resume(&m, d, &h->datagram, header, domain);
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

/* Takes out all sets of a queue, in their order. */
static struct held *take_queue(struct late *l, struct queue *q)
{
	struct held *first = NULL, **end = &first;
	for (struct lru_link *link; (link = q->sets.oldest); end = &(*end)->then) {
		*end = LRU_HOLDER(link, struct held, queued);
		unlist(l, *end);
	}
	*end = NULL;
	late_free_queue(l, q);
	return first;
}

/* One list of two that are in order. */
static struct held *merge(struct held *a, struct held *b)
{
	struct held *first = NULL, **end = &first;
	for (; a && b; end = &(*end)->then) {
		struct held **next = a->order < b->order ? &a : &b;
		*end = *next;
		*next = (*next)->then;
	}
	*end = a ? a : b;
	return first;
}

/* Takes out all that is due, in its order. There may be as many queues as sets: lists are merged
 * with those of as many queues. */
static struct held *take_due(struct late *l)
{
	struct held *of_queues[32] = {NULL}; /* of 1, 2, 4, ... */
	struct held *all = NULL;
	for (struct queue *q; (q = l->due);) {
		l->due = q->next_due;
		struct held *h = take_queue(l, q);
		size_t i = 0;
		for (; i < LEN(of_queues) - 1 && of_queues[i]; i++) {
			h = merge(of_queues[i], h);
			of_queues[i] = NULL;
		}
		of_queues[i] = merge(of_queues[i], h);
	}
	for (size_t i = 0; i < LEN(of_queues); i++)
		all = merge(of_queues[i], all);
	return all;
}

void late_release(struct decoder *d)
{
	struct held *then;
	if (!d->late->due) /* as after nearly every datagram */
		return;
	for (struct held *h = take_due(d->late); h; h = then) {
		then = h->then;
		decode_held(d, h);
	}
}
