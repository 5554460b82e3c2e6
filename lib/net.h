/* net: UDP sockets to receive export datagrams on: addresses, listening, sockets passed by a
 * service manager. */
#ifndef GOFLOW_NET_H
#define GOFLOW_NET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/datagram.h"

struct net_address {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* Parses "[ADDR]:PORT", "ADDR:PORT" (IPv4), ":PORT" or "PORT"; without an address it is [::], which
 * takes IPv4 too. A multicast group may be followed by %INTERFACE. Returns 0, or ERR_SYNTAX. */
int net_parse(const char *text, struct net_address *out);

/* Opens a UDP socket bound to `a` (joining it, and sharing it with other listeners, if it is a
 * multicast group), non-blocking and prepared by net_prepare. Where the kernel has no IPv6, [::] is
 * 0.0.0.0. Returns the descriptor, or ERR_IO after a log line. */
int net_listen(const struct net_address *a, uint64_t rcvbuf);

/* The same for the first of several sockets that may come to share the port (SO_REUSEPORT). It is alone until
 * net_share, and gets all datagrams until net_steer says otherwise. */
int net_listen_first(const struct net_address *a, uint64_t rcvbuf);

/* Lets further sockets share the port of that one; of one that is not by net_listen_first too, but then the kernel
 * gives datagrams to all of them as they come. Returns 0, or ERR_IO after a log line. */
int net_share(int fd);

/* Opens one that shares the port of others, among which the kernel distributes. */
int net_listen_shared(const struct net_address *a, uint64_t rcvbuf);

/* Has the kernel give all datagrams of one source address to the same of the n sockets that share a port, counted in
 * the order of their opening; fd is any of them. Returns 0, or ERR_IO after a log line. */
int net_steer(int fd, unsigned n);

/* Asks a bound socket for receive timestamps, destination addresses and the count of drops, and for
 * a receive buffer of rcvbuf bytes; a warning names the sysctl where the kernel gave less. Makes it
 * non-blocking. Returns 0, or ERR_IO after a log line. */
int net_prepare(int fd, uint64_t rcvbuf);

/* Datagram sockets passed by a service manager (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, from
 * descriptor 3 on), which it removes from the environment. Returns how many of them it wrote to fds
 * (at most max), 0 if none were passed, or ERR_SYNTAX after a log line. */
int net_passed(int *fds, size_t max);

#define NET_BATCH 64 /* datagrams in one system call */

/* Room for a batch; the datagrams received borrow from it. */
struct net_batch;
struct net_batch *net_batch_new(void);
void net_batch_free(struct net_batch *b);

/* Receives up to NET_BATCH datagrams without blocking. Returns how many, 0 if none are there, or
 * ERR_IO. *drops is set to the kernel's count of datagrams dropped on this socket, if it was told.
 */
int net_receive(struct net_batch *b, int fd, uint32_t *drops);

/* Datagram i of the last net_receive, whose socket is bound to `port`. */
void net_datagram(const struct net_batch *b, int i, uint16_t port, struct datagram *out);

/* What the kernel had dropped on the socket that is passed, as far as that has been counted: a number of the
 * environment. */
#define NET_DROPS_ENVIRONMENT "GOFLOW_DROPS"

/* Sets *drops to the count of datagrams that the kernel has dropped on this socket until now,
 * modulo 2^32; leaves it where the kernel does not say. */
void net_drops(int fd, uint32_t *drops);

/* The port that a socket is bound to; 0 if it is not. */
uint16_t net_port(int fd);

#endif
