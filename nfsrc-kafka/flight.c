/* The messages in hand, in the order in which they were read: what an acknowledgement stands for,
 * and what may be committed.
 *
 * A sink acknowledges in the order of its reading, whatever the streams: the acknowledgement of a
 * frame is one of all that were sent before it. A frame that is in hand already is not sent again,
 * so each acknowledgement has one meaning. */
#include <string.h>

#include "nfsrc-kafka/nfsrc_kafka.h"

#define MASK (FLIGHT_ROOM - 1)

uint64_t flight_count(const struct flights *f)
{
	return f->tail - f->head;
}

bool flight_room(const struct flights *f)
{
	return flight_count(f) < FLIGHT_FULL;
}

static uint32_t hash(const struct stream_id *id, uint64_t sequence)
{
	uint64_t word;
	memcpy(&word, id->b, sizeof word);
	return (uint32_t)(((word ^ sequence) * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & MASK;
}

/* The place plus 1 of a frame that was sent, or 0. */
static uint32_t find(const struct flights *f, const struct stream_id *id, uint64_t sequence)
{
	uint32_t at = f->heads[hash(id, sequence)];
	while (at) {
		const struct flight *x = &f->ring[at - 1];
		if (x->sequence == sequence && memcmp(&x->id, id, sizeof *id) == 0)
			break;
		at = x->link;
	}
	return at;
}

bool flight_has(const struct flights *f, const struct stream_id *id, uint64_t sequence)
{
	return find(f, id, sequence) != 0;
}

void flight_add(struct source *s, const struct flight *new)
{
	struct flights *f = s->flights;
	uint32_t at = (uint32_t)(f->tail++ & MASK);
	f->ring[at] = *new;
	s->counts[COUNT_WAITING]++;
	if (!new->sent)
		return;
	uint32_t *head = &f->heads[hash(&new->id, new->sequence)];
	f->ring[at].link = *head;
	*head = at + 1;
}

static void forget(struct flights *f, uint32_t at)
{
	const struct flight *x = &f->ring[at];
	uint32_t *link = &f->heads[hash(&x->id, x->sequence)];
	while (*link != at + 1)
		link = &f->ring[*link - 1].link;
	*link = x->link;
}

/* The oldest is done. */
static void land(struct source *s)
{
	struct flights *f = s->flights;
	const struct flight *x = &f->ring[f->head & MASK];
	struct partition *p = &s->partitions[x->partition];
	bool ours = p->assigned && p->generation == x->generation;
	if (ours)
		p->done = x->next;
	s->counts[COUNT_WAITING]--;
	s->counts[ours ? COUNT_ACKNOWLEDGED : COUNT_RETURNED]++;
	if (x->sent)
		forget(f, (uint32_t)(f->head & MASK));
	f->head++;
}

/* What was not sent has nothing to wait for once all before it is done. */
static void land_unsent(struct source *s)
{
	struct flights *f = s->flights;
	while (f->head != f->tail && !f->ring[f->head & MASK].sent)
		land(s);
}

void flight_acknowledged(struct source *s, const struct stream_id *id, uint64_t sequence)
{
	struct flights *f = s->flights;
	uint32_t at = find(f, id, sequence);
	if (!at)
		return; /* of no frame in hand */
	while ((f->head & MASK) != at - 1)
		land(s);
	land(s);
	land_unsent(s);
}

void flight_written(struct source *s, uint64_t octets)
{
	struct flights *f = s->flights;
	while (!s->feed.child && f->head != f->tail && f->ring[f->head & MASK].end <= octets)
		land(s);
	land_unsent(s);
}

bool flight_of(const struct source *s, const bool *leaving)
{
	const struct flights *f = s->flights;
	for (uint64_t i = f->head; i != f->tail; i++) {
		const struct flight *x = &f->ring[i & MASK];
		if (leaving[x->partition] &&
			s->partitions[x->partition].generation == x->generation)
			return true;
	}
	return false;
}
