/* The format binary: a schema frame and a frame of records, so that each message can be read on its
 * own, by any version, from any partition and offset. The frame keeps its stream id and number. */
#include "lib/crc32c.h"
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

/* The frame before that of records. */
static struct frame schema_frame(const struct frame *f)
{
	struct frame schema = {.kind = FRAME_SCHEMA, .id = f->id, .sequence = f->sequence};
	schema.len = schema_payload(&schema.payload);
	return schema;
}

/* What stands before a payload: the schema frame, and the header of its own. */
static size_t head_len(void)
{
	const uint8_t *payload;
	return STREAM_HEADER + schema_payload(&payload) + STREAM_TRAILER + STREAM_HEADER;
}

void binary_room(void *self, size_t *before, size_t *after)
{
	const struct kafka_sink *s = self;
	*before = s->format->frame ? head_len() : 0;
	*after = s->format->frame ? STREAM_TRAILER : 0;
}

/* The message of a frame of our own schema, around its payload; the checksum goes on as it came. */
static size_t in_place(const struct frame *f, const char **value)
{
	size_t before = head_len();
	if (before + f->len + STREAM_TRAILER > BINARY_MAX)
		return 0;
	struct frame schema = schema_frame(f);
	uint8_t *begin = (uint8_t *)f->payload - before; /* the batch's room, which is ours */
	size_t head = stream_frame(&schema, begin, before);
	uint32_t crc = f->numbered ? f->crc : crc32c(0, f->payload, f->len);
	*value = (const char *)begin;
	return head + stream_seal(f, crc, begin + head);
}

/* The message of a frame of another schema, packed anew into the scratch. */
static size_t anew(struct kafka_conn *c, struct frame *f, const char **value)
{
	struct frame schema = schema_frame(f);
	uint8_t *out = (uint8_t *)c->text;
	uint8_t *packed = out + BINARY_MAX; /* behind the message */
	size_t head = stream_frame(&schema, out, BINARY_MAX);
	f->len = repack(c, f, packed, BINARY_MAX, &f->records);
	f->payload = packed;
	size_t len = f->len ? stream_frame(f, out + head, BINARY_MAX - head) : 0;
	*value = c->text;
	return len ? head + len : 0;
}

size_t format_binary(struct kafka_conn *c, size_t at, const char **value)
{
	struct frame f = c->batch->frames[at];
	if (!f.numbered) {
		f.id = c->s->own_id;
		f.sequence = c->own_first + at;
	}
	return f.schema == schema_own() ? in_place(&f, value) : anew(c, &f, value);
}
