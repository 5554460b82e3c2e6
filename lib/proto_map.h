/* proto_map: where the generated message FlowRecord keeps each field, and what its writers and readers share. */
#ifndef GOFLOW_PROTO_MAP_H
#define GOFLOW_PROTO_MAP_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/fields.h"

/* Offsets in struct Goflow__FlowRecord. */
struct proto_slot {
	unsigned value, has;          /* the value, and the flag that it is there */
	unsigned digits, has_digits;  /* of KIND_TIME */
};

struct proto_map {
	struct proto_slot slot[FIELD_COUNT];
};

/* Fills it from the descriptor that protoc-c generated. */
void proto_map_init(struct proto_map *m);

/* Packs a message, behind its length as a varint if `delimited`. Returns the length of all, or 0 if it
 * does not fit into cap. */
size_t proto_pack(const ProtobufCMessage *message, bool delimited, uint8_t *out, size_t cap);

#endif
