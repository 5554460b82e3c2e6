/* nfrecv: what its files share. */
#ifndef NFRECV_H
#define NFRECV_H

#include <pcap/pcap.h>

#include "lib/base.h"
#include "lib/datagram.h"
#include "lib/defrag.h"
#include "lib/err.h"
#include "lib/net.h"
#include "lib/ring.h"
#include "lib/stage.h"

#define SOCKETS_MAX 32
#define FILES_MAX   256
#define PEERS_MAX   1024

struct config {
	struct net_address listen[SOCKETS_MAX];
	const char *listen_text[SOCKETS_MAX];
	size_t listen_count;
	const char *files[FILES_MAX];
	size_t file_count;
	const char *filter, *stats;
	double speed;   /* 0: as fast as possible */
	uint64_t loops; /* of the files; 0: for ever */
	uint64_t ring, rcvbuf;
	int outputs_fd; /* --outputs; -1: there are none but standard output */
};

/* Counters, in the order of the table in report.c. */
enum {
	COUNT_RECEIVED,
	COUNT_WRITTEN,
	COUNT_FILTERED,
	COUNT_NOT_IP,
	COUNT_NOT_UDP,
	COUNT_JOINED,
	COUNT_IN_RING,
	COUNT_FRAGMENTS_WAITING,
	COUNT_TRUNCATED,
	COUNT_BAD_PACKET,
	COUNT_FRAGMENTS,
	COUNT_LINKTYPE,
	COUNT_RING_FULL,
	COUNT_UNWRITTEN,
	COUNT_KERNEL_DROPS,
	COUNT_BYTES,
	COUNTERS
};

/* An address that datagrams came from. The last row of the table stands for all that found no
 * place. */
struct peer {
	struct ip address;
	struct instant last_seen;
	uint64_t datagrams, bytes, ring_full;
};

struct nfrecv {
	const struct config *config;
	struct stage stage;
	struct stage_output out; /* fd -1: its reader has gone, and the next one is waited for */
	struct ring ring;
	struct defrag *defrag;
	int outputs_fd; /* where outputs come from that follow this one; -1: none come */
	bool has_filter;
	struct bpf_program filter; /* over LINKTYPE_RAW: what goes out */
	uint64_t *counts; /* COUNTERS of them */
	uint64_t refused_fragments;
	struct peer peers[PEERS_MAX + 1];
};

/* Compiles the filter of the configuration. Returns 0 or ERR_SYNTAX after a log line. */
int filter_compile(struct nfrecv *n);

/* Whether a datagram's headers and payload, contiguous behind the 16 bytes of its pcap record, pass
 * the filter. */
bool filter_passes(const struct nfrecv *n, const uint8_t *record, size_t len);

/* Counts a datagram for its peer, and returns the row. */
struct peer *peer_count(struct nfrecv *n, const struct datagram *d);

/* The stage's counters and documents. `source` borrows n. */
void report_source(struct nfrecv *n, struct stats_source *source);

/* A pcap record, for the ring: one datagram. */
struct ring_entry pcap_entry(const uint8_t *record);

/* Builds d's pcap record in the ring. Returns 1, 0 if it did not pass the filter, or
 * ERR_RETRY: the ring has no room. */
int put_datagram(struct nfrecv *n, const struct datagram *d);

/* Writes all that the ring holds, waiting where need be. Returns 0 or a code of stage_write. */
int flush_ring(struct nfrecv *n);

/* Writes what the ring holds, as much as the reader takes. Returns 0 or a code of ring_write. */
int write_ring(struct nfrecv *n);

/* --outputs: pipes that follow standard output, each when its reader is gone, passed over a unix socket. */

/* What becomes of an error in writing: where there are outputs to follow and the reader has gone, 0, after which
 * n->out.fd is -1 and what was written of a datagram in part is written again; else err. */
int output_lost(struct nfrecv *n, int err);

/* Takes the next output from the socket, if one is there, and begins a pcap stream on it. Returns 0 or, since
 * none will come and there is no output, ERR_CLOSED. Once the socket is closed it is not watched any more. */
int output_next(struct nfrecv *n);

/* A capture file that is being read. */
struct capture {
	struct nfrecv *n;
	pcap_t *pcap; /* NULL: a signal came before it could be opened */
	int fd;
	bool pauses; /* it is no regular file: reading may have to wait */
	int err;     /* what went wrong while waiting: to be looked at when the file seems to end */
};

/* Opens a capture; "-" is standard input. One at a time. Returns 0, or a negative code: of
 * flush_ring, or after a log line. */
int capture_open(struct capture *c, struct nfrecv *n, const char *name);
void capture_close(struct capture *c);

/* Confines the process to what it has open, its stats socket, and reading its capture files. */
void lock_in(const struct nfrecv *n);

/* The two ways to run; both return 0 or a negative code, the second after a log line. */
int run_files(struct nfrecv *n);
int run_live(struct nfrecv *n);

#endif
