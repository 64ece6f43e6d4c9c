// Who lives and who does not, in virtual time: what is forged ends nothing, what restarts or dies
// is known soon where somebody depends on it, what was away is known again soon, and a house in
// which nobody depends on anybody is quiet.

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/sim.h"

#define NODES_MAX 60

static tt_sim *sim;
static bool watching; // the nodes that start depend on all that they find
static unsigned found[NODES_MAX], gone[NODES_MAX], restarted[NODES_MAX]; // told by each node
static tt_time last_found, last_gone;                                    // of the world

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    (void)now, (void)peer, (void)context;
    unsigned node = 0;
    while (&tt_sim_node(sim, node)->discovery != discovery)
        node++;
    EXPECT(event != TT_PEER_DOUBTED); // a node keeps that to itself
    found[node] += event == TT_PEER_FOUND;
    gone[node] += event == TT_PEER_GONE;
    restarted[node] += event == TT_PEER_RESTARTED;
    if (event == TT_PEER_FOUND)
        last_found = tt_sim_now(sim);
    if (event == TT_PEER_GONE)
        last_gone = tt_sim_now(sim);
}

static void on_start(tt_sim *world, unsigned node, void *context)
{
    (void)context;
    tt_sim_node(world, node)->options.watch = watching;
}

static void begin(unsigned nodes, uint64_t seed, bool watch)
{
    watching = watch;
    memset(found, 0, sizeof(found));
    memset(gone, 0, sizeof(gone));
    memset(restarted, 0, sizeof(restarted));
    sim = tt_sim_new(&(tt_sim_options){.seed = seed,
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

static bool knows(unsigned node, unsigned other)
{
    char name[TT_NAME_MAX];
    snprintf(name, sizeof(name), "node-%u", other);
    return tt_node_find(tt_sim_node(sim, node), NULL, name) != NULL;
}

static bool all_know_all(unsigned nodes)
{
    for (unsigned i = 0; i < nodes; i++)
        for (unsigned k = 0; k < nodes; k++)
            if (i != k && !knows(i, k))
                return false;
    return true;
}

// What somebody else says in the name of node 0, heard by node 1 as if from anywhere.
static void forge(uint32_t boot, uint16_t port, uint8_t last_byte, bool goodbye)
{
    static tt_discovery forger;
    tt_node *node = tt_sim_node(sim, 1);
    tt_time now = tt_sim_node_now(sim, 1);
    tt_endpoint from = {.ip = {0xfe, 0x80, [15] = 99}, .port = TT_MDNS_PORT, .interface = 1};
    tt_endpoint told = {.ip = {0xfe, 0x80, [15] = last_byte}}, to;
    uint8_t bytes[TT_MDNS_MESSAGE_MAX];
    size_t length;
    tt_discovery_options options = {
        .name = "node-0", .kind = "test", .port = port, .boot = boot, .seed = 1};
    REQUIRE(tt_discovery_init(&forger, 0, &options) == TT_OK);
    tt_discovery_set_addresses(&forger, 0, &told, 1);
    for (tt_time at = 0; at < TT_SECONDS(3); at += TT_MS(50)) {
        if (goodbye && at == TT_SECONDS(2) + TT_MS(500))
            tt_discovery_goodbye(&forger, at);
        while (tt_discovery_transmit(&forger, at, &to, bytes, sizeof(bytes), &length) == TT_OK)
            if ((bytes[2] & 0x80) != 0) // no probe, which node 0 would defend itself against
                tt_discovery_receive(&node->discovery, now, &from, bytes, length);
    }
}

static tt_call call;
static unsigned ended, notifications;

static void on_reply(tt_call *asked, tt_time now, const tt_reply *reply)
{
    (void)asked, (void)now;
    notifications += reply->status == TT_OK;
    ended += reply->final;
}

static bool owing; // the value is answered later, which is never

static void give(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    (void)resource, (void)now, (void)request;
    response->later = owing;
    response->code = TT_CONTENT;
    response->content_format = TT_FORMAT_NONE;
}

static tt_resource resource = {
    .path = "value", .handler = give, .methods = 1 << TT_GET, .observable = true};

// Node 1 observes node 0.
static void observe(void)
{
    REQUIRE(tt_bus_add(&tt_sim_node(sim, 0)->bus, &resource) == TT_OK);
    ended = notifications = 0;
    call = (tt_call){.peer = tt_sim_endpoint(sim, 0),
                     .method = TT_GET,
                     .path = "value",
                     .content_format = TT_FORMAT_NONE,
                     .accept = TT_FORMAT_NONE,
                     .observe = true,
                     .on_reply = on_reply};
    REQUIRE(tt_bus_call(&tt_sim_node(sim, 1)->bus, tt_sim_node_now(sim, 1), &call) == TT_OK);
    pass(TT_SECONDS(1));
    REQUIRE(notifications == 1);
}

// A goodbye, another boot number, another port and another address, none of them true: node 0 is
// asked, answers, and all that node 1 has with it goes on.
static void test_forged(void)
{
    begin(2, 1, false);
    pass(TT_SECONDS(5));
    REQUIRE(knows(1, 0));
    uint32_t boot = tt_sim_node(sim, 0)->discovery.options.boot;
    observe();
    for (int i = 0; i < 4; i++) {
        forge(i == 1 ? boot + 2 : boot, i == 2 ? 9 : TT_BUS_PORT, i == 3 ? 77 : 1, i == 0);
        EXPECT(tt_sim_node(sim, 1)->peers[0].doubted);
        pass(TT_SECONDS(5));
        EXPECT(!tt_sim_node(sim, 1)->peers[0].doubted);
    }
    tt_bus_changed(&tt_sim_node(sim, 0)->bus, tt_sim_node_now(sim, 0), &resource);
    pass(TT_SECONDS(1));
    EXPECT_EQUAL(notifications, 2);
    EXPECT_EQUAL(ended, 0);
    EXPECT(knows(1, 0) && gone[1] == 0 && restarted[1] == 0 && found[1] == 1);
    // However often it is said, the peer is asked once a second at most.
    uint64_t before = tt_sim_node(sim, 1)->counters.datagrams_sent;
    for (int i = 0; i < 100; i++) {
        forge(boot, TT_BUS_PORT, 1, true);
        pass(TT_MS(100));
    }
    EXPECT(tt_sim_node(sim, 1)->counters.datagrams_sent - before <= 30);
    EXPECT(gone[1] == 0 && ended == 0);
    tt_endpoint endpoint = tt_sim_endpoint(sim, 0);
    EXPECT(tt_endpoint_equal(&tt_sim_node(sim, 1)->peers[0].endpoint, &endpoint));
    tt_sim_free(sim);
}

// A device that starts anew is known to have, and what was under way to it ends, as soon as it has
// announced itself; and one whose announcements nobody hears within half a minute.
static void test_restart(void)
{
    begin(2, 2, false);
    pass(TT_SECONDS(5));
    observe();
    tt_sim_kill(sim, 0);
    pass(TT_MS(200));
    tt_sim_start(sim, 0, "test");
    pass(TT_MS(1100)); // 750 ms of probes, after up to 250 ms
    EXPECT(restarted[1] == 1 && found[1] == 2 && gone[1] == 0 && ended == 1);
    observe();
    tt_sim_kill(sim, 0);
    tt_sim_start(sim, 0, "test");
    tt_sim_node(sim, 0)->discovery.options.name = NULL; // says nothing
    pass(TT_SECONDS(32));
    EXPECT(restarted[1] == 2 && ended == 1);
    tt_sim_free(sim);
}

// Who dies is gone within 3 s of its last sign of life where somebody depends on it, and where
// nobody does when its records have aged.
static void test_death(void)
{
    begin(3, 3, false);
    pass(TT_SECONDS(5));
    observe();
    pass(TT_SECONDS(20));
    EXPECT(gone[1] == 0);
    tt_sim_kill(sim, 0);
    pass(TT_SECONDS(3));
    EXPECT(!knows(1, 0) && gone[1] == 1 && ended == 1);
    EXPECT(knows(2, 0));
    pass(TT_SECONDS(125));
    EXPECT(!knows(2, 0) && gone[2] == 1);
    // It is pinged less and less, and forgotten after a day.
    uint64_t before = tt_sim_node(sim, 1)->counters.datagrams_sent;
    pass(TT_SECONDS(22 * 3600));
    EXPECT(tt_sim_node(sim, 1)->counters.datagrams_sent - before < 5000);
    const tt_peer *peers = tt_sim_node(sim, 1)->peers;
    EXPECT(peers[0].lost || peers[1].lost);
    pass(TT_SECONDS(3 * 3600));
    EXPECT(!peers[0].lost && !peers[1].lost);
    tt_sim_free(sim);
}

// Passes so long while no datagram reaches or leaves them.
static void part(const char *nodes, unsigned seconds)
{
    char faults[80];
    snprintf(faults, sizeof(faults), "cut between %s and all at %lldms for %us", nodes,
             (long long)(tt_sim_now(sim) / TT_MS(1)), seconds);
    tt_sim_add_faults(sim, faults);
    pass(TT_SECONDS(seconds));
}

// A device that was cut off for five seconds, at any time, is known again within 2 s; so are all
// after a minute in which each was alone, whether they depend on one another or not.
static void be_away(unsigned nodes, bool watch)
{
    begin(nodes, 4, watch);
    pass(TT_SECONDS(10));
    for (unsigned i = 0; i < 8; i++) {
        pass(TT_MS(7300));
        part("1", 5);
        EXPECT(!watch || !knows(0, 1));
        pass(TT_SECONDS(2));
        EXPECT(all_know_all(nodes));
    }
    part("all", 61);
    EXPECT(!watch || !knows(0, 1));
    pass(TT_SECONDS(2));
    EXPECT(all_know_all(nodes));
    tt_sim_free(sim);
}

static void test_away(void)
{
    for (unsigned watch = 0; watch < 2; watch++) {
        be_away(2, watch != 0);
        be_away(6, watch != 0);
        be_away(17, watch != 0);
    }
}

// Who is observed by its address, though it announces nothing, is watched, too.
static void test_strangers(void)
{
    watching = false;
    sim = tt_sim_new(&(tt_sim_options){
        .seed = 6, .nodes = 3, .faults = "delay 1ms", .on_start = on_start, .on_peer = on_peer});
    tt_sim_start(sim, 0, NULL);
    tt_sim_start(sim, 1, NULL);
    pass(TT_SECONDS(3));
    observe();
    pass(TT_SECONDS(60));
    EXPECT_EQUAL(ended, 0);
    tt_sim_kill(sim, 0);
    pass(TT_SECONDS(3));
    EXPECT_EQUAL(ended, 1);
    uint64_t before = tt_sim_node(sim, 1)->counters.datagrams_sent;
    pass(TT_SECONDS(10));
    EXPECT(tt_sim_node(sim, 1)->counters.datagrams_sent <= before + 4); // nobody is watched
    // A call that is no observation has its own end.
    tt_sim_start(sim, 0, NULL);
    REQUIRE(tt_bus_add(&tt_sim_node(sim, 0)->bus, &resource) == TT_OK);
    owing = true;
    call.observe = false;
    call.timeout = TT_SECONDS(20);
    ended = 0;
    REQUIRE(tt_bus_call(&tt_sim_node(sim, 1)->bus, tt_sim_node_now(sim, 1), &call) == TT_OK);
    pass(TT_SECONDS(5));
    tt_sim_kill(sim, 0);
    pass(TT_SECONDS(10));
    EXPECT_EQUAL(ended, 0);
    pass(TT_SECONDS(6));
    EXPECT_EQUAL(ended, 1);
    owing = false;
    call.observe = true;
    // One that answers no ping is not judged by that, and seldom pinged: nobody has this address.
    call.peer = tt_sim_endpoint(sim, 2);
    call.timeout = TT_SECONDS(100);
    ended = 0;
    REQUIRE(tt_bus_call(&tt_sim_node(sim, 1)->bus, tt_sim_node_now(sim, 1), &call) == TT_OK);
    before = tt_sim_node(sim, 1)->counters.datagrams_sent;
    pass(TT_SECONDS(10));
    EXPECT_EQUAL(ended, 0);
    EXPECT(tt_sim_node(sim, 1)->counters.datagrams_sent - before < 30);
    tt_bus_cancel(&tt_sim_node(sim, 1)->bus, tt_sim_node_now(sim, 1), &call);
    pass(TT_SECONDS(40)); // the bus tells the other of it, as often as it repeats anything
    before = tt_sim_node(sim, 1)->counters.datagrams_sent;
    pass(TT_SECONDS(20));
    EXPECT(tt_sim_node(sim, 1)->counters.datagrams_sent - before <= 4);
    tt_sim_free(sim);
}

static uint64_t sent_by(unsigned nodes)
{
    uint64_t sent = 0;
    for (unsigned i = 0; i < nodes; i++)
        sent += tt_sim_node(sim, i)->counters.datagrams_sent;
    return sent;
}

// Thirty devices and more, of which each knows as many as it has places for, send little where
// nobody depends on anybody, and it grows as they do; a watched pair sends little more.
static void test_quiet(void)
{
    static const struct {
        unsigned nodes;
        bool watch;
        uint64_t most; // datagrams a minute, in minutes 3 to 8
    } cases[] = {{30, false, 150}, {60, false, 300}, {2, true, 2 * 75}};
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        begin(cases[i].nodes, 5, cases[i].watch);
        pass(TT_SECONDS(120));
        uint64_t before = sent_by(cases[i].nodes);
        pass(TT_SECONDS(360));
        uint64_t minute = (sent_by(cases[i].nodes) - before) / 6;
        printf("%u nodes%s: %llu datagrams a minute\n", cases[i].nodes,
               cases[i].watch ? ", each depends on the other" : "", (unsigned long long)minute);
        EXPECT(minute > 0 && minute <= cases[i].most);
        for (unsigned k = 0; k < cases[i].nodes; k++)
            EXPECT_EQUAL(gone[k], 0);
        tt_sim_free(sim);
    }
}

int main(void)
{
    test_forged();
    test_restart();
    test_death();
    test_away();
    test_strangers();
    test_quiet();
    return test_result();
}
