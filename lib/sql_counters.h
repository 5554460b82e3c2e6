/* sql_counters: the lines of a frame of counters as rows of the table of counters, which every SQL sink has where it is
 * asked for. Its columns are the fields received, exporter, agent, obs_point and sequence, with the types that these
 * have in the table of records, and `counters`, JSON. */
#ifndef GOFLOW_SQL_COUNTERS_H
#define GOFLOW_SQL_COUNTERS_H

#include "lib/jsonl.h"
#include "lib/sink.h"

struct sql_counters {
	struct jsonl_reader *reader;
	struct record head;   /* of the line in hand: when it was received, and any of the other four */
	struct text counters; /* its JSON, as it stands in the line: valid, and UTF-8 */
};

#define SQL_COUNTERS_FIELDS 5
extern const uint8_t sql_counters_fields[SQL_COUNTERS_FIELDS]; /* enum field_id of each, in the order of columns */

/* Returns 0 or ERR_MEMORY. */
int sql_counters_open(struct sql_counters *c);
void sql_counters_close(struct sql_counters *c);

/* How a sink sends rows. */
struct sql_counters_way {
	/* Adds the line in hand to the rows to be sent, of which it is the first or not. Returns whether one more, of
	 * any length, has room. */
	bool (*add)(void *self, bool first);

	/* Sends them. Returns 0; 1: some of it was refused, nothing of it is stored, and the transaction goes on; or
	 * ERR_RETRY. */
	int (*send)(void *self);
	void *self;
	const char *why; /* where it leaves the reason of what was refused */
};

/* Stores the lines of a frame, within the transaction, and counts them in the result. What is refused together is
 * sent one by one. Lines that are none of counters, or do not say when they were received, are refused. Returns 0 or
 * ERR_RETRY. */
int sql_counters_store(const struct sql_counters_way *way, struct sql_counters *c, const struct frame *f,
	struct sink_result *result);

#endif
