/* The format json: a message is a record's JSON line. It becomes a frame of its own, whose number
 * is the offset: only so has the same message the same number whoever reads it, from wherever. */
#include "nfsrc-kafka/nfsrc_kafka.h"

int format_json(struct source *s, const struct partition *p, const rd_kafka_message_t *m,
	uint8_t *out, struct piece *piece)
{
	const char *line = m->payload;
	size_t len = m->len, offset;
	uint64_t unknown = 0;
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (jsonl_read(s->lines, line, len, &s->record, &offset, &unknown) != 0)
		return COUNT_BAD_LINE + 1;
	return format_record(s, p, m, out, piece);
}
