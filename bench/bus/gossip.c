// Nodes that were each given the address of one before, multicast blocked, in virtual time: when
// all know all, and the datagrams of each in its first 12 s, multicast DNS among them. The medians
// of seven seeds, and the worst. What is measured is what tests/sim/test_gossip.c holds to bounds.

#include <stdlib.h>

#include "tutti/sim.h"

#define SEEDS 7

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, unsigned nodes)
{
    double times[SEEDS], means[SEEDS], mosts[SEEDS];
    for (unsigned i = 0; i < SEEDS; i++) {
        uint64_t most;
        tt_sim *sim = tt_sim_gossip_new(
            &(tt_sim_options){.seed = i + 1, .nodes = nodes, .skew_parts_per_million = 100});
        times[i] = (double)tt_sim_gossip_until_known(sim, nodes, TT_SECONDS(60)) / 1e6;
        tt_sim_run_until(sim, TT_SECONDS(12));
        tt_sim_gossip_count(sim, nodes, &means[i], &most);
        mosts[i] = (double)most;
        tt_sim_free(sim);
    }
    qsort(times, SEEDS, sizeof(times[0]), by_size);
    qsort(means, SEEDS, sizeof(means[0]), by_size);
    qsort(mosts, SEEDS, sizeof(mosts[0]), by_size);
    printf("bench bus.%s %.0f ms\n", name, times[SEEDS / 2]);
    printf("bench bus.%s.worst %.0f ms\n", name, times[SEEDS - 1]);
    printf("bench bus.%s_datagrams %.1f a node\n", name, means[SEEDS / 2]);
    printf("bench bus.%s_datagrams.most %.0f\n", name, mosts[SEEDS - 1]);
}

int main(void)
{
    print("gossip_250", 250);
    print("gossip_1000", 1000);
    return 0;
}
