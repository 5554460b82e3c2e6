/* The table of formats, and what they read with. */
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "nfsrc-kafka/nfsrc_kafka.h"

/* goflow-stream(5) wants a schema frame so often */
#define SCHEMA_FRAMES 64
#define SCHEMA_NS     NS_PER_S

static const struct format formats[] = {
	{.name = "json", .counts_offsets = true, .take = format_json},
	{.name = "protobuf", .counts_offsets = true, .take = format_proto},
	{.name = "binary", .take = format_binary},
};

const char format_names[] = "json, protobuf or binary";

const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < LEN(formats); i++)
		if (strcmp(name, formats[i].name) == 0)
			return &formats[i];
	return NULL;
}

int format_begin(struct source *s)
{
	s->reader = stream_reader_new();
	s->lines = jsonl_reader_new();
	s->proto = proto_reader_new();
	s->packed = malloc(STREAM_FRAME_MAX);
	return s->reader && s->lines && s->proto && s->packed ? record_init(&s->record)
							      : ERR_MEMORY;
}

void format_end(struct source *s)
{
	stream_reader_free(s->reader);
	jsonl_reader_free(s->lines);
	proto_reader_free(s->proto);
	record_release(&s->record);
	free(s->packed);
}

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

int format_record(struct source *s, const struct partition *p, const rd_kafka_message_t *m,
	uint8_t *out, struct piece *piece)
{
	struct frame f = {.kind = FRAME_RECORDS,
		.id = p->id,
		.sequence = (uint64_t)m->offset,
		.records = 1,
		.payload = s->packed};
	f.len = record_pack(&s->record, s->record.present, s->record.extra_count ? ENTRY_EXTRAS : 0,
		s->packed, STREAM_FRAME_MAX - STREAM_HEADER - STREAM_TRAILER);
	if (!f.len)
		return COUNT_TOO_LARGE + 1;
	size_t schema = put_schema(s, f, out);
	size_t frame = stream_frame(&f, out + schema, OUT_ROOM - OUT_FULL - schema);
	*piece = (struct piece){f.id, f.sequence, 1, schema + frame};
	return 0;
}
