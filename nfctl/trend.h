/* trend: the last values of a rate, drawn as a line of small bars. */
#ifndef NFCTL_TREND_H
#define NFCTL_TREND_H

#include <stddef.h>

#define TREND_VALUES   24
#define TREND_TEXT_MAX (3 * TREND_VALUES + 1)

/* Zero-initialise it. */
struct trend {
	double values[TREND_VALUES]; /* the oldest first */
	size_t count;
};

/* Adds a value; the oldest goes where there is no room. */
void trend_add(struct trend *t, double value);

/* A bar for each value, as high as it is beside the largest: block elements of Unicode where the locale is UTF-8, else
 * ASCII. Returns out. */
const char *trend_text(const struct trend *t, char out[static TREND_TEXT_MAX]);

#endif
