/* rate: how fast a counter grows, as told from time to time. */
#ifndef GOFLOW_RATE_H
#define GOFLOW_RATE_H

#include <stdint.h>

/* Zero-initialise it. */
struct rate {
	uint64_t count, at_ns; /* when it was told last, monotonic; 0: not yet */
};

/* By how much a second the counter, which is `count` now, has grown since this was called last; 0 at first. */
uint64_t rate_since(struct rate *r, uint64_t count, uint64_t now_ns);

#endif
