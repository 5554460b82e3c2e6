/* sFlow version 5 (sflow.org, "sFlow Version 5", July 2004): datagrams of samples, each of a
 * sampled packet or of counters. All numbers are XDR's (RFC 4506). */
#include "lib/sflow.h"

#include "lib/base.h"
#include "lib/sflow_counters.h"

#define SAMPLING_UNKNOWN 1
#define SAMPLING_RECORD  3

#define INTERNAL 0x3fffffff /* the interface of packets that the exporter itself sends or takes */

enum sample_format {
	SAMPLE_FLOW = 1,
	SAMPLE_COUNTERS = 2,
	SAMPLE_FLOW_EXPANDED = 3,
	SAMPLE_COUNTERS_EXPANDED = 4,
	SAMPLE_DISCARDED = 5, /* sflow_drops.txt */
};

#define RECORD_HEADER 1 /* the flow record with the packet's first octets */

enum interface_format { INTERFACE_INDEX, INTERFACE_DISCARDED, INTERFACE_SEVERAL };

struct head {
	struct ip agent;
	bool has_agent;
	uint32_t sub_agent, sequence, uptime, samples;
};

/* Reading ------------------------------------------------------------------------------------- */

static void tell(struct message *m, const uint8_t *at, size_t len, const char *name)
{
	const struct decode_trace *trace = m->decoder->trace;
	if (trace)
		trace->item(trace->ctx, (size_t)(at - m->datagram->data), at, len, name);
}

uint32_t sflow_number(struct message *m, struct cursor *c, const char *name)
{
	const uint8_t *p = cursor_take(c, 4);
	if (!p)
		return 0;
	tell(m, p, 4, name);
	return be32(p);
}

const uint8_t *sflow_opaque(struct message *m, struct cursor *c, size_t len, const char *name)
{
	const uint8_t *p = cursor_take(c, len);
	if (!p)
		return NULL;
	tell(m, p, len, name);
	size_t padding = -len & 3;
	cursor_take(c, padding < cursor_left(c) ? padding : cursor_left(c));
	return p;
}

struct text sflow_string(struct message *m, struct cursor *c, const char *name)
{
	uint32_t len = cursor_u32(c);
	const uint8_t *p = cursor_ok(c) ? sflow_opaque(m, c, len, name) : NULL;
	return (struct text){(const char *)p, p ? len : 0};
}

bool sflow_address(struct message *m, struct cursor *c, const char *name, struct ip *out)
{
	uint32_t type = cursor_u32(c);
	const uint8_t *p = NULL;
	if (type == 1 && (p = sflow_opaque(m, c, 4, name)))
		*out = ip_from4(p);
	else if (type == 2 && (p = sflow_opaque(m, c, 16, name)))
		*out = ip_from6(p);
	else if (type > 2)
		c->p = NULL; /* its length is not known */
	return p != NULL;
}

/* Samples ------------------------------------------------------------------------------------- */

static void set_dropped(struct record *r, uint32_t reason)
{
	RECORD_SET(r, fwd_status, sflow_dropped(reason));
	if (reason <= UINT16_MAX)
		RECORD_SET(r, drop_reason, (uint16_t)reason);
}

static void set_interfaces(struct record *r, const uint32_t format[2], const uint32_t value[2])
{
	if (format[0] == INTERFACE_INDEX && value[0] != INTERNAL)
		RECORD_SET(r, in_if, value[0]);
	if (format[1] == INTERFACE_INDEX && value[1] != INTERNAL)
		RECORD_SET(r, out_if, value[1]);
	else if (format[1] == INTERFACE_DISCARDED)
		set_dropped(r, value[1]);
}

/* Where the packet was sampled: mostly an interface (type 0), which tells the direction if it is
 * either the one that the packet came in by or the one that it left by. */
struct source {
	uint32_t type, index;
};

static struct source read_source(struct message *m, struct cursor *c, bool expanded)
{
	uint32_t id = sflow_number(m, c, expanded ? "source_id_type" : "source_id");
	if (expanded)
		return (struct source){id, sflow_number(m, c, "source_id_index")};
	return (struct source){id >> 24, id & 0xffffff};
}

static void set_source(struct record *r, const struct source *source)
{
	bool in = record_has(r, FIELD_in_if) && r->in_if == source->index;
	bool out = record_has(r, FIELD_out_if) && r->out_if == source->index;
	RECORD_SET(r, obs_point, (uint64_t)source->type << 32 | source->index);
	if (source->type == 0 && in != out)
		RECORD_SET(r, direction, out);
}

static void read_interfaces(struct message *m, struct cursor *c, bool expanded)
{
	static const char *const names[2][2] = {
		{"input_format", "input"}, {"output_format", "output"}};
	uint32_t format[2], value[2];
	for (unsigned i = 0; i < 2; i++) {
		if (expanded)
			format[i] = sflow_number(m, c, names[i][0]);
		value[i] = sflow_number(m, c, names[i][1]);
		if (!expanded) {
			format[i] = value[i] >> 30;
			value[i] &= INTERNAL;
		}
	}
	if (cursor_ok(c))
		set_interfaces(&m->decoder->record, format, value);
}

