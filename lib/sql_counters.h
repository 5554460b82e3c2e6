/* sql_counters: the lines of a frame of counters as rows of the table of counters, which every SQL sink has where it is
 * asked for. Its columns are the fields received, exporter, agent, obs_point and sequence, with the types that these
 * have in the table of records, and `counters`, JSON. */
#ifndef GOFLOW_SQL_COUNTERS_H
#define GOFLOW_SQL_COUNTERS_H

#include "lib/jsonl.h"
#include "lib/stream.h"

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

/* Takes the next line off *left, empty ones aside. Returns 1; 0: there is none; or ERR_JSON_SYNTAX or ERR_JSON_VALUE: the
 * line is none of counters, or does not say when it was received; it is taken off all the same. */
int sql_counters_next(struct sql_counters *c, struct text *left);

#endif
