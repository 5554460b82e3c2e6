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
		snprintf(out, room, "[%s]:%s", v[KEY_BINDADDR].text, v[KEY_BINDPORT].text);
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

/* The further ones, which join the first one. They are left out until it is known whether this
 * configuration is taken: that is said again for a passed socket, which has not been told. */
static int open_further(const struct config_frontend *f, const struct net_address *a, int *fds,
	unsigned had, unsigned workers)
{
	unsigned n = had;
	int err = net_share(fds[0]);
	while (!err && n < workers &&
		(fds[n] = net_listen_shared(a, f->values[KEY_RCVBUF].number)) >= 0)
		n++;
	if (n == workers && net_steer(fds[0], had) == 0)
		return 0;
	while (n > had)
		close(fds[--n]);
	return ERR_IO;
}

static int cannot_listen(const struct config_frontend *f)
{
	log_error("frontends.%s: address %s port %s cannot be listened on", f->name,
		f->values[KEY_BINDADDR].text, f->values[KEY_BINDPORT].text);
	return ERR_IO;
}

int sockets_first(const struct config_frontend *f)
{
	struct net_address a;
	int fd = copy_passed((uint16_t)f->values[KEY_BINDPORT].number);
	if (fd < 0 && parse(f, &a) == 0)
		fd = net_listen_first(&a, f->values[KEY_RCVBUF].number);
	return fd < 0 ? cannot_listen(f) : fd;
}

int sockets_further(
	const struct config_frontend *f, int fds[static SOCKETS_WORKERS_MAX], unsigned had)
{
	struct net_address a;
	unsigned workers = (unsigned)f->values[KEY_WORKERS].number;
	if (had >= workers)
		return 0;
	if (parse(f, &a) != 0 || open_further(f, &a, fds, had, workers) != 0)
		return cannot_listen(f);
	return 0;
}
