/* Receiving: from sockets into the ring, and from the ring to standard output, neither waiting for
 * the other. */
#include "nfrecv/nfrecv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"

#define BATCHES_A_TURN 16 /* of one socket, before the others have theirs */

struct live_socket {
	int fd;
	uint16_t port;
	uint32_t drops; /* the kernel's count so far */
};

struct live {
	struct nfrecv *n;
	struct net_batch *batch;
	struct live_socket sockets[SOCKETS_MAX];
	size_t count;
	uint64_t drain_ns; /* real time when the drain began: what came later is the next one's */
	struct log_limit ring_limit, kernel_limit; /* of the messages about drops */
};

static void drop(struct live *l, struct peer *peer)
{
	uint64_t missed;
	char address[IP_TEXT_MAX];
	peer->ring_full++;
	l->n->counts[COUNT_RING_FULL]++;
	if (log_limit(&l->ring_limit, &missed))
		log_warn("the ring is full: the reader of standard output is too slow exporter=%s "
			 "dropped=%llu",
			ip_text(&peer->address, address),
			(unsigned long long)l->n->counts[COUNT_RING_FULL]);
}

static void count_kernel_drops(struct live *l, struct live_socket *s, uint32_t drops)
{
	uint64_t missed;
	int32_t more = (int32_t)(drops - s->drops); /* modulo 2^32 */
	if (more <= 0) /* a datagram of a passed socket tells of older times */
		return;
	l->n->counts[COUNT_KERNEL_DROPS] += (uint64_t)more;
	s->drops = drops;
	if (log_limit(&l->kernel_limit, &missed))
		log_warn("the kernel dropped datagrams: a larger --rcvbuf holds longer bursts "
			 "port=%u kernel_drops=%llu",
			s->port, (unsigned long long)l->n->counts[COUNT_KERNEL_DROPS]);
}

/* Puts a datagram in the ring, or drops it. `keep` says to make room by waiting for the reader.
 * Returns 0 or what went wrong in that. */
static int take(struct live *l, const struct datagram *d, bool keep)
{
	struct peer *peer = peer_count(l->n, d);
	int err = 0, put = put_datagram(l->n, d);
	if (put == ERR_RETRY && keep) {
		err = flush_ring(l->n);
		put = put_datagram(l->n, d);
	}
	if (put == ERR_RETRY)
		drop(l, peer);
	return err;
}

/* Receives a batch, and takes all of it even where the reader fails, so that all is counted.
 * Returns how many datagrams came, 0 where the last one came after the drain began, or a negative
 * code. */
static int receive(struct live *l, struct live_socket *s, bool keep)
{
	uint32_t drops = s->drops;
	struct datagram d = {.len = 0};
	int n = net_receive(l->batch, s->fd, &drops), err = 0;
	if (n < 0) {
		log_error("receive: %s", strerror(errno));
		return n;
	}
	count_kernel_drops(l, s, drops);
	l->n->counts[COUNT_RECEIVED] +=
		(uint64_t)n; /* at once: were it killed now, they would be missed */
	for (int i = 0; i < n; i++) {
		net_datagram(l->batch, i, s->port, &d);
		int e = take(l, &d, keep && !err);
		err = err ? err : e;
	}
	if (err)
		return err;
	return l->drain_ns && d.received.ns > l->drain_ns ? 0 : n;
}

/* Takes what a socket has, up to a number of batches. */
static int receive_turn(struct live *l, struct live_socket *s, unsigned batches, bool keep)
{
	int n = NET_BATCH;
	for (unsigned i = 0; i < batches && n == NET_BATCH; i++)
		n = receive(l, s, keep);
	return n < 0 ? n : 0;
}

/* One round: waits for a socket to be readable, or the reader to take more. */
static int turn(struct live *l)
{
	struct pollfd fds[SOCKETS_MAX + 2];
	struct nfrecv *n = l->n;
	const uint8_t *bytes;
	nfds_t count = l->count;
	int err = 0;
	for (size_t i = 0; i < l->count; i++)
		fds[i] = (struct pollfd){.fd = l->sockets[i].fd, .events = POLLIN};
	/* with nothing to write it is watched all the same: POLLERR tells that the reader has gone
	 */
	fds[count++] = (struct pollfd){
		.fd = n->out.fd, .events = ring_peek(&n->ring, &bytes) ? POLLOUT : 0};
	fds[count++] = (struct pollfd){.fd = n->outputs_fd, .events = POLLIN};
	int ready = stage_wait(&n->stage, fds, count, -1);
	if (ready < 0)
		return ready;
	if (fds[l->count].revents & (POLLERR | POLLNVAL))
		err = output_lost(n, ERR_CLOSED);
	if (!err && fds[l->count + 1].revents)
		err = output_next(n);
	for (size_t i = 0; i < l->count && !err; i++)
		if (fds[i].revents)
			err = receive_turn(l, &l->sockets[i], BATCHES_A_TURN, false);
	return err ? err : output_lost(n, write_ring(n));
}

/* After a signal: what the kernel holds already, and then what the ring holds. */
static int drain(struct live *l)
{
	int err = 0;
	l->drain_ns = instant_now().ns;
	for (size_t i = 0; i < l->count && !err; i++)
		err = receive_turn(l, &l->sockets[i], UINT32_MAX, true);
	return err ? err : flush_ring(l->n);
}

static int add_socket(struct live *l, int fd)
{
	if (fd < 0)
		return fd;
	struct live_socket *s = &l->sockets[l->count++];
	*s = (struct live_socket){.fd = fd, .port = net_port(fd)};
	net_drops(fd, &s->drops); /* of a passed socket: its former owner has counted them */
	const char *counted = getenv(NET_DROPS_ENVIRONMENT);
	if (counted) /* or not all of them */
		s->drops = (uint32_t)strtoul(counted, NULL, 10);
	return 0;
}

/* The sockets that a service manager passed, else those of -l. */
static int open_sockets(struct live *l)
{
	const struct config *c = l->n->config;
	int passed[SOCKETS_MAX], count = net_passed(passed, SOCKETS_MAX), err = 0;
	if (count < 0)
		return count;
	for (int i = 0; i < count && !err; i++) {
		err = net_prepare(passed[i], c->rcvbuf);
		if (!err)
			err = add_socket(l, passed[i]);
	}
	for (size_t i = 0; count == 0 && i < c->listen_count && !err; i++) {
		err = add_socket(l, net_listen(&c->listen[i], c->rcvbuf));
		if (err)
			log_error("option --listen: %s cannot be listened on", c->listen_text[i]);
	}
	for (size_t i = 0; i < l->count && !err; i++)
		log_info("listening port=%u passed=%d", l->sockets[i].port, count > 0);
	return err;
}

int run_live(struct nfrecv *n)
{
	static struct live l;
	l.n = n;
	l.batch = net_batch_new();
	int err = l.batch ? open_sockets(&l) : ERR_MEMORY;
	if (!err)
		lock_in(n);
	while (!err && !n->stage.signals)
		err = turn(&l);
	if (!err)
		err = drain(&l);
	for (size_t i = 0; i < l.count; i++) {
		uint32_t drops = l.sockets[i].drops;
		net_drops(l.sockets[i].fd, &drops); /* those behind the last datagram too */
		count_kernel_drops(&l, &l.sockets[i], drops);
		close(l.sockets[i].fd);
	}
	net_batch_free(l.batch);
	return err;
}