/* What stands in front of the records of a sampled packet. */
static void read_flow_head(struct message *m, struct cursor *c, bool expanded)
{
	struct record *r = &m->decoder->record;
	sflow_number(m, c, "sequence_number");
	struct source source = read_source(m, c, expanded);
	uint32_t rate = sflow_number(m, c, "sampling_rate");
	sflow_number(m, c, "sample_pool");
	sflow_number(m, c, "drops");
	if (rate)
		RECORD_SET(r, sampling_rate, rate);
	RECORD_SET(r, sampling_source, rate ? SAMPLING_RECORD : SAMPLING_UNKNOWN);
	read_interfaces(m, c, expanded);
	set_source(r, &source);
}

/* Of a packet that was dropped: all of them are told, up to a rate, so that there is none to
 * multiply by. */
static void read_discarded_head(struct message *m, struct cursor *c)
{
	struct record *r = &m->decoder->record;
	sflow_number(m, c, "sequence_number");
	struct source source = read_source(m, c, true);
	sflow_number(m, c, "drops");
	uint32_t in = sflow_number(m, c, "input");
	uint32_t out = sflow_number(m, c, "output");
	uint32_t reason = sflow_number(m, c, "reason");
	if (!cursor_ok(c))
		return;
	if (in && in != INTERNAL)
		RECORD_SET(r, in_if, in);
	if (out && out != INTERNAL)
		RECORD_SET(r, out_if, out);
	set_source(r, &source);
	RECORD_SET(r, sampling_source, SAMPLING_UNKNOWN);
	set_dropped(r, reason);
}

static void find_header(struct sflow_sample *s, struct cursor c)
{
	cursor_u32(&c); /* how many records */
	while (cursor_ok(&c)) {
		uint32_t format = cursor_u32(&c);
		uint32_t len = cursor_u32(&c);
		struct cursor one = cursor_slice(&c, len);
		if (cursor_ok(&one) && format == RECORD_HEADER) {
			sflow_header(s, one);
			return;
		}
	}
}

static void read_records(struct sflow_sample *s, struct cursor *c)
{
	struct message *m = s->m;
	const uint8_t *at = c->p;
	uint32_t n = sflow_number(m, c, "flow_records");
	for (; n > 0 && cursor_left(c) > 0; n--) {
		at = c->p;
		cursor_u32(c); /* its format */
		uint32_t len = cursor_u32(c);
		struct cursor one = cursor_slice(c, len);
		if (!cursor_ok(&one))
			break;
		sflow_record(s, at, one);
	}
	if (n > 0)
		message_fault(m, at, m->datagram->truncated ? ERR_TRUNCATED : ERR_BAD_RECORD);
	else if (cursor_left(c) > 0)
		message_met(m, QUIRK_LONG_SAMPLE);
}

static void set_counters(struct sflow_sample *s, bool dropped)
{
	if (!s->transaction)
		RECORD_SET(s->r, in_pkts, 1);
	if (s->rank)
		RECORD_SET(s->r, in_bytes, s->bytes);
	if (dropped)
		RECORD_SET(s->r, dropped_pkts, 1);
	if (dropped && s->rank)
		RECORD_SET(s->r, dropped_bytes, s->bytes);
}

/* One packet is one record. */
static void packet_sample(struct message *m, const struct head *h, const uint8_t *at,
	struct cursor c, uint32_t format)
{
	struct sflow_sample s = {.m = m, .r = &m->decoder->record};
	message_blank(m);
	if (h->has_agent)
		RECORD_SET(s.r, agent, h->agent);
	if (format == SAMPLE_DISCARDED)
		read_discarded_head(m, &c);
	else
		read_flow_head(m, &c, format == SAMPLE_FLOW_EXPANDED);
	if (!cursor_ok(&c)) {
		message_fault(m, at, m->datagram->truncated ? ERR_TRUNCATED : ERR_BAD_RECORD);
		return;
	}
	find_header(&s, c);
	read_records(&s, &c);
	sflow_finish(&s);
	set_counters(&s, format == SAMPLE_DISCARDED);
	message_emit(m);
}

/* For --explain. */
static void tell_counters(struct message *m, struct cursor c, uint32_t n)
{
	for (; n > 0 && cursor_ok(&c); n--) {
		const uint8_t *at = c.p;
		uint32_t format = cursor_u32(&c);
		uint32_t len = cursor_u32(&c);
		const uint8_t *p = cursor_take(&c, len);
		const char *name = sflow_counters_name(format);
		if (p) {
			tell(m, at, 4, "counter_record");
			tell(m, p, len, name ? name : "not known");
		}
	}
}

