/* watch: a line at each interval, for logs and pipes. */
#ifndef NFCTL_WATCH_H
#define NFCTL_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch_sums {
	double received, stored; /* datagrams and records a second */
	uint64_t lost, waiting, lag_ms;
	size_t stages;
};

/* What came of the time between two surveys of "status". */
struct watch_sums watch_sum(const json_t *before, const json_t *now);

/* Prints what came of the time between two surveys of "status": datagrams received and records stored per second,
 * what was lost in it, what waits, and the lag. As text, or as one JSON object. */
void watch_line(const json_t *before, const json_t *now, bool json);

#endif
