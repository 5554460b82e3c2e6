/* counters: the memory that a stage counts in. Under a supervisor it is the supervisor's (a memfd, passed as
 * $GOFLOW_COUNTERS), so that what a stage has counted outlives it, however it ends. */
#ifndef GOFLOW_COUNTERS_H
#define GOFLOW_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/stats.h"

#define COUNTERS_MAX         96
#define COUNTERS_ENVIRONMENT "GOFLOW_COUNTERS" /* the descriptor's number */

/* The process's counters, COUNTERS_MAX of them, zeroed. A second call is for tests: it begins anew. Never NULL. */
uint64_t *counters_memory(void);

/* Writes down what they mean, for who holds the memory; nothing where it is the process's own. */
void counters_describe(const struct stats_source *source);

/* For the supervisor: the memory of one stage. */
struct counters_shared;

/* Returns NULL where there is no memory, with errno. */
struct counters_shared *counters_shared_new(void);
void counters_shared_free(struct counters_shared *s); /* NULL is fine */

/* Zeroes it, for the next process. Returns 0, or ERR_IO with errno. */
int counters_shared_reset(struct counters_shared *s);

/* The descriptor that the stage inherits; close-on-exec until then. */
int counters_shared_fd(const struct counters_shared *s);

/* What stands in the memory now, as a source without report and refresh, which borrows from s until the next
 * call. False where the stage has not described it, or in a way that makes no sense: the process at the other end
 * reads what the network sends, and is not trusted. */
bool counters_shared_read(struct counters_shared *s, struct stats_source *out);

#endif
