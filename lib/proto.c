/* The writing half of proto.h, of FlowRecord. */
#include "lib/proto.h"

#include <stdlib.h>

#include "proto/goflow.pb-c.h"
#include "lib/proto_map.h"

struct proto_writer {
	struct proto_map map;
	Goflow__FlowRecord message;
	Goflow__FlowRecord__Extra extras[EXTRAS_MAX], *extra_list[EXTRAS_MAX];
};

struct proto_writer *proto_writer_new(void)
{
	struct proto_writer *w = malloc(sizeof *w);
	if (!w)
		return NULL;
	proto_map_init(&w->map);
	goflow__flow_record__init(&w->message);
	for (size_t i = 0; i < EXTRAS_MAX; i++) {
		goflow__flow_record__extra__init(&w->extras[i]);
		w->extras[i].has_pen = w->extras[i].has_id = w->extras[i].has_value = 1;
		w->extra_list[i] = &w->extras[i];
	}
	w->message.extra = w->extra_list;
	return w;
}

void proto_writer_free(struct proto_writer *w)
{
	free(w);
}

static void *at(struct proto_writer *w, size_t offset)
{
	return (char *)&w->message + offset;
}

/* The message only borrows; protobuf-c's type has no const. */
static ProtobufCBinaryData borrowed(const void *bytes, size_t len)
{
	return (ProtobufCBinaryData){len, (uint8_t *)bytes};
}

static void set_time(struct proto_writer *w, const struct proto_slot *s, const struct instant *t)
{
	*(uint64_t *)at(w, s->value) = t->ns;
	*(uint32_t *)at(w, s->digits) = t->digits;
	*(protobuf_c_boolean *)at(w, s->has_digits) = t->digits != 9;
}

static ProtobufCBinaryData address(const struct ip *ip)
{
	return ip_is4(ip) ? borrowed(ip->b + 12, 4) : borrowed(ip->b, 16);
}

static void set_field(struct proto_writer *w, enum field_id id, const struct record *r)
{
	const struct proto_slot *s = &w->map.slot[id];
	const void *from = record_field(r, id);
	const struct text *text = from;
	void *to = at(w, s->value);
	*(protobuf_c_boolean *)at(w, s->has) = 1;
	switch (fields[id].kind) {
	case KIND_U8:
	case KIND_WORD: *(uint32_t *)to = *(const uint8_t *)from; break;
	case KIND_U16: *(uint32_t *)to = *(const uint16_t *)from; break;
	case KIND_U32: *(uint32_t *)to = *(const uint32_t *)from; break;
	case KIND_U64: *(uint64_t *)to = *(const uint64_t *)from; break;
	case KIND_TIME: set_time(w, s, from); break;
	case KIND_IP: *(ProtobufCBinaryData *)to = address(from); break;
	case KIND_MAC: *(ProtobufCBinaryData *)to = borrowed(from, sizeof(struct mac)); break;
	default: *(ProtobufCBinaryData *)to = borrowed(text->p, text->len);
	}
}

static void unset_field(struct proto_writer *w, enum field_id id)
{
	const struct proto_slot *s = &w->map.slot[id];
	*(protobuf_c_boolean *)at(w, s->has) = 0;
	if (fields[id].kind == KIND_TIME)
		*(protobuf_c_boolean *)at(w, s->has_digits) = 0;
}

static void set_extras(struct proto_writer *w, const struct record *r)
{
	w->message.n_extra = r->extra_count;
	for (uint32_t i = 0; i < r->extra_count; i++) {
		const struct extra *x = &r->extras[i];
		w->extras[i].pen = x->pen;
		w->extras[i].id = x->id;
		w->extras[i].value = borrowed(x->bytes, x->len);
	}
}

size_t proto_write(
	struct proto_writer *w, const struct record *r, bool delimited, void *out, size_t cap)
{
	if (r->extra_count > EXTRAS_MAX)
		return 0;
	for (unsigned k = 0; k < FIELD_WORDS; k++)
		for (uint64_t bits = r->present[k]; bits; bits &= bits - 1)
			set_field(w, k * 64 + (unsigned)__builtin_ctzll(bits), r);
	set_extras(w, r);
	size_t len = proto_pack(&w->message.base, delimited, out, cap);
	for (unsigned k = 0; k < FIELD_WORDS; k++)
		for (uint64_t bits = r->present[k]; bits; bits &= bits - 1)
			unset_field(w, k * 64 + (unsigned)__builtin_ctzll(bits));
	return len;
}
