#include "lib/vendor.h"

#include "lib/cursor.h"
#include "lib/template.h"

#define JUNIPER              2636
#define IE_COMMON_PROPERTIES 137
#define NOKIA                637
#define IE_NAT_SUBSCRIBER    93

/* Juniper's, of two octets: a type in six bits, and a value. */
#define EXCEPTION_TYPE  2
#define EXCEPTION_VALUE 0x3ff

/* RFC 7270, 4.12, and IANA's natEvent */
enum { FORWARDED = 64, DROPPED = 128, NAT_CREATED = 1, NAT_DELETED = 2 };

static bool has(const struct template *t, uint32_t pen, uint16_t id)
{
	for (size_t i = 0; i < t->field_count; i++)
		if (t->fields[i].pen == pen && t->fields[i].id == id)
			return true;
	return false;
}

static bool fills(const struct template *t, enum field_id id)
{
	for (size_t i = 0; i < t->step_count; i++)
		if (t->steps[i].op < STEP_EXTRA && t->steps[i].op != STEP_SYSINIT &&
			t->steps[i].field == id)
			return true;
	return false;
}

unsigned vendor_says(const struct template *t)
{
	unsigned what = has(t, JUNIPER, IE_COMMON_PROPERTIES) ? VENDOR_EXCEPTION : 0;
	if (!has(t, NOKIA, IE_NAT_SUBSCRIBER) || fills(t, FIELD_nat_event))
		return what;
	if (fills(t, FIELD_last_switched))
		what |= VENDOR_NAT_DELETED;
	else if (fills(t, FIELD_first_switched))
		what |= VENDOR_NAT_CREATED;
	return what;
}

static bool find_exception(const struct record *r, uint16_t *code)
{
	for (uint32_t i = 0; i < r->extra_count; i++) {
		const struct extra *x = &r->extras[i];
		if (x->pen != JUNIPER || x->id != IE_COMMON_PROPERTIES || x->len != 2 ||
			x->bytes[0] >> 2 != EXCEPTION_TYPE)
			continue;
		*code = be16(x->bytes) & EXCEPTION_VALUE;
		return true;
	}
	return false;
}

uint64_t vendor_complete(unsigned what, struct record *r)
{
	uint64_t met = 0;
	uint16_t code;
	if (what & VENDOR_EXCEPTION && !record_has(r, FIELD_fwd_status) &&
		find_exception(r, &code)) {
		RECORD_SET(r, fwd_status, code ? DROPPED : FORWARDED);
		met |= QUIRK_BIT(FORWARDING_EXCEPTION);
	}
	if (what & (VENDOR_NAT_CREATED | VENDOR_NAT_DELETED)) {
		RECORD_SET(r, nat_event, what & VENDOR_NAT_CREATED ? NAT_CREATED : NAT_DELETED);
		met |= QUIRK_BIT(NAT_BY_TIMES);
	}
	return met;
}
