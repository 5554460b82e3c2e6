#include "lib/sink_ack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/instant.h"
#include "lib/jsontext.h"
#include "lib/log.h"

#define PATIENCE_NS (10 * NS_PER_S)
#define LINE_MAX    64 /* "ack ", 32 digits, a space, 20 digits, a newline */

void sink_ack_init(struct sink_ack *a, int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof domain;
	bool socket = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
		      getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
	a->fd = socket && domain == AF_UNIX && type == SOCK_STREAM ? fd : -1;
}

/* Sends a line whole, waiting for the peer with patience. Returns whether it was sent. */
static bool send_line(int fd, struct stage *stage, const char *line, size_t len)
{
	uint64_t end = monotonic_ns() + PATIENCE_NS;
	while (len) {
		ssize_t n = send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			line += n;
			len -= (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		struct pollfd out = {.fd = fd, .events = POLLOUT};
		if (monotonic_ns() >= end || stage_wait(stage, &out, 1, 1000) < 0 ||
			stage_expired(stage))
			return false;
	}
	return true;
}

static void send_ack(struct sink_ack *a, struct stage *stage, const struct frame *f)
{
	char line[LINE_MAX] = "ack ", *p = line + 4;
	p = jsontext_hex(p, f->id.b, sizeof f->id.b);
	p += snprintf(p, LINE_MAX - (size_t)(p - line), " %" PRIu64 "\n", f->sequence);
	if (send_line(a->fd, stage, line, (size_t)(p - line)))
		return;
	log_warn("acknowledgements are not taken: no more are sent");
	a->fd = -1;
}

void sink_ack_batch(struct sink_ack *a, struct stage *stage, const struct sink_batch *batch)
{
	for (size_t i = 0; i < batch->count && a->fd >= 0; i++) {
		const struct frame *f = &batch->frames[i], *next = f + 1;
		bool last = i + 1 == batch->count || memcmp(&next->id, &f->id, sizeof f->id) != 0;
		if (f->numbered && last)
			send_ack(a, stage, f);
	}
}
