/* status: the stages' counters, as lib/status_merge.h makes one document of them, as a table with its ledger. */
#ifndef NFCTL_STATUS_H
#define NFCTL_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* The table of stages. `brief` is for 80 columns: totals are rounded (1.23M), units left out, titles bold. */
void status_table(const json_t *merged, FILE *out, bool brief);

/* A line a stage and a link: what went in, out, waits and was lost by cause, and whether it adds up; then
 * one over all. */
void status_ledger(const json_t *merged, FILE *out);

/* That the ledger adds up, or the first line of it that does not; and a line for each stage that lost
 * something, by cause. */
void status_ledger_brief(const json_t *merged, FILE *out);

/* Each counter with its meaning. */
void status_counters(const json_t *merged, FILE *out);

#endif
