/* NetFlow v1, v5 and v7, whose records have a fixed form: Cisco's export datagrams. A header of 16
 * or 24 octets is followed by records of 52, 48 and 52. */
#include <stdlib.h>

#include "lib/base.h"
#include "lib/message.h"

#define SAMPLING_MASK 0x3fff /* the two bits above it are the sampling mode */
#define SOURCE_HEADER 2

/* With what all three begin. */
#define ADDRESSES_TO_PORTS                                                                         \
	{0, 8, 4},          /* source address */                                                   \
		{0, 12, 4}, /* destination address */                                              \
		{0, 15, 4}, /* next hop */                                                         \
		{0, 10, 2}, /* input interface */                                                  \
		{0, 14, 2}, /* output interface */                                                 \
		{0, 2, 4},  /* packets */                                                          \
		{0, 1, 4},  /* octets */                                                           \
		{0, 22, 4}, /* uptime at the first packet */                                       \
		{0, 21, 4}, /* uptime at the last packet */                                        \
		{0, 7, 2},  /* source port */                                                      \
	{                                                                                          \
		0, 11, 2                                                                           \
	} /* destination port */

static const struct template_field v1[] = {
	ADDRESSES_TO_PORTS,
	{PEN_PADDING, 0, 2},
	{0, 4, 1}, /* protocol */
	{0, 5, 1}, /* type of service */
	{0, 6, 1}, /* TCP flags */
	{PEN_PADDING, 0, 11},
};

static const struct template_field v5[] = {
	ADDRESSES_TO_PORTS,
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

static const struct template_field v7[] = {
	ADDRESSES_TO_PORTS,
	{PEN_PADDING, 0, 1}, /* which fields are not valid: those are 0 */
	{0, 6, 1},           /* TCP flags */
	{0, 4, 1},           /* protocol */
	{0, 5, 1},           /* type of service */
	{0, 16, 2},          /* source AS */
	{0, 17, 2},          /* destination AS */
	{0, 9, 1},           /* source mask */
	{0, 13, 1},          /* destination mask */
	{PEN_PADDING, 0, 2},
	{PEN_PADDING, PADDING_ROUTER, 4},
};

static const struct {
	const struct template_field *fields;
	size_t count;
} forms[FIXED_COUNT] = {
	[FIXED_V1] = {v1, LEN(v1)},
	[FIXED_V5] = {v5, LEN(v5)},
	[FIXED_V7] = {v7, LEN(v7)},
};

int netflow_fixed_new(struct template *out[static FIXED_COUNT])
{
	int err = 0;
	for (size_t i = 0; i < FIXED_COUNT && !err; i++)
		out[i] = template_compile(0, forms[i].fields, forms[i].count, 0, false, &err);
	return err;
}

void netflow_fixed_free(struct template *templates[static FIXED_COUNT])
{
	for (size_t i = 0; i < FIXED_COUNT; i++)
		free(templates[i]);
}

/* What their headers have in common. */
struct head {
	uint16_t count;
	uint32_t uptime, s, ns;
};

static struct head read_head(struct cursor *c)
{
	struct head h = {.count = cursor_u16(c)};
	h.uptime = cursor_u32(c);
	h.s = cursor_u32(c);
	h.ns = cursor_u32(c);
	if (h.ns >= NS_PER_S)
		h.ns = 0;
	return h;
}

static int refuse(struct decoder *d, const struct datagram *dg, uint16_t version)
{
	return message_refuse(d, dg, version, dg->truncated ? ERR_TRUNCATED : ERR_BAD_HEADER);
}

static int begin(struct message *m, struct decoder *d, const struct datagram *dg,
	const struct head *h, struct message_header header)
{
	header.export_ns = h->s * NS_PER_S + h->ns;
	header.export_digits = 9;
	header.has_uptime = true;
	header.uptime = h->uptime;
	int err = message_begin(m, d, dg, &header);
	if (!err)
		message_uptime(m, h->uptime, h->s, h->ns);
	return err;
}

/* The records, and the end of the message. */
static int finish(struct message *m, const struct head *h, struct cursor c, enum fixed_form form)
{
	struct template *t = m->decoder->fixed[form];
	size_t there = cursor_left(&c) / t->record_len;
	const uint8_t *records = c.p;
	struct cursor set =
		cursor_slice(&c, (h->count < there ? h->count : there) * (size_t)t->record_len);
	message_data(m, t, set);
	if (h->count > there)
		message_fault(m, records, m->datagram->truncated ? ERR_TRUNCATED : ERR_BAD_HEADER);
	return message_end(m);
}

/* It has neither sequence numbers nor engines: nothing is known of losses. */
int netflow1_decode(struct decoder *d, const struct datagram *dg, struct cursor c)
{
	struct message m;
	struct head h = read_head(&c);
	if (!cursor_ok(&c))
		return refuse(d, dg, 1);
	int err = begin(
		&m, d, dg, &h, (struct message_header){.version = 1, .unit = SEQUENCE_NOTHING});
	if (err)
		return err;
	message_unshare(&m, FIELD_sequence);
	message_unshare(&m, FIELD_obs_domain);
	return finish(&m, &h, c, FIXED_V1);
}

/* The header's sampling rate; 0 means that it says nothing. */
static void share_sampling(struct message *m, uint16_t sampling)
{
	struct record *r = &m->decoder->record;
	if (exporter_has_quirk(m->domain->exporter, QUIRK_LITTLE_ENDIAN_SAMPLING)) {
		message_met(m, QUIRK_LITTLE_ENDIAN_SAMPLING);
		sampling = __builtin_bswap16(sampling);
	}
	if (!(sampling & SAMPLING_MASK))
		return;
	if (sampling & ~SAMPLING_MASK)
		message_met(m, QUIRK_SAMPLING_MODE);
	r->sampling_rate = sampling & SAMPLING_MASK;
	r->sampling_source = SOURCE_HEADER;
	message_share(m, FIELD_sampling_rate);
	message_share(m, FIELD_sampling_source);
}

int netflow5_decode(struct decoder *d, const struct datagram *dg, struct cursor c)
{
	struct message m;
	struct head h = read_head(&c);
	uint32_t sequence = cursor_u32(&c);
	uint8_t engine_type = cursor_u8(&c);
	uint8_t engine_id = cursor_u8(&c);
	uint16_t sampling = cursor_u16(&c);
	if (!cursor_ok(&c))
		return refuse(d, dg, 5);
	int err = begin(&m, d, dg, &h,
		(struct message_header){.version = 5,
			.domain = (uint32_t)engine_type << 8 | engine_id,
			.sequence = sequence});
	if (err)
		return err;
	share_sampling(&m, sampling);
	d->record.engine_type = engine_type;
	d->record.engine_id = engine_id;
	message_share(&m, FIELD_engine_type);
	message_share(&m, FIELD_engine_id);
	return finish(&m, &h, c, FIXED_V5);
}

/* Of Catalyst switches: sequence numbers count flows, as those of v5 do; engines there are none. */
int netflow7_decode(struct decoder *d, const struct datagram *dg, struct cursor c)
{
	struct message m;
	struct head h = read_head(&c);
	uint32_t sequence = cursor_u32(&c);
	cursor_u32(&c); /* reserved */
	if (!cursor_ok(&c))
		return refuse(d, dg, 7);
	int err = begin(&m, d, dg, &h, (struct message_header){.version = 7, .sequence = sequence});
	if (err)
		return err;
	message_unshare(&m, FIELD_obs_domain);
	return finish(&m, &h, c, FIXED_V7);
}
