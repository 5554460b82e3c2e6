/* jsonl: flow records as JSON lines, goflow-record(5), written and read exactly.
 *
 * Small and our own because jansson holds no integer above 2^63 - 1 and is a tenth as fast; tested
 * against jansson and jq wherever they can hold the value. */
#ifndef GOFLOW_JSONL_H
#define GOFLOW_JSONL_H

#include <stddef.h>

#include "lib/record.h"

#define JSONL_LINE_MAX (4 * 1024 * 1024) /* the longest line, with its newline */

/* Writes r as one line with its newline. Returns the length, or 0 if it does not fit into cap. */
size_t jsonl_write(const struct record *r, char *out, size_t cap);

/* The text of the fields that a datagram's records share, kept from one record to the next. Zero-initialise it. */
struct jsonl_prefix {
	uint64_t share_id;
	size_t len;      /* 0: none is kept */
	char text[2048];
};

/* The same as jsonl_write for a run of records of one decoder, whose share_id tells what has changed. */
size_t jsonl_write_run(struct jsonl_prefix *prefix, const struct record *r, char *out, size_t cap);

/* Writes only the object of the extras ({"name":{"value":...,"hex":"..."},...}), the `extra` column of SQL.
 * Returns the length, 0 if it does not fit. Call it only where extra_count > 0. */
size_t jsonl_write_extras(const struct record *r, char *out, size_t cap);

struct jsonl_reader;
struct jsonl_reader *jsonl_reader_new(void);
void jsonl_reader_free(struct jsonl_reader *j);

/* Reads one line of len bytes (without its newline) into r, whose extras have room for EXTRAS_MAX.
 * Text and extras borrow from the reader until the next call. Keys that are no field's are passed over and
 * counted in *unknown. Returns 0, ERR_JSON_SYNTAX, ERR_JSON_VALUE, or ERR_OTHER_RECORD ("type" is
 * "counters"); *offset then says where in the line. A line without last_switched gets none. */
int jsonl_read(struct jsonl_reader *j, const char *line, size_t len, struct record *r, size_t *offset,
	uint64_t *unknown);

/* Reads a line of counters ("type" is "counters") into r, as jsonl_read does a flow's, and where the value of its key
 * "counters", an object, stands in the line. Returns 0, ERR_JSON_SYNTAX, or ERR_JSON_VALUE: also where it is another
 * line. */
int jsonl_read_counters(
	struct jsonl_reader *j, const char *line, size_t len, struct record *r, struct text *counters);

#endif
