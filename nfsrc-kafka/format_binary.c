/* The format binary: a message is a frame of records, with the schema frame that it was written
 * under before it. It goes to the sink as it is, with its own stream id and number. */
#include <string.h>

#include "nfsrc-kafka/nfsrc_kafka.h"

#define KIND_AT 5 /* the kind in a frame's header, goflow-stream(5) */

/* The one frame of records in the message. Returns false where there is not exactly one, or
 * anything is damaged. */
static bool read_frame(struct stream_reader *r, const uint8_t *bytes, size_t len, struct frame *f)
{
	const struct stream_counts *now = stream_counts(r), before = *now;
	struct frame other;
	size_t room;
	void *to = stream_room(r, &room);
	if (len > room)
		return false;
	memcpy(to, bytes, len);
	stream_filled(r, len);
	bool found = stream_next(r, f, true) > 0, more = found && stream_next(r, &other, true) > 0;
	while (more && stream_next(r, &other, true) > 0)
		;
	/* the frame may be of a schema that an earlier message told, and the sink has not seen */
	bool known = found && (f->schema == schema_own() || bytes[KIND_AT] == FRAME_SCHEMA);
	return known && !more && now->damaged == before.damaged &&
	       now->skipped_bytes == before.skipped_bytes;
}

int format_binary(struct source *s, const struct partition *p, const rd_kafka_message_t *m,
	uint8_t *out, struct piece *piece)
{
	struct frame f;
	(void)p;
	if (!read_frame(s->reader, m->payload, m->len, &f))
		return COUNT_DAMAGED_FRAME + 1;
	memcpy(out, m->payload, m->len);
	*piece = (struct piece){f.id, f.sequence, f.records, m->len};
	return 0;
}
