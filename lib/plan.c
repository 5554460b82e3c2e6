/* Running the plans of template.h. */
#include <string.h>

#include "lib/elements.h"
#include "lib/quirks.h"
#include "lib/template.h"

/* Elements that turn out not to fit their field join the extras, next to those of the same element.
 */
static void keep_as_extra(
	struct record *r, const struct template_field *f, const uint8_t *p, uint32_t len)
{
	uint32_t at = r->extra_count;
	while (at && (r->extras[at - 1].pen != f->pen || r->extras[at - 1].id != f->id))
		at--;
	if (!at)
		at = r->extra_count;
	memmove(&r->extras[at + 1], &r->extras[at], (r->extra_count - at) * sizeof *r->extras);
	r->extras[at] = (struct extra){f->pen, f->id, (uint16_t)len, p};
	r->extra_count++;
}

/* Stores an integer if it fits its field. */
static bool set_integer(struct record *r, enum field_id id, uint64_t v)
{
	static const uint8_t width[KIND_COUNT] = {
		[KIND_U8] = 1, [KIND_U16] = 2, [KIND_U32] = 4, [KIND_U64] = 8};
	unsigned bytes = width[fields[id].kind];
	if (bytes < 8 && v >> (8 * bytes))
		return false;
	memcpy((char *)r + fields[id].offset, &v,
		bytes); /* little-endian: the low bytes come first */
	record_mark(r, id);
	return true;
}

/* A range of the bits of a value, as of a big-endian integer: those above it are 0. If it does not
 * fit its field, nothing is lost, since the element is among the extras anyway. */
static void set_bits(
	struct record *r, enum field_id id, uint16_t bits, const uint8_t *p, uint32_t len)
{
	unsigned lowest = OWN_BITS_LOWEST(bits), width = OWN_BITS_WIDTH(bits);
	uint64_t v = 0;
	if (8 * (uint64_t)len <= lowest)
		return;
	for (unsigned i = 0; i < width && lowest + i < 8 * len; i++) {
		unsigned bit = lowest + i;
		v |= (uint64_t)(p[len - 1 - bit / 8] >> bit % 8 & 1) << i;
	}
	set_integer(r, id, v);
}

static bool set_time(struct record *r, enum field_id id, uint64_t ns, uint8_t digits)
{
	*(struct instant *)((char *)r + fields[id].offset) = (struct instant){ns, digits};
	record_mark(r, id);
	return true;
}

/* A count of `unit` nanoseconds since 1970. */
static bool set_since_1970(
	struct record *r, enum field_id id, uint64_t v, uint64_t unit, uint8_t digits)
{
	uint64_t ns;
	return !__builtin_mul_overflow(v, unit, &ns) && set_time(r, id, ns, digits);
}

static uint64_t unit_of(const struct plan_times *times)
{
	return times->in_seconds ? NS_PER_S : NS_PER_MS;
}

/* An uptime that is behind the header's, or was before it began anew. */
static bool set_odd_uptime(
	struct record *r, enum field_id id, uint32_t uptime, struct plan_times *times)
{
	int32_t ahead = (int32_t)(uptime - times->base_uptime);
	uint64_t distance = (uint64_t)(ahead < 0 ? -(int64_t)ahead : ahead) * unit_of(times);
	times->met |= ahead < 0 ? QUIRK_BIT(UPTIME_WRAPPED) : QUIRK_BIT(FLOW_AFTER_HEADER);
	if (ahead < 0 ? distance > times->base_ns : distance > UINT64_MAX - times->base_ns)
		return false;
	uint64_t ns = ahead < 0 ? times->base_ns - distance : times->base_ns + distance;
	return set_time(r, id, ns, times->in_seconds ? 0 : 3);
}

/* An uptime, which may lie on either side of the header's, and may have wrapped: a signed 32-bit
 * difference is right for both (RFC 3954, section 8). */
static bool set_uptime(struct record *r, enum field_id id, uint64_t v, struct plan_times *times)
{
	uint32_t uptime = (uint32_t)v, before = times->base_uptime - uptime;
	if (!times->has_base)
		return false;
	if (before > INT32_MAX || uptime > times->base_uptime)
		return set_odd_uptime(r, id, uptime, times);
	uint64_t distance = before * unit_of(times);
	return distance <= times->base_ns &&
	       set_time(r, id, times->base_ns - distance, times->in_seconds ? 0 : 3);
}

static bool set_ntp(struct record *r, enum field_id id, uint64_t v, uint8_t digits)
{
	struct instant t;
	return instant_from_ntp(v, digits, &t) && set_time(r, id, t.ns, t.digits);
}

