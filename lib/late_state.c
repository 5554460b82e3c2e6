/* Writing and reading what waits, for lib/state. */
#include <stdlib.h>
#include <string.h>

#include "lib/late_store.h"

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
	bytes_uint(b, h->unit, 1);
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
	for (const struct lru_link *link = l->all.oldest; link; link = link->newer)
		count++;
	bytes_uint(out, count, 4);
	/* the sets of a datagram stand next to each other */
	for (const struct lru_link *link = l->all.oldest; link; link = link->newer) {
		const struct held *h = LRU_HOLDER(link, const struct held, all);
		bytes_uint(out, h->of == last, 1);
		bytes_uint(out, h->of->waiting, 1);
		bytes_uint(out, (uint64_t)-h->of->err, 1);
		put_datagram(out, &h->datagram);
		put_times(out, &h->header, &h->times);
		bytes_uint(out, h->id, 2);
		bytes_uint(out, h->len, 4);
		bytes_put(out, h->bytes, h->len);
		last = h->of;
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
	h->unit = cursor_u8(c) % SEQUENCE_UNITS;
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
	struct held head = {.len = 0};
	bool same = cursor_u8(c);
	bool waiting = cursor_u8(c);
	uint8_t err = cursor_u8(c);
	get_datagram(c, &head.datagram);
	get_times(c, &head.header, &head.times);
	head.id = cursor_u16(c);
	head.len = cursor_u32(c);
	const uint8_t *bytes = cursor_take(c, head.len);
	if (!bytes || err >= ERR_COUNT || head.datagram.received.digits > 9 ||
		head.header.export_digits > 9 || (same && !*last))
		return ERR_STATE_DAMAGED;
	struct held *h = malloc(sizeof *h + head.len);
	struct queue *q = h ? late_queue_of(d, &head.datagram.src, &head.header, head.id) : NULL;
	head.of = q ? resume_pending(d, same ? *last : NULL, waiting, -(int)err, &head.datagram.src)
		    : NULL;
	if (!head.of) {
		if (q && !q->sets.oldest)
			late_free_queue(d->late, q);
		free(h);
		return ERR_MEMORY;
	}
	*h = head;
	memcpy(h->bytes, bytes, h->len);
	h->datagram.data = h->bytes;
	h->datagram.len = h->len;
	late_append(d, q, h);
	*last = h->of;
	return 0;
}

int late_read(struct decoder *d, struct cursor *c)
{
	static const struct ip nobody;
	struct pending *last = NULL;
	uint32_t count = cursor_u32(c);
	int err = cursor_ok(c) ? 0 : ERR_STATE_DAMAGED;
	while (count-- && !err)
		err = read_held(d, c, &last);
	if (!err)
		late_make_room(d, &nobody, 0);
	return err;
}
