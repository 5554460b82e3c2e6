#include "lib/rate.h"

#include "lib/instant.h"

uint64_t rate_since(struct rate *r, uint64_t count, uint64_t now_ns)
{
	uint64_t passed_ms = r->at_ns ? (now_ns - r->at_ns) / NS_PER_MS : 0;
	uint64_t rate = passed_ms ? (count - r->count) * 1000 / passed_ms : 0;
	r->count = count;
	r->at_ns = now_ns;
	return rate;
}
