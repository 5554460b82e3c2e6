#include "lib/defrag.h"

#include <stdlib.h>

#include "lib/err.h"

#define DEFRAG_MAX     65535u /* bytes of payload of one packet */
#define DEFRAG_UNITS   8192u  /* of 8 bytes, in which fragments are counted */
#define DEFRAG_LIFE_NS (30 * NS_PER_S)
#define PROTOCOL_UDP   17

enum slot_state {
	SLOT_FREE,
	SLOT_OPEN,      /* some fragments are here */
	SLOT_CONDEMNED, /* fragments overlapped: what follows is refused (RFC 5722, 3) */
};

/* What makes fragments belong together: RFC 791, 3.2 takes the protocol too, RFC 8200, 4.5 does
 * not. */
struct key {
	struct ip src, dst;
	uint32_t id;
	uint8_t protocol; /* 0 for IPv6 */
	bool v6;
};

struct pieces {
	uint64_t have[DEFRAG_UNITS / 64]; /* which units are here */
	uint8_t data[DEFRAG_UNITS * 8];
};

struct slot {
	enum slot_state state;
	struct key key;
	uint64_t began_ns;
	uint32_t fragments; /* frames that are held here */
	uint32_t bytes;     /* of the packet that are here */
	uint32_t reach;     /* where the furthest of them ends */
	uint32_t total;     /* bytes of the packet; 0: the last fragment has not come */
	uint8_t protocol;   /* as the first fragment says (RFC 8200, 4.5) */
	struct pieces *pieces;
};

struct defrag {
	struct defrag_counts counts;
	unsigned slots;
	struct slot slot[];
};

struct defrag *defrag_new(unsigned slots)
{
	struct defrag *f = calloc(1, sizeof *f + slots * sizeof f->slot[0]);
	if (f)
		f->slots = slots;
	return f;
}

void defrag_free(struct defrag *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < f->slots; i++)
		free(f->slot[i].pieces);
	free(f);
}

struct defrag_counts defrag_counts(const struct defrag *f)
{
	return f->counts;
}

static void give_up(struct defrag *f, struct slot *s, enum slot_state next)
{
	f->counts.waiting -= s->fragments;
	f->counts.given_up += s->fragments;
	s->fragments = 0;
	s->state = next;
}

void defrag_give_up(struct defrag *f)
{
	for (unsigned i = 0; i < f->slots; i++)
		give_up(f, &f->slot[i], SLOT_FREE);
}

static bool key_equal(const struct key *a, const struct key *b)
{
	return a->id == b->id && a->protocol == b->protocol && a->v6 == b->v6 &&
	       ip_equal(&a->src, &b->src) && ip_equal(&a->dst, &b->dst);
}

static struct key key_of(const struct packet *p)
{
	return (struct key){p->src, p->dst, p->fragment_id, p->v6 ? 0 : p->protocol, p->v6};
}

/* Either way: a capture's time may go back where files follow one another. */
static bool is_stale(const struct slot *s, uint64_t now)
{
	uint64_t age = now > s->began_ns ? now - s->began_ns : s->began_ns - now;
	return age > DEFRAG_LIFE_NS;
}

/* The slot of a packet: its own, else a free one, else the oldest; stale ones are given up on the
 * way. */
static struct slot *find_slot(struct defrag *f, const struct key *key, uint64_t now)
{
	struct slot *unused = NULL, *oldest = NULL;

	for (unsigned i = 0; i < f->slots; i++) {
		struct slot *s = &f->slot[i];
		if (s->state != SLOT_FREE && is_stale(s, now))
			give_up(f, s, SLOT_FREE);
		if (s->state == SLOT_FREE)
			unused = s;
		else if (key_equal(&s->key, key))
			return s;
		else if (!oldest || s->began_ns < oldest->began_ns)
			oldest = s;
	}
	if (!unused && oldest) {
		give_up(f, oldest, SLOT_FREE);
		unused = oldest;
	}
	return unused;
}

