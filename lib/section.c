#include "lib/section.h"

#include "lib/base.h"
#include "lib/cursor.h"
#include "lib/dissect.h"

enum element {
	IE_IP_HEADER_SECTION = 313,
	IE_IP_PAYLOAD_SECTION = 314,
	IE_FRAME_SECTION = 315,
	IE_LABELS_SECTION = 316,
	IE_FRAME_TYPE = 408,
	IE_SECTION_OFFSET = 409,
	IE_SECTION_OCTETS = 410,
};

#define FRAME_TYPE_ETHERNET 1 /* bit of dataLinkFrameType (RFC 7133, 4.2) */

/* The outer ones first; the payload's needs the protocol, which another may tell. */
static const struct {
	uint16_t id;
	enum dissect_link link;
} sections[] = {
	{IE_FRAME_SECTION, DISSECT_ETHERNET},
	{IE_LABELS_SECTION, DISSECT_MPLS},
	{IE_IP_HEADER_SECTION, DISSECT_IP},
	{IE_IP_PAYLOAD_SECTION, DISSECT_TRANSPORT},
};

bool section_element(uint32_t pen, uint16_t id)
{
	return pen == 0 && id >= IE_IP_HEADER_SECTION && id <= IE_LABELS_SECTION;
}

static const struct extra *find(const struct record *r, uint16_t id)
{
	for (uint32_t i = 0; i < r->extra_count; i++)
		if (r->extras[i].pen == 0 && r->extras[i].id == id)
			return &r->extras[i];
	return NULL;
}

/* An element's integer, or what it means that it is not there. */
static uint64_t number(const struct record *r, uint16_t id, uint64_t absent)
{
	const struct extra *e = find(r, id);
	return e && e->len >= 1 && e->len <= 8 ? be_uint(e->bytes, e->len) : absent;
}

static bool counted(const struct record *r)
{
	static const enum field_id counters[] = {FIELD_in_bytes, FIELD_in_pkts, FIELD_out_bytes,
		FIELD_out_pkts, FIELD_rev_bytes, FIELD_rev_pkts, FIELD_dropped_bytes,
		FIELD_dropped_pkts, FIELD_l2_bytes};
	for (size_t i = 0; i < LEN(counters); i++)
		if (record_has(r, counters[i]))
			return true;
	return false;
}

static void count_packet(struct record *r, uint32_t ip_len)
{
	bool has_frame = record_has(r, FIELD_frame_size);
	if (ip_len)
		RECORD_SET(r, in_bytes, ip_len);
	else if (has_frame)
		RECORD_SET(r, in_bytes, r->frame_size);
	if (has_frame)
		RECORD_SET(r, l2_bytes, r->frame_size);
	RECORD_SET(r, in_pkts, 1);
}

void section_dissect(struct record *r, bool inner)
{
	bool ethernet = number(r, IE_FRAME_TYPE, FRAME_TYPE_ETHERNET) == FRAME_TYPE_ETHERNET;
	/* one that begins somewhere in the packet begins with no header that is known */
	bool begins = number(r, IE_SECTION_OFFSET, 0) == 0;
	uint64_t octets = number(r, IE_SECTION_OCTETS, UINT64_MAX); /* what is behind is padding */
	uint32_t ip_len = 0;
	bool any = false;
	for (size_t i = 0; i < LEN(sections); i++) {
		const struct extra *e = find(r, sections[i].id);
		if (!e)
			continue;
		any = true;
		if (!begins || (e->id == IE_FRAME_SECTION && !ethernet))
			continue;
		uint32_t len = dissect(
			r, sections[i].link, e->bytes, e->len < octets ? e->len : octets, inner);
		if (!ip_len)
			ip_len = len;
	}
	if (any && !counted(r))
		count_packet(r, ip_len);
}
