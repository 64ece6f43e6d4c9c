// Broken on purpose by the test of ./run mutate: the first function's test is whole, some of its
// mutants never end; the second one's never comes to the limit; the third one's mutants eat all
// memory.

#include <stdlib.h>

#include "planted.h"

unsigned planted_halvings(unsigned n)
{
    unsigned count = 0;
    while (n > 1) {
        n /= 2;
        count++;
    }
    return count;
}

int planted_limited(int n, int limit)
{
    if (n > limit)
        return limit;
    return n;
}

int planted_eats(unsigned pieces, int *all_had)
{
    unsigned had = 0;
    for (unsigned i = 0; i != pieces; i++)
        had += malloc(100000000) != NULL;
    *all_had = had == pieces;
    return 7;
}
