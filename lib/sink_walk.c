#include "lib/sink_walk.h"

bool sink_walk_next(struct sink_walk *w, struct record *r)
{
	const struct sink_batch *b = w->batch;
	for (;;) {
		if (!w->inside) {
			while (w->frame < b->count && !w->mine[w->frame])
				w->frame++;
			if (w->frame == b->count)
				return false;
			frame_begin(&w->it, &b->frames[w->frame++], r);
			w->inside = true;
		}
		if (frame_next(&w->it, r) > 0) {
			w->next++;
			return true;
		}
		w->inside = false;
	}
}

uint64_t sink_walk_records(const struct sink_batch *batch, const bool *mine)
{
	uint64_t n = 0;
	for (size_t i = 0; i < batch->count; i++)
		n += mine[i] ? batch->frames[i].records : 0;
	return n;
}

void sink_walk_account(const struct sink_batch *batch, const bool *mine, struct sink_result *result)
{
	uint64_t claimed = sink_walk_records(batch, mine);
	uint64_t done = result->stored + result->refused;
	result->duplicate = batch->records - claimed;
	result->refused += claimed > done ? claimed - done : 0;
}
