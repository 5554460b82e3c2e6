/* nfdecode --explain: each datagram as a person wants to read it when something is wrong. */
#include "nfdecode/nfdecode.h"

#include <string.h>

#include "lib/cursor.h"
#include "lib/elements.h"
#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/jsontext.h"

#define BYTES_SHOWN 16 /* of a field, in hex */

struct header_field {
	const char *name; /* NULL ends a header */
	uint8_t len;
};

static const struct header_field netflow1_header[] = {{"version", 2}, {"count", 2},
	{"sysUptime", 4}, {"unix_secs", 4}, {"unix_nsecs", 4}, {NULL, 0}};
static const struct header_field netflow7_header[] = {{"version", 2}, {"count", 2},
	{"sysUptime", 4}, {"unix_secs", 4}, {"unix_nsecs", 4}, {"flow_sequence", 4},
	{"reserved", 4}, {NULL, 0}};
static const struct header_field netflow5_header[] = {{"version", 2}, {"count", 2},
	{"sysUptime", 4}, {"unix_secs", 4}, {"unix_nsecs", 4}, {"flow_sequence", 4},
	{"engine_type", 1}, {"engine_id", 1}, {"sampling", 2}, {NULL, 0}};
static const struct header_field netflow9_header[] = {{"version", 2}, {"count", 2},
	{"sysUptime", 4}, {"unix_secs", 4}, {"sequence", 4}, {"source_id", 4}, {NULL, 0}};
static const struct header_field ipfix_header[] = {{"version", 2}, {"length", 2}, {"exportTime", 4},
	{"sequence", 4}, {"observationDomainId", 4}, {NULL, 0}};
static const struct header_field sflow_header[] = {{"version", 4}, {"agent_address_type", 4},
	{"agent_address", 4}, {"sub_agent_id", 4}, {"sequence_number", 4}, {"uptime", 4},
	{"num_samples", 4}, {NULL, 0}};
static const struct header_field sflow_header6[] = {{"version", 4}, {"agent_address_type", 4},
	{"agent_address", 16}, {"sub_agent_id", 4}, {"sequence_number", 4}, {"uptime", 4},
	{"num_samples", 4}, {NULL, 0}};
static const struct header_field unknown_header[] = {{"version", 2}, {NULL, 0}};

static const struct header_field *header_of(struct cursor c)
{
	uint16_t version = cursor_u16(&c);
	uint16_t low = cursor_u16(&c);
	switch (version) {
	case 0:
		if (!cursor_ok(&c) || low != 5)
			return unknown_header;
		return cursor_u32(&c) == 2 ? sflow_header6 : sflow_header;
	case 1: return netflow1_header;
	case 5: return netflow5_header;
	case 7: return netflow7_header;
	case 9: return netflow9_header;
	case 10: return ipfix_header;
	default: return unknown_header;
	}
}

/* Up to BYTES_SHOWN bytes in hex, with an ellipsis where there are more. */
static const char *hex_of(const uint8_t *p, size_t len, char out[static 2 * BYTES_SHOWN + 4])
{
	char *end = jsontext_hex(out, p, len < BYTES_SHOWN ? len : BYTES_SHOWN);
	memcpy(end, len > BYTES_SHOWN ? "..." : "", len > BYTES_SHOWN ? 4 : 1);
	return out;
}

static void explain_header(struct output *o, const struct datagram *d)
{
	struct cursor c = cursor_over(d->data, d->len);
	for (const struct header_field *f = header_of(c); f->name; f++) {
		size_t offset = (size_t)(c.p - d->data);
		const uint8_t *p = cursor_take(&c, f->len);
		char hex[2 * BYTES_SHOWN + 4];
		if (!p)
			return;
		output_text(o, "  %5zu  %-32s %-24s", offset, hex_of(p, f->len, hex), f->name);
		if (f->len <= 8)
			output_text(o, " %llu", (unsigned long long)be_uint(p, f->len));
		output_text(o, "\n");
	}
}

void explain_datagram(struct output *o, const struct datagram *d, uint64_t number)
{
	char src[IP_TEXT_MAX], dst[IP_TEXT_MAX], when[INSTANT_TEXT_MAX];
	output_text(o, "\npacket %llu  %s  %s port %u > %s port %u  %u octets%s\n",
		(unsigned long long)number, instant_text(d->received, when), ip_text(&d->src, src),
		d->src_port, ip_text(&d->dst, dst), d->dst_port, d->len,
		d->truncated ? " (cut by the capture)" : "");
	output_text(o, "  %5s  %-32s %-24s %s\n", "byte", "octets", "element", "value  -> field");
	explain_header(o, d);
}

void explain_result(struct output *o, int err)
{
	if (err > 0)
		output_text(o, "  = waiting for templates\n");
	else if (err)
		output_text(o, "  = undecodable (%s): %s\n", err_counter(err), err_sentence(err));
	else
		output_text(o, "  = decoded\n");
}

