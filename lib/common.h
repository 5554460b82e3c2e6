/* common: properties that flow records share (RFC 5473): an exporter sends them once, in an option record whose scope
 * is a commonPropertiesId, and then that id in each flow record. */
#ifndef GOFLOW_COMMON_H
#define GOFLOW_COMMON_H

#include "lib/exporter.h"

#define COMMON_EXTRAS_MAX 64 /* elements that no field claims, of all properties of a record */
#define COMMON_FIELDS_MAX 64 /* of an option record with properties */
#define COMMON_IDS_MAX    8  /* of properties that a record refers to */

/* Whether a template has a field commonPropertiesId. */
bool common_template(const struct template_field *defs, size_t count);

/* Remembers an option record, at p with the positions of its template's fields, if its scope is such an id. Longer ones
 * than a name may be, and those of more than COMMON_FIELDS_MAX fields, are passed over. */
void common_learn(struct exporters *all, struct domain *domain, const struct template *t, const uint8_t *p,
	const struct field_position *pos);

/* Fills r with the properties whose first COMMON_IDS_MAX ids the record at p (pos: NULL, or of template_locate) has,
 * as far as they are known. To be called before its own plan is run: what the record says itself then takes the place
 * of these. Those without a field become extras, but for elements that its template has too. Text and extras borrow
 * from what is remembered of the exporter. */
void common_fill(struct exporters *all, struct domain *domain, const struct template *t, const uint8_t *p,
	const struct field_position *pos, uint64_t now_ns, struct record *r, struct plan_times *times);

#endif
