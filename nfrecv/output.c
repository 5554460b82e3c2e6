/* From datagrams to the pcap stream: headers, filter, ring, standard output. */
#include "nfrecv/nfrecv.h"

#include <string.h>

#include "lib/log.h"
#include "lib/packet.h"
#include "lib/pcapio.h"

#define RECORD_HEADER 16 /* of pcap; the captured length stands at byte 8 */

struct ring_entry pcap_entry(const uint8_t *record)
{
	uint32_t caplen;
	memcpy(&caplen, record + 8, sizeof caplen);
	return (struct ring_entry){.size = RECORD_HEADER + caplen, .count = 1};
}

int filter_compile(struct nfrecv *n)
{
	const char *expression = n->config->filter;
	if (!expression)
		return 0;
	/* what goes out is raw IP: no filter needs to know of VLANs, link layers or fragments */
	pcap_t *dead = pcap_open_dead(DLT_RAW, PCAPIO_SNAPLEN);
	if (!dead)
		return ERR_MEMORY;
	int bad = pcap_compile(dead, &n->filter, expression, 1, PCAP_NETMASK_UNKNOWN);
	if (bad)
		log_error("option --filter: \"%s\": %s (it is applied to the IP packet, behind any "
			  "link layer)",
			expression, pcap_geterr(dead));
	pcap_close(dead);
	n->has_filter = !bad;
	return bad ? ERR_SYNTAX : 0;
}

bool filter_passes(const struct nfrecv *n, const uint8_t *record, size_t len)
{
	uint32_t sent;
	memcpy(&sent, record + 12, sizeof sent);
	struct pcap_pkthdr h = {.caplen = (bpf_u_int32)(len - RECORD_HEADER), .len = sent};
	return !n->has_filter || pcap_offline_filter(&n->filter, &h, record + RECORD_HEADER) != 0;
}

int put_datagram(struct nfrecv *n, const struct datagram *d)
{
	uint8_t headers[PCAPIO_OVERHEAD];
	size_t header_len = pcapio_headers(d, headers), len = header_len + d->len;
	uint8_t *p = ring_reserve(&n->ring, len);
	if (!p)
		return ERR_RETRY;
	memcpy(p, headers, header_len);
	memcpy(p + header_len, d->data, d->len);
	if (!filter_passes(n, p, len)) {
		n->counts[COUNT_FILTERED]++;
		return 0;
	}
	ring_commit(&n->ring, len);
	return 1;
}

int write_ring(struct nfrecv *n)
{
	return n->out.fd < 0 ? 0 : ring_write(&n->ring, n->out.fd, &n->counts[COUNT_WRITTEN]);
}

/* Waits for the output that follows. Returns 0 or a negative code. */
static int wait_for_output(struct nfrecv *n)
{
	struct pollfd next = {.fd = n->outputs_fd, .events = POLLIN};
	int ready = stage_wait(&n->stage, &next, 1, -1);
	if (ready < 0)
		return ready;
	if (stage_expired(&n->stage))
		return ERR_STOPPED;
	return ready ? output_next(n) : 0;
}

int flush_ring(struct nfrecv *n)
{
	const uint8_t *bytes;
	size_t len;
	int err = 0;
	while (!err && (len = ring_peek(&n->ring, &bytes)) > 0) {
		size_t done;
		if (n->out.fd < 0) {
			err = wait_for_output(n);
			continue;
		}
		err = stage_write(&n->stage, &n->out, bytes, len, &done);
		n->counts[COUNT_WRITTEN] += ring_consume(&n->ring, done);
		err = output_lost(n, err);
	}
	return err;
}
