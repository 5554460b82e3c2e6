/* What nfrecv tells about itself: counters, and the addresses that send to it. */
#include "nfrecv/nfrecv.h"

#include <string.h>

#include "lib/counters.h"

_Static_assert(COUNTERS <= COUNTERS_MAX, "see counters.h");

static const struct counter counters[COUNTERS] = {
	[COUNT_RECEIVED] = {"received", COUNTER_IN,
		"datagrams from the kernel, or packets of files"},
	[COUNT_WRITTEN] = {"written", COUNTER_PASSED, "datagrams written out"},
	[COUNT_FILTERED] = {"filtered", COUNTER_OUT, "left out by the filter"},
	[COUNT_NOT_IP] = {"not_ip", COUNTER_OUT, "packets of files that are not IP, left out"},
	[COUNT_NOT_UDP] = {"not_udp", COUNTER_OUT, "packets of files that are not UDP, left out"},
	[COUNT_JOINED] = {"joined", COUNTER_OUT,
		"IP fragments joined to an earlier one's datagram"},
	[COUNT_IN_RING] = {"in_ring", COUNTER_WAITING, "datagrams that wait in the ring"},
	[COUNT_FRAGMENTS_WAITING] = {"fragments_waiting", COUNTER_WAITING, "IP fragments held"},
	[COUNT_TRUNCATED] = {"truncated", COUNTER_LOST,
		"packets of which the capture cut the headers"},
	[COUNT_BAD_PACKET] = {"bad_packet", COUNTER_LOST,
		"packets with headers that contradict each other"},
	[COUNT_FRAGMENTS] = {"fragments", COUNTER_LOST, "IP fragments given up"},
	[COUNT_LINKTYPE] = {"linktype", COUNTER_LOST, "packets of a link type not supported"},
	[COUNT_RING_FULL] = {"ring_full", COUNTER_LOST,
		"datagrams dropped since the ring was full"},
	[COUNT_UNWRITTEN] = {"unwritten", COUNTER_LOST, "datagrams left in the ring at the end"},
	[COUNT_KERNEL_DROPS] = {"kernel_drops", COUNTER_INFO,
		"datagrams that the kernel dropped: never received"},
	[COUNT_BYTES] = {"bytes", COUNTER_INFO, "octets of the datagrams received"},
};

static void refresh(void *self)
{
	struct nfrecv *n = self;
	struct defrag_counts f = defrag_counts(n->defrag);
	n->counts[COUNT_IN_RING] = n->ring.held - n->counts[COUNT_UNWRITTEN];
	n->counts[COUNT_FRAGMENTS] = n->refused_fragments + f.given_up;
	n->counts[COUNT_FRAGMENTS_WAITING] = f.waiting;
	n->counts[COUNT_JOINED] = f.joined;
}

static json_t *peer_row(const struct peer *p, const char *address)
{
	char when[INSTANT_TEXT_MAX];
	json_t *o = json_object();
	json_object_set_new(o, "address", json_string(address));
	json_object_set_new(o, "datagrams", json_integer((json_int_t)p->datagrams));
	json_object_set_new(o, "bytes", json_integer((json_int_t)p->bytes));
	json_object_set_new(o, "ring_full", json_integer((json_int_t)p->ring_full));
	json_object_set_new(o, "last_seen", json_string(instant_text(p->last_seen, when)));
	return o;
}

static bool report(void *self, const char *request, json_t *doc)
{
	const struct nfrecv *n = self;
	if (strcmp(request, "exporters") != 0)
		return strcmp(request, "status") == 0;
	json_t *rows = json_array();
	for (size_t i = 0; i < PEERS_MAX; i++) {
		char address[IP_TEXT_MAX];
		if (n->peers[i].datagrams)
			json_array_append_new(rows,
				peer_row(&n->peers[i], ip_text(&n->peers[i].address, address)));
	}
	if (n->peers[PEERS_MAX].datagrams)
		json_array_append_new(rows, peer_row(&n->peers[PEERS_MAX], "others"));
	json_object_set_new(doc, "exporters", rows);
	return true;
}

void report_source(struct nfrecv *n, struct stats_source *source)
{
	*source = (struct stats_source){
		.program = "nfrecv",
		.ledger_unit = "datagrams",
		.counters = counters,
		.values = n->counts,
		.count = COUNTERS,
		.report = report,
		.refresh = refresh,
		.self = n,
	};
}

/* A slot by the address, or the next free one; a table that is full beyond a few steps is full. */
struct peer *peer_count(struct nfrecv *n, const struct datagram *d)
{
	uint64_t half[2];
	memcpy(half, d->src.b, sizeof half);
	uint64_t h = (half[0] ^ half[1]) * UINT64_C(0x9e3779b97f4a7c15);
	struct peer *p = &n->peers[PEERS_MAX];
	for (unsigned i = 0; i < 32; i++) {
		struct peer *slot = &n->peers[((h >> 40) + i) % PEERS_MAX];
		if (!slot->datagrams)
			slot->address = d->src;
		if (ip_equal(&slot->address, &d->src)) {
			p = slot;
			break;
		}
	}
	p->datagrams++;
	p->bytes += d->len;
	p->last_seen = d->received;
	n->counts[COUNT_BYTES] += d->len;
	return p;
}
