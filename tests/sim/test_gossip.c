// Who knows whom by gossip, in virtual time. The argument is how many nodes: so many know one
// another in 8 s, a thousand in 10.

#include "tests/test.h"
#include "tutti/sim.h"

#define SEEDS 3

static const char *goal_of(unsigned nodes, tt_time known)
{
    return known <= TT_SECONDS(nodes <= 250 ? 8 : 10) ? NULL : "too late";
}

static tt_sim *begin(unsigned nodes, uint64_t seed, const char *faults)
{
    return tt_sim_gossip_new(&(tt_sim_options){
        .seed = seed, .nodes = nodes, .faults = faults, .skew_parts_per_million = 100});
}

static void test_all_know_all(unsigned nodes)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        tt_sim *sim = begin(nodes, seed, NULL);
        tt_time known = tt_sim_gossip_until_known(sim, nodes, TT_SECONDS(30));
        double mean;
        uint64_t most;
        tt_sim_run_until(sim, TT_SECONDS(12));
        tt_sim_gossip_count(sim, nodes, &mean, &most);
        printf("%u nodes, seed %d: %.1f s, datagrams by 12 s: %.1f, at most %d\n", nodes, (int)seed,
               (double)known / 1e9, mean, (int)most);
        EXPECT(goal_of(nodes, known) == NULL);
        EXPECT(most <= 200);
        EXPECT(mean <= 120);
        tt_sim_free(sim);
    }
}

// Two sides that know one another for gone know one another again.
static void test_partition(unsigned nodes)
{
    char faults[100];
    snprintf(faults, sizeof(faults), "cut between 0-%u and %u-%u at 12s until 132s\n",
             nodes / 2 - 1, nodes / 2, nodes - 1);
    tt_sim *sim = begin(nodes, 5, faults);
    EXPECT(tt_sim_gossip_until_known(sim, nodes, TT_SECONDS(12)) < TT_FOREVER);
    tt_sim_run_until(sim, TT_SECONDS(132));
    EXPECT(!tt_sim_gossip_all_know_all(sim, nodes));
    tt_time known = tt_sim_gossip_until_known(sim, nodes, TT_SECONDS(60));
    printf("a partition of %u: all know all %.1f s after its end\n", nodes, (double)known / 1e9);
    EXPECT(known <= TT_SECONDS(15));
    tt_sim_free(sim);
}

// With 5 % lost nobody who lives is taken for gone.
static void test_loss(unsigned nodes)
{
    tt_sim *sim = begin(nodes, 6, "delay 20ms jitter 20ms\nloss 5%\n");
    tt_time known = tt_sim_gossip_until_known(sim, nodes, TT_SECONDS(30));
    printf("%u nodes with loss: %.1f s\n", nodes, (double)known / 1e9);
    EXPECT(known <= TT_SECONDS(10));
    for (unsigned s = 30; s <= 90; s += 10) {
        tt_sim_run_until(sim, TT_SECONDS(s));
        EXPECT(tt_sim_gossip_all_know_all(sim, nodes));
    }
    tt_sim_free(sim);
}

// Four in ten restart within five seconds: all know their new lives, and no old one for long.
static void test_restarts(unsigned nodes)
{
    char faults[60];
    snprintf(faults, sizeof(faults), "restart 0-%u at 12s within 5s\n", nodes * 2 / 5 - 1);
    tt_sim *sim = begin(nodes, 7, faults);
    tt_sim_run_until(sim, TT_SECONDS(17));
    tt_time known = tt_sim_gossip_until_known(sim, nodes, TT_SECONDS(30));
    printf("restarts among %u: all know all %.1f s later\n", nodes, (double)known / 1e9);
    EXPECT(known <= TT_SECONDS(10));
    tt_sim_run_until(sim, TT_SECONDS(45));
    EXPECT(tt_sim_gossip_all_know_all(sim, nodes));
    for (unsigned i = 0; i < nodes; i++)
        EXPECT_EQUAL(tt_sim_node(sim, i)->members->living, nodes - 1);
    tt_sim_free(sim);
}

// Once all know all it is quiet: a question a minute or so from each, and its answer.
static void test_quiet(unsigned nodes)
{
    tt_sim *sim = begin(nodes, 8, NULL);
    tt_sim_run_until(sim, TT_SECONDS(120));
    const tt_sim_counts *counts = tt_sim_count(sim);
    uint64_t before = counts->sent[TT_SIM_COAP_NON].datagrams;
    tt_sim_run_until(sim, TT_SECONDS(420));
    double each = (double)(counts->sent[TT_SIM_COAP_NON].datagrams - before) / nodes / 5;
    printf("quiet: %.2f datagrams a minute from each of %u\n", each, nodes);
    EXPECT(each <= 2.2);
    tt_sim_free(sim);
}

int main(int count, char **arguments)
{
    unsigned nodes = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 250;
    test_all_know_all(nodes);
    test_loss(nodes);
    test_restarts(nodes / 2);
    test_partition(nodes / 2);
    test_quiet(30);
    return test_result();
}
