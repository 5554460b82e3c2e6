/* stages: which programs a configuration asks for: their arguments and their environment.
 *
 * A stage gets what it needs and no more: passwords by the environment, and only to the sink that logs in. */
#ifndef GOFLOW_STAGES_H
#define GOFLOW_STAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "goflow/config.h"

#define STAGE_WORDS_MAX 160 /* of an argument list or environment */

/* A stage as it is to be started. Zero-initialise it; stage_spec_free frees what it owns. */
struct stage_spec {
	char program[24];
	char backend[CONFIG_NAME_MAX + 1]; /* a sink's; else empty */
	char *argv[STAGE_WORDS_MAX + 1];   /* argv[0] is the program's name */
	char *env[STAGE_WORDS_MAX + 1];    /* NAME=VALUE */
	size_t argc, envc;
};

/* Each fills a zeroed spec and returns 0, or ERR_MEMORY. `pipeline` is the pipeline's name, for its documents.
 * Descriptors that a stage gets beside standard input and output begin at STAGE_FD. */
#define STAGE_FD 3

/* nfrecv, which gets its socket as the first of them and the socket for further outputs as the last. */
int stage_receiver(struct stage_spec *s, const struct config *c, const struct config_frontend *f, const char *pipeline);

/* nfdecode. stream_id: 32 hex digits where the input can be read again from its beginning, else NULL, and it keeps
 * its state in a file. */
int stage_decoder(struct stage_spec *s, const struct config *c, const struct config_frontend *f, const char *stream_id,
	const char *pipeline);

/* nftee, which gets its `outputs` pipes. */
int stage_tee(struct stage_spec *s, const struct config *c, size_t outputs, const char *pipeline);

/* The sink of a backend; pipeline NULL: it is run once, and may give up. */
int stage_sink(struct stage_spec *s, const struct config *c, const struct config_backend *b, const char *pipeline);

void stage_spec_free(struct stage_spec *s);

/* Whether both start the same. */
bool stage_spec_equal(const struct stage_spec *a, const struct stage_spec *b);

/* For stages*.c: append a copy; a spec that ran out of room or memory is so marked, and found out by
 * stage_spec_ended, which returns 0 or ERR_MEMORY. */
void stage_argument(struct stage_spec *s, const char *option, const char *value); /* value NULL: the option alone */
void stage_variable(struct stage_spec *s, const char *name, const char *value);   /* value NULL: nothing */
int stage_spec_ended(const struct stage_spec *s);

/* For stages*.c: the user's own elements, for a program that names elements. */
void stage_elements(struct stage_spec *s, const struct config *c);

/* For stages*.c: begins a spec: what every stage gets. */
void stage_begin(struct stage_spec *s, const char *program, const struct config *c, const char *pipeline);

#endif
