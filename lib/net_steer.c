/* Which of several sockets gets a datagram: a classic BPF program over its IP header (socket(7),
 * SO_ATTACH_REUSEPORT_CBPF). */
#include <errno.h>
#include <linux/filter.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/net.h"

#define IP_HEADER(offset) ((uint32_t)SKF_NET_OFF + (offset))
#define LOAD(offset)      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IP_HEADER(offset))
/* A becomes A XOR what stands there; X is used up. */
#define MIX(offset)                                                                                \
	BPF_STMT(BPF_MISC | BPF_TAX, 0), LOAD(offset), BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0)

int net_steer(int fd, unsigned n)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IP_HEADER(0)),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 2, 0),
		LOAD(12), /* IPv4's source address: RFC 791, 3.1 */
		BPF_STMT(BPF_JMP | BPF_JA, 10),
		LOAD(8), /* IPv6's: RFC 8200, 3 */
		MIX(12),
		MIX(16),
		MIX(20),
		/* neighbours differ in their last bits alone: multiply, and take from above */
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, n),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog program = {.len = LEN(code), .filter = code};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0)
		return 0;
	log_error("steering by source address: %s", strerror(errno));
	return ERR_IO;
}
