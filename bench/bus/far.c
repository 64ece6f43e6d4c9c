// The PUT and the GET of 1 MiB over a round trip of 40 ms with 5 % of loss each way, in virtual
// time: the medians of 100 seeds. What is measured is what tests/bus/test_streams.c holds to its
// bounds.

#include <stdlib.h>

#include "tests/bus/streams.h"

#define SEEDS 100

static int by_size(const void *a, const void *b)
{
    tt_time x = *(const tt_time *)a, y = *(const tt_time *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, tt_time (*one)(uint64_t))
{
    tt_time times[SEEDS];
    for (unsigned i = 0; i < SEEDS; i++)
        times[i] = one(i + 1);
    qsort(times, SEEDS, sizeof(times[0]), by_size);
    printf("bench bus.%s %d ms\n", name, (int)(times[SEEDS / 2] / 1000000));
    printf("bench bus.%s.worst %d ms\n", name, (int)(times[SEEDS - 1] / 1000000));
}

int main(void)
{
    print("put_1m_far", put_far);
    print("get_1m_far", get_far);
    return test_failures > 0;
}
