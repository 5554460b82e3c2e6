/* pipeline: the stages of one frontend (and worker), tied together and kept up.
 *
 * The pipe in front of nftee and of each sink is the supervisor's: it outlives the stages at its ends, whose stream
 * resynchronises. The one between nfrecv and nfdecode does not (a pcap stream cannot be joined): when nfdecode ends,
 * nfrecv is passed another; when nfrecv ends, nfdecode reads to the end of what is there and ends too, and the next
 * nfrecv, which does not wait for that, writes to the pipe of the next nfdecode.
 *
 * A capture file is read again from its beginning when any stage fails, under the same stream id, by which databases
 * know what they have stored already. */
#ifndef GOFLOW_PIPELINE_H
#define GOFLOW_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "goflow/account.h"
#include "goflow/stages.h"

#define PIPELINE_NAME_MAX (CONFIG_NAME_MAX + 12)

enum slot_state {
	SLOT_WAITING, /* to be started at retry_ns */
	SLOT_RUNNING,
	SLOT_ENDED,   /* it will not be started again */
};

/* The place of a stage. */
struct slot {
	struct stage_spec spec;
	struct account account;
	enum slot_state state;
	pid_t pid;
	uint64_t started_ns, retry_ns; /* monotonic */
	unsigned starts;               /* in all */
	unsigned failures;             /* in a row */
	int status;                    /* how it ended last */
	int pipe[2];                   /* at its input, and the supervisor's; -1: closed, or not of that kind */
};

enum { SLOT_RECEIVER, SLOT_DECODER, SLOT_SPLIT }; /* behind them the sink; or nftee and the sinks */

struct pipeline {
	char name[PIPELINE_NAME_MAX + 1]; /* FRONTEND or, with several workers, FRONTEND.N */
	struct slot *slots;
	size_t count;
	bool has_tee;
	bool replays;    /* its frontend is a file */
	bool draining;
	bool given_up;   /* the drain took too long: nothing is started any more */
	uint64_t drain_ends_ns; /* then what still runs is told to end, and at last made to */
	bool lost;       /* a stage failed, or said that something was lost, while it drained */
	char address[96]; /* what it listens on, so that another can take over; or empty */
	unsigned worker; /* from 0 on: which of the sockets on that address is its own */
	int socket_fd;   /* of a listening frontend, until its nfrecv has ended for good; owned */
	int next_input;  /* of the next nfdecode, which an nfrecv writes to already; -1: none */
	uint32_t drops;  /* the kernel's count of drops on it when it became this pipeline's */
	int outputs[2];  /* by which nfrecv gets further outputs: our end and its; -1 where it replays */
	struct pipeline *after; /* it begins when this one has taken its last datagram; NULL: at once */
	uint64_t after_ns;      /* or by then at the latest */
	struct pipeline *next;
};

/* Builds the pipeline of a frontend: its worker-th, from 0 on, of as many as the configuration says; nothing is
 * started. socket_fd becomes its own, -1 for a file. Returns NULL without memory, after a log line, with socket_fd
 * closed. */
struct pipeline *pipeline_new(const struct config *c, const struct config_frontend *f, unsigned worker, int socket_fd);
void pipeline_free(struct pipeline *p);

/* What the kernel has dropped on the socket until then, modulo 2^32, as far as it has been counted: what it says more
 * is the next nfrecv's to count, also what it dropped while there was none. */
uint32_t pipeline_drops(struct pipeline *p);

/* Starts what is due by now. Returns when there is more to do: monotonic ns, UINT64_MAX for not before a stage
 * ends. */
uint64_t pipeline_advance(struct pipeline *p, uint64_t now_ns);

/* A child has ended. Returns false where it is none of this pipeline's. */
bool pipeline_ended(struct pipeline *p, pid_t pid, int status, uint64_t now_ns);

/* Begins to end it, front to back: nfrecv takes no more, and each stage ends when it has read its input. */
void pipeline_drain(struct pipeline *p, uint64_t now_ns);

/* Ends a drain that takes too long: nothing is started any more, and what runs is told to end; the second time it
 * is killed. pipeline_advance does so by itself when the drain's time is over. */
void pipeline_give_up(struct pipeline *p, uint64_t now_ns);

/* Whether all stages have ended. */
bool pipeline_done(const struct pipeline *p);

/* {"name", "state", "stages": [{"program", "backend", "state", "pid", "starts", "uptime_ms", "last_exit", "counters",
 * "ledger"}], "links": [{"from", "to", "made", "read", "between"}]}: what was made and not read is in the pipe, or
 * was lost in it. A new reference. */
json_t *pipeline_document(struct pipeline *p, uint64_t now_ns);

/* Logs what came of the datagrams and records, a line for the pipeline and one for each sink. */
void pipeline_totals(struct pipeline *p);

#endif
