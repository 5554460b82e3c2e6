/* What nfdecode tells about itself: counters, exporters, templates. */
#include "nfdecode/nfdecode.h"

#include <string.h>

#include "lib/announced.h"
#include "lib/counters.h"
#include "lib/elements.h"
#include "lib/err.h"

_Static_assert(COUNTERS <= COUNTERS_MAX, "see counters.h");

static const struct counter counters[COUNTERS] = {
	[COUNT_RECEIVED] = {"received", COUNTER_IN, "packets read from the pcap stream"},
	[COUNT_RESUMED] = {"resumed", COUNTER_IN, "datagrams that waited in the state read back"},
	[COUNT_DECODED] = {"decoded", COUNTER_OUT, "datagrams decoded without fault"},
	[COUNT_JOINED] = {"joined", COUNTER_OUT,
		"IP fragments joined to an earlier one's datagram"},
	[COUNT_WAITING] = {"waiting", COUNTER_WAITING,
		"datagrams with data that waits for its template"},
	[COUNT_FRAGMENTS_WAITING] = {"fragments_waiting", COUNTER_WAITING, "IP fragments held"},
	[COUNT_IN_FLIGHT] = {"in_flight", COUNTER_WAITING, "the datagram that is being decoded"},
	[COUNT_TRUNCATED] = {"truncated", COUNTER_LOST, "cut by the capture"},
	[COUNT_NOT_IP] = {"not_ip", COUNTER_LOST, "no IP packet"},
	[COUNT_NOT_UDP] = {"not_udp", COUNTER_LOST, "not UDP"},
	[COUNT_BAD_PACKET] = {"bad_packet", COUNTER_LOST, "headers that contradict each other"},
	[COUNT_FRAGMENT_LIMIT] = {"fragments", COUNTER_LOST, "IP fragments given up"},
	[COUNT_LINKTYPE] = {"linktype", COUNTER_LOST, "link type not supported"},
	[COUNT_VERSION] = {"version", COUNTER_LOST, "export protocol not known"},
	[COUNT_BAD_HEADER] = {"bad_header", COUNTER_LOST, "export header contradicts the length"},
	[COUNT_BAD_SET] = {"bad_set", COUNTER_LOST, "impossible length of a set"},
	[COUNT_BAD_TEMPLATE] = {"bad_template", COUNTER_LOST, "malformed template"},
	[COUNT_BAD_RECORD] = {"bad_record", COUNTER_LOST, "record that does not fit its set"},
	[COUNT_NO_TEMPLATE] = {"no_template", COUNTER_LOST, "data without a template"},
	[COUNT_STATE_LIMIT] = {"state_limit", COUNTER_LOST, "bound on state reached"},
	[COUNT_MEMORY] = {"memory", COUNTER_LOST, "out of memory"},
	[COUNT_FLOWS] = {"flows", COUNTER_INFO, "flow records decoded"},
	[COUNT_WRITTEN] = {"written", COUNTER_MADE, "flow records written out"},
	[COUNT_UNWRITTEN] = {"unwritten", COUNTER_PENDING, "flow records that wait to be written"},
	[COUNT_OPTION_RECORDS] = {"option_records", COUNTER_INFO, "option records decoded"},
	[COUNT_COUNTER_SAMPLES] = {"counter_samples", COUNTER_INFO, "counter samples of sFlow"},
	[COUNT_TEMPLATES] = {"templates", COUNTER_GAUGE, "templates held"},
	[COUNT_EXPORTERS] = {"exporters", COUNTER_GAUGE, "exporters held"},
	[COUNT_EVICTED] = {"evicted", COUNTER_INFO, "domains forgotten for want of room"},
	[COUNT_TEMPLATES_EVICTED] = {"templates_evicted", COUNTER_INFO,
		"templates forgotten for want of room"},
	[COUNT_TEMPLATES_EXPIRED] = {"templates_expired", COUNTER_INFO,
		"templates whose lifetime was over"},
	[COUNT_TEMPLATE_FALLBACKS] = {"template_fallbacks", COUNTER_INFO,
		"data sets decoded by a template of another port"},
	[COUNT_STATE_MAX_HITS] = {"state_max_hits", COUNTER_INFO,
		"times that --state-max was reached"},
	[COUNT_WAIT_BYTES_HITS] = {"wait_bytes_hits", COUNTER_INFO,
		"data sets given up for want of room"},
	[COUNT_WAIT_TIME_HITS] = {"wait_time_hits", COUNTER_INFO,
		"data sets given up for their age"},
	[COUNT_EXPORTER_MAX_HITS] = {"exporter_max_hits", COUNTER_INFO,
		"times that an exporter reached --exporter-max"},
	[COUNT_STATE_BYTES] = {"state_bytes", COUNTER_GAUGE,
		"bytes of exporters, templates and waiting data"},
	[COUNT_TORN_BYTES] = {"torn_bytes", COUNTER_INFO,
		"bytes of a packet that the input ended in"},
};

