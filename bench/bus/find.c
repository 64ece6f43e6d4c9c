// How long it takes to find a device, in virtual time, among ten on one link with a jitter of 1 ms:
// until a new node knows one that runs; the same by its address, given to the members (gossip),
// where no multicast passes; and until one that was away, or was restarted, for five seconds is
// known again and answers. Medians of 100 seeds, and the worst. Nothing here takes time but waiting
// and the network: what a machine adds is less than a round trip of bus.rtt_plain.
//
//     bench_find [SEEDS]

#include <stdlib.h>

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/members.h"
#include "tutti/sim.h"

#define SEEDS_MAX 100
#define NODES 10
#define WHO 0 // that is looked for
#define BY 9  // that looks
#define AWAY TT_SECONDS(5)

static unsigned seeds = SEEDS_MAX;
static struct {
    tt_sim *sim;
    bool by_address; // it is given; else the name
    bool calls;      // until it has answered
    bool asked;
    tt_call call;
    tt_time from, found; // of the world
} look;

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)call, (void)now;
    look.asked = false;
    if (reply->status == TT_OK && reply->code == TT_CONTENT && look.found == 0)
        look.found = tt_sim_now(look.sim);
}

static void ask(tt_node *node, tt_time now, const tt_endpoint *peer)
{
    look.asked = true;
    look.call = (tt_call){.peer = *peer,
                          .method = TT_GET,
                          .path = TT_NODE_LIFE_PATH,
                          .content_format = TT_FORMAT_NONE,
                          .accept = TT_FORMAT_NONE,
                          .timeout = TT_SECONDS(10),
                          .on_reply = on_reply};
    TT_CHECK(tt_bus_call(&node->bus, now, &look.call) == TT_OK);
}

// Where no multicast passes each is given the address of one that was there before.
static void on_start(tt_sim *sim, unsigned index, void *context)
{
    (void)context;
    if (!look.by_address || index == WHO)
        return;
    tt_endpoint given = tt_sim_endpoint(sim, index == BY ? WHO : index - 1);
    TT_CHECK(tt_members_learn(tt_sim_node(sim, index), tt_sim_node_now(sim, index), &given,
                              TT_MEMBER_BY_HAND));
}

static bool is_known_by_address(const tt_node *node)
{
    tt_endpoint given = tt_sim_endpoint(look.sim, WHO);
    const tt_member *member = tt_members_at(node->members, &given);
    return member != NULL && member->state == TT_MEMBER_ALIVE;
}

static void on_turn(tt_node *node, tt_time now)
{
    if (tt_sim_index(look.sim, node) != BY || tt_sim_now(look.sim) < look.from || look.found != 0 ||
        look.asked)
        return;
    const tt_peer *peer = tt_node_find(node, NULL, "node-0");
    if (look.by_address ? is_known_by_address(node) : peer != NULL && !look.calls)
        look.found = tt_sim_now(look.sim);
    else if (peer != NULL && look.calls)
        ask(node, now, &peer->endpoint);
}

// Nanoseconds from `from` on until it is found; a node that looks starts then where it is new.
static tt_time time_of(uint64_t seed, const char *faults, tt_time from, bool is_new)
{
    tt_sim_options options = {.seed = seed,
                              .nodes = NODES,
                              .faults = faults,
                              .watch = !look.by_address,
                              .members = look.by_address ? 2 * NODES + 2 : 0,
                              .on_start = on_start,
                              .on_turn = on_turn,
                              .skew_parts_per_million = 200};
    look.sim = tt_sim_new(&options);
    REQUIRE(look.sim != NULL);
    look.from = from;
    look.found = 0;
    look.asked = false;
    for (unsigned i = 0; i < NODES; i++)
        if (i != BY || !is_new)
            tt_sim_start(look.sim, i, "test");
    tt_sim_run_until(look.sim, from);
    if (is_new)
        tt_sim_start(look.sim, BY, "test");
    tt_sim_run_until(look.sim, from + TT_SECONDS(60));
    REQUIRE(look.found != 0);
    tt_sim_free(look.sim);
    return look.found - from;
}

static int by_size(const void *a, const void *b)
{
    tt_time x = *(const tt_time *)a, y = *(const tt_time *)b;
    return (x > y) - (x < y);
}

// `more`: a line of faults with room for two times in milliseconds.
static void measure(const char *name, const char *more, bool is_new)
{
    tt_time times[SEEDS_MAX];
    for (unsigned i = 0; i < seeds; i++) {
        char faults[TT_SIM_FAULTS_TEXT_MAX];
        unsigned leaves_ms = 60000 + 7 * i, back_ms = leaves_ms + (unsigned)(AWAY / TT_MS(1));
        int length = snprintf(faults, sizeof(faults), "delay 0.2ms jitter 1ms\n");
        snprintf(faults + length, sizeof(faults) - (size_t)length, more, leaves_ms, back_ms);
        times[i] = time_of(i + 1, faults, TT_MS(back_ms), is_new);
    }
    qsort(times, seeds, sizeof(times[0]), by_size);
    printf("bench bus.%s %.1f ms\n", name, (double)times[seeds / 2] / 1e6);
    printf("bench bus.%s.worst %.1f ms\n", name, (double)times[seeds - 1] / 1e6);
}

int main(int count, char **words)
{
    seeds = count > 1 ? (unsigned)atoi(words[1]) : seeds;
    REQUIRE(seeds > 0 && seeds <= SEEDS_MAX);
    measure("discover", "", true);
    look.by_address = true;
    measure("discover_unicast", "block multicast\n", true);
    look.by_address = false;
    look.calls = true;
    measure("rejoin", "cut between 0 and all at %ums until %ums\n", false);
    measure("rejoin.restarted", "kill 0 at %ums\nstart 0 at %ums\n", false);
    return test_result();
}
