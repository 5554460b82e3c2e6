/* account: what a stage has counted, over all processes that have been it. */
#ifndef GOFLOW_ACCOUNT_H
#define GOFLOW_ACCOUNT_H

#include <jansson.h>
#include <stdint.h>

#include "lib/counters.h"

/* Zero-initialise it. */
struct account {
	struct counters_shared *memory; /* that the process which runs counts in; owned */
	bool running;                 /* one does */
	uint64_t past[COUNTERS_MAX];  /* of those before it */
	uint64_t crashed;             /* read by them and neither passed on nor counted as lost */
	uint64_t pending;             /* made by them and not passed on, in the next stage's unit */
	char program[32], unit[32];
	char names[COUNTERS_MAX][32];
	struct counter table[COUNTERS_MAX];
	size_t count;                 /* 0: no process has described its counters yet */
};

/* Makes the memory that processes count in. Returns 0, or ERR_IO after a log line. */
int account_open(struct account *a);

/* Has the next process count from 0. Returns the memory's descriptor, which the account keeps, or ERR_IO after a log
 * line. */
int account_begin(struct account *a);

/* The process has ended: its counts become part of the past, and what it held is given up. */
void account_end(struct account *a);

/* All that was counted until now is undone, and will be done again; no process runs. */
void account_forget(struct account *a);
void account_free(struct account *a);

/* Totals of a role until now. */
uint64_t account_sum(struct account *a, enum counter_role role);

/* The total of a counter, 0 where there is none of that name. */
uint64_t account_counter(struct account *a, const char *name);

/* What it passed on to the next stage, in that one's unit, and what it had made for it when it was killed. */
uint64_t account_made(struct account *a);

/* {"unit", "in", "out", "waiting", "made", "lost": {by cause, not 0}} as in a stage's own document, with the cause
 * "crash"; NULL where nothing has been counted, or there is no memory. A new reference. */
json_t *account_ledger(struct account *a);

/* {name: total} of all counters; NULL likewise. */
json_t *account_counters(struct account *a);

#endif
