/* hash: for tables whose keys come from the network. With a seed that others cannot guess, keys that differ
 * in any bits spread evenly over the low bits of the result. */
#ifndef GOFLOW_HASH_H
#define GOFLOW_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/ip.h"

/* Takes v into h, which begins as the seed: the finaliser of MurmurHash3, in which each bit of the sum
 * depends on all bits of both. */
static inline uint64_t hash_mix(uint64_t h, uint64_t v)
{
	h ^= v;
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static inline uint64_t hash_ip(uint64_t h, const struct ip *a)
{
	uint64_t half[2];
	memcpy(half, a->b, sizeof half);
	return hash_mix(hash_mix(h, half[0]), half[1]);
}

#endif
