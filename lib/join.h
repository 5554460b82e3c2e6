/* join: what is known of an exporter from elsewhere, put into its records: names of interfaces. */
#ifndef GOFLOW_JOIN_H
#define GOFLOW_JOIN_H

#include "lib/exporter.h"

/* What is to be done with each record of a template, so that a record for which there is nothing to
 * do costs nothing: bits for join_record, 0: nothing. */
unsigned join_begin(const struct exporter *e, const struct template *t);

/* Does that. Text that it sets borrows from what is remembered of the exporter, and holds until that
 * learns more. */
void join_record(unsigned what, const struct domain *domain, struct record *r);

#endif
