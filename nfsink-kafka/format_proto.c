/* The formats of protobuf: FlowRecord, which holds all that a record does, and FlowMessage as
 * GoFlow2 writes it; each alone in its message, or behind its length, as some consumers want it. */
#include "nfsink-kafka/nfsink_kafka.h"

size_t format_proto(struct kafka_conn *c, const struct record *r, char *out, size_t cap)
{
	return proto_write(c->proto, r, false, out, cap);
}

size_t format_proto_delimited(struct kafka_conn *c, const struct record *r, char *out, size_t cap)
{
	return proto_write(c->proto, r, true, out, cap);
}

size_t format_goflow2(struct kafka_conn *c, const struct record *r, char *out, size_t cap)
{
	(void)c;
	return proto_write_goflow2(r, false, out, cap);
}

size_t format_goflow2_delimited(struct kafka_conn *c, const struct record *r, char *out, size_t cap)
{
	(void)c;
	return proto_write_goflow2(r, true, out, cap);
}
