/* complain: how a reader of a user's file says what is wrong with it. */
#ifndef GOFLOW_COMPLAIN_H
#define GOFLOW_COMPLAIN_H

/* Says one thing that is wrong with the file, at that line and column, from 1; line 0: with the file as a whole. */
typedef void complain_fn(void *ctx, unsigned line, unsigned column, const char *what);

/* Says it as a log line of an error; ctx is the file's path, a string. */
complain_fn complain_to_log;

#endif
