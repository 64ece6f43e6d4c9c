// Gossip among nodes that were each given the address of one node before it, where nothing sent to
// a group arrives: when all know all, and what it costs.

#include <string.h>

#include "tutti/check.h"
#include "tutti/sim.h"

#define LOOK_EVERY TT_MS(100)
#define KNOWN_WITHIN TT_SECONDS(30) // whatever a seed draws
#define GONE_WITHIN TT_SECONDS(180) // somebody asks it by chance, five times, and waits
#define RESTARTED_WITHIN TT_SECONDS(30)

// The address of one node before it, which chance chose.
static void give_address(tt_sim *sim, unsigned node, void *context)
{
    (void)context;
    if (node == 0)
        return;
    unsigned before = (unsigned)tt_random_below(tt_sim_random(sim), node);
    tt_endpoint address = tt_sim_endpoint(sim, before);
    TT_CHECK(tt_members_learn(tt_sim_node(sim, node), tt_sim_node_now(sim, node), &address,
                              TT_MEMBER_BY_HAND));
}

tt_sim *tt_sim_gossip_new(const tt_sim_options *options)
{
    tt_sim_options o = *options;
    o.members = 2 * o.nodes + 2;
    o.on_start = give_address;
    tt_sim *sim = tt_sim_new(&o);
    TT_CHECK(sim != NULL); // whoever calls has checked the faults and the number of nodes
    tt_sim_add_faults(sim, "block multicast\n");
    for (unsigned i = 0; i < o.nodes; i++)
        tt_sim_start(sim, i, "test");
    return sim;
}

// The identities of those that live, 0 for the others; how many they are.
static unsigned list_living(tt_sim *sim, unsigned nodes, uint64_t ids[TT_SIM_NODES_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < nodes; i++) {
        ids[i] = tt_sim_alive(sim, i) ? tt_sim_node(sim, i)->members->id : 0;
        count += ids[i] != 0;
    }
    return count;
}

bool tt_sim_gossip_all_know_all(tt_sim *sim, unsigned nodes)
{
    static uint64_t ids[TT_SIM_NODES_MAX];
    unsigned living = list_living(sim, nodes, ids);
    for (unsigned i = 0; i < nodes; i++)
        if (ids[i] != 0 && tt_sim_node(sim, i)->members->living + 1u < living)
            return false;
    for (unsigned i = 0; i < nodes; i++)
        for (unsigned k = 0; ids[i] != 0 && k < nodes; k++) {
            const tt_member *member = tt_members_find(tt_sim_node(sim, i)->members, ids[k]);
            if (k != i && ids[k] != 0 && (member == NULL || member->state == TT_MEMBER_GONE))
                return false;
        }
    return true;
}

tt_time tt_sim_gossip_until_known(tt_sim *sim, unsigned nodes, tt_time within)
{
    tt_time begun = tt_sim_now(sim);
    while (tt_sim_now(sim) - begun < within) {
        tt_sim_run_until(sim, tt_sim_now(sim) + LOOK_EVERY);
        if (tt_sim_gossip_all_know_all(sim, nodes))
            return tt_sim_now(sim) - begun;
    }
    return TT_FOREVER;
}

void tt_sim_gossip_count(tt_sim *sim, unsigned nodes, double *mean, uint64_t *most)
{
    uint64_t sum = 0;
    *most = 0;
    for (unsigned i = 0; i < nodes; i++) {
        uint64_t sent = tt_sim_node(sim, i)->counters.datagrams_sent;
        sum += sent;
        *most = sent > *most ? sent : *most;
    }
    *mean = (double)sum / nodes;
}

// Nobody takes it for alive any more.
static bool is_gone(tt_sim *sim, unsigned nodes, uint64_t id)
{
    for (unsigned i = 0; i < nodes; i++) {
        const tt_member *member =
            tt_sim_alive(sim, i) ? tt_members_find(tt_sim_node(sim, i)->members, id) : NULL;
        if (member != NULL && member->state != TT_MEMBER_GONE)
            return false;
    }
    return true;
}

static const char *run_lives(tt_sim *sim, unsigned nodes)
{
    unsigned killed = nodes - 1, restarted = nodes / 2;
    uint64_t dead = tt_sim_node(sim, killed)->members->id;
    tt_sim_kill(sim, killed);
    tt_sim_kill(sim, restarted);
    tt_sim_start(sim, restarted, "test");
    if (tt_sim_gossip_until_known(sim, nodes, RESTARTED_WITHIN) == TT_FOREVER)
        return "a restarted node was not known to all";
    tt_time begun = tt_sim_now(sim);
    while (!is_gone(sim, nodes, dead)) {
        if (tt_sim_now(sim) - begun > GONE_WITHIN)
            return "a dead node was still there";
        tt_sim_run_until(sim, tt_sim_now(sim) + TT_SECONDS(1));
    }
    return tt_sim_gossip_all_know_all(sim, nodes) ? NULL : "a living node was taken for gone";
}

const char *tt_sim_gossip_run(const tt_sim_options *options)
{
    tt_sim *sim = tt_sim_gossip_new(options);
    double mean;
    uint64_t most;
    tt_time known = tt_sim_gossip_until_known(sim, options->nodes, KNOWN_WITHIN);
    tt_sim_gossip_count(sim, options->nodes, &mean, &most);
    if (options->report != NULL && known != TT_FOREVER)
        fprintf(options->report,
                "all %u knew all after %.1f s; datagrams a node by then: %.1f, at most %llu\n",
                options->nodes, (double)known / 1e9, mean, (unsigned long long)most);
    tt_sim_heal(sim);
    tt_sim_add_faults(sim, "block multicast\n");
    const char *broken = known == TT_FOREVER ? "not all knew all" : run_lives(sim, options->nodes);
    tt_sim_free(sim);
    return broken;
}
