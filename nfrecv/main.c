/* nfrecv: receives export datagrams, from UDP or capture files, and writes them as a pcap stream.
 */
#include "nfrecv/nfrecv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/confine.h"
#include "lib/counters.h"
#include "lib/log.h"
#include "lib/opt.h"
#include "lib/pcapio.h"

#define DEFRAG_SLOTS 256
#define RING_MIN     (256 * 1024) /* holds the largest record twice */
#define DEFAULT_PORT ":2055"

enum { OPT_SPEED = 256, OPT_LOOP, OPT_RING, OPT_RCVBUF, OPT_OUTPUTS, OPT_STATS };

static const struct opt options[] = {
	OPT_COMMON,
	{'l', "listen", "[ADDR]:PORT",
		"receive here (repeatable; a group is joined: GROUP%INTERFACE) ([::]:2055)"},
	{'r', "read", "FILE", "read this capture instead (repeatable; - is standard input)"},
	{'f', "filter", "EXPR", "take only what this pcap-filter(7) expression matches"},
	{OPT_SPEED, "speed", "max|N", "replay files N times as fast as they were captured (max)"},
	{OPT_LOOP, "loop", "N", "replay the files N times, 0 for ever (1)"},
	{OPT_RING, "ring", "SIZE", "memory for what the reader has not taken yet (64M)"},
	{OPT_RCVBUF, "rcvbuf", "SIZE", "ask the kernel for a receive buffer of this size (32M)"},
	{OPT_OUTPUTS, "outputs", "FD",
		"when the reader has gone, go on with a pipe passed over this unix socket"},
	{OPT_STATS, "stats", "PATH", "serve counters on this unix socket"},
};

static int add_listen(struct config *c, const char *text)
{
	if (c->listen_count == SOCKETS_MAX) {
		log_error("option --listen: found one too many, expected at most %d", SOCKETS_MAX);
		return ERR_SYNTAX;
	}
	c->listen_text[c->listen_count] = text;
	if (net_parse(text, &c->listen[c->listen_count++]) == 0)
		return 0;
	log_error("option --listen: found \"%s\", expected [ADDRESS]:PORT, as 192.0.2.1:2055 or "
		  "[::1]:2055",
		text);
	return ERR_SYNTAX;
}

static int add_file(struct config *c, const char *name)
{
	if (c->file_count == FILES_MAX) {
		log_error("option --read: found one too many, expected at most %d", FILES_MAX);
		return ERR_SYNTAX;
	}
	c->files[c->file_count++] = name;
	return 0;
}

static int set_speed(struct config *c, const char *text)
{
	char *end;
	c->speed = 0;
	if (strcmp(text, "max") == 0)
		return 0;
	c->speed = strtod(text, &end);
	if (*end == '\0' && c->speed > 0 && c->speed <= 1e9)
		return 0;
	log_error("option --speed: found \"%s\", expected max or a number above 0", text);
	return ERR_SYNTAX;
}

/* A descriptor that was inherited. */
static int set_outputs(struct config *c, const char *arg)
{
	uint64_t fd;
	int err = opt_number("outputs", arg, 3, INT32_MAX, &fd);
	if (err)
		return err;
	c->outputs_fd = (int)fd;
	if (fcntl(c->outputs_fd, F_SETFD, FD_CLOEXEC) == 0)
		return 0;
	log_error("option --outputs: descriptor %d: %s", c->outputs_fd, strerror(errno));
	return ERR_SYNTAX;
}

static int set_option(struct config *c, int id, const char *arg)
{
	switch (id) {
	case 'l': return add_listen(c, arg);
	case 'r': return add_file(c, arg);
	case 'f': c->filter = arg; return 0;
	case OPT_SPEED: return set_speed(c, arg);
	case OPT_LOOP: return opt_number("loop", arg, 0, UINT64_MAX, &c->loops);
	case OPT_RING: return opt_size("ring", arg, RING_MIN, UINT64_C(1) << 40, &c->ring);
	case OPT_RCVBUF: return opt_size("rcvbuf", arg, 4096, INT32_MAX / 2, &c->rcvbuf);
	case OPT_OUTPUTS: return set_outputs(c, arg);
	default: c->stats = arg; return 0;
	}
}

