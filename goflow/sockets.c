#include "goflow/sockets.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/log.h"
#include "lib/net.h"

#define PASSED_MAX 32

static int passed[PASSED_MAX];
static int passed_count;

int sockets_passed(void)
{
	passed_count = net_passed(passed, PASSED_MAX);
	if (passed_count >= 0)
		return 0;
	passed_count = 0;
	return ERR_SYNTAX;
}

void sockets_address(const struct config_frontend *f, char *out, size_t room)
{
	const struct config_value *v = f->values;
	*out = '\0';
	if (f->type != FRONTEND_PCAP)
		snprintf(out, room, "[%s]:%s/%s", v[KEY_BINDADDR].text, v[KEY_BINDPORT].text,
			v[KEY_WORKERS].text);
}

/* A passed socket of that port: a copy, since a later configuration may want it again. */
static int copy_passed(uint16_t port)
{
	for (int i = 0; i < passed_count; i++)
		if (net_port(passed[i]) == port)
			return fcntl(passed[i], F_DUPFD_CLOEXEC, 0);
	return -1;
}

static int parse(const struct config_frontend *f, struct net_address *a)
{
	char text[128];
	const char *host = f->values[KEY_BINDADDR].text;
	snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host,
		f->values[KEY_BINDPORT].text);
	return net_parse(text, a);
}

static int open_group(const struct net_address *a, uint64_t rcvbuf, unsigned workers, int *fds)
{
	unsigned n = 0;
	while (n < workers && (fds[n] = net_listen_shared(a, rcvbuf)) >= 0)
		n++;
	if (n == workers && net_steer(fds[0], workers) == 0)
		return 0;
	while (n > 0)
		close(fds[--n]);
	return ERR_IO;
}

int sockets_open(const struct config_frontend *f, int fds[static SOCKETS_WORKERS_MAX])
{
	struct net_address a;
	uint64_t rcvbuf = f->values[KEY_RCVBUF].number;
	unsigned workers = (unsigned)f->values[KEY_WORKERS].number;
	int err = parse(f, &a);
	if (!err && workers == 1) {
		fds[0] = copy_passed((uint16_t)f->values[KEY_BINDPORT].number);
		if (fds[0] < 0)
			fds[0] = net_listen(&a, rcvbuf);
		err = fds[0] < 0 ? ERR_IO : 0;
	} else if (!err) {
		err = open_group(&a, rcvbuf, workers, fds);
	}
	if (err)
		log_error("frontends.%s: address %s port %s cannot be listened on", f->name,
			f->values[KEY_BINDADDR].text, f->values[KEY_BINDPORT].text);
	return err ? ERR_IO : 0;
}
