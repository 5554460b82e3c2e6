#include "lib/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/err.h"

static void test_addresses(void **state)
{
	static const struct {
		const char *text, *address;
		int family;
		unsigned port;
	} good[] = {
		{"127.0.0.1:2055", "127.0.0.1", AF_INET, 2055},
		{"0.0.0.0:1", "0.0.0.0", AF_INET, 1},
		{"[::1]:2055", "::1", AF_INET6, 2055},
		{"[::]:65535", "::", AF_INET6, 65535},
		{":4739", "::", AF_INET6, 4739},
		{"239.1.2.3%lo:2055", "239.1.2.3", AF_INET, 2055},
		{"[ff02::1%lo]:2055", "ff02::1", AF_INET6, 2055},
	};
	(void)state;
	for (size_t i = 0; i < LEN(good); i++) {
		struct net_address a;
		char text[INET6_ADDRSTRLEN];
		assert_int_equal(net_parse(good[i].text, &a), 0);
		assert_int_equal(a.addr.ss_family, good[i].family);
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&a.addr;
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&a.addr;
		const void *bytes =
			good[i].family == AF_INET ? (const void *)&v4->sin_addr : &v6->sin6_addr;
		assert_non_null(inet_ntop(good[i].family, bytes, text, sizeof text));
		assert_string_equal(text, good[i].address);
		assert_int_equal(ntohs(good[i].family == AF_INET ? v4->sin_port : v6->sin6_port),
			good[i].port);
	}
}

static void test_what_is_no_address(void **state)
{
	static const char *const bad[] = {"", ":", "nowhere", "nowhere:1", "::1:2055", "[::1]",
		"[::1:2055", "1.2.3:1", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:65536", "1.2.3.4:-1",
		"1.2.3.4: 1", "[1.2.3.4:1", "[::1%no-such-if]:1", "127.0.0.1:1 "};
	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		struct net_address a;
		assert_int_equal(net_parse(bad[i], &a), ERR_SYNTAX);
	}
}

static int listen_at(const char *text)
{
	struct net_address a;
	assert_int_equal(net_parse(text, &a), 0);
	int fd = net_listen(&a, 65536);
	assert_true(fd >= 0);
	assert_true(net_port(fd) != 0);
	return fd;
}

/* Sends from a new socket to a loopback address; returns its port. */
static uint16_t send_to(int family, uint16_t port, const void *bytes, size_t len)
{
	int fd = socket(family, SOCK_DGRAM, 0);
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT};
	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	const void *to = family == AF_INET ? (const void *)&v4 : &v6;
	assert_true(fd >= 0);
	assert_int_equal(
		sendto(fd, bytes, len, 0, to, family == AF_INET ? sizeof v4 : sizeof v6), len);
	uint16_t from = net_port(fd);
	close(fd);
	return from;
}

static void receive_one(struct net_batch *b, int fd, struct datagram *d)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint32_t drops = 0;
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(net_receive(b, fd, &drops), 1);
	net_datagram(b, 0, net_port(fd), d);
}

static void assert_from(const struct datagram *d, const char *address, uint16_t port, int fd)
{
	char text[IP_TEXT_MAX];
	uint64_t now = instant_now().ns;
	assert_string_equal(ip_text(&d->src, text), address);
	assert_string_equal(ip_text(&d->dst, text), address);
	assert_int_equal(d->src_port, port);
	assert_int_equal(d->dst_port, net_port(fd));
	assert_int_equal(d->received.digits, 9);
	assert_true(d->received.ns <= now && now - d->received.ns < 60 * NS_PER_S);
}

/* One socket serves both families, and an IPv4 peer is IPv4. */
static void test_both_families(void **state)
{
	static uint8_t largest[65527];
	struct net_batch *b = net_batch_new();
	struct datagram d;
	int fd = listen_at(":0");
	(void)state;
	memset(largest, 0x5a, sizeof largest);
	uint16_t from = send_to(AF_INET, net_port(fd), "four", 4);
	receive_one(b, fd, &d);
	assert_from(&d, "127.0.0.1", from, fd);
	assert_true(ip_is4(&d.src));
	assert_int_equal(d.len, 4);
	assert_memory_equal(d.data, "four", 4);

	from = send_to(AF_INET6, net_port(fd), largest, sizeof largest);
	receive_one(b, fd, &d);
	assert_from(&d, "::1", from, fd);
	assert_int_equal(d.len, sizeof largest);
	assert_memory_equal(d.data, largest, sizeof largest);

	send_to(AF_INET, net_port(fd), "", 0);
	receive_one(b, fd, &d);
	assert_int_equal(d.len, 0);
	close(fd);
	net_batch_free(b);
}

