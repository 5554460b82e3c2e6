#include "lib/biflow.h"

#include <string.h>

#include "lib/base.h"
#include "lib/template.h"

#define TIME_OF_LAST_SWITCHED 1 /* its word of fields.def */

enum { INITIATOR = 1, REVERSE_INITIATOR = 2 }; /* IANA, biflowDirection */

/* Fields that change places. */
static const uint8_t pairs[][2] = {
	{FIELD_src_ip, FIELD_dst_ip},
	{FIELD_src_port, FIELD_dst_port},
	{FIELD_src_as, FIELD_dst_as},
	{FIELD_prev_as, FIELD_next_as},
	{FIELD_src_mask, FIELD_dst_mask},
	{FIELD_src_mac, FIELD_dst_mac},
	{FIELD_post_src_mac, FIELD_post_dst_mac},
	{FIELD_src_vlan, FIELD_dst_vlan},
	{FIELD_src_cvlan, FIELD_dst_cvlan},
	{FIELD_in_if, FIELD_out_if},
	{FIELD_in_if_name, FIELD_out_if_name},
	{FIELD_phys_in_if, FIELD_phys_out_if},
	{FIELD_vrf_in, FIELD_vrf_out},
	{FIELD_vrf_in_name, FIELD_vrf_out_name},
	{FIELD_xlate_src_ip, FIELD_xlate_dst_ip},
	{FIELD_xlate_src_port, FIELD_xlate_dst_port},
	{FIELD_user_name, FIELD_dst_user_name},
	{FIELD_outer_src_ip, FIELD_outer_dst_ip},
	{FIELD_outer_src_port, FIELD_outer_dst_port},
	{FIELD_inner_src_ip, FIELD_inner_dst_ip},
	{FIELD_inner_src_port, FIELD_inner_dst_port},
};

/* What is told of each direction; where it is not of the reverse one, that has the times of both.
 */
static const struct {
	uint8_t forward, reverse;
	bool of_both;
} counted[] = {
	{FIELD_in_bytes, FIELD_rev_bytes, false},
	{FIELD_in_pkts, FIELD_rev_pkts, false},
	{FIELD_tos, FIELD_rev_tos, false},
	{FIELD_tcp_flags, FIELD_rev_tcp_flags, false},
	{FIELD_first_switched, FIELD_rev_first_switched, true},
	{FIELD_last_switched, FIELD_rev_last_switched, true},
};

/* What is told of the first direction alone. */
static const uint8_t forward_only[] = {
	FIELD_out_bytes,
	FIELD_out_pkts,
	FIELD_next_hop,
	FIELD_bgp_next_hop,
	FIELD_post_tos,
	FIELD_ttl,
	FIELD_ttl_min,
	FIELD_ttl_max,
	FIELD_ip_len_min,
	FIELD_ip_len_max,
	FIELD_tcp_seq,
	FIELD_tcp_ack,
	FIELD_tcp_window,
	FIELD_tcp_options,
	FIELD_ip_options,
	FIELD_dropped_bytes,
	FIELD_dropped_pkts,
	FIELD_l2_bytes,
	FIELD_flow_label,
	FIELD_frag_id,
	FIELD_frag_offset,
	FIELD_as_path,
	FIELD_communities,
	FIELD_local_pref,
	FIELD_ip_flags,
	FIELD_ipv6_ext_hdrs,
	FIELD_mpls_label_1,
	FIELD_mpls_label_2,
	FIELD_mpls_label_3,
	FIELD_mpls_label_4,
	FIELD_mpls_label_5,
	FIELD_mpls_label_6,
	FIELD_mpls_exp,
	FIELD_mpls_ttl,
	FIELD_in_bytes_scaled,
	FIELD_in_pkts_scaled,
};

static void unmark(struct record *r, unsigned id)
{
	r->present[id / 64] &= ~(UINT64_C(1) << (id % 64));
}

static size_t size_of(unsigned id)
{
	static const size_t sizes[KIND_COUNT] = {
		[KIND_U8] = 1,
		[KIND_U16] = 2,
		[KIND_U32] = 4,
		[KIND_U64] = 8,
		[KIND_IP] = sizeof(struct ip),
		[KIND_MAC] = sizeof(struct mac),
		[KIND_TIME] = sizeof(struct instant),
		[KIND_TEXT] = sizeof(struct text),
	};
	return sizes[fields[id].kind];
}

static char *value(struct record *r, unsigned id)
{
	return (char *)r + fields[id].offset;
}

static void change_places(struct record *r, unsigned a, unsigned b)
{
	char kept[sizeof(struct ip) > sizeof(struct text) ? sizeof(struct ip)
							  : sizeof(struct text)];
	bool had_a = record_has(r, (enum field_id)a), had_b = record_has(r, (enum field_id)b);
	size_t size = size_of(a);
	if (!had_a && !had_b)
		return;
	memcpy(kept, value(r, a), size);
	memcpy(value(r, a), value(r, b), size);
	memcpy(value(r, b), kept, size);
	unmark(r, a);
	unmark(r, b);
	if (had_b)
		record_mark(r, (enum field_id)a);
	if (had_a)
		record_mark(r, (enum field_id)b);
}

bool biflow_of(const struct template *t)
{
	for (uint16_t i = 0; t && i < t->first_extra; i++)
		if (t->steps[i].field == FIELD_rev_bytes || t->steps[i].field == FIELD_rev_pkts)
			return true;
	return false;
}

unsigned biflow_part(struct record *r)
{
	bool any = (record_has(r, FIELD_rev_bytes) && r->rev_bytes) ||
		   (record_has(r, FIELD_rev_pkts) && r->rev_pkts);
	unsigned told = 0;
	for (unsigned i = 0; i < LEN(counted); i++) {
		if (record_has(r, (enum field_id)counted[i].reverse))
			told |= 1u << i;
		unmark(r, counted[i].reverse);
	}
	return any ? told : 0;
}

void biflow_turn(struct record *r, unsigned told)
{
	for (size_t i = 0; i < LEN(pairs); i++)
		change_places(r, pairs[i][0], pairs[i][1]);
	for (size_t i = 0; i < LEN(forward_only); i++)
		unmark(r, forward_only[i]);
	for (unsigned i = 0; i < LEN(counted); i++) {
		if (!counted[i].of_both)
			unmark(r, counted[i].forward);
		if (!(told >> i & 1))
			continue;
		memcpy(value(r, counted[i].forward), value(r, counted[i].reverse),
			size_of(counted[i].forward));
		record_mark(r, (enum field_id)counted[i].forward);
		if (counted[i].forward == FIELD_last_switched)
			r->time_source = TIME_OF_LAST_SWITCHED;
	}
	if (record_has(r, FIELD_direction) && r->direction <= 1)
		r->direction = !r->direction;
	if (record_has(r, FIELD_biflow_direction) && r->biflow_direction <= REVERSE_INITIATOR &&
		r->biflow_direction >= INITIATOR)
		r->biflow_direction = INITIATOR + REVERSE_INITIATOR - r->biflow_direction;
}
