/* dirty: the minutes that a batch touched, as ranges: what aggregates have to be made of anew. */
#ifndef GOFLOW_DIRTY_H
#define GOFLOW_DIRTY_H

#include <stdint.h>

#define DIRTY_MAX 64 /* beyond that they become one range over all */

/* Zero-initialise it, or set count to 0. */
struct dirty {
	unsigned count;
	struct {
		uint64_t from, until; /* ns since 1970, whole minutes; until is behind the last */
	} range[DIRTY_MAX];
};

/* Notes the minute of a time. */
void dirty_note(struct dirty *d, uint64_t ns);

#endif
