/* Why packets were dropped, by sFlow's numbers (sflow_drops.txt; as flow samples of a discarded
 * packet have them too) and by those of forwardingStatus (RFC 7270, 4.12). */
#include "lib/base.h"
#include "lib/sflow.h"

enum dropped {
	UNKNOWN_REASON = 128,
	ACL_DENY,
	ACL_DROP,
	UNROUTABLE,
	ADJACENCY,
	DF_SET,
	BAD_CHECKSUM,
	BAD_LENGTH,
	BAD_HEADER_LENGTH,
	BAD_TTL,
	POLICER,
	WRED,
	RPF,
	FOR_US,
	BAD_OUTPUT,
	HARDWARE,
};

/* Reasons below 256 are the codes of ICMP's destination unreachable. */
uint8_t sflow_dropped(uint32_t reason)
{
	static const struct {
		uint16_t reason;
		uint8_t status;
	} table[] = {
		{0, UNROUTABLE},     /* network unreachable */
		{1, ADJACENCY},      /* host unreachable */
		{4, DF_SET},         /* fragmentation needed */
		{6, UNROUTABLE},     /* network unknown */
		{7, ADJACENCY},      /* host unknown */
		{9, ACL_DENY},       /* network prohibited */
		{10, ACL_DENY},      /* host prohibited */
		{11, UNROUTABLE},    /* network unreachable for this type of service */
		{12, ADJACENCY},     /* host unreachable for this type of service */
		{13, ACL_DENY},      /* administratively prohibited */
		{257, BAD_TTL},      /* TTL exceeded */
		{258, ACL_DROP},     /* access list */
		{259, HARDWARE},     /* no buffer space */
		{260, WRED},         /* random early detection */
		{261, POLICER},      /* traffic shaping */
		{262, DF_SET},       /* packet too big */
		{269, UNROUTABLE},   /* blackhole route */
		{275, BAD_CHECKSUM}, /* IP header corrupted, of which this is the usual way */
		{279, ADJACENCY},    /* unresolved neighbour */
		{280, RPF},          /* multicast reverse path forwarding */
		{281, UNROUTABLE},   /* not routable */
		{292, ADJACENCY},    /* blackhole neighbour */
		{302, RPF},          /* unicast reverse path forwarding */
		{306, UNROUTABLE},   /* blackhole next hop */
		{324, BAD_LENGTH},   /* packet too small */
		{329, BAD_CHECKSUM}, /* checksum of the buffer */
		{335, RPF},          /* reverse path filter of the software */
	};
	for (size_t i = 0; i < LEN(table); i++)
		if (table[i].reason == reason)
			return table[i].status;
	return UNKNOWN_REASON;
}
