/* FlowMessage of GoFlow2: goflow2.proto says what comes from where. */
#include "proto/goflow2.pb-c.h"
#include "lib/proto.h"
#include "lib/proto_map.h"

#define ETYPE_IPV4 0x0800
#define ETYPE_IPV6 0x86dd

/* A field's value, 0 where it is absent. */
#define VALUE(r, name) (record_has((r), FIELD_##name) ? (r)->name : 0)
/* The bytes of an address, none where it is absent. */
#define ADDRESS(r, name)                                                                           \
	(record_has((r), FIELD_##name) ? address(&(r)->name) : (ProtobufCBinaryData){0, NULL})

static ProtobufCBinaryData address(const struct ip *ip)
{
	/* The message only borrows; protobuf-c's type has no const. */
	uint8_t *bytes = (uint8_t *)ip->b;
	return ip_is4(ip) ? (ProtobufCBinaryData){4, bytes + 12} : (ProtobufCBinaryData){16, bytes};
}

static uint64_t mac_number(const struct mac *mac)
{
	uint64_t n = 0;
	for (size_t i = 0; i < sizeof mac->b; i++)
		n = n << 8 | mac->b[i];
	return n;
}

static Flowpb__FlowMessage__FlowType type_of(const struct record *r)
{
	switch (VALUE(r, version)) {
	case 1:
	case 5:
	case 7: return FLOWPB__FLOW_MESSAGE__FLOW_TYPE__NETFLOW_V5;
	case 9: return FLOWPB__FLOW_MESSAGE__FLOW_TYPE__NETFLOW_V9;
	case 10: return FLOWPB__FLOW_MESSAGE__FLOW_TYPE__IPFIX;
	case 105: return FLOWPB__FLOW_MESSAGE__FLOW_TYPE__SFLOW_5;
	default: return FLOWPB__FLOW_MESSAGE__FLOW_TYPE__FLOWUNKNOWN;
	}
}

static uint32_t ether_type(const struct record *r)
{
	if (record_has(r, FIELD_ether_type))
		return r->ether_type;
	if (VALUE(r, ip_version) == 4)
		return ETYPE_IPV4;
	if (VALUE(r, ip_version) == 6)
		return ETYPE_IPV6;
	if (record_has(r, FIELD_src_ip))
		return ip_is4(&r->src_ip) ? ETYPE_IPV4 : ETYPE_IPV6;
	if (record_has(r, FIELD_dst_ip))
		return ip_is4(&r->dst_ip) ? ETYPE_IPV4 : ETYPE_IPV6;
	return 0;
}

static void set_exporter(Flowpb__FlowMessage *m, const struct record *r)
{
	m->type = type_of(r);
	m->sampling_rate = VALUE(r, sampling_rate);
	m->sequence_num = VALUE(r, sequence);
	m->sampler_address = record_has(r, FIELD_agent) ? address(&r->agent) : ADDRESS(r, exporter);
	if (VALUE(r, version) >= 9)
		m->observation_domain_id = VALUE(r, obs_domain);
	m->observation_point_id = (uint32_t)VALUE(r, obs_point);
	if (record_has(r, FIELD_received))
		m->time_received_ns = r->received.ns;
	if (record_has(r, FIELD_last_switched))
		m->time_flow_start_ns = m->time_flow_end_ns = r->last_switched.ns;
	if (record_has(r, FIELD_first_switched))
		m->time_flow_start_ns = r->first_switched.ns;
}

static void set_counters(Flowpb__FlowMessage *m, const struct record *r)
{
	m->bytes = record_has(r, FIELD_in_bytes) ? r->in_bytes : VALUE(r, out_bytes);
	m->packets = record_has(r, FIELD_in_pkts) ? r->in_pkts : VALUE(r, out_pkts);
}

static void set_link(Flowpb__FlowMessage *m, const struct record *r)
{
	if (record_has(r, FIELD_src_mac))
		m->src_mac = mac_number(&r->src_mac);
	else if (record_has(r, FIELD_post_src_mac))
		m->src_mac = mac_number(&r->post_src_mac);
	if (record_has(r, FIELD_dst_mac))
		m->dst_mac = mac_number(&r->dst_mac);
	else if (record_has(r, FIELD_post_dst_mac))
		m->dst_mac = mac_number(&r->post_dst_mac);
	m->vlan_id = m->src_vlan = VALUE(r, src_vlan);
	m->dst_vlan = VALUE(r, dst_vlan);
	m->etype = ether_type(r);
	m->in_if = VALUE(r, in_if);
	m->out_if = VALUE(r, out_if);
}

static void set_packet(Flowpb__FlowMessage *m, const struct record *r)
{
	m->src_addr = ADDRESS(r, src_ip);
	m->dst_addr = ADDRESS(r, dst_ip);
	m->proto = VALUE(r, protocol);
	m->src_port = VALUE(r, src_port);
	m->dst_port = VALUE(r, dst_port);
	m->ip_tos = VALUE(r, tos);
	m->ip_ttl = record_has(r, FIELD_ttl) ? r->ttl : VALUE(r, ttl_min);
	m->tcp_flags = VALUE(r, tcp_flags);
	m->icmp_type = VALUE(r, icmp_type);
	m->icmp_code = VALUE(r, icmp_code);
	m->fragment_id = VALUE(r, frag_id);
	m->fragment_offset = VALUE(r, frag_offset);
	m->ipv6_flow_label = VALUE(r, flow_label);
	m->ip_flags = VALUE(r, ip_flags) >> 5;
}

static void set_routing(Flowpb__FlowMessage *m, const struct record *r)
{
	m->next_hop = ADDRESS(r, next_hop);
	m->bgp_next_hop = ADDRESS(r, bgp_next_hop);
	m->next_hop_as = VALUE(r, next_as);
	m->src_as = VALUE(r, src_as);
	m->dst_as = VALUE(r, dst_as);
	m->src_net = VALUE(r, src_mask);
	m->dst_net = VALUE(r, dst_mask);
	m->forwarding_status = VALUE(r, fwd_status);
}

size_t proto_write_goflow2(const struct record *r, bool delimited, void *out, size_t cap)
{
	Flowpb__FlowMessage m = FLOWPB__FLOW_MESSAGE__INIT;
	set_exporter(&m, r);
	set_counters(&m, r);
	set_link(&m, r);
	set_packet(&m, r);
	set_routing(&m, r);
	return proto_pack(&m.base, delimited, out, cap);
}
