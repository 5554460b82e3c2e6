#include "lib/join.h"

enum { JOIN_IN_IF = 1, JOIN_OUT_IF = 2 };

/* Whether records of the template may have the field; whether it is there shows the record. */
static bool fills(const struct template *t, enum field_id id)
{
	for (uint16_t i = 0; i < t->first_extra; i++)
		if (t->steps[i].op != STEP_SYSINIT && t->steps[i].field == id)
			return true;
	return false;
}

unsigned join_begin(const struct exporter *e, const struct template *t)
{
	unsigned what = 0;
	if (!e->settings.interfaces || t->options)
		return 0;
	if (fills(t, FIELD_in_if))
		what |= JOIN_IN_IF;
	if (fills(t, FIELD_out_if))
		what |= JOIN_OUT_IF;
	return what;
}

static void name_interface(
	const struct domain *domain, struct record *r, enum field_id from, enum field_id to)
{
	const struct text *name;
	if (!record_has(r, from) || record_has(r, to))
		return;
	name = interface_name(
		domain->exporter->settings.interfaces, *(const uint32_t *)record_field(r, from));
	if (!name)
		return;
	*(struct text *)((char *)r + fields[to].offset) = *name;
	record_mark(r, to);
}

void join_record(unsigned what, const struct domain *domain, struct record *r)
{
	if (what & JOIN_IN_IF)
		name_interface(domain, r, FIELD_in_if, FIELD_in_if_name);
	if (what & JOIN_OUT_IF)
		name_interface(domain, r, FIELD_out_if, FIELD_out_if_name);
}
