#include "lib/pcapio.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/cursor.h"
#include "lib/err.h"
#include "lib/packet.h"

#define MAGIC_MICRO   0xa1b2c3d4u
#define MAGIC_NANO    0xa1b23c4du
#define RECORD_HEADER 16u
#define IPV4_HEADER   20u
#define IPV6_HEADER   40u
#define UDP_HEADER    8u
#define UDP_IPV4_MAX  65507u /* bytes of payload that IPv4's total length can hold */
#define PROTOCOL_UDP  17
#define HOPS          64

static void put_le32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof v);
}

static void put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void pcapio_file_header(uint8_t out[static PCAPIO_FILE_HEADER])
{
	static const uint8_t version_2_4[4] = {2, 0, 4, 0};

	memset(out, 0, PCAPIO_FILE_HEADER);
	put_le32(out, MAGIC_NANO);
	memcpy(out + 4, version_2_4, 4);
	put_le32(out + 16, PCAPIO_SNAPLEN);
	put_le32(out + 20, LINKTYPE_RAW);
}

/* Adds bytes to a one's complement sum (RFC 1071) kept in 64 bits and in memory order: any even
 * width of word gives the same sum once it is folded. */
static uint64_t sum_add(uint64_t sum, const uint8_t *p, size_t len)
{
	uint64_t word;

	for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
		memcpy(&word, p, sizeof word);
		sum += word;
		sum += sum < word;
	}
	word = 0;
	memcpy(&word, p, len);
	sum += word;
	return sum + (sum < word);
}

/* The checksum of a sum, in memory order. */
static uint16_t sum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* RFC 791, 3.1 */
static void put_ipv4(uint8_t *h, const struct datagram *d)
{
	static const uint8_t start[IPV4_HEADER] = {0x45, [6] = 0x40, [8] = HOPS, PROTOCOL_UDP};

	memcpy(h, start, IPV4_HEADER);
	put_be16(h + 2, IPV4_HEADER + UDP_HEADER + d->sent_len);
	memcpy(h + 12, d->src.b + 12, 4);
	memcpy(h + 16, d->dst.b + 12, 4);
	uint16_t sum = sum_fold(sum_add(0, h, IPV4_HEADER));
	memcpy(h + 10, &sum, 2);
}

/* RFC 8200, 3 */
static void put_ipv6(uint8_t *h, const struct datagram *d)
{
	static const uint8_t start[8] = {0x60, [6] = PROTOCOL_UDP, HOPS};

	memcpy(h, start, 8);
	put_be16(h + 4, UDP_HEADER + d->sent_len);
	memcpy(h + 8, d->src.b, 16);
	memcpy(h + 24, d->dst.b, 16);
}

/* RFC 8200, 8.1: over addresses, length, protocol, UDP header (its checksum 0) and payload. */
static void put_udp6_checksum(const uint8_t *ipv6, uint8_t *udp, const struct datagram *d)
{
	static const uint8_t protocol[2] = {0, PROTOCOL_UDP};

	if (d->truncated)
		return;
	uint64_t sum = sum_add(0, ipv6 + 8, 32);
	sum = sum_add(sum, udp + 4, 2);
	sum = sum_add(sum, protocol, 2);
	sum = sum_add(sum, udp, UDP_HEADER);
	uint16_t folded = sum_fold(sum_add(sum, d->data, d->len));
	if (folded == 0)
		folded = 0xffff;
	memcpy(udp + 6, &folded, 2);
}

/* Addresses that IPv4 can hold, and a length that it can. */
static bool fits_ipv4(const struct datagram *d)
{
	return ip_is4(&d->src) && (ip_is4(&d->dst) || ip_is_unspecified(&d->dst)) &&
	       d->sent_len <= UDP_IPV4_MAX;
}

