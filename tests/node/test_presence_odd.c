// Presence where this device, not the other, was away, and where another took a name.

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/sim.h"

static tt_sim *sim;
static unsigned found, gone, restarted; // told by node 0

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    (void)now, (void)peer, (void)context;
    if (discovery != &tt_sim_node(sim, 0)->discovery)
        return;
    found += event == TT_PEER_FOUND;
    gone += event == TT_PEER_GONE;
    restarted += event == TT_PEER_RESTARTED;
}

static void on_start(tt_sim *world, unsigned node, void *context)
{
    (void)context;
    tt_sim_node(world, node)->options.watch = node == 0; // so that nobody pings it
}

static void begin(unsigned nodes)
{
    found = gone = restarted = 0;
    sim = tt_sim_new(&(tt_sim_options){.seed = 1,
                                       .nodes = nodes,
                                       .faults = "delay 0.2ms jitter 1.8ms",
                                       .on_start = on_start,
                                       .on_peer = on_peer});
    REQUIRE(sim != NULL);
    for (unsigned i = 0; i < nodes; i++)
        tt_sim_start(sim, i, "test");
}

static void pass(tt_time duration)
{
    tt_sim_run_until(sim, tt_sim_now(sim) + duration);
}

// Who stood still for longer than a silent peer has, in a handler or by a stopped process, heard
// nobody in that time, and takes nobody for gone by it.
static void test_standstill(void)
{
    static const char *const faults[] = {"busy 0 for 5s at 10s",   "busy 0 for 60s at 10s",
                                         "busy 0 for 1s every 2s", "jump 10s 0 at 10s",
                                         "jump 3000s 0 at 10s",    "jump 3s 0 every 1s"};
    for (size_t i = 0; i < TT_COUNT(faults); i++) {
        begin(6);
        tt_sim_add_faults(sim, faults[i]);
        pass(TT_SECONDS(100));
        EXPECT_EQUAL(found, 5);
        EXPECT_EQUAL(gone, 0);
        tt_sim_kill(sim, 3);
        pass(TT_SECONDS(10));
        EXPECT_EQUAL(gone, 1); // who is silent is missed all the same
        tt_sim_free(sim);
    }
}

// A name that another has taken leads to the other, and never to who had it before.
static void test_name_taken(void)
{
    begin(3);
    pass(TT_SECONDS(10));
    tt_node *first = tt_sim_node(sim, 1), *second = tt_sim_node(sim, 2);
    // As after a partition in which both took it: node 1 had found that it is node 2's, and is
    // called otherwise now.
    strcpy(first->discovery.name, "node-1-2");
    first->discovery.state.announcements = 2;
    first->discovery.state.announce_at = tt_sim_node_now(sim, 1);
    strcpy(second->discovery.name, "node-1");
    second->discovery.state.announcements = 2;
    second->discovery.state.announce_at = tt_sim_node_now(sim, 2);
    pass(TT_SECONDS(20));
    const tt_peer *peer = tt_node_find(tt_sim_node(sim, 0), NULL, "node-1");
    tt_endpoint at = tt_sim_endpoint(sim, 2);
    EXPECT(peer == NULL || tt_endpoint_equal(&peer->endpoint, &at));
    peer = tt_node_find(tt_sim_node(sim, 0), NULL, "node-2");
    EXPECT(peer == NULL);
    pass(TT_SECONDS(300));
    peer = tt_node_find(tt_sim_node(sim, 0), NULL, "node-1");
    EXPECT(peer != NULL && tt_endpoint_equal(&peer->endpoint, &at));
    EXPECT(tt_node_find(tt_sim_node(sim, 0), NULL, "node-2") == NULL);
    tt_sim_free(sim);
}

int main(void)
{
    test_standstill();
    test_name_taken();
    return test_result();
}
