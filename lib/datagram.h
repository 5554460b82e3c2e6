/* datagram: one UDP datagram with where and when it came. */
#ifndef GOFLOW_DATAGRAM_H
#define GOFLOW_DATAGRAM_H

#include <stdbool.h>

#include "lib/instant.h"
#include "lib/ip.h"

struct datagram {
	struct instant received;
	struct ip src, dst;
	uint16_t src_port, dst_port;
	bool truncated;      /* the capture cut it: len is less than was sent */
	uint32_t len;        /* bytes of payload at data */
	uint32_t sent_len;   /* bytes of payload that were sent; == len unless truncated */
	const uint8_t *data; /* borrowed; until when is said by who fills it */
};

#endif
