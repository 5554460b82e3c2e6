/* Replaying capture files, by libpcap. */
#include "nfrecv/nfrecv.h"

#include "lib/log.h"
#include "lib/packet.h"

#define WRITE_SIZE (512 * 1024)

struct replay {
	struct nfrecv *n;
	uint64_t first_ns; /* time of the first packet */
	uint64_t start_ns; /* monotonic time when it was sent */
	bool started;
	/* The ring is written out when it holds that much: no more than half of it, since the
	 * largest record is a quarter of the smallest ring. */
	size_t write_size;
};

/* Waits until the packet's time has come. Returns 0 or a negative code. */
static int pace(struct replay *r, uint64_t packet_ns)
{
	struct nfrecv *n = r->n;
	if (n->config->speed <= 0)
		return 0;
	if (!r->started) {
		r->started = true;
		r->first_ns = packet_ns;
		r->start_ns = monotonic_ns();
	}
	if (packet_ns <= r->first_ns)
		return 0;
	uint64_t due =
		r->start_ns + (uint64_t)((double)(packet_ns - r->first_ns) / n->config->speed);
	if (due <= monotonic_ns())
		return 0;
	int err = flush_ring(n);
	for (uint64_t now = monotonic_ns(); !err && now < due && !n->stage.signals;
		now = monotonic_ns()) {
		uint64_t ms = (due - now) / NS_PER_MS + 1;
		err = stage_wait(&n->stage, NULL, 0, ms > 3600000 ? 3600000 : (int)ms);
	}
	return err < 0 ? err : 0;
}

static void count_refused(struct nfrecv *n, int err)
{
	switch (err) {
	case ERR_NOT_IP: n->counts[COUNT_NOT_IP]++; break;
	case ERR_NOT_UDP: n->counts[COUNT_NOT_UDP]++; break;
	case ERR_TRUNCATED: n->counts[COUNT_TRUNCATED]++; break;
	case ERR_FRAGMENT_LIMIT: n->refused_fragments++; break;
	case ERR_LINKTYPE: n->counts[COUNT_LINKTYPE]++; break;
	default: n->counts[COUNT_BAD_PACKET]++; break;
	}
}

static int take_packet(
	struct replay *r, uint32_t linktype, const struct pcap_pkthdr *h, const uint8_t *frame)
{
	struct nfrecv *n = r->n;
	struct datagram d;
	const uint8_t *bytes;
	/* libpcap was asked for nanoseconds: they stand where microseconds do */
	struct instant when = {(uint64_t)h->ts.tv_sec * NS_PER_S + (uint64_t)h->ts.tv_usec, 9};
	int err = pace(r, when.ns);
	if (err || n->stage.signals)
		return err;
	int got = defrag_datagram(n->defrag, linktype, frame, h->caplen, when, &d);
	n->counts[COUNT_RECEIVED]++;
	if (got < 0)
		count_refused(n, got);
	if (got <= 0)
		return 0;
	peer_count(n, &d);
	put_datagram(n, &d); /* it fits: see write_size */
	return ring_peek(&n->ring, &bytes) >= r->write_size ? flush_ring(n) : 0;
}

/* Links that packet_ip does not know are worth a word; their packets are counted. */
static void check_linktype(uint32_t linktype, const char *name)
{
	struct packet p;
	const char *type = pcap_datalink_val_to_name((int)linktype);
	if (packet_ip(linktype, NULL, 0, &p) == ERR_LINKTYPE)
		log_error("%s: %s linktype=%s", name, err_sentence(ERR_LINKTYPE),
			type ? type : "unknown");
}

static int replay_capture(struct replay *r, const struct capture *c, const char *name)
{
	/* libpcap's numbers of a few types differ from the file's; raw IP is one of them */
	int dlt = pcap_datalink(c->pcap);
	uint32_t linktype = dlt == DLT_RAW ? LINKTYPE_RAW : (uint32_t)dlt;
	const struct stage *stage = &r->n->stage;
	struct pcap_pkthdr *h;
	const uint8_t *frame;
	int got = 0, err = 0;
	check_linktype(linktype, name);
	while (!err && !stage->signals && (got = pcap_next_ex(c->pcap, &h, &frame)) == 1) {
		err = take_packet(r, linktype, h, frame);
		if (!err && r->n->counts[COUNT_RECEIVED] % 4096 ==
				    0) /* look for signals and questions */
			err = stage_wait(&r->n->stage, NULL, 0, 0);
	}
	if (!err)
		err = c->err;
	if (err || stage->signals)
		return err;
	if (got == PCAP_ERROR) {
		log_error("%s: %s packets=%llu", name, pcap_geterr(c->pcap),
			(unsigned long long)r->n->counts[COUNT_RECEIVED]);
		return ERR_PCAP_TORN;
	}
	return 0;
}

static int replay_file(struct replay *r, const char *name)
{
	struct capture c;
	int err =
		stage_wait(&r->n->stage, NULL, 0, 0); /* an empty file for ever can be ended too */
	if (err)
		return err;
	err = capture_open(&c, r->n, name);
	if (!err && c.pcap)
		err = replay_capture(r, &c, name);
	capture_close(&c);
	return err;
}

int run_files(struct nfrecv *n)
{
	const struct config *c = n->config;
	size_t write_size = c->ring / 2 < WRITE_SIZE ? c->ring / 2 : WRITE_SIZE;
	int err = 0;
	lock_in(n);
	for (uint64_t loop = 0; !err && (c->loops == 0 || loop < c->loops); loop++) {
		struct replay r = {.n = n, .write_size = write_size};
		for (size_t i = 0; !err && i < c->file_count && !n->stage.signals; i++)
			err = replay_file(&r, c->files[i]);
		if (n->stage.signals)
			break;
	}
	int last = err == ERR_CLOSED || err == ERR_IO ? err : flush_ring(n);
	return err ? err : last;
}
