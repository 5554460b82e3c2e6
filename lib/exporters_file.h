/* exporters_file: what a user's file says of exporters, for what they do not say themselves: names, static
 * sampling rates, names of interfaces, quirks.
 *
 * The file is a YAML mapping from an address or prefix to a mapping of its properties (nfdecode(1)). Of
 * several prefixes that hold an exporter's address, each property is that of the longest which has it. */
#ifndef GOFLOW_EXPORTERS_FILE_H
#define GOFLOW_EXPORTERS_FILE_H

#include <stdbool.h>

#include "lib/complain.h"
#include "lib/ip.h"
#include "lib/quirks.h"
#include "lib/record.h"

#define EXPORTERS_NAME_MAX 255 /* bytes of an exporter's or interface's name */

struct exporters_file;

/* Reads a file's len bytes. Returns it (the caller frees it by exporters_file_free), or NULL after at least
 * one complaint; no more than 100 are made. */
struct exporters_file *exporters_file_parse(
	const char *text, size_t len, complain_fn *complain, void *ctx);

/* The same for a file by its path. What cannot be read is complained of at line 0. */
struct exporters_file *exporters_file_load(const char *path, complain_fn *complain, void *ctx);

void exporters_file_free(struct exporters_file *f);

/* How many addresses and prefixes it names. */
size_t exporters_file_count(const struct exporters_file *f);

struct interface_names;

/* What the file says of one exporter. Borrows from the file. */
struct exporter_settings {
	struct text name;                         /* len 0: not said */
	uint32_t sampling;                        /* 1 in that many; 0: not said */
	uint64_t quirks;                          /* a set of them */
	const struct interface_names *interfaces; /* NULL: not said */
};

/* Of the exporter of that address; all zero where the file says nothing, or is NULL. */
struct exporter_settings exporters_file_find(const struct exporters_file *f, const struct ip *address);

/* The name of an interface by its ifIndex, or NULL. `all` may be NULL. */
const struct text *interface_name(const struct interface_names *all, uint32_t index);

#endif
