/* The API's address: its socket, and how a client finds it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "goflow/api.h"
#include "lib/err.h"
#include "lib/ip.h"
#include "lib/log.h"

#define BACKLOG 64

static const char *host_of(const struct config *c)
{
	return c->values[KEY_API_BINDADDR].text;
}

static unsigned port_of(const struct config *c)
{
	return (unsigned)c->values[KEY_API_BINDPORT].number;
}

static bool bound_to(const struct config *c, struct ip *out)
{
	return ip_parse(host_of(c), strlen(host_of(c)), out) == 0;
}

bool api_is_loopback(const struct config *c)
{
	static const struct ip six = {{[15] = 1}};
	struct ip ip;
	return bound_to(c, &ip) && (ip_is4(&ip) ? ip.b[12] == 127 : ip_equal(&ip, &six));
}

const char *api_url(const struct config *c, char out[static API_URL_MAX])
{
	char text[IP_TEXT_MAX] = "127.0.0.1";
	struct ip ip;
	bool six = false;
	if (bound_to(c, &ip)) {
		six = !ip_is4(&ip);
		if (!ip_is_unspecified(&ip))
			ip_text(&ip, text);
		else if (six)
			memcpy(text, "::1", 4);
	}
	snprintf(out, API_URL_MAX, six ? "http://[%s]:%u" : "http://%s:%u", text, port_of(c));
	return out;
}

static socklen_t address_of(const struct config *c, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
	struct ip ip;
	memset(out, 0, sizeof *out);
	if (!bound_to(c, &ip))
		return 0;
	if (ip_is4(&ip)) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port_of(c));
		memcpy(&four->sin_addr, ip.b + 12, 4);
		return sizeof *four;
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons((uint16_t)port_of(c));
	memcpy(&six->sin6_addr, ip.b, 16);
	return sizeof *six;
}

int api_listen(const struct config *c)
{
	struct sockaddr_storage address;
	socklen_t len = address_of(c, &address);
	int on = 1, fd = -1;
	errno = EAFNOSUPPORT;
	if (len)
		fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* what a server before this one left in TIME_WAIT must not be in the way */
	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) &&
		!bind(fd, (struct sockaddr *)&address, len) && !listen(fd, BACKLOG))
		return fd;
	log_error("api: address %s port %u: %s", host_of(c), port_of(c), strerror(errno));
	if (fd >= 0)
		close(fd);
	return ERR_IO;
}
