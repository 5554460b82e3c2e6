/* nfdecode: reads a pcap stream, decodes the export datagrams in it, writes flow records. */
#include "nfdecode/nfdecode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/confine.h"
#include "lib/counters.h"
#include "lib/elements_file.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/opt.h"

#define DEFRAG_SLOTS 256
#define TIME_MAX_NS  (366 * 86400 * NS_PER_S)

enum {
	OPT_EXPLAIN = 256,
	OPT_BY_EXPORTER,
	OPT_COUNTERS,
	OPT_INNER,
	OPT_STREAM_ID,
	OPT_STATE,
	OPT_STATE_MAX,
	OPT_STATS,
	OPT_ELEMENTS,
	OPT_EXPORTERS,
	OPT_SCALE,
	OPT_SPLIT_BIFLOW,
	OPT_EXPORTER_MAX,
	OPT_TEMPLATE_LIFETIME,
	OPT_WAIT_BYTES,
	OPT_WAIT_TIME
};

static const struct opt options[] = {
	OPT_COMMON,
	{'j', "json", NULL, "write JSON lines (the default on a terminal)"},
	{OPT_EXPLAIN, "explain", NULL, "tell what each datagram holds, byte by byte"},
	{OPT_BY_EXPORTER, "by-exporter", NULL,
		"cut a frame where the exporter changes, so that each has records of one"},
	{OPT_COUNTERS, "counters", NULL, "write sFlow's counter samples too"},
	{OPT_INNER, "inner", NULL, "of a sampled packet in a tunnel, take the innermost IP packet"},
	{OPT_ELEMENTS, "elements", "FILE", "names, types and fields of further elements"},
	{OPT_EXPORTERS, "exporters", "FILE", "names of exporters, their sampling and quirks"},
	{OPT_SCALE, "scale", NULL, "add counters that are multiplied by the sampling rate"},
	{OPT_SPLIT_BIFLOW, "split-biflow", NULL, "make two records of a flow of both directions"},
	{OPT_STREAM_ID, "stream-id", "HEX",
		"32 hex digits: number the stream so, cut frames by count alone"},
	{OPT_STATE, "state", "FILE", "keep what is remembered of exporters in it between runs"},
	{OPT_STATE_MAX, "state-max", "SIZE", "bound on all that is remembered of exporters (64M)"},
	{OPT_EXPORTER_MAX, "exporter-max", "SIZE", "of that, of one exporter (1M)"},
	{OPT_WAIT_BYTES, "wait-bytes", "SIZE",
		"of that, of data that waits for its template (a sixteenth)"},
	{OPT_WAIT_TIME, "wait-time", "DURATION", "how long it waits (30m)"},
	{OPT_TEMPLATE_LIFETIME, "template-lifetime", "DURATION",
		"forget templates not announced for so long (never)"},
	{OPT_STATS, "stats", "PATH", "serve counters on this unix socket"},
};

struct config {
	enum output_form form;
	bool has_id, by_exporter, counters, inner, scale, split, has_wait_bytes;
	struct stream_id id;
	uint64_t state_max, exporter_max, wait_bytes, wait_ns, lifetime_ns;
	const char *stats, *state, *exporters, *elements;
};

static int parse_stream_id(const char *text, struct stream_id *id)
{
	if (strlen(text) == 2 * sizeof id->b && stream_id_parse(text, id) == 0)
		return 0;
	log_error("option --stream-id: found \"%s\", expected 32 hex digits", text);
	return ERR_SYNTAX;
}

static int set_option(struct config *c, int id, const char *arg)
{
	switch (id) {
	case 'j': c->form = OUTPUT_JSON; return 0;
	case OPT_EXPLAIN: c->form = OUTPUT_EXPLAIN; return 0;
	case OPT_BY_EXPORTER: c->by_exporter = true; return 0;
	case OPT_COUNTERS: c->counters = true; return 0;
	case OPT_INNER: c->inner = true; return 0;
	case OPT_STREAM_ID: c->has_id = true; return parse_stream_id(arg, &c->id);
	case OPT_ELEMENTS: c->elements = arg; return 0;
	case OPT_EXPORTERS: c->exporters = arg; return 0;
	case OPT_SCALE: c->scale = true; return 0;
	case OPT_SPLIT_BIFLOW: c->split = true; return 0;
	case OPT_STATE: c->state = arg; return 0;
	case OPT_STATE_MAX:
		return opt_size("state-max", arg, 1024 * 1024, UINT64_C(1) << 40, &c->state_max);
	case OPT_EXPORTER_MAX:
		return opt_size(
			"exporter-max", arg, 64 * 1024, UINT64_C(1) << 40, &c->exporter_max);
	case OPT_WAIT_BYTES:
		c->has_wait_bytes = true;
		return opt_size("wait-bytes", arg, 0, UINT64_C(1) << 40, &c->wait_bytes);
	case OPT_WAIT_TIME: return opt_duration("wait-time", arg, TIME_MAX_NS, &c->wait_ns);
	case OPT_TEMPLATE_LIFETIME:
		return opt_duration("template-lifetime", arg, TIME_MAX_NS, &c->lifetime_ns);
	default: c->stats = arg; return 0;
	}
}

