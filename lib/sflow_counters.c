#include "lib/sflow_counters.h"

#include "lib/base.h"
#include "lib/jsontext.h"

struct value {
	const char *name; /* NULL ends a structure */
	uint8_t octets;
};

/* RFC 2863 */
static const struct value interface[] = {
	{"ifIndex", 4},
	{"ifType", 4},
	{"ifSpeed", 8},
	{"ifDirection", 4},
	{"ifStatus", 4},
	{"ifInOctets", 8},
	{"ifInUcastPkts", 4},
	{"ifInMulticastPkts", 4},
	{"ifInBroadcastPkts", 4},
	{"ifInDiscards", 4},
	{"ifInErrors", 4},
	{"ifInUnknownProtos", 4},
	{"ifOutOctets", 8},
	{"ifOutUcastPkts", 4},
	{"ifOutMulticastPkts", 4},
	{"ifOutBroadcastPkts", 4},
	{"ifOutDiscards", 4},
	{"ifOutErrors", 4},
	{"ifPromiscuousMode", 4},
	{NULL, 0},
};

/* RFC 3635 */
static const struct value ethernet[] = {
	{"dot3StatsAlignmentErrors", 4},
	{"dot3StatsFCSErrors", 4},
	{"dot3StatsSingleCollisionFrames", 4},
	{"dot3StatsMultipleCollisionFrames", 4},
	{"dot3StatsSQETestErrors", 4},
	{"dot3StatsDeferredTransmissions", 4},
	{"dot3StatsLateCollisions", 4},
	{"dot3StatsExcessiveCollisions", 4},
	{"dot3StatsInternalMacTransmitErrors", 4},
	{"dot3StatsCarrierSenseErrors", 4},
	{"dot3StatsFrameTooLongs", 4},
	{"dot3StatsInternalMacReceiveErrors", 4},
	{"dot3StatsSymbolErrors", 4},
	{NULL, 0},
};

static const struct value vlan[] = {
	{"vlan_id", 4},
	{"octets", 8},
	{"ucastPkts", 4},
	{"multicastPkts", 4},
	{"broadcastPkts", 4},
	{"discards", 4},
	{NULL, 0},
};

static const struct value processor[] = {
	{"5s_cpu", 4},
	{"1m_cpu", 4},
	{"5m_cpu", 4},
	{"total_memory", 8},
	{"free_memory", 8},
	{NULL, 0},
};

static const struct value openflow_port[] = {
	{"datapath_id", 8},
	{"port_no", 4},
	{NULL, 0},
};

static const struct structure {
	uint32_t format;
	const char *name;
	const struct value *values;
} known[] = {
	{1, "if_counters", interface},
	{2, "ethernet_counters", ethernet},
	{5, "vlan_counters", vlan},
	{1001, "processor", processor},
	{1004, "of_port", openflow_port},
};

static const struct structure *find(uint32_t format)
{
	for (size_t i = 0; i < LEN(known); i++)
		if (known[i].format == format)
			return &known[i];
	return NULL;
}

const char *sflow_counters_name(uint32_t format)
{
	const struct structure *s = find(format);
	return s ? s->name : NULL;
}

static char *put_text(char *out, const char *text)
{
	size_t len = strlen(text);
	memcpy(out, text, len);
	return out + len;
}

static char *put_values(char *out, const struct structure *s, struct cursor c)
{
	bool first = true;
	*out++ = '"';
	out = put_text(put_text(out, s->name), "\":{");
	for (const struct value *v = s->values; v->name; v++) {
		const uint8_t *p = cursor_take(&c, v->octets);
		if (!p)
			break;
		uint64_t n = be_uint(p, v->octets);
		if (n == (v->octets == 8 ? UINT64_MAX : UINT32_MAX))
			continue;
		out = put_text(out, first ? "\"" : ",\"");
		out = jsontext_decimal(put_text(put_text(out, v->name), "\":"), n);
		first = false;
	}
	*out++ = '}';
	return out;
}

static char *put_unknown(char *out, uint32_t format, struct cursor c)
{
	*out++ = '"';
	out = jsontext_decimal(out, format >> 12);
	*out++ = ':';
	out = put_text(jsontext_decimal(out, format & 0xfff), "\":\"");
	out = jsontext_hex(out, c.p, cursor_left(&c));
	*out++ = '"';
	return out;
}

char *sflow_counters_json(struct cursor c, uint32_t n, char *out)
{
	*out++ = '{';
	for (uint32_t i = 0; i < n; i++) {
		uint32_t format = cursor_u32(&c);
		uint32_t len = cursor_u32(&c);
		struct cursor one = cursor_slice(&c, len);
		if (!cursor_ok(&one))
			break;
		const struct structure *s = find(format);
		if (i)
			*out++ = ',';
		out = s ? put_values(out, s, one) : put_unknown(out, format, one);
	}
	*out++ = '}';
	return out;
}
