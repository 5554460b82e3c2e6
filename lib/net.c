#include "lib/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"

#define DATAGRAM_MAX 65536
#define CONTROL_MAX  256
#define FIRST_PASSED 3

/* Splits "[ADDR]:PORT" and its shorter forms; the pieces are copied. */
static int split(const char *text, char *host, size_t host_cap, const char **port)
{
	const char *colon = strrchr(text, ':'), *start = text, *end = colon ? colon : text;
	*port = colon ? colon + 1 : text;
	if (*start == '[') {
		start++;
		if (end <= start || end[-1] != ']')
			return ERR_SYNTAX;
		end--;
	} else if (colon && memchr(text, ':', (size_t)(colon - text))) {
		return ERR_SYNTAX; /* an IPv6 address needs its brackets */
	}
	size_t len = (size_t)(end - start);
	if (len >= host_cap)
		return ERR_SYNTAX;
	memcpy(host, start, len);
	host[len] = '\0';
	return 0;
}

static int parse_port(const char *text, in_port_t *out)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || v > UINT16_MAX)
		return ERR_SYNTAX;
	*out = htons((uint16_t)v);
	return 0;
}

int net_parse(const char *text, struct net_address *out)
{
	char host[128];
	const char *port_text;
	in_port_t port;
	unsigned interface = 0;
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&out->addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&out->addr;

	if (split(text, host, sizeof host, &port_text) || parse_port(port_text, &port))
		return ERR_SYNTAX;
	char *zone = strchr(host, '%');
	if (zone) {
		*zone = '\0';
		interface = if_nametoindex(zone + 1);
		if (!interface)
			return ERR_SYNTAX;
	}
	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		out->len = sizeof *v4;
		/* an IPv4 address has no room for the interface of a group: it goes behind it */
		memcpy(v4->sin_zero, &interface, sizeof interface);
		return 0;
	}
	if (*host && inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return ERR_SYNTAX;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = port;
	v6->sin6_scope_id = interface;
	out->len = sizeof *v6;
	return 0;
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

/* The buffer that the kernel granted; it counts its own bookkeeping, twice what was asked for. */
static uint64_t granted(int fd)
{
	int got = 0;
	socklen_t len = sizeof got;
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len);
	return (uint64_t)got / 2;
}

static void ask_buffer(int fd, uint64_t bytes)
{
	int want = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, want) != 0)
		set_int(fd, SOL_SOCKET, SO_RCVBUF, want);
	uint64_t got = granted(fd);
	if (got < (uint64_t)want)
		log_warn("the kernel gave a smaller receive buffer: raise it with sysctl -w "
			 "net.core.rmem_max=%d "
			 "asked=%d got=%llu",
			want, want, (unsigned long long)got);
}

int net_prepare(int fd, uint64_t rcvbuf)
{
	int family = AF_UNSPEC, err;
	socklen_t len = sizeof family;
	int flags = fcntl(fd, F_GETFL);
	err = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
	err |= flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	err |= set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	err |= set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	if (family == AF_INET6)
		err |= set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	else
		err |= set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (err) {
		log_error("socket options: %s", strerror(errno));
		return ERR_IO;
	}
	ask_buffer(fd, rcvbuf);
	return 0;
}

/* Joins the group that the socket is bound to. */
static int join(int fd, const struct net_address *a)
{
	if (a->addr.ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&a->addr;
		struct ip_mreqn m = {.imr_multiaddr = v4->sin_addr};
		memcpy(&m.imr_ifindex, v4->sin_zero, sizeof m.imr_ifindex);
		return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m);
	}
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&a->addr;
	struct ipv6_mreq m = {v6->sin6_addr, v6->sin6_scope_id};
	return setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &m, sizeof m);
}

static bool is_group(const struct net_address *a)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&a->addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&a->addr;
	return a->addr.ss_family == AF_INET ? IN_MULTICAST(ntohl(v4->sin_addr.s_addr))
					    : IN6_IS_ADDR_MULTICAST(&v6->sin6_addr);
}

enum sharing {
	ALONE,
	FIRST, /* alone at first, in a group which others can join */
	FURTHER,
};

