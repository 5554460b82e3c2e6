/* From datagrams to the pcap stream: headers, filter, ring, standard output. */
#include "nfrecv/nfrecv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/packet.h"
#include "lib/pcapio.h"

#define RECORD_HEADER 16

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
	const uint8_t *bytes;
	size_t len;
	while ((len = ring_peek(&n->ring, &bytes)) > 0) {
		ssize_t done = write(n->out.fd, bytes, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno == EAGAIN ? 0 : errno == EPIPE ? ERR_CLOSED : ERR_IO;
		n->counts[COUNT_WRITTEN] += ring_consume(&n->ring, (size_t)done);
		if ((size_t)done < len)
			return 0;
	}
	return 0;
}

int flush_ring(struct nfrecv *n)
{
	const uint8_t *bytes;
	size_t len;
	while ((len = ring_peek(&n->ring, &bytes)) > 0) {
		size_t done;
		int err = stage_write(&n->stage, &n->out, bytes, len, &done);
		n->counts[COUNT_WRITTEN] += ring_consume(&n->ring, done);
		if (err)
			return err;
	}
	return 0;
}