void report_refresh(struct nfdecode *n)
{
	const struct decode_counts *c = decoder_counts(n->decoder);
	struct exporters_usage usage = exporters_usage(decoder_exporters(n->decoder));
	struct defrag_counts fragments = defrag_counts(n->defrag);
	uint64_t *counts = n->counts;
#define X(name) counts[COUNT_##name] = c->undecodable[-ERR_##name] + n->refused[-ERR_##name];
	CAUSES(X)
#undef X
	counts[COUNT_FRAGMENT_LIMIT] += fragments.given_up;
	counts[COUNT_RESUMED] = c->resumed;
	counts[COUNT_DECODED] = c->decoded;
	counts[COUNT_WAITING] = c->waiting;
	counts[COUNT_IN_FLIGHT] = n->busy;
	counts[COUNT_JOINED] = fragments.joined;
	counts[COUNT_FRAGMENTS_WAITING] = fragments.waiting;
	counts[COUNT_FLOWS] = c->flows;
	counts[COUNT_WRITTEN] =
		n->output.writer ? stream_written(n->output.writer) : n->output.written;
	/* those of the datagram in hand are written before they are counted as decoded */
	counts[COUNT_UNWRITTEN] =
		c->flows > counts[COUNT_WRITTEN] ? c->flows - counts[COUNT_WRITTEN] : 0;
	counts[COUNT_OPTION_RECORDS] = c->option_records;
	counts[COUNT_COUNTER_SAMPLES] = c->counter_samples;
	counts[COUNT_TEMPLATES] = usage.templates;
	counts[COUNT_EXPORTERS] = usage.exporters;
	counts[COUNT_EVICTED] = usage.evicted;
	counts[COUNT_TEMPLATES_EVICTED] = usage.templates_evicted;
	counts[COUNT_TEMPLATES_EXPIRED] = usage.templates_expired;
	counts[COUNT_TEMPLATE_FALLBACKS] = usage.template_fallbacks;
	counts[COUNT_STATE_MAX_HITS] = usage.state_max_hits;
	counts[COUNT_EXPORTER_MAX_HITS] = usage.exporter_max_hits;
	counts[COUNT_WAIT_BYTES_HITS] = c->wait_bytes_hits;
	counts[COUNT_WAIT_TIME_HITS] = c->wait_time_hits;
	counts[COUNT_STATE_BYTES] = usage.bytes + c->wait_bytes;
}

static void refresh(void *self)
{
	report_refresh(self);
}

#define ROWS_MAX 4096 /* of a document; how many more there are is said */

struct rows {
	json_t *array;
	uint64_t omitted;
};

/* Is the document long enough? Then the row to come is counted in its place. */
static bool is_full(struct rows *rows)
{
	bool full = json_array_size(rows->array) >= ROWS_MAX;
	rows->omitted += full;
	return full;
}

static void add_row(struct rows *rows, json_t *row)
{
	json_array_append_new(rows->array, row);
}

