#include "lib/dirty.h"

#include "lib/instant.h"

#define MINUTE_NS (60 * NS_PER_S)

/* Too many to tell apart: one range over all of them. */
static void collapse(struct dirty *d)
{
	for (unsigned i = 1; i < d->count; i++) {
		if (d->range[i].from < d->range[0].from)
			d->range[0].from = d->range[i].from;
		if (d->range[i].until > d->range[0].until)
			d->range[0].until = d->range[i].until;
	}
	d->count = 1;
}

void dirty_note(struct dirty *d, uint64_t ns)
{
	uint64_t from = ns - ns % MINUTE_NS;
	/* the last one first: most records are of the minute before */
	for (unsigned i = d->count; i-- > 0;)
		if (ns >= d->range[i].from && ns < d->range[i].until)
			return;
	if (d->count == DIRTY_MAX)
		collapse(d);
	d->range[d->count].from = from;
	d->range[d->count++].until = from + MINUTE_NS;
}
