/* NetFlow v5: a header of 24 bytes and up to 30 records of 48, the format of Cisco's export
 * datagram. */
#include "lib/base.h"
#include "lib/message.h"

#define RECORD_LEN     48
#define SAMPLING_MASK  0x3fff /* the two bits above it are the sampling mode */
#define SOURCE_UNKNOWN 1
#define SOURCE_HEADER  2

struct template *netflow5_template(void)
{
	static const struct template_field defs[] = {
		{0, 8, 4},  /* source address */
		{0, 12, 4}, /* destination address */
		{0, 15, 4}, /* next hop */
		{0, 10, 2}, /* input interface */
		{0, 14, 2}, /* output interface */
		{0, 2, 4},  /* packets */
		{0, 1, 4},  /* octets */
		{0, 22, 4}, /* uptime at the first packet */
		{0, 21, 4}, /* uptime at the last packet */
		{0, 7, 2},  /* source port */
		{0, 11, 2}, /* destination port */
		{PEN_PADDING, 0, 1},
		{0, 6, 1},  /* TCP flags */
		{0, 4, 1},  /* protocol */
		{0, 5, 1},  /* type of service */
		{0, 16, 2}, /* source AS */
		{0, 17, 2}, /* destination AS */
		{0, 9, 1},  /* source mask */
		{0, 13, 1}, /* destination mask */
		{PEN_PADDING, 0, 2},
	};
	int err;
	return template_compile(0, defs, LEN(defs), 0, false, &err);
}

/* The header's sampling rate; 0 means that it says nothing. */
static void share_sampling(struct message *m, uint16_t sampling)
{
	struct record *r = &m->decoder->record;
	r->sampling_rate = sampling & SAMPLING_MASK;
	if (r->sampling_rate)
		message_share(m, FIELD_sampling_rate);
	r->sampling_source = r->sampling_rate ? SOURCE_HEADER : SOURCE_UNKNOWN;
	message_share(m, FIELD_sampling_source);
}

int netflow5_decode(struct decoder *d, const struct datagram *dg, struct cursor c)
{
	struct message m;
	uint16_t count = cursor_u16(&c);
	uint32_t uptime = cursor_u32(&c);
	uint32_t s = cursor_u32(&c);
	uint32_t ns = cursor_u32(&c);
	uint32_t sequence = cursor_u32(&c);
	uint8_t engine_type = cursor_u8(&c);
	uint8_t engine_id = cursor_u8(&c);
	uint16_t sampling = cursor_u16(&c);
	if (!cursor_ok(&c))
		return message_refuse(d, dg, 5, dg->truncated ? ERR_TRUNCATED : ERR_BAD_HEADER);
	if (ns >= NS_PER_S)
		ns = 0;
	const struct message_header header = {
		.version = 5,
		.domain = (uint32_t)engine_type << 8 | engine_id,
		.sequence = sequence,
		.export_ns = s * NS_PER_S + ns,
		.export_digits = 9,
		.has_uptime = true,
		.uptime = uptime,
	};
	int err = message_begin(&m, d, dg, &header);
	if (err)
		return err;
	message_uptime(&m, uptime, s, ns);
	share_sampling(&m, sampling);
	d->record.engine_type = engine_type;
	d->record.engine_id = engine_id;
	message_share(&m, FIELD_engine_type);
	message_share(&m, FIELD_engine_id);

	size_t there = cursor_left(&c) / RECORD_LEN;
	const uint8_t *records = c.p;
	struct cursor set = cursor_slice(&c, (count < there ? count : there) * (size_t)RECORD_LEN);
	message_data(&m, d->netflow5, set);
	if (count > there)
		message_fault(&m, records, dg->truncated ? ERR_TRUNCATED : ERR_BAD_HEADER);
	return message_end(&m);
}