static void set_count(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static void set_address(json_t *o, const char *key, const struct ip *ip)
{
	char text[IP_TEXT_MAX];
	json_object_set_new(o, key, json_string(ip_text(ip, text)));
}

static void set_time(json_t *o, const char *key, struct instant t)
{
	char text[INSTANT_TEXT_MAX];
	json_object_set_new(o, key, json_string(instant_text(t, text)));
}

static json_t *versions_of(const struct exporter *e)
{
	json_t *versions = json_array();
	for (unsigned v = 1; v < 16; v++)
		if (e->versions >> v & 1)
			json_array_append_new(versions, json_integer(v == 15 ? 105 : v));
	return versions;
}

static json_t *undecodable_of(const struct exporter *e)
{
	json_t *causes = json_object();
	for (int i = 1; i < ERR_COUNT; i++)
		if (e->undecodable[i])
			set_count(causes, err_counter(-i), e->undecodable[i]);
	return causes;
}

/* Those that were met, with how often, and those that the user's file says it has. */
static json_t *quirks_of(const struct exporter *e)
{
	json_t *quirks = json_object();
	for (enum quirk id = 0; id < QUIRK_COUNT; id++)
		if (e->quirks[id] || exporter_has_quirk(e, id))
			set_count(quirks, quirk_name(id), e->quirks[id]);
	return quirks;
}

static void set_text(json_t *o, const char *key, const struct text *t)
{
	if (t->len)
		json_object_set_new(o, key, json_stringn(t->p, t->len));
}

static bool exporter_row(void *rows, const struct exporter *e)
{
	if (is_full(rows))
		return true;
	json_t *o = json_object();
	set_address(o, "address", &e->address);
	set_text(o, "name", &e->settings.name);
	json_object_set_new(o, "versions", versions_of(e));
	set_count(o, "domains", e->domain_count);
	set_count(o, "datagrams", e->datagrams);
	set_count(o, "flows", e->flows);
	set_count(o, "option_records", e->option_records);
	set_count(o, "lost_datagrams", e->sequence.lost_datagrams);
	set_count(o, "lost_records", e->sequence.lost_records);
	set_count(o, "reordered", e->sequence.reordered);
	set_count(o, "duplicates", e->sequence.duplicates);
	set_count(o, "restarts", e->sequence.restarts);
	set_count(o, "templates", e->template_count);
	set_count(o, "templates_evicted", e->templates_evicted);
	set_count(o, "template_fallbacks", e->template_fallbacks);
	set_count(o, "state_bytes", e->bytes);
	if (e->sampling_rate)
		set_count(o, "sampling_rate", e->sampling_rate);
	const char *source = field_word(FIELD_sampling_source, e->sampling_source);
	if (source)
		json_object_set_new(o, "sampling_source", json_string(source));
	set_time(o, "last_seen", e->last_seen);
	set_count(o, "names", names_count(e->names));
	if (names_dropped(e->names))
		set_count(o, "names_dropped", names_dropped(e->names));
	json_object_set_new(o, "quirks", quirks_of(e));
	json_object_set_new(o, "undecodable", undecodable_of(e));
	add_row(rows, o);
	return true;
}

static json_t *fields_of(const struct template *t)
{
	json_t *all = json_array();
	for (size_t i = 0; i < t->field_count; i++) {
		const struct template_field *f = &t->fields[i];
		char name[ELEMENT_NAME_MAX] = "scope";
		json_t *o = json_object();
		if (f->pen != PEN_SCOPE) {
			element_name(f->pen, f->id, name);
			set_count(o, "pen", f->pen);
		}
		json_object_set_new(o, "name", json_string(name));
		set_count(o, "id", f->id);
		if (f->len != TEMPLATE_VARIABLE)
			set_count(o, "length", f->len);
		json_array_append_new(all, o);
	}
	return all;
}

static bool template_row(void *rows, const struct announced *a)
{
	const struct domain *d = a->domain;
	const struct template *t = a->template;
	if (is_full(rows))
		return true;
	json_t *o = json_object();
	set_address(o, "exporter", &d->exporter->address);
	set_count(o, "port", d->port);
	set_count(o, "version", d->version);
	set_count(o, "domain", d->id);
	set_count(o, "id", t->id);
	json_object_set_new(o, "options", json_boolean(t->options));
	if (!t->variable)
		set_count(o, "record_length", t->record_len);
	set_count(o, "records", a->records);
	set_time(o, "last_seen", (struct instant){a->seen_ns, 9});
	json_object_set_new(o, "fields", fields_of(t));
	add_row(rows, o);
	return true;
}

static bool domain_rows(void *rows, const struct domain *d)
{
	announced_each(d, template_row, rows);
	return true;
}

static bool report(void *self, const char *request, json_t *doc)
{
	const struct nfdecode *n = self;
	const struct exporters *all = decoder_exporters(n->decoder);
	struct rows rows = {json_array(), 0};
	bool exporters = strcmp(request, "exporters") == 0,
	     templates = strcmp(request, "templates") == 0;
	if (exporters)
		exporters_each(all, exporter_row, &rows);
	else if (templates)
		domains_each(all, domain_rows, &rows);
	if (strcmp(request, "status") == 0)
		set_count(doc, "lag_ms", n->lag_ms);
	if (exporters || templates) {
		json_object_set(doc, request, rows.array);
		set_count(doc, "omitted", rows.omitted);
	}
	json_decref(rows.array);
	return exporters || templates || strcmp(request, "status") == 0;
}

void report_source(struct nfdecode *n, struct stats_source *source)
{
	*source = (struct stats_source){
		.program = "nfdecode",
		.ledger_unit = "datagrams",
		.counters = counters,
		.values = n->counts,
		.count = COUNTERS,
		.report = report,
		.refresh = refresh,
		.self = n,
	};
}
