/* check: one line and an exit code for a monitoring system. */
#ifndef NFCTL_CHECK_H
#define NFCTL_CHECK_H

#include <jansson.h>
#include <stdint.h>

enum check_result { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

struct check_bounds {
	double max_loss;     /* a share, 0 to 1 */
	uint64_t max_lag_ms;
};

/* Judges a survey of "status" (before: an earlier one, so that only what was lost since counts; NULL: since the
 * start): critical beyond a bound, or where a stage does not answer or goflow waits to start one; a warning beyond
 * half of a bound. Prints the plug-in's line to standard output. */
enum check_result check_judge(const json_t *before, const json_t *now, const struct check_bounds *bounds);

/* Prints the line for when nobody can be asked. */
enum check_result check_unknown(const char *why);

/* Parses "0.1%" or "0.001" to a share. Returns 0, or ERR_SYNTAX after a log line. */
int check_share(const char *text, double *share);

#endif
