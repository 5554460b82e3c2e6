/* proto: flow records as protobuf messages: FlowRecord (goflow.proto, made of fields.def), written and
 * read exactly, and FlowMessage as GoFlow2 writes it (goflow2.proto), written alone. */
#ifndef GOFLOW_PROTO_H
#define GOFLOW_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record.h"

/* A writer of one kind of message. It holds no bytes of a record from one call to the next; not for two
 * threads at once. NULL if memory is out; freeing NULL is allowed. */
struct proto_writer;
struct proto_writer *proto_writer_new(void);
void proto_writer_free(struct proto_writer *w);

/* Writes r as a FlowRecord, behind its length as a varint if `delimited`. A record has at most EXTRAS_MAX
 * extras. Returns the length of all, or 0 if it does not fit into cap. */
size_t proto_write(struct proto_writer *w, const struct record *r, bool delimited, void *out, size_t cap);

/* The same as a FlowMessage of GoFlow2, which has no place for much of a record: goflow2.proto says
 * what comes from where. */
size_t proto_write_goflow2(const struct record *r, bool delimited, void *out, size_t cap);

struct proto_reader;
struct proto_reader *proto_reader_new(void);
void proto_reader_free(struct proto_reader *p);

/* Reads a FlowRecord of exactly len bytes (no length in front) into r, whose extras have room for
 * EXTRAS_MAX. Text and extras borrow from the reader until the next call. Field numbers that we do not have
 * are passed over and counted in *unknown. Returns 0; ERR_PROTO_SYNTAX: no such message, or one
 * that takes more memory than a record can need; ERR_PROTO_VALUE: a value does not fit its field. */
int proto_read(struct proto_reader *p, const void *data, size_t len, struct record *r, uint64_t *unknown);

#endif
