/* sink_walk: the records of those frames of a batch that a sink has claimed, one after the other. */
#ifndef GOFLOW_SINK_WALK_H
#define GOFLOW_SINK_WALK_H

#include "lib/sink.h"

/* Set the first two, the rest to zero. */
struct sink_walk {
	const struct sink_batch *batch;
	const bool *mine; /* of each frame of the batch, whether it is claimed */
	struct frame_iter it;
	size_t frame; /* the next one */
	bool inside;
	uint64_t next; /* how many records came so far: the number of the next one */
};

/* The next record into r, whose extras have room for EXTRAS_MAX; the same r through the whole walk, or
 * values that a datagram's records share are missing. False at the end. A frame that breaks off, its checksum
 * holding, gives the records before that. */
bool sink_walk_next(struct sink_walk *w, struct record *r);

/* How many records the claimed frames say that they hold. */
uint64_t sink_walk_records(const struct sink_batch *batch, const bool *mine);

/* Ends a store whose claimed frames were walked: what was not claimed was a duplicate, and what a broken frame
 * did not give is refused. */
void sink_walk_account(
	const struct sink_batch *batch, const bool *mine, struct sink_result *result);

#endif
