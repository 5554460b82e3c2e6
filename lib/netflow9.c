/* NetFlow v9, RFC 3954. */
#include "lib/message.h"

#define SET_TEMPLATES  0
#define SET_OPTIONS    1
#define FIRST_TEMPLATE 256

/* One template's field definitions (RFC 3954, 5.2) into defs from `count` on. */
static size_t read_fields(struct decoder *d, struct cursor defs, size_t count, uint32_t pen)
{
	while (cursor_left(&defs) >= 4 && count < TEMPLATE_FIELDS_MAX) {
		uint16_t id = cursor_u16(&defs);
		uint16_t len = cursor_u16(&defs);
		d->defs[count++] = (struct template_field){pen, id, len};
	}
	return count;
}

/* A template flowset, RFC 3954, 5.2. A template id of 0 begins padding. */
static void read_templates(struct message *m, struct cursor set)
{
	while (cursor_left(&set) >= 4) {
		const uint8_t *at = set.p;
		uint16_t id = cursor_u16(&set);
		uint16_t count = cursor_u16(&set);
		if (id == 0) {
			message_met(m, QUIRK_TEMPLATE_PADDING);
			return;
		}
		struct cursor defs = cursor_slice(&set, 4 * (size_t)count);
		if (id < FIRST_TEMPLATE || !cursor_ok(&defs) || count > TEMPLATE_FIELDS_MAX) {
			message_fault(m, at, ERR_BAD_TEMPLATE);
			return;
		}
		read_fields(m->decoder, defs, 0, 0);
		message_define(m, at, id, count, 0, false);
	}
}

/* An options template flowset, RFC 3954, 6.1. Lengths are in bytes; some exporters give ones that
 * are no multiple of a definition's four. */
static void read_options(struct message *m, struct cursor set)
{
	while (cursor_left(&set) >= 6) {
		const uint8_t *at = set.p;
		uint16_t id = cursor_u16(&set);
		uint16_t scope_len = cursor_u16(&set), option_len = cursor_u16(&set);
		if (id == 0) {
			message_met(m, QUIRK_TEMPLATE_PADDING);
			return;
		}
		if (scope_len % 4 || option_len % 4) {
			message_met(m, QUIRK_ODD_OPTION_LENGTH);
			scope_len -= scope_len % 4;
			option_len -= option_len % 4;
		}
		struct cursor scopes = cursor_slice(&set, scope_len);
		struct cursor options = cursor_slice(&set, option_len);
		size_t count = ((size_t)scope_len + option_len) / 4;
		if (id < FIRST_TEMPLATE || !cursor_ok(&options) || count > TEMPLATE_FIELDS_MAX) {
			message_fault(m, at, ERR_BAD_TEMPLATE);
			return;
		}
		size_t scope_count = read_fields(m->decoder, scopes, 0, PEN_SCOPE);
		read_fields(m->decoder, options, scope_count, 0);
		message_define(m, at, id, count, (uint16_t)scope_count, true);
	}
}

static void read_template_set(struct message *m, struct cursor set, bool options)
{
	if (options)
		read_options(m, set);
	else
		read_templates(m, set);
}

int netflow9_decode(struct decoder *d, const struct datagram *dg, struct cursor c)
{
	struct message m;
	cursor_u16(&c); /* the count: records by the RFC, sets by some exporters; lengths are what
			   counts */
	uint32_t uptime = cursor_u32(&c);
	uint32_t s = cursor_u32(&c);
	uint32_t sequence = cursor_u32(&c);
	uint32_t source = cursor_u32(&c);
	if (!cursor_ok(&c))
		return message_refuse(d, dg, 9, dg->truncated ? ERR_TRUNCATED : ERR_BAD_HEADER);
	const struct message_header header = {
		.version = 9,
		.domain = source,
		.sequence = sequence,
		.export_ns = s * NS_PER_S,
		.unit = SEQUENCE_DATAGRAMS,
		.has_uptime = true,
		.uptime = uptime,
	};
	int err = message_begin(&m, d, dg, &header);
	if (err)
		return err;
	message_uptime(&m, uptime, s, 0);
	message_sets(&m, c, (struct set_ids){SET_TEMPLATES, SET_OPTIONS}, read_template_set);
	return message_end(&m);
}