/* systemInitTimeMilliseconds: the base that this record's uptimes count from. It is carried over to
 * the export time, so that an uptime that has wrapped since comes out right. */
static void set_base(struct plan_times *times, uint64_t init_ms)
{
	times->base_ns = times->export_ns;
	times->base_uptime = (uint32_t)(times->export_ns / NS_PER_MS - init_ms);
	times->has_base = true;
	times->in_seconds = false;
}

/* Text without the NULs that pad it; empty text is none. */
static void set_text(struct record *r, enum field_id id, const uint8_t *p, uint32_t len)
{
	while (len && p[len - 1] == 0)
		len--;
	if (!len)
		return;
	*(struct text *)((char *)r + fields[id].offset) = (struct text){(const char *)p, len};
	record_mark(r, id);
}

static bool all_zero(const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* Stores the other family's address, or its mask if it fits. */
static bool set_family(struct record *r, const struct step *s, const uint8_t *p, uint32_t len)
{
	if (fields[s->field].kind != KIND_IP)
		return set_integer(r, s->field, be_uint(p, len));
	*(struct ip *)((char *)r + s->target) = ip_from6(p);
	return true;
}

/* A record with both an IPv4 and an IPv6 value for one field: the one that is set counts; where
 * both are, the one of ipVersion, and the other is kept as an extra. */
static void set_other_family(const struct template *t, const struct step *s, const uint8_t *record,
	const struct field_position *pos, const uint8_t *p, uint32_t len, struct record *r)
{
	const struct template_field *first = &t->fields[s->partner];
	const uint8_t *first_p = record;
	if (pos)
		first_p += pos[s->partner].offset;
	else
		for (uint16_t i = 0; i < s->partner; i++)
			first_p += t->fields[i].len;
	bool unset = all_zero(first_p, first->len), had = record_has(r, s->field);
	if (all_zero(p, len))
		return;
	bool wins = unset || (record_has(r, FIELD_ip_version) && r->ip_version == 6);
	if (!wins || !set_family(r, s, p, len))
		keep_as_extra(r, &t->fields[s->index], p, len);
	else if (!unset && had)
		keep_as_extra(r, first, first_p, first->len);
}

/* A label stack entry without its TTL; all 0, there is none at that depth (IANA element 70 and on).
 * Returns whether the label is all that it says. */
static bool set_label(struct record *r, enum field_id id, const uint8_t *p)
{
	uint64_t entry = be_uint(p, 3);
	if (entry)
		set_integer(r, id, entry >> 4);
	return (entry & 0x0e) == 0;
}

/* The steps whose outcome depends on the value. Returns false if the value does not fit its field.
 */
static bool run_conditional(const struct step *s, const uint8_t *p, uint32_t len, struct record *r,
	struct plan_times *times)
{
	enum field_id id = s->field;
	switch (s->op) {
	case STEP_NARROW: return set_integer(r, id, be_uint(p, len));
	case STEP_TEXT: set_text(r, id, p, len); return true;
	case STEP_HIGH: return set_integer(r, id, p[0]);
	case STEP_LOW: return set_integer(r, id, p[1]);
	case STEP_LABEL: return set_label(r, id, p);
	case STEP_UPTIME: return set_uptime(r, id, be_uint(p, len), times);
	case STEP_SECONDS: return set_since_1970(r, id, be_uint(p, len), NS_PER_S, 0);
	case STEP_MILLIS: return set_since_1970(r, id, be_uint(p, len), NS_PER_MS, 3);
	case STEP_MICROS: return set_ntp(r, id, be64(p), 6);
	case STEP_NANOS: return set_ntp(r, id, be64(p), 9);
	case STEP_DELTA_US: {
		uint64_t us = be_uint(p, len);
		return us <= times->export_ns / NS_PER_US &&
		       set_time(r, id, times->export_ns - us * NS_PER_US, 6);
	}
	case STEP_MS_AS_US: {
		uint64_t ms = be_uint(p, len);
		return ms <= UINT64_MAX / 1000 && set_integer(r, id, ms * 1000);
	}
	case STEP_BITS: set_bits(r, id, s->bits, p, len); return true;
	default: set_base(times, be64(p)); return false; /* STEP_SYSINIT, which no field has */
	}
}

/* Compiled once for each kind of template: that needs more than a hint. */
#define INLINED static inline __attribute__((always_inline))

INLINED uint32_t offset_of(const struct step *s, const struct field_position *pos)
{
	return pos ? pos[s->index].offset : s->offset;
}

/* Runs the steps of one op up to that op's end. */
#define EACH(op_name) for (const struct step *end = t->steps + t->end_of[op_name]; s < end; s++)
#define FROM          (p + offset_of(s, pos))
#define TARGET        ((char *)r + s->target)
#define STORE(type, value)                                                                         \
	do {                                                                                       \
		type v_ = (type)(value);                                                           \
		memcpy(TARGET, &v_, sizeof v_);                                                    \
	} while (0)

/* The steps that always set their field: a loop for each op, with nothing to decide in it. Returns
 * the first of the others. Little-endian: the low bytes of a widened integer come first. */
INLINED const struct step *run_unconditional(const struct template *t, const uint8_t *p,
	const struct field_position *pos, struct record *r)
{
	const struct step *s = t->steps;
	EACH(STEP_U8) *TARGET = (char)*FROM;
	EACH(STEP_U16) STORE(uint16_t, be16(FROM));
	EACH(STEP_U32) STORE(uint32_t, be32(FROM));
	EACH(STEP_U64) STORE(uint64_t, be64(FROM));
	EACH(STEP_U16_OF_1) STORE(uint16_t, *FROM);
	EACH(STEP_U32_OF_2) STORE(uint32_t, be16(FROM));
	EACH(STEP_U64_OF_4) STORE(uint64_t, be32(FROM));
	EACH(STEP_WIDEN_U32) STORE(uint32_t, be_uint(FROM, s->len));
	EACH(STEP_WIDEN_U64) STORE(uint64_t, be_uint(FROM, s->len));
	EACH(STEP_IP4)
	{
		struct ip ip = ip_from4(FROM);
		memcpy(TARGET, &ip, sizeof ip);
	}
	EACH(STEP_IP6) memcpy(TARGET, FROM, 16);
	EACH(STEP_MAC) memcpy(TARGET, FROM, 6);
	return s;
}

INLINED void store_time(const struct step *s, struct record *r, uint64_t ns, uint8_t digits)
{
	struct instant *t = (struct instant *)(void *)TARGET;
	t->ns = ns;
	t->digits = digits;
	record_mark(r, s->field);
}

/* Nearly all times are uptimes of four octets a while before the header's, or milliseconds of
 * eight. Returns false for all others. */
INLINED bool run_usual_time(
	const struct step *s, const uint8_t *p, struct record *r, const struct plan_times *times)
{
	if (s->op == STEP_UPTIME && s->len == 4 && times->has_base) {
		uint32_t uptime = be32(p), before = times->base_uptime - uptime;
		uint64_t distance = before * unit_of(times);
		if (uptime > times->base_uptime || before > INT32_MAX || distance > times->base_ns)
			return false;
		store_time(s, r, times->base_ns - distance, times->in_seconds ? 0 : 3);
		return true;
	}
	if (s->op == STEP_MILLIS && s->len == 8) {
		uint64_t ns;
		if (__builtin_mul_overflow(be64(p), NS_PER_MS, &ns))
			return false;
		store_time(s, r, ns, 3);
		return true;
	}
	return false;
}

/* One body for both kinds of template; the callers' constant makes two of it. */
INLINED void run(const struct template *t, const uint8_t *p, const struct field_position *pos,
	struct record *r, struct plan_times *times)
{
	const struct step *s = run_unconditional(t, p, pos, r);
	const struct step *extras = t->steps + t->first_extra, *end = t->steps + t->step_count;
	const struct step *alone = t->steps + t->first_alone;
	for (; s < extras; s++) {
		uint32_t len = pos ? pos[s->index].len : s->len;
		if (run_usual_time(s, FROM, r, times))
			continue;
		if (s->op == STEP_OTHER_FAMILY)
			set_other_family(t, s, p, pos, FROM, len, r);
		else if (!run_conditional(s, FROM, len, r, times))
			keep_as_extra(r, &t->fields[s->index], FROM, len);
	}
	for (; s < alone; s++)
		keep_as_extra(r, &t->fields[s->index], FROM, pos ? pos[s->index].len : s->len);
	for (; s < end; s++) {
		const struct template_field *f = &t->fields[s->index];
		uint32_t len = pos ? pos[s->index].len : s->len;
		r->extras[r->extra_count++] = (struct extra){f->pen, f->id, (uint16_t)len, FROM};
	}
}

void plan_run(const struct template *t, const uint8_t *p, const struct field_position *pos,
	struct record *r, struct plan_times *times)
{
	if (pos)
		run(t, p, pos, r, times);
	else
		run(t, p, NULL, r, times);
}