/* Returns 0, or the exit code plus one of a program that ends here. */
static int configure(struct config *c, int argc, char **argv)
{
	struct opts o = {
		.program = "nfdecode",
		.usage = "[options] < pcap-stream",
		.about = "Decodes NetFlow, IPFIX and sFlow from a pcap stream into flow records.",
		.table = options,
		.count = LEN(options),
	};
	*c = (struct config){.state_max = DECODER_STATE_MAX,
		.exporter_max = DECODER_EXPORTER_MAX,
		.wait_ns = DECODER_WAIT_NS,
		.form = isatty(STDOUT_FILENO) ? OUTPUT_JSON : OUTPUT_BINARY};
	for (;;) {
		int id = opt_next(&o, argc, argv);
		if (id == OPT_DONE)
			return EXIT_DONE + 1;
		if (id == OPT_END)
			break;
		if (id == OPT_BAD || set_option(c, id, o.arg) != 0)
			return EXIT_USE + 1;
	}
	if (o.rest < argc) {
		log_error("operand \"%s\": none is taken; the pcap stream comes on standard input",
			argv[o.rest]);
		return EXIT_USE + 1;
	}
	if (c->counters && c->form == OUTPUT_EXPLAIN) {
		log_error("option --counters: --explain tells of counters as it is");
		return EXIT_USE + 1;
	}
	if (!c->has_wait_bytes)
		c->wait_bytes = c->state_max / DECODER_WAIT_PART;
	if (c->wait_bytes > c->state_max / 2) {
		log_error("option --wait-bytes: found %llu, expected at most half of --state-max",
			(unsigned long long)c->wait_bytes);
		return EXIT_USE + 1;
	}
	if (isatty(STDIN_FILENO)) {
		log_error("standard input is a terminal: expected a pcap stream, as of nfrecv or "
			  "tcpdump -w -");
		return EXIT_USE + 1;
	}
	return 0;
}

/* One packet of the stream. */
static void take_packet(struct nfdecode *n, const struct pcapio_packet *p)
{
	struct datagram d;
	int got = defrag_datagram(n->defrag, p->linktype, p->frame, p->caplen, p->received, &d);
	n->counts[COUNT_RECEIVED]++;
	if (got < 0)
		n->refused[-got]++;
	if (got == 0)
		return;
	bool explain = n->output.form == OUTPUT_EXPLAIN;
	if (got > 0) {
		if (explain)
			explain_datagram(&n->output, &d, n->counts[COUNT_RECEIVED]);
		n->busy = true;
		got = decode(n->decoder, &d);
		n->busy = false;
	}
	if (explain)
		explain_result(&n->output, got);
}

/* All packets that are in the reader's buffer. Returns 0 or the reader's error. */
static int take_packets(struct nfdecode *n)
{
	struct pcapio_packet p;
	uint64_t last_ns = 0;
	int got;
	n->output.now_ns = monotonic_ns();
	while ((got = pcapio_next(n->reader, &p)) > 0 && !n->output.err) {
		take_packet(n, &p);
		last_ns = p.received.ns;
	}
	if (last_ns)
		n->lag_ms = stats_lag_ms(last_ns);
	report_refresh(n); /* for a supervisor, should this process end before it can tell */
	if (got < 0)
		log_error("%s offset=%llu", err_sentence(got),
			(unsigned long long)pcapio_offset(n->reader));
	return got < 0 ? got : 0;
}

/* Confines the process to what it has open, its stats socket and its state. */
static void lock_in(const struct nfdecode *n)
{
	confine(&(struct confine){.socket = stats_path(n->stage.stats), .state_dir = n->keep.dir});
}

/* How long to wait for input: ms, -1: for ever. */
static int timeout(const struct nfdecode *n)
{
	int out = output_timeout(&n->output), state = keep_timeout(&n->keep, monotonic_ns());
	return out < 0 || (state >= 0 && state < out) ? state : out;
}

/* Reads until the input ends, output fails, or a drain's time is over. Returns 0 or a negative
 * code. */
static int run(struct nfdecode *n)
{
	for (;;) {
		struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
		int ready = stage_wait(&n->stage, &in, 1, timeout(n));
		if (ready < 0)
			return ready;
		if (stage_expired(&n->stage))
			return ERR_STOPPED;
		if (output_timeout(&n->output) == 0)
			output_flush(&n->output);
		keep_tick(&n->keep, n->decoder, monotonic_ns());
		if (ready > 0) {
			ssize_t got = pcapio_fill(n->reader, STDIN_FILENO);
			if (got == 0)
				return 0;
			if (got < 0 && got != ERR_RETRY)
				return (int)got;
			int err = got > 0 ? take_packets(n) : 0;
			if (err)
				return err;
		}
		if (n->output.err)
			return n->output.err;
	}
}