static int check(struct config *c)
{
	if (c->file_count && c->listen_count) {
		log_error("options --read and --listen: expected one or the other");
		return ERR_SYNTAX;
	}
	if (isatty(STDOUT_FILENO)) {
		log_error(
			"standard output is a terminal: expected a pipe, as in nfrecv | nfdecode");
		return ERR_SYNTAX;
	}
	return c->file_count || c->listen_count ? 0 : add_listen(c, DEFAULT_PORT);
}

/* Returns 0, or the exit code plus one of a program that ends here. */
static int configure(struct config *c, int argc, char **argv)
{
	struct opts o = {
		.program = "nfrecv",
		.usage = "[-l [ADDR]:PORT ... | -r FILE ...] [options] > pcap-stream",
		.about = "Receives export datagrams and writes them to standard output as a pcap "
			 "stream.",
		.table = options,
		.count = LEN(options),
	};
	*c = (struct config){
		.loops = 1, .ring = 64 * 1024 * 1024, .rcvbuf = 32 * 1024 * 1024, .outputs_fd = -1};
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
		log_error("operand \"%s\": none is taken; -r reads a file", argv[o.rest]);
		return EXIT_USE + 1;
	}
	return check(c) == 0 ? 0 : EXIT_USE + 1;
}

/* The exit code for what ended the run, said where it has not been. */
static enum exit_code conclude(struct nfrecv *n, int err)
{
	bool files = n->config->file_count != 0;
	uint64_t lost = n->counts[COUNT_RING_FULL] + n->counts[COUNT_UNWRITTEN];
	switch (err) {
	case 0: return lost ? EXIT_LOSSES : EXIT_DONE;
	case ERR_CLOSED:
		if (files)
			return EXIT_DONE;
		log_error("standard output: the reader has gone away unwritten=%llu",
			(unsigned long long)n->counts[COUNT_UNWRITTEN]);
		return EXIT_LOSSES;
	case ERR_STOPPED:
		log_error("the reader did not take all in time unwritten=%llu",
			(unsigned long long)n->counts[COUNT_UNWRITTEN]);
		return EXIT_LOSSES;
	case ERR_IO: log_error("%s: %s", err_sentence(err), strerror(errno)); return EXIT_IO;
	case ERR_SYNTAX: return EXIT_USE;
	default: return EXIT_IO; /* said where it happened */
	}
}

void lock_in(const struct nfrecv *n)
{
	confine(&(struct confine){
		.files = n->config->files,
		.file_count = n->config->file_count,
		.socket = stats_path(n->stage.stats),
		.state_dir = -1,
	});
}

static enum exit_code run(struct nfrecv *n, const struct stats_source *source)
{
	uint8_t header[PCAPIO_FILE_HEADER];
	pcapio_file_header(header);
	size_t written;
	stage_output_begin(&n->out, STDOUT_FILENO);
	int err = output_lost(n, stage_write(&n->stage, &n->out, header, sizeof header, &written));
	if (!err)
		err = n->config->file_count ? run_files(n) : run_live(n);
	n->counts[COUNT_UNWRITTEN] = n->ring.held;
	stage_output_end(&n->out);
	enum exit_code code = conclude(n, err);
	if (!(err == ERR_CLOSED && code == EXIT_DONE))
		stats_totals(source);
	return code;
}

int main(int argc, char **argv)
{
	static struct nfrecv n;
	static struct config c;
	struct stats_source source;

	log_init("nfrecv");
	int ended = configure(&c, argc, argv);
	if (ended)
		return ended - 1;
	n.config = &c;
	n.outputs_fd = c.outputs_fd;
	n.counts = counters_memory();
	if (filter_compile(&n) != 0)
		return EXIT_USE;
	n.defrag = defrag_new(DEFRAG_SLOTS);
	if (!n.defrag || ring_open(&n.ring, c.ring, pcap_entry) != 0) {
		log_error("%s", err_sentence(ERR_MEMORY));
		return EXIT_IO;
	}
	report_source(&n, &source);
	enum exit_code code = EXIT_IO;
	if (stage_open(&n.stage, c.stats, &source) == 0) {
		code = run(&n, &source);
		stage_close(&n.stage);
	}
	ring_close(&n.ring);
	defrag_free(n.defrag);
	if (n.has_filter)
		pcap_freecode(&n.filter);
	return code;
}
