/* The format json: the record's JSON line, without its newline. */
#include "nfsink-kafka/nfsink_kafka.h"

size_t format_json(struct kafka_conn *c, const struct record *r, char *out, size_t cap)
{
	size_t len = jsonl_write_run(&c->prefix, r, out, cap);
	return len ? len - 1 : 0;
}
