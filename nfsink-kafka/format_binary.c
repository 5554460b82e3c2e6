/* The format binary: a schema frame and a frame of records, so that each message can be read on its
 * own, by any version, from any partition and offset. The frame keeps its stream id and number. */
#include <stdlib.h>

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

char *format_binary(struct kafka_conn *c, size_t at, size_t *len)
{
	struct frame f = c->batch->frames[at];
	struct frame schema = {.kind = FRAME_SCHEMA, .schema = schema_own()};
	if (!f.numbered) {
		f.id = c->s->own_id;
		f.sequence = c->own_first + at;
	}
	schema.id = f.id;
	schema.sequence = f.sequence;
	schema.len = schema_payload(&schema.payload);
	if (f.schema != schema_own()) {
		f.len = repack(
			c, &c->batch->frames[at], (uint8_t *)c->text, JSONL_LINE_MAX, &f.records);
		f.payload = (uint8_t *)c->text;
	}
	size_t room = schema.len + f.len + 2 * (STREAM_HEADER + STREAM_TRAILER);
	uint8_t *out = malloc(room);
	*len = 0;
	if (!out || !f.len || room > BINARY_MAX)
		return (char *)out;
	size_t head = stream_frame(&schema, out, room);
	size_t rest = stream_frame(&f, out + head, room - head);
	*len = rest ? head + rest : 0;
	return (char *)out;
}
