/* The format protobuf: a message is a FlowRecord of goflow.proto, without its length. As with JSON,
 * it becomes a frame of its own, whose number is the offset. */
#include "nfsrc-kafka/nfsrc_kafka.h"

int format_proto(struct source *s, const struct partition *p, const rd_kafka_message_t *m,
	uint8_t *out, struct piece *piece)
{
	uint64_t unknown = 0;
	if (proto_read(s->proto, m->payload, m->len, &s->record, &unknown) != 0)
		return COUNT_BAD_PROTO + 1;
	return format_record(s, p, m, out, piece);
}
