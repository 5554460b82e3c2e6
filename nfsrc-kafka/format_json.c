/* The format json: a message is a record's JSON line. It becomes a frame of its own, whose number
 * is the offset: only so has the same message the same number whoever reads it, from wherever. */
#include "lib/instant.h"
#include "nfsrc-kafka/nfsrc_kafka.h"

/* goflow-stream(5) wants a schema frame so often */
#define SCHEMA_FRAMES 64
#define SCHEMA_NS     NS_PER_S

static size_t put_schema(struct source *s, struct frame f, uint8_t *out)
{
	uint64_t now = monotonic_ns();
	if (s->since_schema++ % SCHEMA_FRAMES && now - s->schema_ns < SCHEMA_NS)
		return 0;
	s->since_schema = 1;
	s->schema_ns = now;
	f.kind = FRAME_SCHEMA;
	f.records = 0;
	f.len = schema_payload(&f.payload);
	return stream_frame(&f, out, OUT_ROOM - OUT_FULL);
}

int format_json(struct source *s, const struct partition *p, const rd_kafka_message_t *m,
	uint8_t *out, struct piece *piece)
{
	const char *line = m->payload;
	struct frame f = {.kind = FRAME_RECORDS,
		.id = p->id,
		.sequence = (uint64_t)m->offset,
		.records = 1,
		.payload = s->packed};
	size_t len = m->len, offset;
	uint64_t unknown = 0;
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (jsonl_read(s->lines, line, len, &s->record, &offset, &unknown) != 0)
		return COUNT_BAD_LINE + 1;
	f.len = record_pack(&s->record, s->record.present, s->record.extra_count ? ENTRY_EXTRAS : 0,
		s->packed, STREAM_FRAME_MAX - STREAM_HEADER - STREAM_TRAILER);
	if (!f.len)
		return COUNT_TOO_LARGE + 1;
	size_t schema = put_schema(s, f, out);
	size_t frame = stream_frame(&f, out + schema, OUT_ROOM - OUT_FULL - schema);
	*piece = (struct piece){f.id, f.sequence, 1, schema + frame};
	return 0;
}
