// A small deterministic generator: the same seed gives the same numbers on every machine.
//
// xoshiro256** (Blackman and Vigna, 2018), its state filled by SplitMix64. For simulations, jitter,
// initial weights and shuffling; never for keys.

#ifndef TUTTI_RANDOM_H
#define TUTTI_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"

TT_C_BEGIN

typedef struct tt_random {
    uint64_t state[4];
} tt_random;

void tt_random_seed(tt_random *random, uint64_t seed);
uint64_t tt_random_u64(tt_random *random);
// Uniform in [0, limit), without bias; `limit` is at least 1.
uint64_t tt_random_below(tt_random *random, uint64_t limit);
void tt_random_bytes(tt_random *random, void *bytes, size_t length);

TT_C_END

#endif
