/* nested: records with the elements of two IP headers, one in the other, as those of SRv6 and IP in IP are exported:
 * an element that is there again is of the inner header (RFC 7011, 8). */
#ifndef GOFLOW_NESTED_H
#define GOFLOW_NESTED_H

#include "lib/template.h"

/* Do these template fields describe two IP headers? They do where protocolIdentifier is there again. */
bool nested_template(const struct template_field *defs, size_t count);

/* Sets outer_* and inner_* of r, which a plan of such a template has filled from the record at p (pos: of
 * template_locate, NULL if all lengths are fixed); and those of the flow from the outer header, or with `inner` from
 * the inner one. The extras stay. */
void nested_fill(const struct template *t, const uint8_t *p, const struct field_position *pos,
	struct record *r, bool inner);

#endif