/* A socket bound to the address; -1 with errno. */
static int bound_socket(const struct net_address *a, enum sharing sharing)
{
	if (sharing == FIRST) { /* a group of somebody else's would take it in: is it free? */
		int probe = bound_socket(a, ALONE);
		if (probe < 0)
			return -1;
		close(probe);
	}
	int fd = socket(a->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	bool v6 = a->addr.ss_family == AF_INET6, group = is_group(a);
	if ((v6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) ||
		(group && set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1)) ||
		(sharing != ALONE && set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ||
		bind(fd, (const struct sockaddr *)&a->addr, a->len) || (group && join(fd, a))) {
		int why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

/* The same port of all IPv4 addresses, if `a` is that of all addresses. */
static bool without_ipv6(const struct net_address *a, struct net_address *out)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&a->addr;
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&out->addr;
	if (a->addr.ss_family != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
		return false;
	memset(out, 0, sizeof *out);
	v4->sin_family = AF_INET;
	v4->sin_port = v6->sin6_port;
	out->len = sizeof *v4;
	return true;
}

static int open_listener(const struct net_address *a, uint64_t rcvbuf, enum sharing sharing)
{
	struct net_address v4;
	int fd = bound_socket(a, sharing);
	if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) && without_ipv6(a, &v4))
		fd = bound_socket(&v4, sharing);
	if (fd < 0) {
		log_error("listen: %s", strerror(errno));
		return ERR_IO;
	}
	if (net_prepare(fd, rcvbuf) != 0) {
		close(fd);
		return ERR_IO;
	}
	return fd;
}

int net_listen(const struct net_address *a, uint64_t rcvbuf)
{
	return open_listener(a, rcvbuf, ALONE);
}

int net_listen_first(const struct net_address *a, uint64_t rcvbuf)
{
	int fd = open_listener(a, rcvbuf, FIRST);
	if (fd >= 0 && net_steer(fd, 1) == 0 && set_int(fd, SOL_SOCKET, SO_REUSEPORT, 0) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return ERR_IO;
}

int net_share(int fd)
{
	if (set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) == 0)
		return 0;
	log_error("sharing a port: %s", strerror(errno));
	return ERR_IO;
}

int net_listen_shared(const struct net_address *a, uint64_t rcvbuf)
{
	return open_listener(a, rcvbuf, FURTHER);
}

static bool is_datagram_socket(int fd)
{
	int type = 0;
	socklen_t len = sizeof type;
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM &&
	       net_port(fd) != 0;
}

int net_passed(int *fds, size_t max)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	if (!pid || !count || strtol(pid, NULL, 10) != getpid())
		return 0;
	long n = strtol(count, NULL, 10);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (n < 0 || (size_t)n > max) {
		log_error("LISTEN_FDS: found %ld, expected a number from 0 to %zu", n, max);
		return ERR_SYNTAX;
	}
	for (int i = 0; i < n; i++) {
		fds[i] = FIRST_PASSED + i;
		if (!is_datagram_socket(fds[i])) {
			log_error("LISTEN_FDS: descriptor %d is no bound UDP socket", fds[i]);
			return ERR_SYNTAX;
		}
		fcntl(fds[i], F_SETFD, FD_CLOEXEC);
	}
	return (int)n;
}

uint16_t net_port(int fd)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof a;
	if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		return 0;
	if (a.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)(void *)&a)->sin_port);
	return a.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)(void *)&a)->sin6_port) : 0;
}

void net_drops(int fd, uint32_t *drops)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t len = sizeof info;
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 &&
		len >= (SK_MEMINFO_DROPS + 1) * sizeof info[0])
		*drops = info[SK_MEMINFO_DROPS];
}

struct net_batch {
	struct mmsghdr headers[NET_BATCH];
	struct iovec vectors[NET_BATCH];
	struct sockaddr_storage peers[NET_BATCH];
	union {
		char bytes[CONTROL_MAX];
		struct cmsghdr align;
	} control[NET_BATCH];
	uint8_t payloads[NET_BATCH][DATAGRAM_MAX];
};

struct net_batch *net_batch_new(void)
{
	struct net_batch *b = malloc(sizeof *b);
	if (!b)
		return NULL;
	memset(b, 0, offsetof(struct net_batch, payloads));
	for (int i = 0; i < NET_BATCH; i++) {
		b->vectors[i] = (struct iovec){b->payloads[i], DATAGRAM_MAX};
		b->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &b->peers[i],
			.msg_iov = &b->vectors[i],
			.msg_iovlen = 1,
			.msg_control = b->control[i].bytes,
		};
	}
	return b;
}

void net_batch_free(struct net_batch *b)
{
	free(b);
}

/* The kernel's count of drops as of this datagram, if it is there. */
static void read_drops(struct msghdr *h, uint32_t *drops)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
			memcpy(drops, CMSG_DATA(c), sizeof *drops);
}

int net_receive(struct net_batch *b, int fd, uint32_t *drops)
{
	for (int i = 0; i < NET_BATCH; i++) {
		b->headers[i].msg_hdr.msg_namelen = sizeof b->peers[i];
		b->headers[i].msg_hdr.msg_controllen = sizeof b->control[i].bytes;
	}
	int n = recvmmsg(fd, b->headers, NET_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) /* an ICMP error of an earlier answer is none of ours */
		return errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED ? 0 : ERR_IO;
	if (n > 0)
		read_drops(&b->headers[n - 1].msg_hdr, drops);
	return n;
}

static void set_peer(struct datagram *d, const struct sockaddr_storage *peer)
{
	if (peer->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)peer;
		uint8_t bytes[4];
		memcpy(bytes, &v4->sin_addr, sizeof bytes);
		d->src = ip_from4(bytes);
		d->src_port = ntohs(v4->sin_port);
	} else {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)peer;
		d->src = ip_from6(v6->sin6_addr.s6_addr); /* an IPv4 peer is v4-mapped already */
		d->src_port = ntohs(v6->sin6_port);
	}
}

static void set_from_control(struct datagram *d, const struct cmsghdr *c)
{
	struct timespec t;
	struct in_pktinfo v4;
	struct in6_pktinfo v6;
	uint8_t bytes[4];
	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
		memcpy(&t, CMSG_DATA(c), sizeof t);
		d->received =
			(struct instant){(uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec, 9};
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		memcpy(&v4, CMSG_DATA(c), sizeof v4);
		memcpy(bytes, &v4.ipi_addr, sizeof bytes);
		d->dst = ip_from4(bytes);
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&v6, CMSG_DATA(c), sizeof v6);
		d->dst = ip_from6(v6.ipi6_addr.s6_addr);
	}
}

void net_datagram(const struct net_batch *b, int i, uint16_t port, struct datagram *out)
{
	struct msghdr h = b->headers[i].msg_hdr;
	*out = (struct datagram){
		.dst_port = port,
		.len = b->headers[i].msg_len,
		.sent_len = b->headers[i].msg_len,
		.data = b->payloads[i],
	};
	set_peer(out, &b->peers[i]);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
		set_from_control(out, c);
	if (!out->received.ns)
		out->received = instant_now();
}
