/* --outputs: when the reader of standard output has gone, a supervisor starts another one, and
 * passes the pipe to it over a unix socket (SCM_RIGHTS, unix(7)). A pcap stream does not
 * resynchronise, so a new one begins. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/pcapio.h"
#include "nfrecv/nfrecv.h"

int output_lost(struct nfrecv *n, int err)
{
	if (err != ERR_CLOSED || n->outputs_fd < 0)
		return err;
	log_warn("the reader has gone away: waiting for the next one");
	n->out = (struct stage_output){-1, -1}; /* standard output stays until it is replaced */
	ring_rewind(&n->ring);
	return 0;
}

/* Receives a descriptor: it, -1 for none yet (errno EAGAIN), or -1 for none any more. */
static int receive_descriptor(int from)
{
	char byte;
	int fd = -1;
	union {
		char bytes[CMSG_SPACE(sizeof fd)];
		struct cmsghdr align;
	} control;
	struct iovec v = {&byte, 1};
	struct msghdr h = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof control.bytes};
	ssize_t got = recvmsg(from, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&h) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	else if (got >= 0)
		errno = ECONNRESET;
	return fd;
}

/* Puts the descriptor in the place of standard output. */
static int begin_output(struct nfrecv *n, int fd)
{
	uint8_t header[PCAPIO_FILE_HEADER];
	size_t written;
	int err = dup2(fd, STDOUT_FILENO) < 0 ? ERR_IO : 0;
	close(fd);
	if (err)
		return err;
	pcapio_file_header(header);
	ring_rewind(&n->ring);
	stage_output_begin(&n->out, STDOUT_FILENO);
	return output_lost(n, stage_write(&n->stage, &n->out, header, sizeof header, &written));
}

int output_next(struct nfrecv *n)
{
	int fd = receive_descriptor(n->outputs_fd);
	if (fd >= 0)
		return begin_output(n, fd);
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	close(n->outputs_fd);
	n->outputs_fd = -1;
	return n->out.fd < 0 ? ERR_CLOSED : 0;
}
