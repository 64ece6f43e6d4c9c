// xoshiro256** with a SplitMix64 seed (Blackman and Vigna, "Scrambled linear pseudorandom number
// generators", 2018).

#include <string.h>

#include "tutti/check.h"
#include "tutti/random.h"

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

void tt_random_seed(tt_random *random, uint64_t seed)
{
    for (size_t i = 0; i < TT_COUNT(random->state); i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t mixed = seed;
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
        random->state[i] = mixed ^ mixed >> 31;
    }
}

uint64_t tt_random_u64(tt_random *random)
{
    uint64_t *state = random->state;
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

uint64_t tt_random_below(tt_random *random, uint64_t limit)
{
    TT_CHECK(limit > 0);
    // Values below 2^64 mod limit would make small results likelier; draw again.
    uint64_t reject_below = (0 - limit) % limit;
    uint64_t value;
    do
        value = tt_random_u64(random);
    while (value < reject_below);
    return value % limit;
}

void tt_random_bytes(tt_random *random, void *bytes, size_t length)
{
    uint8_t *out = bytes;
    while (length > 0) {
        uint64_t value = tt_random_u64(random);
        size_t piece = length < sizeof(value) ? length : sizeof(value);
        for (size_t i = 0; i < piece; i++)
            out[i] = (uint8_t)(value >> (8 * i));
        out += piece;
        length -= piece;
    }
}