/* Counters are not of flows: who asked for them makes something of them. */
static void counters_sample(struct message *m, const struct head *h, struct cursor c, bool expanded)
{
	struct decoder *d = m->decoder;
	message_blank(m);
	if (h->has_agent)
		RECORD_SET(&d->record, agent, h->agent);
	d->counts.counter_samples++;
	sflow_number(m, &c, "sequence_number");
	struct source source = read_source(m, &c, expanded);
	uint32_t n = sflow_number(m, &c, "counter_records");
	if (!cursor_ok(&c))
		return;
	RECORD_SET(&d->record, obs_point, (uint64_t)source.type << 32 | source.index);
	if (d->trace)
		tell_counters(m, c, n);
	if (d->counters)
		d->counters(d->emit_ctx, &d->record, c, n);
}

static const char *sample_name(uint32_t format)
{
	switch (format) {
	case SAMPLE_FLOW: return "flow sample";
	case SAMPLE_FLOW_EXPANDED: return "expanded flow sample";
	case SAMPLE_COUNTERS: return "counters";
	case SAMPLE_COUNTERS_EXPANDED: return "expanded counters";
	case SAMPLE_DISCARDED: return "discarded packet";
	default: return "not known, passed over";
	}
}

/* A sample's declared length is what leads to the next one, whatever it holds: some tell four
 * octets too many. */
static bool read_sample(struct message *m, const struct head *h, struct cursor *c)
{
	const struct decode_trace *trace = m->decoder->trace;
	const uint8_t *at = c->p;
	uint32_t format = cursor_u32(c);
	uint32_t len = cursor_u32(c);
	struct cursor sample = cursor_slice(c, len);
	if (!cursor_ok(&sample)) {
		message_fault(m, at, m->datagram->truncated ? ERR_TRUNCATED : ERR_BAD_SET);
		return false;
	}
	if (trace)
		trace->set(trace->ctx, (size_t)(at - m->datagram->data), format, 8 + (size_t)len,
			sample_name(format));
	switch (format) {
	case SAMPLE_FLOW:
	case SAMPLE_FLOW_EXPANDED:
	case SAMPLE_DISCARDED: packet_sample(m, h, at, sample, format); break;
	case SAMPLE_COUNTERS:
	case SAMPLE_COUNTERS_EXPANDED:
		counters_sample(m, h, sample, format == SAMPLE_COUNTERS_EXPANDED);
		break;
	default: m->decoder->counts.reserved_sets++; break;
	}
	return true;
}

/* Datagrams ----------------------------------------------------------------------------------- */

static void read_head(struct cursor *c, struct head *h)
{
	uint32_t type = cursor_u32(c);
	const uint8_t *p = type == 1 || type == 2 ? cursor_take(c, type == 1 ? 4 : 16) : NULL;
	h->has_agent = p != NULL;
	if (p)
		h->agent = type == 1 ? ip_from4(p) : ip_from6(p);
	if (type > 2)
		c->p = NULL;
	h->sub_agent = cursor_u32(c);
	h->sequence = cursor_u32(c);
	h->uptime = cursor_u32(c);
	h->samples = cursor_u32(c);
}

/* Datagrams are numbered by agent and sub-agent, of which many may send from one address: a number
 * for both. */
static uint32_t domain_of(const struct head *h)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < sizeof h->agent.b; i++)
		hash = (hash ^ (h->has_agent ? h->agent.b[i] : 0)) * 16777619u;
	return hash ^ h->sub_agent;
}

/* What all records of the datagram have. */
static void share_head(struct message *m, const struct head *h)
{
	message_unshare(m, FIELD_export_time); /* there is none */
	m->decoder->record.obs_domain = h->sub_agent;
	message_share_done(m, NULL);
}

int sflow_decode(struct decoder *d, const struct datagram *dg, struct cursor c)
{
	struct message m;
	struct head head = {.has_agent = false};
	uint16_t version = cursor_u16(&c); /* the lower half of it */
	if (cursor_ok(&c) && version != 5)
		return message_refuse(d, dg, 0, ERR_VERSION);
	read_head(&c, &head);
	if (!cursor_ok(&c))
		return message_refuse(
			d, dg, SFLOW_VERSION, dg->truncated ? ERR_TRUNCATED : ERR_BAD_HEADER);
	const struct message_header header = {
		.version = SFLOW_VERSION,
		.domain = domain_of(&head),
		.sequence = head.sequence,
		.unit = SEQUENCE_DATAGRAMS,
		.has_uptime = true,
		.uptime = head.uptime,
	};
	int err = message_begin(&m, d, dg, &header);
	if (err)
		return err;
	share_head(&m, &head);
	const uint8_t *at = c.p;
	while (head.samples > 0 && cursor_left(&c) > 0 && read_sample(&m, &head, &c))
		head.samples--;
	if (head.samples > 0 && !m.err)
		message_fault(&m, at, dg->truncated ? ERR_TRUNCATED : ERR_BAD_HEADER);
	return message_end(&m);
}
