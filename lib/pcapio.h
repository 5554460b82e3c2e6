/* pcapio: the pcap stream between nfrecv and nfdecode, without libpcap: the reader never blocks.
 *
 * The stream is a pcap file (nanosecond, little-endian, LINKTYPE_RAW, snapshot length 262,144) of
 * IP + UDP + payload. The reader takes both byte orders, micro- and nanoseconds, any link type. */
#ifndef GOFLOW_PCAPIO_H
#define GOFLOW_PCAPIO_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/datagram.h"

#define PCAPIO_SNAPLEN     262144
#define PCAPIO_FILE_HEADER 24
/* The most that pcapio_put adds in front of a payload: record, IPv6 and UDP headers. */
#define PCAPIO_OVERHEAD (16 + 40 + 8)

/* Writes the file header. */
void pcapio_file_header(uint8_t out[static PCAPIO_FILE_HEADER]);

/* Writes one record header with synthesized IP and UDP headers (RFC 791, 8200, 768) for d to out;
 * returns their length (<= PCAPIO_OVERHEAD). The payload is to follow them: it is not copied, so
 * that it may be in place already. IPv4's UDP checksum is 0 (none), IPv6's is computed over the
 * payload where all of it is there. d->len <= 65,507 (IPv4) or 65,527 (IPv6).
 * A datagram with d->truncated gets its sent length in the headers. */
size_t pcapio_headers(const struct datagram *d, uint8_t out[static PCAPIO_OVERHEAD]);

struct pcapio_packet {
	struct instant received;
	uint32_t linktype;
	uint32_t caplen;
	const uint8_t *frame; /* borrowed until the next call of pcapio_fill */
};

struct pcapio_reader;

/* A reader with a buffer of 1 MiB; NULL without memory. */
struct pcapio_reader *pcapio_reader_new(void);
void pcapio_reader_free(struct pcapio_reader *r);

/* One read(2) from fd into the buffer. Returns the bytes read, 0 at the end of the input, ERR_RETRY
 * (EAGAIN or EINTR) or ERR_IO (errno is set). Call it only after pcapio_next returned 0. */
ssize_t pcapio_fill(struct pcapio_reader *r, int fd);

/* The next packet. Returns 1, 0 (needs another fill), or ERR_PCAP_MAGIC, ERR_PCAP_RECORD: the input
 * makes no sense from here on. */
int pcapio_next(struct pcapio_reader *r, struct pcapio_packet *p);

/* At the end of the input: bytes of an unfinished packet or header left over (0: it ended cleanly).
 */
size_t pcapio_torn(const struct pcapio_reader *r);

/* How many bytes of the input have been handed out: the offset of the next packet, for messages. */
uint64_t pcapio_offset(const struct pcapio_reader *r);

#endif
