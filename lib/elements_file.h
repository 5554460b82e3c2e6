/* elements_file: a user's own information elements, by a file: names and types for what the registry does not know,
 * or knows otherwise, and the record fields that they fill.
 *
 * The file is YAML: a list of mappings under the key `elements` (goflow-record(5)). */
#ifndef GOFLOW_ELEMENTS_FILE_H
#define GOFLOW_ELEMENTS_FILE_H

#include "lib/complain.h"
#include "lib/elements.h"

#define ELEMENTS_FILE_MAX      16384 /* elements in a file */
#define ELEMENTS_FILE_NAME_MAX 64    /* bytes of a name */

struct elements_file;

/* Reads a file's len bytes. Returns it (the caller frees it by elements_file_free), or NULL after at least one
 * complaint; no more than 100 are made. The registry stays as it is. */
struct elements_file *elements_file_parse(const char *text, size_t len, complain_fn *complain, void *ctx);

/* The same for a file by its path. What cannot be read is complained of at line 0. */
struct elements_file *elements_file_load(const char *path, complain_fn *complain, void *ctx);

/* Its elements, for elements_extend. Borrows from the file. */
const struct own_elements *elements_file_all(const struct elements_file *f);

/* What every program does with its --elements FILE: loads it, says what is wrong with it, and extends the registry by
 * it. Returns it (the caller frees it, when nothing looks into the registry any more, or after elements_extend with
 * NULL), or NULL after a log line. */
struct elements_file *elements_file_use(const char *path);

void elements_file_free(struct elements_file *f);

#endif
