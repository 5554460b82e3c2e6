/* The format binary: a schema frame and a frame of records, so that each message can be read on its
 * own, by any version, from any partition and offset. The frame keeps its stream id and number. */
#include <string.h>

#include "nfsink-kafka/nfsink_kafka.h"

/* Packs the records of a frame that was written under another schema under our own, into out.
 * Returns the length; 0: they do not fit. */
static size_t repack(
	struct kafka_conn *c, const struct frame *f, uint8_t *out, size_t cap, uint32_t *records)
{
	struct frame_iter it;
	size_t len = 0;
	*records = 0;
	frame_begin(&it, f, &c->record);
	while (frame_next(&it, &c->record) > 0) {
		size_t n = record_pack(&c->record, c->record.present,
			c->record.extra_count ? ENTRY_EXTRAS : 0, out + len, cap - len);
		if (!n)
			return 0;
		len += n;
		++*records;
	}
	return len;
}

size_t format_binary(struct kafka_conn *c, size_t at, char *out, size_t cap)
{
	struct frame f = c->batch->frames[at];
	struct frame schema = {.kind = FRAME_SCHEMA, .schema = schema_own()};
	uint8_t *bytes = (uint8_t *)out;
	cap = cap < BINARY_MAX ? cap : BINARY_MAX;
	if (!f.numbered) {
		f.id = c->s->own_id;
		f.sequence = c->own_first + at;
	}
	schema.id = f.id;
	schema.sequence = f.sequence;
	schema.len = schema_payload(&schema.payload);
	size_t head = stream_frame(&schema, bytes, cap);
	if (f.schema != schema_own()) {
		/* behind the scratch that the message is written to */
		uint8_t *packed = bytes + BINARY_MAX;
		f.len = repack(c, &f, packed, BINARY_MAX, &f.records);
		f.payload = packed;
		if (!f.len)
			return 0;
	}
	size_t len = stream_frame(&f, bytes + head, cap - head);
	return len ? head + len : 0;
}
