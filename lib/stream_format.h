/* The frame header as it stands on the wire, for the writer and the reader of stream.h alone; the
 * machine is little-endian (lib/cursor.h checks). */
#ifndef GOFLOW_STREAM_FORMAT_H
#define GOFLOW_STREAM_FORMAT_H

#include "lib/stream.h"

struct stream_header {
	uint32_t mark;
	uint8_t version, kind;
	uint16_t reserved;
	uint32_t payload, records;
	uint64_t schema;
	struct stream_id id;
	uint64_t sequence;
	uint32_t crc; /* of what stands before it */
} __attribute__((packed));
_Static_assert(sizeof(struct stream_header) == STREAM_HEADER, "the header's size is part of the format");

#define STREAM_PAYLOAD_MAX (STREAM_FRAME_MAX - STREAM_HEADER - STREAM_TRAILER)

#endif
