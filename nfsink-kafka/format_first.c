/* The format first-goflow: an object of nine keys, as the consumers of the first goflow read it.
 * All of them are always there: an address that the record has not is "", a number 0. */
#include <string.h>

#include "lib/jsontext.h"
#include "nfsink-kafka/nfsink_kafka.h"

#define ROOM 512 /* the longest object */

static char *put(char *out, const char *text)
{
	size_t len = strlen(text);
	memcpy(out, text, len);
	return out + len;
}

/* The address where it is there and of that family. */
static char *put_ip(char *out, const char *key, const struct record *r, enum field_id id, bool four)
{
	const struct ip *ip = record_field(r, id);
	out = put(out, key);
	*out++ = '"';
	if (record_has(r, id) && ip_is4(ip) == four)
		out += ip_format(ip, out);
	*out++ = '"';
	return out;
}

static char *put_number(
	char *out, const char *key, const struct record *r, enum field_id id, uint64_t value)
{
	return jsontext_decimal(put(out, key), record_has(r, id) ? value : 0);
}

size_t format_first(struct kafka_conn *c, const struct record *r, char *out, size_t cap)
{
	char *p = out;
	(void)c;
	if (cap < ROOM)
		return 0;
	p = put_ip(p, "{\"Src_ip\":", r, FIELD_src_ip, true);
	p = put_ip(p, ",\"Dst_ip\":", r, FIELD_dst_ip, true);
	p = put_number(p, ",\"Src_port\":", r, FIELD_src_port, r->src_port);
	p = put_number(p, ",\"Dst_port\":", r, FIELD_dst_port, r->dst_port);
	p = put_number(p, ",\"Protocol\":", r, FIELD_protocol, r->protocol);
	p = put_number(p, ",\"In_bytes\":", r, FIELD_in_bytes, r->in_bytes);
	p = put_number(p, ",\"In_packets\":", r, FIELD_in_pkts, r->in_pkts);
	p = put_ip(p, ",\"Src_ip6\":", r, FIELD_src_ip, false);
	p = put_ip(p, ",\"Dst_ip6\":", r, FIELD_dst_ip, false);
	*p++ = '}';
	return (size_t)(p - out);
}
