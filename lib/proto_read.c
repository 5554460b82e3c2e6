/* The reading half of proto.h. */
#include <stdlib.h>
#include <string.h>

#include "proto/goflow.pb-c.h"
#include "lib/err.h"
#include "lib/proto.h"
#include "lib/proto_map.h"

/* A message with EXTRAS_MAX extras in RECORD_PACKED_MAX bytes, and what protobuf-c keeps while it
 * scans, take less. */
#define ARENA_SIZE ((size_t)16 * 1024 * 1024)
#define ALIGNMENT  16

struct proto_reader {
	struct proto_map map;
	ProtobufCAllocator allocator;
	size_t used;
	_Alignas(ALIGNMENT) uint8_t arena[ARENA_SIZE];
};

static void *take(void *ctx, size_t size)
{
	struct proto_reader *p = ctx;
	if (size > ARENA_SIZE - p->used)
		return NULL;
	void *block = p->arena + p->used;
	size_t whole = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	p->used = whole > ARENA_SIZE - p->used ? ARENA_SIZE : p->used + whole;
	return block;
}

static void give_back(void *ctx, void *block)
{
	(void)ctx; /* all at once, when the next message is read */
	(void)block;
}

struct proto_reader *proto_reader_new(void)
{
	struct proto_reader *p = malloc(sizeof *p);
	if (!p)
		return NULL;
	proto_map_init(&p->map);
	p->allocator = (ProtobufCAllocator){take, give_back, p};
	p->used = 0;
	return p;
}

void proto_reader_free(struct proto_reader *p)
{
	free(p);
}

static bool get_number(uint32_t v, uint32_t max, void *to)
{
	if (v > max)
		return false;
	if (max == UINT8_MAX)
		*(uint8_t *)to = (uint8_t)v;
	else
		*(uint16_t *)to = (uint16_t)v;
	return true;
}

static bool get_ip(const ProtobufCBinaryData *b, struct ip *to)
{
	if (b->len == 4)
		*to = ip_from4(b->data);
	else if (b->len == 16)
		*to = ip_from6(b->data);
	else
		return false;
	return true;
}

static bool get_mac(const ProtobufCBinaryData *b, struct mac *to)
{
	if (b->len != sizeof to->b)
		return false;
	memcpy(to->b, b->data, sizeof to->b);
	return true;
}

static bool get_text(const ProtobufCBinaryData *b, struct text *to)
{
	if (b->len > UINT16_MAX)
		return false;
	*to = (struct text){b->len ? (const char *)b->data : "", (uint32_t)b->len};
	return true;
}

static bool get_time(const char *message, const struct proto_slot *s, struct instant *to)
{
	uint32_t digits = 9;
	if (*(const protobuf_c_boolean *)(const void *)(message + s->has_digits))
		digits = *(const uint32_t *)(const void *)(message + s->digits);
	if (digits > 9 || digits % 3 != 0)
		return false;
	to->ns = *(const uint64_t *)(const void *)(message + s->value);
	to->digits = (uint8_t)digits;
	return true;
}

static bool get_field(const char *message, const struct proto_slot *s, enum field_id id, void *to)
{
	const void *from = message + s->value;
	switch (fields[id].kind) {
	case KIND_U8:
	case KIND_WORD: return get_number(*(const uint32_t *)from, UINT8_MAX, to);
	case KIND_U16: return get_number(*(const uint32_t *)from, UINT16_MAX, to);
	case KIND_U32: *(uint32_t *)to = *(const uint32_t *)from; return true;
	case KIND_U64: *(uint64_t *)to = *(const uint64_t *)from; return true;
	case KIND_IP: return get_ip(from, to);
	case KIND_MAC: return get_mac(from, to);
	case KIND_TIME: return get_time(message, s, to);
	default: return get_text(from, to);
	}
}

/* Of empty bytes protobuf-c gives no address. */
static const uint8_t *bytes_of(const ProtobufCBinaryData *b)
{
	static const uint8_t none[1];
	return b->len > 0 ? b->data : none;
}

static bool get_extras(const Goflow__FlowRecord *m, struct record *r, uint64_t *unknown)
{
	if (m->n_extra > EXTRAS_MAX)
		return false;
	for (size_t i = 0; i < m->n_extra; i++) {
		const Goflow__FlowRecord__Extra *x = m->extra[i];
		if (x->id > UINT16_MAX || x->value.len > UINT16_MAX)
			return false;
		*unknown += x->base.n_unknown_fields;
		r->extras[i] = (struct extra){
			x->pen, (uint16_t)x->id, (uint16_t)x->value.len, bytes_of(&x->value)};
	}
	r->extra_count = (uint32_t)m->n_extra;
	return true;
}

int proto_read(
	struct proto_reader *p, const void *data, size_t len, struct record *r, uint64_t *unknown)
{
	memset(r->present, 0, sizeof r->present);
	memset(r->shared, 0, sizeof r->shared);
	r->share_id = 0;
	r->extra_count = 0;
	p->used = 0;
	const Goflow__FlowRecord *m = goflow__flow_record__unpack(&p->allocator, len, data);
	if (!m)
		return ERR_PROTO_SYNTAX;
	for (enum field_id id = 0; id < FIELD_COUNT; id++) {
		const struct proto_slot *s = &p->map.slot[id];
		if (!*(const protobuf_c_boolean *)((const char *)m + s->has))
			continue;
		if (!get_field((const char *)m, s, id, (char *)r + fields[id].offset))
			return ERR_PROTO_VALUE;
		record_mark(r, id);
	}
	*unknown += m->base.n_unknown_fields;
	return get_extras(m, r, unknown) ? 0 : ERR_PROTO_VALUE;
}
