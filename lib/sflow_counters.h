/* sflow_counters: what sFlow's counter samples count ("sFlow Version 5", section 5; sflow_host.txt has more). */
#ifndef GOFLOW_SFLOW_COUNTERS_H
#define GOFLOW_SFLOW_COUNTERS_H

#include "lib/cursor.h"

/* How much sflow_counters_json may write of so many octets. */
#define SFLOW_COUNTERS_ROOM(octets) (12 * (octets) + 64)

/* The name of a counter record's structure by its format (enterprise << 12 | number), or NULL. Static storage. */
const char *sflow_counters_name(uint32_t format);

/* Writes the counter records of a sample (n is how many it tells; what is not there is left out) as a JSON
 * object. It has an object for each whose structure is known, and a string of hex digits, "ENTERPRISE:NUMBER", for
 * each other. Counters that the agent does not have (all ones) are left out. out has SFLOW_COUNTERS_ROOM of the
 * octets left in c. Returns the end. */
char *sflow_counters_json(struct cursor c, uint32_t n, char *out);

#endif
