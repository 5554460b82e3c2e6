/* A capture file for libpcap, read so that an input that pauses holds up nothing else: what came
 * before it goes out, signals and questions are answered. */
#include "nfrecv/nfrecv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"

/* Waits until an input that is no regular file has something to read, or a signal comes. */
static int wait_for_input(struct capture *c)
{
	struct pollfd input = {.fd = c->fd, .events = POLLIN};
	if (poll(&input, 1, 0) == 1)
		return 0;
	int err = flush_ring(c->n);
	while (!err && !c->n->stage.signals) {
		int ready = stage_wait(&c->n->stage, &input, 1, -1);
		if (ready)
			return ready < 0 ? ready : 0;
	}
	return err;
}

/* After a failure, and after a signal, the file just ends. */
static ssize_t read_some(void *cookie, char *bytes, size_t size)
{
	struct capture *c = cookie;
	ssize_t got;
	do {
		if (c->pauses)
			c->err = wait_for_input(c);
		if (c->err || c->n->stage.signals)
			return 0;
		got = read(c->fd, bytes, size);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	return got;
}

static int close_input(void *cookie)
{
	const struct capture *c = cookie;
	return c->fd == STDIN_FILENO ? 0 : close(c->fd);
}

static FILE *open_input(struct capture *c, const char *name)
{
	static const cookie_io_functions_t functions = {.read = read_some, .close = close_input};
	static char buffer[256 * 1024];
	struct stat about;

	c->fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	if (c->fd < 0)
		return NULL;
	c->pauses = fstat(c->fd, &about) == 0 && !S_ISREG(about.st_mode);
	FILE *f = fopencookie(c, "r", functions);
	if (f)
		setvbuf(f, buffer, _IOFBF, sizeof buffer); /* one capture is open at a time */
	else
		close_input(c);
	return f;
}

int capture_open(struct capture *c, struct nfrecv *n, const char *name)
{
	char why[PCAP_ERRBUF_SIZE];

	*c = (struct capture){.n = n};
	FILE *f = open_input(c, name);
	if (!f) {
		log_error("%s: %s", name, strerror(errno));
		return ERR_PCAP_MAGIC;
	}
	c->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
	if (c->pcap)
		return 0;
	fclose(f);
	if (c->err || n->stage.signals)
		return c->err;
	log_error("%s: %s", name, why);
	return ERR_PCAP_MAGIC;
}

void capture_close(struct capture *c)
{
	if (c->pcap)
		pcap_close(c->pcap);
}