size_t pcapio_headers(const struct datagram *d, uint8_t out[static PCAPIO_OVERHEAD])
{
	bool v4 = fits_ipv4(d);
	uint8_t *ip = out + RECORD_HEADER, *udp = ip + (v4 ? IPV4_HEADER : IPV6_HEADER);
	size_t headers = (size_t)(udp + UDP_HEADER - ip);

	put_le32(out, (uint32_t)(d->received.ns / NS_PER_S));
	put_le32(out + 4, (uint32_t)(d->received.ns % NS_PER_S));
	put_le32(out + 8, (uint32_t)(headers + d->len));
	put_le32(out + 12, (uint32_t)(headers + d->sent_len));
	put_be16(udp, d->src_port);
	put_be16(udp + 2, d->dst_port);
	put_be16(udp + 4, UDP_HEADER + d->sent_len);
	put_be16(udp + 6, 0);
	if (v4) {
		put_ipv4(ip, d);
	} else {
		put_ipv6(ip, d);
		put_udp6_checksum(ip, udp, d);
	}
	return RECORD_HEADER + headers;
}

struct pcapio_reader {
	bool began; /* the file header has been read */
	bool big_endian;
	uint32_t fraction_ns; /* one unit of the records' fractions of a second */
	uint32_t linktype;
	uint64_t offset;
	size_t at, end; /* what is not handed out is buf[at..end) */
	uint8_t buf[1 << 20];
};

struct pcapio_reader *pcapio_reader_new(void)
{
	struct pcapio_reader *r = malloc(sizeof *r);
	if (r)
		memset(r, 0, offsetof(struct pcapio_reader, buf));
	return r;
}

void pcapio_reader_free(struct pcapio_reader *r)
{
	free(r);
}

ssize_t pcapio_fill(struct pcapio_reader *r, int fd)
{
	memmove(r->buf, r->buf + r->at, r->end - r->at);
	r->end -= r->at;
	r->at = 0;
	ssize_t n = read(fd, r->buf + r->end, sizeof r->buf - r->end);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_RETRY : ERR_IO;
	r->end += (size_t)n;
	return n;
}

static uint32_t get_u32(const struct pcapio_reader *r, const uint8_t *p)
{
	uint32_t v = be32(p);
	return r->big_endian ? v : __builtin_bswap32(v);
}

static const uint8_t *hand_out(struct pcapio_reader *r, size_t n)
{
	const uint8_t *p = r->buf + r->at;
	r->at += n;
	r->offset += n;
	return p;
}

/* Returns 1, 0 (needs more), or ERR_PCAP_MAGIC, which four bytes are enough for. */
static int read_file_header(struct pcapio_reader *r)
{
	const uint8_t *h = r->buf + r->at;
	if (r->end - r->at < 4)
		return 0;
	uint32_t magic = be32(h);

	r->big_endian = magic == MAGIC_MICRO || magic == MAGIC_NANO;
	magic = get_u32(r, h);
	if (magic != MAGIC_MICRO && magic != MAGIC_NANO)
		return ERR_PCAP_MAGIC;
	if (r->end - r->at < PCAPIO_FILE_HEADER)
		return 0;
	r->fraction_ns = magic == MAGIC_NANO ? 1 : 1000;
	/* the bits above are the length of a frame check sequence, which IP's length cuts off */
	r->linktype = get_u32(r, h + 20) & 0xffff;
	hand_out(r, PCAPIO_FILE_HEADER);
	r->began = true;
	return 1;
}

int pcapio_next(struct pcapio_reader *r, struct pcapio_packet *p)
{
	if (!r->began) {
		int code = read_file_header(r);
		if (code <= 0)
			return code;
	}
	if (r->end - r->at < RECORD_HEADER)
		return 0;

	const uint8_t *h = r->buf + r->at;
	uint32_t caplen = get_u32(r, h + 8);
	if (caplen > PCAPIO_SNAPLEN)
		return ERR_PCAP_RECORD;
	if (r->end - r->at - RECORD_HEADER < caplen)
		return 0;
	p->received.ns = get_u32(r, h) * NS_PER_S + get_u32(r, h + 4) * (uint64_t)r->fraction_ns;
	p->received.digits = r->fraction_ns == 1 ? 9 : 6;
	p->linktype = r->linktype;
	p->caplen = caplen;
	p->frame = hand_out(r, RECORD_HEADER + caplen) + RECORD_HEADER;
	return 1;
}

size_t pcapio_torn(const struct pcapio_reader *r)
{
	return r->end - r->at;
}

uint64_t pcapio_offset(const struct pcapio_reader *r)
{
	return r->offset;
}
