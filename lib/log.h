/* log: one line a message on standard error, "level program: message key=value ...".
 *
 * For what talks to sockets, files and servers; decoders and records never log. */
#ifndef GOFLOW_LOG_H
#define GOFLOW_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

#define LOG_LEVEL_ENVIRONMENT "GOFLOW_LOG_LEVEL"

/* Names the program in each line; borrowed for ever. Text form and the level that the environment says, else info,
 * until set otherwise. */
void log_init(const char *program);

/* -v: one level more for each call. */
void log_more(void);

/* Would a line at that level be written? Tells how often -v was given. */
bool log_enabled(enum log_level level);

/* The least level that is logged, by its name: error, warn, info or debug. Returns 0, or ERR_SYNTAX. */
int log_level(const char *name);

/* That level's name. */
const char *log_level_name(void);

/* --log: "text" or "json" (an object a line: time, level, program, message).
 * Returns 0, or ERR_SYNTAX. */
int log_form(const char *form);

/* A line at a level. The format makes the message and its key=value pairs; no newline, and any
 * control character in it is written as '?', so that input cannot forge lines. errno is kept. */
void log_at(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* Writes '?' over each control character, and over each byte that is not UTF-8, of text: what came
 * from outside cannot then move a terminal's cursor. log_at does it to every message. */
void log_clean(char *text);

/* A limiter for one kind of message: true when it may be said now (once, then at most every ten
 * seconds). *missed receives how many were passed over since. Zero-initialise it. */
struct log_limit {
	uint64_t next_ns, missed;
};
bool log_limit(struct log_limit *l, uint64_t *missed);

#endif
