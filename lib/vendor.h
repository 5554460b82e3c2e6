/* vendor: what enterprises' elements, or their choice of others, say beside the values of fields. */
#ifndef GOFLOW_VENDOR_H
#define GOFLOW_VENDOR_H

#include "lib/quirks.h"
#include "lib/record.h"

struct template;

/* What a template's records say so: bits for vendor_complete; 0: nothing. */
unsigned vendor_says(const struct template *t);

#define VENDOR_EXCEPTION   1u /* Juniper's commonPropertiesId may hold a forwarding exception: fwd_status */
#define VENDOR_NAT_CREATED 2u /* a NAT log of Nokia's has no event, but a start: nat_event is that one was created */
#define VENDOR_NAT_DELETED 4u /* or an end: that it was deleted */

/* Sets the fields that are not set yet. Returns the quirks that were met, by their bits. */
uint64_t vendor_complete(unsigned what, struct record *r);

#endif