static void test_an_ipv4_socket(void **state)
{
	struct net_batch *b = net_batch_new();
	struct datagram d;
	uint32_t drops = 7;
	int fd = listen_at("127.0.0.1:0");
	(void)state;
	assert_int_equal(net_receive(b, fd, &drops), 0); /* nothing there: it does not wait */
	assert_int_equal(drops, 7);
	uint16_t from = send_to(AF_INET, net_port(fd), "x", 1);
	receive_one(b, fd, &d);
	assert_from(&d, "127.0.0.1", from, fd);
	close(fd);
	net_batch_free(b);
}

/* What does not fit the socket's buffer is counted by the kernel, and told with what comes next. */
static void test_kernel_drops(void **state)
{
	static const uint8_t big[60000];
	struct net_batch *b = net_batch_new();
	uint32_t drops = 0;
	int fd = listen_at("127.0.0.1:0"), got = 0, n;
	(void)state;
	for (int i = 0; i < 20; i++)
		send_to(AF_INET, net_port(fd), big, sizeof big);
	while ((n = net_receive(b, fd, &drops)) > 0)
		got += n;
	assert_in_range(got, 1, 19);
	uint32_t now = 0;
	net_drops(fd, &now); /* told at once if asked */
	assert_int_equal(got + (int)now, 20);
	send_to(AF_INET, net_port(fd), "x", 1);
	assert_int_equal(net_receive(b, fd, &drops), 1);
	assert_int_equal(got + (int)drops, 20);
	close(fd);
	net_batch_free(b);
}

static void test_an_address_in_use(void **state)
{
	int fd = listen_at("127.0.0.1:0");
	struct net_address a;
	char text[32];
	(void)state;
	snprintf(text, sizeof text, "127.0.0.1:%u", net_port(fd));
	assert_int_equal(net_parse(text, &a), 0);
	assert_int_equal(net_listen(&a, 65536), ERR_IO);
	close(fd);
}

static void set_listen(const char *fds, long pid)
{
	char text[24];
	snprintf(text, sizeof text, "%ld", pid);
	assert_int_equal(setenv("LISTEN_FDS", fds, 1), 0);
	assert_int_equal(setenv("LISTEN_PID", text, 1), 0);
}

/* Only for the process that they are meant for, only bound UDP sockets, and only once. */
static void test_passed_sockets(void **state)
{
	int fds[4], fd = listen_at("127.0.0.1:0"), saved = dup(3);
	(void)state;
	set_listen("1", getpid() + 1L);
	assert_int_equal(net_passed(fds, LEN(fds)), 0);

	assert_int_equal(dup2(fd, 3), 3);
	set_listen("1", getpid());
	assert_int_equal(net_passed(fds, LEN(fds)), 1);
	assert_int_equal(fds[0], 3);
	assert_null(getenv("LISTEN_FDS"));
	assert_int_equal(net_passed(fds, LEN(fds)), 0);

	set_listen("5", getpid());
	assert_int_equal(net_passed(fds, LEN(fds)), ERR_SYNTAX);
	set_listen("-1", getpid());
	assert_int_equal(net_passed(fds, LEN(fds)), ERR_SYNTAX);

	int stream = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(dup2(stream, 3), 3);
	set_listen("1", getpid());
	assert_int_equal(net_passed(fds, LEN(fds)), ERR_SYNTAX);
	close(stream);
	if (saved >= 0) {
		dup2(saved, 3);
		close(saved);
	} else {
		close(3);
	}
	if (fd != 3)
		close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_what_is_no_address),
		cmocka_unit_test(test_both_families),
		cmocka_unit_test(test_an_ipv4_socket),
		cmocka_unit_test(test_kernel_drops),
		cmocka_unit_test(test_an_address_in_use),
		cmocka_unit_test(test_passed_sockets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
