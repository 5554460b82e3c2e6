/* IPFIX, RFC 7011. */
#include "lib/message.h"

#define HEADER_LEN     16
#define SET_TEMPLATES  2
#define SET_OPTIONS    3
#define FIRST_TEMPLATE 256
#define ENTERPRISE_BIT 0x8000

/* Field specifiers, RFC 7011, 3.2. Returns whether all of them were there. */
static bool read_fields(struct decoder *d, struct cursor *set, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint16_t id = cursor_u16(set);
		uint16_t len = cursor_u16(set);
		uint32_t pen = id & ENTERPRISE_BIT ? cursor_u32(set) : 0;
		d->defs[i] = (struct template_field){pen, id & (ENTERPRISE_BIT - 1), len};
	}
	return cursor_ok(set);
}

/* A (options) template set, RFC 7011, 3.4.1 and 3.4.2. A count of 0 withdraws; over UDP that is to
 * be ignored (RFC 7011, 8.4). */
static void read_template_set(struct message *m, struct cursor set, bool options)
{
	while (cursor_left(&set) >= 4) {
		const uint8_t *at = set.p;
		uint16_t id = cursor_u16(&set);
		uint16_t count = cursor_u16(&set);
		if (id == 0) { /* padding longer than it should be */
			message_met(m, QUIRK_TEMPLATE_PADDING);
			return;
		}
		if (count == 0) {
			m->decoder->counts.withdrawals++;
			continue;
		}
		uint16_t scope_count = options ? cursor_u16(&set) : 0;
		if (id < FIRST_TEMPLATE || scope_count > count || count > TEMPLATE_FIELDS_MAX ||
			!read_fields(m->decoder, &set, count)) {
			message_fault(m, at, ERR_BAD_TEMPLATE);
			return;
		}
		message_define(m, at, id, count, scope_count, options);
	}
}

int ipfix_decode(struct decoder *d, const struct datagram *dg, struct cursor c)
{
	struct message m;
	uint16_t len = cursor_u16(&c);
	uint32_t s = cursor_u32(&c);
	uint32_t sequence = cursor_u32(&c);
	uint32_t domain = cursor_u32(&c);
	if (!cursor_ok(&c) || len < HEADER_LEN)
		return message_refuse(d, dg, 10, dg->truncated ? ERR_TRUNCATED : ERR_BAD_HEADER);
	const struct message_header header = {
		.version = 10,
		.domain = domain,
		.sequence = sequence,
		.export_ns = s * NS_PER_S,
	};
	int err = message_begin(&m, d, dg, &header);
	if (err)
		return err;
	size_t body = len - (size_t)HEADER_LEN;
	if (body > cursor_left(&c)) /* its sets are read as far as they are there */
		message_fault(&m, c.p, dg->truncated ? ERR_TRUNCATED : ERR_BAD_HEADER);
	else
		c = cursor_slice(&c, body);
	message_sets(&m, c, (struct set_ids){SET_TEMPLATES, SET_OPTIONS}, read_template_set);
	return message_end(&m);
}
