/* biflow: a record of both directions (RFC 5103), made into one of each. */
#ifndef GOFLOW_BIFLOW_H
#define GOFLOW_BIFLOW_H

#include "lib/record.h"

/* Whether records of that template may count the opposite direction; NULL: any record may. */
struct template;
bool biflow_of(const struct template *t);

/* Takes what r says of the opposite direction away from it: it is a record of the first direction then. Returns what
 * that was, for biflow_turn; 0 where that direction has neither octets nor packets. */
unsigned biflow_part(struct record *r);

/* Makes that record one of the opposite direction: source and destination change places, the counters are those of the
 * opposite direction, and what is not known of that is left out. Its times are those of the whole. */
void biflow_turn(struct record *r, unsigned told);

#endif
