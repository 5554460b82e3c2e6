#include "lib/message.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/biflow.h"
#include "lib/join.h"
#include "lib/late.h"
#include "lib/nested.h"
#include "lib/section.h"
#include "lib/vendor.h"

#define IE_SYSINIT       160
#define FIRST_DATA_SET   256
#define PADDING_MAX      4 /* octets to which sets are aligned (RFC 7011, 3.3.1) */
#define PROTOCOL_ICMP    1
#define PROTOCOL_ICMPV6  58
#define CLOCK_BASELINE_S 8 /* headers this far apart tell seconds from milliseconds */

static size_t offset_of(const struct message *m, const uint8_t *at)
{
	return (size_t)(at - m->datagram->data);
}

void message_share(struct message *m, enum field_id id)
{
	m->shared[id / 64] |= UINT64_C(1) << (id % 64);
}

void message_unshare(struct message *m, enum field_id id)
{
	m->shared[id / 64] &= ~(UINT64_C(1) << (id % 64));
}

#define SHARE(m, name, value)                                                                      \
	do {                                                                                       \
		(m)->decoder->record.name = (value);                                               \
		message_share((m), FIELD_##name);                                                  \
	} while (0)

void message_resume(struct message *m, struct decoder *d, const struct datagram *dg,
	const struct message_header *h, struct domain *domain)
{
	*m = (struct message){
		.decoder = d, .datagram = dg, .domain = domain, .header = *h, .exact = true};
	m->times.export_ns = h->export_ns;
	SHARE(m, received, dg->received);
	SHARE(m, exporter, dg->src);
	SHARE(m, exporter_port, dg->src_port);
	SHARE(m, version, h->version);
	SHARE(m, obs_domain, h->domain);
	SHARE(m, sequence, h->sequence);
	SHARE(m, export_time, ((struct instant){h->export_ns, h->export_digits}));
	if (domain->exporter->settings.name.len)
		SHARE(m, exporter_name, domain->exporter->settings.name);
	message_sysinit(m);
}

int message_begin(struct message *m, struct decoder *d, const struct datagram *dg,
	const struct message_header *h)
{
	struct domain *domain = exporters_domain(d->exporters, dg, h->version, h->domain);
	if (!domain)
		return ERR_MEMORY;
	message_resume(m, d, dg, h, domain);
	return 0;
}

int message_refuse(struct decoder *d, const struct datagram *dg, uint16_t version, int err)
{
	/* the exporter's domain of version 0, which no protocol has, keeps it in memory */
	struct domain *domain = exporters_domain(d->exporters, dg, 0, 0);
	if (!domain)
		return ERR_MEMORY;
	struct exporter *e = domain->exporter;
	e->datagrams++;
	e->last_seen = dg->received;
	e->undecodable[-err]++;
	if (err == ERR_VERSION)
		e->unknown_versions[version % LEN(e->unknown_versions)]++;
	return err;
}

/* An exporter whose uptime advances by one a second counts seconds (field practice; RFC 3954 says
 * milliseconds). Two headers some seconds apart tell. */
static void judge_clock(struct domain *domain, uint32_t uptime, uint32_t s)
{
	uint32_t seconds = s - domain->clock_s, ticks = uptime - domain->clock_uptime;
	if (!domain->clock_known || seconds > 3600) {
		domain->clock_known = true;
		domain->clock_s = s;
		domain->clock_uptime = uptime;
	} else if (seconds >= CLOCK_BASELINE_S) {
		domain->uptime_in_seconds = ticks + 1 >= seconds && ticks <= seconds + 1;
	}
}

void message_sysinit(struct message *m)
{
	uint64_t init_ms = m->domain->init_ms;
	if (!init_ms)
		return;
	m->times.base_ns = m->header.export_ns;
	m->times.base_uptime = (uint32_t)(m->header.export_ns / NS_PER_MS - init_ms);
	m->times.has_base = true;
}

void message_uptime(struct message *m, uint32_t uptime, uint32_t s, uint32_t ns)
{
	judge_clock(m->domain, uptime, s);
	bool in_seconds = m->domain->uptime_in_seconds ||
			  exporter_has_quirk(m->domain->exporter, QUIRK_UPTIME_IN_SECONDS);
	/* uptimes are no finer than their unit: nor is what they are added to */
	m->times.base_ns = s * NS_PER_S + (in_seconds ? 0 : ns - ns % NS_PER_MS);
	m->times.base_uptime = uptime;
	m->times.has_base = true;
	m->times.in_seconds = in_seconds;
	if (in_seconds)
		message_met(m, QUIRK_UPTIME_IN_SECONDS);
}

void message_fault(struct message *m, const uint8_t *at, int err)
{
	const struct decode_trace *trace = m->decoder->trace;
	if (!m->err)
		m->err = err;
	m->exact = false;
	if (trace)
		trace->fault(trace->ctx, offset_of(m, at), err);
}

/* last_switched is always there; time_source says what it was taken from. */
static inline void complete_times(struct record *r)
{
	uint8_t source = 1;
	if (!record_has(r, FIELD_last_switched)) {
		if (record_has(r, FIELD_first_switched)) {
			source = 2;
			r->last_switched = r->first_switched;
		} else if (record_has(r, FIELD_event_time)) {
			source = 3;
			r->last_switched = r->event_time;
		} else if (record_has(r, FIELD_export_time) && r->export_time.ns) {
			source = 4;
			r->last_switched = r->export_time;
		} else {
			source = 5;
			r->last_switched = r->received;
		}
		record_mark(r, FIELD_last_switched);
	}
	RECORD_SET(r, time_source, source);
}

/* The sampling rate of a record: it says something about it itself, or its interface does. */
static void complete_sampling(const struct message *m, const struct template *t, struct record *r)
{
	uint8_t source;
	uint32_t rate = join_rate(m->domain, t, r, &source);
	r->present[FIELD_sampling_rate / 64] &= ~(UINT64_C(1) << (FIELD_sampling_rate % 64));
	if (rate)
		RECORD_SET(r, sampling_rate, rate);
	RECORD_SET(r, sampling_source, source);
}

/* The rate that all records of a set share, when they say nothing themselves. */
static void share_sampling(struct message *m, const struct template *t)
{
	uint8_t source;
	uint32_t rate = join_rate(m->domain, t, NULL, &source);
	if (rate)
		SHARE(m, sampling_rate, rate);
	SHARE(m, sampling_source, source);
}

/* Apart from its caller, which mostly does without it. */
static __attribute__((noinline)) void doubt_counters(struct exporter *e, const struct record *r)
{
	if (r->in_pkts)
		e->quirks[QUIRK_IMPLAUSIBLE_BYTES]++;
	else if (r->in_bytes)
		e->quirks[QUIRK_ZERO_PACKETS]++;
}

/* Counters that can not be: no packet is longer than 65,535 octets. They stay as they are. */
static inline void check_counters(const struct message *m, const struct record *r)
{
	if (r->in_bytes >> 16 >= r->in_pkts && record_has(r, FIELD_in_bytes) &&
		record_has(r, FIELD_in_pkts))
		doubt_counters(m->domain->exporter, r);
}

static bool shares(const struct message *m, enum field_id id)
{
	return m->shared[id / 64] >> (id % 64) & 1;
}

static void learn_options(struct message *m, const struct template *t, const uint8_t *p)
{
	const struct field_position *pos = m->decoder->positions; /* of message_data */
	join_learn(m->decoder->exporters, m->domain, t, p, pos);
	if (t->common)
		common_learn(m->decoder->exporters, m->domain, t, p, pos);
	for (size_t i = 0; i < t->field_count; i++)
		if (t->fields[i].pen == 0 && t->fields[i].id == IE_SYSINIT && pos[i].len == 8) {
			m->domain->init_ms = be64(p + pos[i].offset);
			message_met(m, QUIRK_UPTIME_BASE);
		}
	m->options++;
	m->decoder->counts.option_records++;
	m->domain->exporter->option_records++;
}

static inline void emit_one(struct message *m, struct record *r)
{
	if (m->decoder->scale)
		join_scale(r);
	m->flows++;
	m->decoder->emit(m->decoder->emit_ctx, r);
}

/* A record that is complete but for what is joined to it. */
static inline void hand_over(struct message *m, struct record *r)
{
	if (m->joins)
		join_record(m->joins, m->domain, r);
	unsigned reverse = m->split ? biflow_part(r) : 0;
	emit_one(m, r);
	if (!reverse)
		return;
	biflow_turn(r, reverse);
	emit_one(m, r);
}

static void flow_record(struct message *m, const struct template *t, const uint8_t *p,
	const struct field_position *pos)
{
	struct record *r = &m->decoder->record;
	for (unsigned w = 0; w < FIELD_WORDS; w++)
		r->present[w] = m->shared[w] | t->present[w];
	r->extra_count = 0;
	if (t->common)
		common_fill(m->decoder->exporters, m->domain, t, p, pos, m->datagram->received.ns,
			r, &m->times);
	plan_run(t, p, pos, r, &m->times);
	if (t->nested)
		nested_fill(t, p, pos, r, m->decoder->inner);
	if (t->section)
		section_dissect(r, m->decoder->inner);
	if (t->vendor)
		exporter_met(m->domain->exporter, vendor_complete(t->vendor, r));
	if (t->lists)
		lists_add_templates(m->decoder->exporters, m->domain, m->datagram->received.ns, r,
			m->decoder->list_templates);
	check_counters(m, r);
	complete_times(r);
	if (!shares(m, FIELD_sampling_source))
		complete_sampling(m, t, r);
	if (t->icmp_in_port && (r->protocol == PROTOCOL_ICMP || r->protocol == PROTOCOL_ICMPV6))
		join_icmp(m->domain->exporter, r);
	hand_over(m, r);
}

static void trace_record(struct message *m, const struct template *t, const uint8_t *p,
	const struct field_position *pos)
{
	const struct decode_trace *trace = m->decoder->trace;
	const struct cursor rest = {p, m->datagram->data + m->datagram->len};
	if (!pos) {
		template_locate(t, rest, m->decoder->positions);
		pos = m->decoder->positions;
	}
	trace->record(
		trace->ctx, offset_of(m, p), t, p, pos, t->options ? NULL : &m->decoder->record);
}

void message_share_done(struct message *m, const struct template *t)
{
	struct record *r = &m->decoder->record;
	m->joins = join_begin(m->domain->exporter, t);
	m->split = m->decoder->split && (biflow_of(t) || m->joins & JOIN_REVERSE);
	memcpy(r->shared, m->shared, sizeof r->shared);
	r->share_id++;
}

void message_blank(struct message *m)
{
	struct record *r = &m->decoder->record;
	memcpy(r->present, m->shared, sizeof r->present);
	r->extra_count = 0;
}

void message_emit(struct message *m)
{
	struct record *r = &m->decoder->record;
	complete_times(r);
	hand_over(m, r);
	m->records++;
	if (m->decoder->trace)
		m->decoder->trace->whole(m->decoder->trace->ctx, r);
}

/* What the records of this set share: the header's fields, the template, and a sampling rate. */
static void begin_set(struct message *m, const struct template *t)
{
	bool header_says = shares(m, FIELD_sampling_source);
	if (t->id) /* else its form is the protocol's */
		SHARE(m, template_id, t->id);
	if (!header_says && !t->common && join_rate_is_shared(m->domain, t))
		share_sampling(m, t);
	message_share_done(m, t);
}

static void end_set(struct message *m, bool header_says)
{
	if (header_says)
		return;
	message_unshare(m, FIELD_sampling_rate);
	message_unshare(m, FIELD_sampling_source);
}

void message_data(struct message *m, const struct template *t, struct cursor set)
{
	struct decoder *d = m->decoder;
	bool locate = t->variable || t->options;
	bool header_says = shares(m, FIELD_sampling_source);
	const struct plan_times times = m->times; /* which records may change for themselves */
	begin_set(m, t);
	while (cursor_left(&set) >= t->record_len) {
		const struct field_position *pos = locate ? d->positions : NULL;
		const uint8_t *at = set.p;
		size_t len = locate ? template_locate(t, set, d->positions) : t->record_len;
		const uint8_t *p = len ? cursor_take(&set, len) : NULL;
		if (!p) {
			message_fault(m, at, ERR_BAD_RECORD);
			break;
		}
		if (t->options)
			learn_options(m, t, p);
		else
			flow_record(m, t, p, pos);
		if (d->trace)
			trace_record(m, t, p, pos);
		m->records++;
	}
	if (cursor_left(&set) >= PADDING_MAX && cursor_left(&set) < t->record_len)
		message_met(m, QUIRK_LONG_PADDING);
	exporter_met(m->domain->exporter, m->times.met);
	m->times = times;
	if (t->options && !m->times.has_base)
		message_sysinit(m);
	end_set(m, header_says);
}

static void data_set(struct message *m, const uint8_t *at, uint16_t id, struct cursor set)
{
	struct announced *a =
		announced_find(m->decoder->exporters, m->domain, id, m->datagram->received.ns);
	if (a) {
		uint32_t before = m->records;
		message_data(m, a->template, set);
		a->records += m->records - before;
		return;
	}
	if (cursor_left(&set) == 0)
		return; /* nothing that could wait */
	m->exact = false;
	if (!late_hold(m, id, set))
		message_fault(m, at, ERR_NO_TEMPLATE);
}

static void one_set(struct message *m, const uint8_t *at, uint16_t id, struct cursor set,
	struct set_ids ids, message_templates *templates)
{
	const struct decode_trace *trace = m->decoder->trace;
	const char *what = id == ids.templates   ? "templates"
			   : id == ids.options   ? "options templates"
			   : id < FIRST_DATA_SET ? "reserved, passed over"
						 : "data";
	if (trace)
		trace->set(trace->ctx, offset_of(m, at), id, 4 + cursor_left(&set), what);
	if (id == ids.templates || id == ids.options)
		templates(m, set, id == ids.options);
	else if (id < FIRST_DATA_SET)
		m->decoder->counts.reserved_sets++; /* RFC 7011, 3.3.2: to be passed over */
	else
		data_set(m, at, id, set);
}

void message_sets(
	struct message *m, struct cursor rest, struct set_ids ids, message_templates *templates)
{
	while (cursor_left(&rest) >= 4) { /* less is padding */
		const uint8_t *at = rest.p;
		uint16_t id = cursor_u16(&rest);
		uint16_t len = cursor_u16(&rest);
		if (id == 0 && len == 0) { /* datagrams padded with zeros to a fixed size */
			message_met(m, QUIRK_DATAGRAM_PADDING);
			return;
		}
		struct cursor set = {NULL, NULL};
		if (len >= 4)
			set = cursor_slice(&rest, len - 4u);
		if (!cursor_ok(&set)) {
			bool cut = m->datagram->truncated && len >= 4;
			message_fault(m, at, cut ? ERR_TRUNCATED : ERR_BAD_SET);
			return;
		}
		one_set(m, at, id, set, ids, templates);
	}
}

bool message_define(struct message *m, const uint8_t *at, uint16_t id, size_t count,
	uint16_t scope_count, bool options)
{
	struct decoder *d = m->decoder;
	int err;
	const struct announced *before = announced_get(d->exporters, m->domain, id);
	const struct template *old = before ? before->template : NULL;
	const struct announced *a = announced_define(d->exporters, m->domain, id, d->defs, count,
		scope_count, options, m->datagram->received.ns, &err);
	if (!a) {
		message_fault(m, at, err);
		return false;
	}
	if (a->template != old)
		exporter_met(
			m->domain->exporter, quirks_of_template(a->template, m->header.version) |
						     (old ? QUIRK_BIT(TEMPLATE_REDEFINED) : 0));
	late_announced(m, id);
	d->counts.templates++;
	if (d->trace)
		d->trace->template(d->trace->ctx, offset_of(m, at), a->template);
	return true;
}

/* For those who ask how an exporter samples: as its last record was. */
static void note_sampling(struct exporter *e, const struct record *last)
{
	e->sampling_rate = record_has(last, FIELD_sampling_rate) ? last->sampling_rate : 0;
	e->sampling_source = last->sampling_source;
}

void message_count_flows(struct message *m)
{
	struct exporter *e = m->domain->exporter;
	m->decoder->counts.flows += m->flows;
	e->flows += m->flows;
	if (m->records && !e->proven) {
		exporters_prove(m->decoder->exporters, e);
		late_prove(m->decoder, &e->address);
	}
	if (m->flows)
		note_sampling(e, &m->decoder->record);
}

static void take_sequence(struct message *m)
{
	const struct message_header *h = &m->header;
	const struct sequence_datagram d = {
		.unit = h->unit,
		.number = h->sequence,
		.export_s = h->export_ns ? (uint32_t)(h->export_ns / NS_PER_S) : h->uptime / 1000,
		.uptime = h->uptime,
		.has_uptime = h->has_uptime,
		.exact = m->exact,
		.flows = m->records - m->options,
		.options = m->options,
	};
	sequence_take(&m->domain->sequence, &m->domain->exporter->sequence, &d);
}

int message_end(struct message *m)
{
	struct exporter *e = m->domain->exporter;
	take_sequence(m);
	message_count_flows(m);
	e->datagrams++;
	e->last_seen = m->datagram->received;
	bool waits = late_settle(m);
	if (m->err)
		e->undecodable[-m->err]++;
	late_release(m->decoder);
	return m->err ? m->err : waits;
}