static int open_slot(struct slot *s, const struct key *key, uint64_t now)
{
	if (!s->pieces)
		s->pieces = malloc(sizeof *s->pieces);
	if (!s->pieces)
		return ERR_FRAGMENT_LIMIT;
	memset(s->pieces->have, 0, sizeof s->pieces->have);
	s->state = SLOT_OPEN;
	s->key = *key;
	s->began_ns = now;
	s->bytes = s->reach = s->total = s->fragments = 0;
	s->protocol = 0;
	return 0;
}

/* How many of the units in [first, end) are here. */
static uint32_t units_here(const struct pieces *pieces, uint32_t first, uint32_t end)
{
	uint32_t n = 0;
	for (uint32_t i = first; i < end; i++)
		n += pieces->have[i / 64] >> (i % 64) & 1;
	return n;
}

/* Puts a fragment into its slot; false if it contradicts what is there. */
static bool put_fragment(struct slot *s, const struct packet *p)
{
	uint32_t begin = p->fragment_offset, end = begin + p->len;
	uint32_t first = begin / 8, last = (end + 7) / 8;

	if (s->total && (end > s->total || (!p->more && end != s->total)))
		return false;
	if (!p->more && end < s->reach)
		return false;
	uint32_t here = units_here(s->pieces, first, last);
	if (here) /* the same one again is harmless, anything else is an overlap */
		return here == last - first &&
		       memcmp(s->pieces->data + begin, p->payload, p->len) == 0;
	for (uint32_t i = first; i < last; i++)
		s->pieces->have[i / 64] |= UINT64_C(1) << (i % 64);
	memcpy(s->pieces->data + begin, p->payload, p->len);
	s->bytes += p->len;
	if (end > s->reach)
		s->reach = end;
	if (begin == 0)
		s->protocol = p->protocol;
	if (!p->more)
		s->total = end;
	return true;
}

/* Takes a fragment. Returns 1 when it made the packet whole (p then describes that), 0 or an error.
 */
static int take_fragment(struct defrag *f, struct packet *p, uint64_t now)
{
	if (p->len < p->sent_len)
		return ERR_TRUNCATED;
	if (p->len == 0 || (p->more && p->len % 8) || p->fragment_offset + p->len > DEFRAG_MAX)
		return ERR_BAD_PACKET;

	struct key key = key_of(p);
	struct slot *s = find_slot(f, &key, now);
	if (!s || s->state == SLOT_CONDEMNED)
		return ERR_FRAGMENT_LIMIT;
	if (s->state == SLOT_FREE && open_slot(s, &key, now) < 0)
		return ERR_FRAGMENT_LIMIT;
	if (!put_fragment(s, p)) {
		give_up(f, s, SLOT_CONDEMNED);
		return ERR_FRAGMENT_LIMIT;
	}
	if (!s->total || s->bytes < s->total) {
		s->fragments++;
		f->counts.waiting++;
		return 0;
	}
	f->counts.waiting -= s->fragments;
	f->counts.joined += s->fragments;
	s->fragments = 0;
	s->state = SLOT_FREE;
	p->payload = s->pieces->data;
	p->len = p->sent_len = s->total;
	p->protocol = s->protocol;
	p->fragment = false;
	return 1;
}

/* Could the packet that this fragment belongs to be UDP? */
static bool may_be_udp(const struct packet *p)
{
	return p->protocol == PROTOCOL_UDP || (p->v6 && packet_is_extension(p->protocol));
}

int defrag_datagram(struct defrag *f, uint32_t linktype, const uint8_t *frame, uint32_t caplen,
	struct instant received, struct datagram *d)
{
	struct packet p;
	int r = packet_ip(linktype, frame, caplen, &p);
	if (r < 0)
		return r;
	if (p.fragment) {
		if (!may_be_udp(&p))
			return ERR_NOT_UDP;
		r = take_fragment(f, &p, received.ns);
		if (r <= 0)
			return r;
		r = packet_extensions(&p);
		if (r < 0)
			return r;
		if (p.fragment)
			return ERR_BAD_PACKET; /* fragments of fragments */
	}
	r = packet_udp(&p, d);
	if (r < 0)
		return r;
	d->received = received;
	return 1;
}
