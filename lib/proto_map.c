#include "lib/proto_map.h"

#include "proto/goflow.pb-c.h"
#include "lib/proto_numbers.h"

static const ProtobufCFieldDescriptor *numbered(int number)
{
	return protobuf_c_message_descriptor_get_field(
		&goflow__flow_record__descriptor, (unsigned)number);
}

void proto_map_init(struct proto_map *m)
{
	for (enum field_id id = 0; id < FIELD_COUNT; id++) {
		const ProtobufCFieldDescriptor *f = numbered(PROTO_TAG(id));
		m->slot[id] = (struct proto_slot){.value = f->offset, .has = f->quantifier_offset};
		if (fields[id].kind != KIND_TIME)
			continue;
		f = numbered(PROTO_DIGITS + PROTO_TAG(id));
		m->slot[id].digits = f->offset;
		m->slot[id].has_digits = f->quantifier_offset;
	}
}

#define VARINT_MAX 10

static size_t put_varint(uint64_t v, uint8_t out[static VARINT_MAX])
{
	size_t n = 0;
	for (; v > 0x7f; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	return n;
}

size_t proto_pack(const ProtobufCMessage *message, bool delimited, uint8_t *out, size_t cap)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t prefix[VARINT_MAX];
	size_t before = delimited ? put_varint(len, prefix) : 0;
	if (cap < before || cap - before < len)
		return 0;
	for (size_t i = 0; i < before; i++)
		out[i] = prefix[i];
	return before + protobuf_c_message_pack(message, out + before);
}
