// Presence where this device, not the other, was away, and where another took a name.

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/sim.h"

static tt_sim *sim;
static unsigned found, gone, restarted; // told by node 0
static const char *looked_for;          // once somebody restarted, or NULL

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    (void)context;
    if (discovery != &tt_sim_node(sim, 0)->discovery)
        return;
    if (event == TT_PEER_RESTARTED && looked_for != NULL)
        tt_discovery_look_for(discovery, now, looked_for, NULL);
    EXPECT(event != TT_PEER_FOUND || peer->name[0] != '\0');
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

// Where one of several goes others are not asked for; where nobody is left it may be this device
// that is away. What is told of a life is kept.
static void test_who_is_left(void)
{
    begin(4);
    pass(TT_SECONDS(60));
    const tt_discovery *d = &tt_sim_node(sim, 0)->discovery;
    for (unsigned i = 1; i < 4; i++) {
        char name[TT_NAME_MAX];
        snprintf(name, sizeof(name), "node-%u", i);
        const tt_peer *peer = tt_node_find(tt_sim_node(sim, 0), NULL, name);
        REQUIRE(peer != NULL);
        EXPECT_EQUAL(peer->wire, TT_WIRE_VERSION);
    }
    for (unsigned i = 1; i < 4; i++) {
        tt_time asked_at = d->state.asked_at;
        tt_sim_kill(sim, i);
        pass(TT_SECONDS(10));
        EXPECT_EQUAL(gone, i);
        EXPECT_EQUAL(d->state.asked_at != asked_at, i == 3);
    }
    tt_sim_free(sim);
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

static tt_call call;
static unsigned notifications, ended;

static void on_reply(tt_call *asked, tt_time now, const tt_reply *reply)
{
    (void)asked, (void)now;
    notifications += reply->status == TT_OK;
    ended += reply->final;
}

static void give(tt_resource *asked, tt_time now, const tt_request *request, tt_response *response)
{
    (void)asked, (void)now, (void)request;
    response->code = TT_CONTENT;
    response->content_format = TT_FORMAT_NONE;
}

static tt_resource resource = {
    .path = "value", .handler = give, .methods = 1 << TT_GET, .observable = true};

// Node 0 hears of a device that is none, at a place.
static void forge_ghost_at(const char *name, tt_endpoint told)
{
    static tt_discovery forger;
    tt_endpoint from = {.ip = {0xfe, 0x80, [15] = 99}, .port = TT_MDNS_PORT, .interface = 1}, to;
    uint8_t bytes[TT_MDNS_MESSAGE_MAX];
    size_t length;
    tt_discovery_options options = {
        .name = name, .kind = "test", .port = told.port, .boot = 0x99, .seed = 1};
    REQUIRE(tt_discovery_init(&forger, 0, &options) == TT_OK);
    tt_discovery_set_addresses(&forger, 0, &told, 1);
    for (tt_time at = 0; at < TT_SECONDS(3); at += TT_MS(50))
        while (tt_discovery_transmit(&forger, at, &to, bytes, sizeof(bytes), &length) == TT_OK)
            if ((bytes[2] & 0x80) != 0)
                tt_discovery_receive(&tt_sim_node(sim, 0)->discovery, tt_sim_node_now(sim, 0),
                                     &from, bytes, length);
}

static void forge_ghost(void)
{
    forge_ghost_at("ghost", tt_sim_endpoint(sim, 1));
}

// How much node 0 sends in the five seconds after it heard of twelve devices where there is none.
static unsigned sent_to_ghosts(tt_endpoint at)
{
    begin(2);
    pass(TT_SECONDS(10));
    uint64_t before = tt_sim_node(sim, 0)->counters.datagrams_sent;
    for (unsigned i = 0; i < 12; i++) {
        char name[TT_NAME_MAX];
        snprintf(name, sizeof(name), "ghost-%u", i);
        forge_ghost_at(name, at);
    }
    pass(TT_SECONDS(5));
    uint64_t sent = tt_sim_node(sim, 0)->counters.datagrams_sent - before;
    tt_sim_free(sim);
    return (unsigned)sent;
}

// Whoever forges makes nobody send to where no device of this network can be, and little to one
// place where one might be.
static void test_ghosts_at_once(void)
{
    tt_endpoint far = {.ip = {[10] = 0xff, 0xff, 8, 8, 8, 8}, .port = 53};
    tt_endpoint near = {.ip = {0xfe, 0x80, [15] = 77}, .port = 53, .interface = 1};
    unsigned quiet = sent_to_ghosts(far), loud = sent_to_ghosts(near);
    printf("%u datagrams, and %u for ghosts at one place\n", quiet, loud);
    EXPECT(quiet <= 14); // to node 1
    EXPECT(loud <= 60);
}

// All nodes hear a goodbye in the name of one.
static void forge_goodbye(unsigned nodes, unsigned named)
{
    static tt_discovery forger;
    tt_endpoint from = {.ip = {0xfe, 0x80, [15] = 99}, .port = TT_MDNS_PORT, .interface = 1}, to;
    uint8_t bytes[TT_MDNS_MESSAGE_MAX];
    size_t length;
    tt_endpoint told = tt_sim_endpoint(sim, named);
    char name[TT_NAME_MAX];
    snprintf(name, sizeof(name), "node-%u", named);
    tt_discovery_options options = {
        .name = name, .kind = "test", .port = told.port, .boot = 0x99, .seed = 1};
    REQUIRE(tt_discovery_init(&forger, 0, &options) == TT_OK);
    tt_discovery_set_addresses(&forger, 0, &told, 1);
    for (tt_time at = 0; at < TT_SECONDS(3); at += TT_MS(50))
        while (tt_discovery_transmit(&forger, at, &to, bytes, sizeof(bytes), &length) == TT_OK)
            ;
    tt_discovery_goodbye(&forger, TT_SECONDS(3));
    REQUIRE(tt_discovery_transmit(&forger, TT_SECONDS(3), &to, bytes, sizeof(bytes), &length) ==
            TT_OK);
    for (unsigned i = 0; i < nodes; i++)
        tt_discovery_receive(&tt_sim_node(sim, i)->discovery, tt_sim_node_now(sim, i), &from, bytes,
                             length);
}

static uint64_t sent_by(unsigned nodes)
{
    uint64_t sent = 0;
    for (unsigned i = 0; i < nodes; i++)
        sent += tt_sim_node(sim, i)->counters.datagrams_sent;
    return sent;
}

// Sixteen goodbyes in the names of living devices are denied by those, and hardly anybody asks.
static void test_goodbyes_at_once(void)
{
    begin(30);
    for (unsigned i = 0; i < 30; i++)
        tt_sim_node(sim, i)->options.watch = false;
    pass(TT_SECONDS(50));
    uint64_t before = sent_by(30);
    for (unsigned i = 0; i < 16; i++)
        forge_goodbye(30, i);
    pass(TT_SECONDS(5));
    uint64_t sent = sent_by(30) - before;
    printf("%u datagrams for 16 goodbyes among 30 nodes\n", (unsigned)sent);
    EXPECT(sent >= 16 && sent <= 64); // each by two groups
    EXPECT_EQUAL(gone, 0);
    EXPECT_EQUAL(found, TT_NODE_PEERS_MAX); // and nobody anew
    tt_sim_free(sim);
}

// A name that somebody forged at the place of a living device is not taken for one, and ends
// nothing that is under way there.
static void test_ghost(void)
{
    begin(2);
    pass(TT_SECONDS(5));
    REQUIRE(tt_bus_add(&tt_sim_node(sim, 1)->bus, &resource) == TT_OK);
    call = (tt_call){.peer = tt_sim_endpoint(sim, 1),
                     .method = TT_GET,
                     .path = "value",
                     .content_format = TT_FORMAT_NONE,
                     .accept = TT_FORMAT_NONE,
                     .observe = true,
                     .on_reply = on_reply};
    REQUIRE(tt_bus_call(&tt_sim_node(sim, 0)->bus, tt_sim_node_now(sim, 0), &call) == TT_OK);
    pass(TT_SECONDS(1));
    EXPECT_EQUAL(notifications, 1);
    for (int i = 0; i < 3; i++) {
        forge_ghost();
        EXPECT(tt_node_find(tt_sim_node(sim, 0), NULL, "ghost") != NULL);
        pass(TT_SECONDS(2));
        EXPECT(tt_node_find(tt_sim_node(sim, 0), NULL, "ghost") == NULL);
    }
    EXPECT(tt_node_find(tt_sim_node(sim, 0), NULL, "node-1") != NULL);
    EXPECT_EQUAL(restarted, 0);
    EXPECT_EQUAL(ended, 0);
    tt_bus_changed(&tt_sim_node(sim, 1)->bus, tt_sim_node_now(sim, 1), &resource);
    pass(TT_SECONDS(1));
    EXPECT_EQUAL(notifications, 2);
    tt_sim_free(sim);
}

// Whoever is told of a restart may look for somebody else instead.
static void test_looking_elsewhere(void)
{
    begin(3);
    pass(TT_SECONDS(5));
    looked_for = "node-2";
    tt_sim_kill(sim, 1);
    tt_sim_start(sim, 1, "test");
    pass(TT_SECONDS(5));
    EXPECT(restarted == 1 && found == 2);
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++) {
        const tt_peer *peer = &tt_sim_node(sim, 0)->peers[i];
        EXPECT(!peer->reported || tt_text_same_name(peer->name, "node-2"));
    }
    looked_for = NULL;
    tt_sim_free(sim);
}

int main(void)
{
    test_looking_elsewhere();
    test_ghost();
    test_ghosts_at_once();
    test_goodbyes_at_once();
    test_standstill();
    test_who_is_left();
    test_name_taken();
    return test_result();
}