static void set(void *o, size_t offset, uint32_t id, size_t len, const char *what)
{
	output_text(o, "  %5zu  set %u, %zu octets: %s\n", offset, id, len, what);
}

/* The record fields that a template field fills, as "-> a b"; empty if none. */
static const char *filled(const struct template *t, size_t index, char *out, size_t cap)
{
	size_t used = 0;
	out[0] = '\0';
	for (size_t s = 0; s < t->first_extra; s++) {
		const struct step *step = &t->steps[s];
		const char *name =
			step->op == STEP_SYSINIT ? "(base of uptimes)" : fields[step->field].name;
		size_t len = strlen(name);
		if (step->index != index || used + len + 5 > cap)
			continue;
		memcpy(out + used, used ? " " : "-> ", used ? 1 : 3);
		used += used ? 1 : 3;
		memcpy(out + used, name, len + 1);
		used += len;
	}
	return out;
}

static const char *name_of(const struct template_field *f, char out[static ELEMENT_NAME_MAX])
{
	static const char *const scopes[] = {"scope", "scope System", "scope Interface",
		"scope Line Card", "scope Cache", "scope Template"};
	if (f->pen == PEN_SCOPE)
		return scopes[f->id < LEN(scopes) ? f->id : 0];
	if (f->pen == PEN_PADDING)
		return f->id == PADDING_ROUTER ? "router_sc" : "(padding)";
	element_name(f->pen, f->id, out);
	return out;
}

static void template(void *o, size_t offset, const struct template *t)
{
	output_text(o, "  %5zu  template %u: %u fields, %s%u octets a record%s\n", offset, t->id,
		t->field_count, t->variable ? "at least " : "", t->record_len,
		t->options ? ", options" : "");
	for (size_t i = 0; i < t->field_count; i++) {
		const struct template_field *f = &t->fields[i];
		char name[ELEMENT_NAME_MAX], to[128], len[16] = "variable";
		if (f->len != TEMPLATE_VARIABLE)
			*jsontext_decimal(len, f->len) = '\0';
		output_text(o, "         %3zu. %-36s length %-8s %s\n", i + 1, name_of(f, name),
			len, filled(t, i, to, sizeof to));
	}
}

/* The readable value of a field; "" where the registry knows none. */
static const char *value_of(
	const struct template_field *f, const uint8_t *p, size_t len, char *out, size_t cap)
{
	const struct element *e =
		f->pen == PEN_SCOPE || f->pen == PEN_PADDING ? NULL : element_find(f->pen, f->id);
	size_t n = 0;
	if (e && 6 * len + ELEMENT_VALUE_ROOM < cap)
		n = element_value_json(e, p, len, out);
	else if (f->pen == PEN_SCOPE && len >= 1 && len <= 8)
		n = (size_t)(jsontext_decimal(out, be_uint(p, len)) - out);
	out[n] = '\0';
	return out;
}

static void whole(void *o, const struct record *r)
{
	static char line[JSONL_LINE_MAX];
	size_t len = jsonl_write(r, line, sizeof line);
	output_text(o, "         -> %.*s", (int)len, line);
}

static void record(void *o, size_t offset, const struct template *t, const uint8_t *p,
	const struct field_position *pos, const struct record *r)
{
	output_text(o, "  %5zu  %s by template %u\n", offset,
		t->options ? "option record" : "flow record", t->id);
	for (size_t i = 0; i < t->field_count; i++) {
		const struct template_field *f = &t->fields[i];
		const uint8_t *at = p + pos[i].offset;
		char hex[2 * BYTES_SHOWN + 4], name[ELEMENT_NAME_MAX], value[2048], to[128];
		output_text(o, "  %5zu  %-32s %-24s %s  %s\n", offset + pos[i].offset,
			hex_of(at, pos[i].len, hex), name_of(f, name),
			value_of(f, at, pos[i].len, value, sizeof value),
			r ? filled(t, i, to, sizeof to) : "");
	}
	if (t->section && r)
		whole(o, r); /* part of a packet fills more fields than can be told one by one */
}

static void item(void *o, size_t offset, const uint8_t *p, size_t len, const char *name)
{
	char hex[2 * BYTES_SHOWN + 4];
	output_text(o, "  %5zu  %-32s %-24s", offset, hex_of(p, len, hex), name);
	if (len == 4)
		output_text(o, " %u", be32(p));
	output_text(o, "\n");
}

static void fault(void *o, size_t offset, int err)
{
	output_text(o, "  %5zu  ! %s\n", offset, err_sentence(err));
}

void explain_trace(struct output *o, struct decode_trace *trace)
{
	*trace = (struct decode_trace){.ctx = o,
		.set = set,
		.template = template,
		.record = record,
		.fault = fault,
		.item = item,
		.whole = whole};
}