static bool input_is_file(void)
{
	struct stat st;
	return fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode);
}

/* What ended the run, in words, and the exit code for it. */
static enum exit_code conclude(struct nfdecode *n, int err)
{
	uint64_t unwritten = decoder_counts(n->decoder)->flows - n->output.written;
	switch (err) {
	case 0: return n->counts[COUNT_TORN_BYTES] ? EXIT_LOSSES : EXIT_DONE;
	case ERR_CLOSED:
		if (input_is_file())
			return EXIT_DONE;
		log_error("standard output: the reader has gone away unwritten=%llu",
			(unsigned long long)unwritten);
		return EXIT_LOSSES;
	case ERR_STOPPED:
		log_error("stopped before the input ended unwritten=%llu",
			(unsigned long long)unwritten);
		return EXIT_LOSSES;
	case ERR_IO: log_error("%s: %s", err_sentence(err), strerror(errno)); return EXIT_IO;
	default: return EXIT_IO; /* said where it happened */
	}
}

static enum exit_code finish(struct nfdecode *n, const struct stats_source *source, int err)
{
	if (!n->output.err)
		output_flush(&n->output);
	if (!err)
		err = n->output.err;
	n->counts[COUNT_TORN_BYTES] = pcapio_torn(n->reader);
	if (n->counts[COUNT_TORN_BYTES] && err != ERR_CLOSED && err != ERR_STOPPED)
		log_warn("%s bytes=%llu", err_sentence(ERR_PCAP_TORN),
			(unsigned long long)n->counts[COUNT_TORN_BYTES]);
	int unsaved = keep_save(&n->keep, n->decoder);
	enum exit_code code = conclude(n, err);
	if (unsaved && code == EXIT_DONE)
		code = EXIT_IO;
	if (!(err == ERR_CLOSED && code == EXIT_DONE))
		stats_totals(source);
	return code;
}

static int start(struct nfdecode *n, const struct config *c)
{
	if (c->exporters) {
		n->exporters =
			exporters_file_load(c->exporters, complain_to_log, (void *)c->exporters);
		if (!n->exporters)
			return ERR_CONFIG;
	}
	if (c->elements) {
		n->elements = elements_file_use(c->elements);
		if (!n->elements)
			return ERR_CONFIG;
	}
	struct decoder_config dc = {
		.state_max = c->state_max,
		.exporter_max = c->exporter_max,
		.wait_max = c->wait_bytes,
		.wait_ns = c->wait_ns,
		.lifetime_ns = c->lifetime_ns,
		.inner = c->inner,
		.counters = c->counters ? output_counters : NULL,
		.exporters = n->exporters,
		.scale = c->scale,
		.split = c->split,
	};
	if (getrandom(&dc.seed, sizeof dc.seed, 0) < 0)
		dc.seed = monotonic_ns();
	n->decoder = decoder_new(&dc, output_record, &n->output);
	n->defrag = defrag_new(DEFRAG_SLOTS);
	n->reader = pcapio_reader_new();
	if (!n->decoder || !n->defrag || !n->reader)
		return ERR_MEMORY;
	int err = keep_open(&n->keep, c->state, n->decoder, c->state_max);
	if (err)
		return err;
	err = output_open(&n->output, c->form, c->has_id ? &c->id : NULL, &n->stage);
	n->output.by_exporter = c->by_exporter;
	return err;
}

static void stop(struct nfdecode *n)
{
	output_close(&n->output);
	keep_close(&n->keep);
	pcapio_reader_free(n->reader);
	defrag_free(n->defrag);
	decoder_free(n->decoder);
	exporters_file_free(n->exporters);
	elements_extend(NULL);
	elements_file_free(n->elements);
}

int main(int argc, char **argv)
{
	static struct nfdecode n;
	struct stats_source source;
	struct decode_trace trace;
	struct config c;

	log_init("nfdecode");
	int ended = configure(&c, argc, argv);
	if (ended)
		return ended - 1;
	n.counts = counters_memory();
	int err = start(&n, &c);
	if (err) {
		if (err == ERR_MEMORY)
			log_error("%s", err_sentence(err));
		stop(&n);
		return err == ERR_CONFIG ? EXIT_CONFIG : EXIT_IO;
	}
	if (c.form == OUTPUT_EXPLAIN) {
		explain_trace(&n.output, &trace);
		decoder_set_trace(n.decoder, &trace);
	}
	report_source(&n, &source);
	enum exit_code code = EXIT_IO;
	if (stage_open(&n.stage, c.stats, &source) == 0) {
		lock_in(&n);
		code = finish(&n, &source, run(&n));
		stage_close(&n.stage);
	}
	stop(&n);
	return code;
}
