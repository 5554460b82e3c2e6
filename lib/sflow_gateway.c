/* What sFlow tells of BGP: "sFlow Version 5", section 5, extended_gateway. */
#include <string.h>

#include "lib/jsontext.h"
#include "lib/sflow.h"

#define UNKNOWN 0xffffffff /* a local preference that is not known */

/* A list of words, of which one that has no room any more is told as "...". */
struct words {
	char *start, *end;
	bool full;
};

static void add_text(struct words *w, const char *text, size_t len)
{
	w->full |= (size_t)(w->end - w->start) + len > SFLOW_TEXT_MAX;
	if (w->full)
		return;
	memcpy(w->end, text, len);
	w->end += len;
}

static void add_number(struct words *w, uint64_t n)
{
	char digits[24];
	add_text(w, digits, (size_t)(jsontext_decimal(digits, n) - digits));
}

static void set_words(struct words *w, struct text *out)
{
	if (w->full) {
		while (w->end > w->start && w->end[-1] != ' ') /* not half a number */
			w->end--;
		memcpy(w->end, "...", 3);
		w->end += 3;
	}
	*out = (struct text){w->start, (uint32_t)(w->end - w->start)};
}

/* Segments of a path: sets, as {1 2}, and sequences. The last AS of a sequence is where the packet
 * goes to. */
static void as_path(struct sflow_sample *s, struct cursor *c)
{
	struct words w = {s->as_path, s->as_path, false};
	uint32_t first = 0, last = 0, segments = sflow_number(s->m, c, "dst_as_path_segments");
	while (segments-- > 0 && cursor_ok(c)) {
		uint32_t type = sflow_number(s->m, c, "segment_type");
		uint32_t n = sflow_number(s->m, c, "segment_length");
		if (w.end != w.start)
			add_text(&w, " ", 1);
		if (type == 1)
			add_text(&w, "{", 1);
		for (uint32_t i = 0; i < n && cursor_ok(c); i++) {
			uint32_t as = sflow_number(s->m, c, "as");
			if (!cursor_ok(c))
				return;
			if (i)
				add_text(&w, " ", 1);
			add_number(&w, as);
			first = first ? first : as;
			last = as;
		}
		if (type == 1)
			add_text(&w, "}", 1);
	}
	if (!cursor_ok(c) || w.end == w.start)
		return;
	set_words(&w, &s->r->as_path);
	record_mark(s->r, FIELD_as_path);
	RECORD_SET(s->r, next_as, first);
	RECORD_SET(s->r, dst_as, last);
}

/* RFC 1997: an AS and a number of its. */
static void communities(struct sflow_sample *s, struct cursor *c)
{
	struct words w = {s->communities, s->communities, false};
	uint32_t n = sflow_number(s->m, c, "communities");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t community = sflow_number(s->m, c, "community");
		if (!cursor_ok(c))
			return;
		if (i)
			add_text(&w, " ", 1);
		add_number(&w, community >> 16);
		add_text(&w, ":", 1);
		add_number(&w, community & 0xffff);
	}
	if (!cursor_ok(c) || !n)
		return;
	set_words(&w, &s->r->communities);
	record_mark(s->r, FIELD_communities);
}

void sflow_gateway(struct sflow_sample *s, struct cursor *c)
{
	struct ip next_hop;
	bool has = sflow_address(s->m, c, "bgp_next_hop", &next_hop);
	uint32_t as = sflow_number(s->m, c, "as");
	uint32_t src_as = sflow_number(s->m, c, "src_as");
	uint32_t src_peer_as = sflow_number(s->m, c, "src_peer_as");
	if (!cursor_ok(c))
		return;
	if (has)
		RECORD_SET(s->r, bgp_next_hop, next_hop);
	RECORD_SET(s->r, router_as, as);
	RECORD_SET(s->r, src_as, src_as);
	RECORD_SET(s->r, prev_as, src_peer_as);
	as_path(s, c);
	communities(s, c);
	uint32_t local_pref = sflow_number(s->m, c, "localpref");
	if (cursor_ok(c) && local_pref != UNKNOWN)
		RECORD_SET(s->r, local_pref, local_pref);
}
