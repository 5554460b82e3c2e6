/* nfdecode: what its files share. */
#ifndef NFDECODE_H
#define NFDECODE_H

#include "lib/base.h"
#include "lib/decode.h"
#include "lib/defrag.h"
#include "lib/jsonl.h"
#include "lib/pcapio.h"
#include "lib/stage.h"
#include "lib/stream.h"
#include "nfdecode/keep.h"

enum output_form { OUTPUT_BINARY, OUTPUT_JSON, OUTPUT_EXPLAIN };

/* The causes for which a datagram can be undecodable: the stats' and totals' counters. */
#define CAUSES(X)                                                                                  \
	X(TRUNCATED) X(NOT_IP) X(NOT_UDP) X(BAD_PACKET) X(FRAGMENT_LIMIT) X(LINKTYPE) X(VERSION)   \
	X(BAD_HEADER) X(BAD_SET) X(BAD_TEMPLATE) X(BAD_RECORD) X(NO_TEMPLATE) X(STATE_LIMIT) X(MEMORY)

/* The stage's counters, in the order of the table in report.c. */
enum {
	COUNT_RECEIVED,
	COUNT_RESUMED,
	COUNT_DECODED,
	COUNT_JOINED,
	COUNT_WAITING,
	COUNT_FRAGMENTS_WAITING,
	COUNT_IN_FLIGHT,
#define X(name) COUNT_##name,
	CAUSES(X)
#undef X
	COUNT_FLOWS,
	COUNT_WRITTEN,
	COUNT_UNWRITTEN,
	COUNT_OPTION_RECORDS,
	COUNT_COUNTER_SAMPLES,
	COUNT_TEMPLATES,
	COUNT_EXPORTERS,
	COUNT_EVICTED,
	COUNT_TEMPLATES_EVICTED,
	COUNT_TEMPLATES_EXPIRED,
	COUNT_TEMPLATE_FALLBACKS,
	COUNT_STATE_MAX_HITS,
	COUNT_EXPORTER_MAX_HITS,
	COUNT_WAIT_BYTES_HITS,
	COUNT_WAIT_TIME_HITS,
	COUNT_STATE_BYTES,
	COUNT_TORN_BYTES,
	COUNTERS
};

/* Records on their way out: in frames, or as lines. */
struct output {
	enum output_form form;
	struct stage *stage;
	struct stage_output to;
	struct stream_writer *writer; /* OUTPUT_BINARY */
	bool by_count;                /* frames are cut by count alone, not by time */
	bool by_exporter;             /* and where the exporter changes */
	struct ip exporter;           /* of the last record */
	struct jsonl_prefix prefix;   /* OUTPUT_JSON: of the last record */
	char *lines;                  /* OUTPUT_JSON and OUTPUT_EXPLAIN: what is not written yet; else a line's room */
	size_t used;
	uint64_t pending;             /* records in lines */
	uint64_t written;             /* records that reached standard output */
	uint64_t first_ns;            /* when the first record that waits came; 0: none does */
	uint64_t now_ns;              /* of the input in hand */
	int err;                      /* the first failure to write; nothing is written after it */
};

/* Prepares output to standard output. id NULL: a random stream id. Returns 0 or ERR_MEMORY. */
int output_open(struct output *o, enum output_form form, const struct stream_id *id, struct stage *stage);
void output_close(struct output *o);

/* A decode_emit. */
void output_record(void *ctx, const struct record *r);

/* A decode_counters: a line of its own, with "type":"counters" in front; for OUTPUT_BINARY in a frame of such. */
void output_counters(void *ctx, const struct record *head, struct cursor records, uint32_t n);

/* Text for OUTPUT_EXPLAIN. */
void output_text(struct output *o, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Writes out what waits. */
void output_flush(struct output *o);

/* How long until what waits is to be flushed: ms, -1 if nothing waits. */
int output_timeout(const struct output *o);

/* Tells what each datagram holds, as text. */
void explain_datagram(struct output *o, const struct datagram *d, uint64_t number);
void explain_trace(struct output *o, struct decode_trace *trace);
void explain_result(struct output *o, int err);

struct nfdecode {
	struct stage stage;
	struct output output;
	struct decoder *decoder;
	struct defrag *defrag;
	struct pcapio_reader *reader;
	struct keep keep;
	struct exporters_file *exporters; /* --exporters; NULL: not given */
	struct elements_file *elements; /* likewise */
	bool busy; /* a datagram is being decoded, its records perhaps waiting for the reader */
	uint64_t *counts; /* COUNTERS of them */
	uint64_t lag_ms;             /* from receipt to decoding, of the last packet */
	uint64_t refused[ERR_COUNT]; /* packets that held no datagram, by -err */
};

/* The stage's stats: counters, and the documents of exporters and templates. `source` borrows n. */
void report_source(struct nfdecode *n, struct stats_source *source);

/* Brings the counters that decoder, defragmenter and output keep up to date. */
void report_refresh(struct nfdecode *n);

#endif
