#include "lib/nested.h"

#include "lib/base.h"

/* What both headers have. */
enum part { SRC_IP, DST_IP, PROTOCOL, SRC_PORT, DST_PORT, TOS, TCP_FLAGS, PARTS };

/* The fields of a part: in the outer header, in the inner one, and of the flow; FIELD_COUNT: there
 * is none. */
static const struct {
	enum field_id outer, inner, flow;
} fields_of[PARTS] = {
	[SRC_IP] = {FIELD_outer_src_ip, FIELD_inner_src_ip, FIELD_src_ip},
	[DST_IP] = {FIELD_outer_dst_ip, FIELD_inner_dst_ip, FIELD_dst_ip},
	[PROTOCOL] = {FIELD_outer_protocol, FIELD_inner_protocol, FIELD_protocol},
	[SRC_PORT] = {FIELD_outer_src_port, FIELD_inner_src_port, FIELD_src_port},
	[DST_PORT] = {FIELD_outer_dst_port, FIELD_inner_dst_port, FIELD_dst_port},
	[TOS] = {FIELD_COUNT, FIELD_COUNT, FIELD_tos},
	[TCP_FLAGS] = {FIELD_COUNT, FIELD_COUNT, FIELD_tcp_flags},
};

struct value {
	const uint8_t *p; /* NULL: it was not there */
	uint32_t len;
};

static enum part part_of(const struct template_field *f)
{
	switch (f->pen == 0 ? f->id : 0) {
	case 8:
	case 27: return SRC_IP;
	case 12:
	case 28: return DST_IP;
	case 4: return PROTOCOL;
	case 7: return SRC_PORT;
	case 11: return DST_PORT;
	case 5: return TOS;
	case 6: return TCP_FLAGS;
	default: return PARTS;
	}
}

bool nested_template(const struct template_field *defs, size_t count)
{
	unsigned protocols = 0;
	for (size_t i = 0; i < count; i++)
		protocols += part_of(&defs[i]) == PROTOCOL;
	return protocols > 1;
}

/* Sets a field, if the value is one of its kind and fits. */
static void set(struct record *r, enum field_id id, const struct value *v)
{
	void *member = (char *)r + fields[id].offset;
	if (fields[id].kind == KIND_IP) {
		if (v->len != 4 && v->len != 16)
			return;
		*(struct ip *)member = v->len == 4 ? ip_from4(v->p) : ip_from6(v->p);
	} else {
		uint64_t n = v->len >= 1 && v->len <= 8 ? be_uint(v->p, v->len) : UINT64_MAX;
		size_t width = fields[id].kind == KIND_U8 ? 1 : 2;
		if (n >> (8 * width))
			return;
		memcpy(member, &n, width); /* little-endian: the low bytes come first */
	}
	record_mark(r, id);
}

void nested_fill(const struct template *t, const uint8_t *p, const struct field_position *pos,
	struct record *r, bool inner)
{
	struct value first[PARTS] = {{NULL, 0}}, last[PARTS] = {{NULL, 0}};
	uint32_t offset = 0;
	for (size_t i = 0; i < t->field_count; i++) {
		enum part part = part_of(&t->fields[i]);
		struct value v = {p + offset, t->fields[i].len};
		offset += t->fields[i].len;
		if (pos)
			v = (struct value){p + pos[i].offset, pos[i].len};
		if (part == PARTS)
			continue;
		*(first[part].p ? &last[part] : &first[part]) = v;
	}
	for (size_t i = 0; i < PARTS; i++) {
		if (!last[i].p) /* of which of the two it is, nobody knows */
			continue;
		if (fields_of[i].outer != FIELD_COUNT) {
			set(r, fields_of[i].outer, &first[i]);
			set(r, fields_of[i].inner, &last[i]);
		}
		set(r, fields_of[i].flow, inner ? &last[i] : &first[i]);
	}
}
