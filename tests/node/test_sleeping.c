// Devices that sleep, in virtual time: who says for how long is not taken for gone meanwhile, is
// gone that much later when it dies, and nobody else's word about it counts.

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/sim.h"

static tt_sim *sim;
static tt_time may_sleep; // what node 0 says at its start
static unsigned gone, ended;
static tt_status last_status;

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    (void)discovery, (void)now, (void)peer, (void)context;
    gone += event == TT_PEER_GONE;
}

static void on_start(tt_sim *world, unsigned index, void *context)
{
    tt_node *node = tt_sim_node(world, index);
    (void)context;
    node->options.watch = index > 0; // on whoever is there
    if (index == 0)
        EXPECT(tt_node_sleeps(node, may_sleep) == TT_OK);
}

// Node 0 sleeps for 20 of every 30 s where `faults` says so; nodes 1 and 2 depend on it.
static void begin(uint64_t seed, tt_time says, const char *faults)
{
    gone = ended = 0;
    may_sleep = says;
    sim = tt_sim_new(&(tt_sim_options){
        .seed = seed, .nodes = 3, .faults = faults, .on_start = on_start, .on_peer = on_peer});
    REQUIRE(sim != NULL);
    for (unsigned i = 0; i < 3; i++)
        tt_sim_start(sim, i, "test");
}

static void pass(tt_time duration)
{
    tt_sim_run_until(sim, tt_sim_now(sim) + duration);
}

static bool knows(unsigned node, const char *name)
{
    return tt_node_find(tt_sim_node(sim, node), NULL, name) != NULL;
}

static unsigned sleep_known_by(unsigned node)
{
    tt_endpoint place = tt_sim_endpoint(sim, 0);
    return tt_node_sleep_of(tt_sim_node(sim, node), &place);
}

static const char sleeps[] = "delay 0.2ms jitter 1.8ms\nsleep 0 at 10s for 20s every 30s";
static const char awake[] = "delay 0.2ms jitter 1.8ms";

static void test_sleeping(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        begin(seed, TT_MS(20400), sleeps); // told as 21 s
        pass(TT_SECONDS(9));
        EXPECT_EQUAL(sleep_known_by(1), 21);
        EXPECT_EQUAL(sleep_known_by(2), 21);
        pass(TT_SECONDS(600));
        EXPECT_EQUAL(gone, 0);
        tt_sim_free(sim);
    }
    // One that sleeps for longer than others wait between two pings, and says when it is awake.
    begin(1, TT_SECONDS(600), "delay 0.2ms jitter 1.8ms\nsleep 0 at 10s for 595s every 600s");
    for (unsigned i = 0; i < 10; i++) {
        pass(TT_SECONDS(600));
        EXPECT(tt_node_sleeps(tt_sim_node(sim, 0), TT_SECONDS(600)) == TT_OK);
    }
    EXPECT_EQUAL(gone, 0);
    EXPECT(tt_sim_node(sim, 1)->counters.datagrams_sent < 8000); // most of it with node 2
    printf("%llu\n", (unsigned long long)tt_sim_node(sim, 1)->counters.datagrams_sent);
    tt_sim_free(sim);
    begin(1, 0, sleeps); // who does not say so is taken for gone, each time
    pass(TT_SECONDS(125));
    EXPECT_EQUAL(sleep_known_by(1), 0);
    EXPECT(gone >= 2 * 4);
    tt_sim_free(sim);
}

// One that dies is gone once it was silent for longer than it may be.
static void test_death(void)
{
    begin(3, TT_SECONDS(20), awake);
    pass(TT_SECONDS(30));
    EXPECT_EQUAL(sleep_known_by(1), 20);
    tt_sim_kill(sim, 0);
    pass(TT_SECONDS(19));
    EXPECT_EQUAL(gone, 0);
    pass(TT_SECONDS(4) + TT_MS(100));
    EXPECT_EQUAL(gone, 2);
    EXPECT(!knows(1, "node-0"));
    tt_sim_free(sim);
}

// It may change its mind.
static void test_changes(void)
{
    static const tt_time refused[] = {-1, TT_SECONDS(TT_SLEEP_MAX) + 1};
    begin(4, 0, awake);
    pass(TT_SECONDS(10));
    EXPECT_EQUAL(sleep_known_by(1), 0);
    for (size_t i = 0; i < TT_COUNT(refused); i++)
        EXPECT_EQUAL(tt_node_sleeps(tt_sim_node(sim, 0), refused[i]), TT_INVALID);
    REQUIRE(tt_node_sleeps(tt_sim_node(sim, 0), TT_SECONDS(TT_SLEEP_MAX)) == TT_OK);
    pass(TT_SECONDS(5));
    EXPECT_EQUAL(sleep_known_by(1), TT_SLEEP_MAX);
    REQUIRE(tt_node_sleeps(tt_sim_node(sim, 0), 0) == TT_OK);
    pass(TT_SECONDS(5));
    EXPECT_EQUAL(sleep_known_by(1), 0);
    EXPECT_EQUAL(gone, 0);
    tt_sim_free(sim);
}

// Somebody says in its name that it sleeps for an hour.
static void forge(uint16_t seconds)
{
    static tt_discovery forger;
    tt_endpoint from = {.ip = {0xfe, 0x80, [15] = 99}, .port = TT_MDNS_PORT, .interface = 1};
    tt_endpoint told = tt_sim_endpoint(sim, 0), to;
    uint8_t bytes[TT_MDNS_MESSAGE_MAX];
    size_t length;
    tt_discovery_options options = {.name = "node-0",
                                    .kind = "test",
                                    .port = told.port,
                                    .boot = tt_sim_node(sim, 0)->discovery.options.boot,
                                    .sleep_s = seconds,
                                    .seed = 1};
    REQUIRE(tt_discovery_init(&forger, 0, &options) == TT_OK);
    tt_discovery_set_addresses(&forger, 0, &told, 1);
    for (tt_time at = 0; at < TT_SECONDS(3); at += TT_MS(50)) {
        tt_discovery_advance(&forger, at);
        while (tt_discovery_transmit(&forger, at, &to, bytes, sizeof(bytes), &length) == TT_OK)
            if ((bytes[2] & 0x80) != 0)
                tt_discovery_receive(&tt_sim_node(sim, 1)->discovery, tt_sim_node_now(sim, 1),
                                     &from, bytes, length);
    }
}

static void test_forged(void)
{
    begin(5, 0, awake);
    pass(TT_SECONDS(10));
    forge(3600);
    pass(TT_SECONDS(4));
    EXPECT_EQUAL(sleep_known_by(1), 0); // its own answer counts
    forge(3600);
    tt_sim_kill(sim, 0);
    pass(TT_SECONDS(4));
    EXPECT(!knows(1, "node-0"));
    tt_sim_free(sim);
    // One that never was, and is said to sleep, is gone like any.
    begin(6, 0, awake);
    tt_sim_kill(sim, 0);
    pass(TT_SECONDS(10));
    forge(3600);
    pass(TT_SECONDS(5));
    EXPECT(!knows(1, "node-0"));
    tt_sim_free(sim);
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)call, (void)now;
    ended += reply->final;
    last_status = reply->status;
}

// A call to one who sleeps ends in its time, and the device stays known, with how long it sleeps.
static void test_call(void)
{
    begin(7, TT_SECONDS(60), "delay 0.2ms jitter 1.8ms\nsleep 0 at 10s for 60s");
    pass(TT_SECONDS(12));
    tt_call call = {.peer = tt_sim_endpoint(sim, 0),
                    .method = TT_GET,
                    .path = ".well-known/core",
                    .content_format = TT_FORMAT_NONE,
                    .accept = TT_FORMAT_NONE,
                    .on_reply = on_reply};
    REQUIRE(tt_bus_call(&tt_sim_node(sim, 1)->bus, tt_sim_node_now(sim, 1), &call) == TT_OK);
    pass(TT_SECONDS(30));
    EXPECT(ended == 1 && last_status == TT_TIMED_OUT);
    EXPECT_EQUAL(sleep_known_by(1), 60);
    pass(TT_SECONDS(60));
    EXPECT_EQUAL(gone, 0);
    tt_sim_free(sim);
}

int main(void)
{
    test_sleeping();
    test_death();
    test_changes();
    test_forged();
    test_call();
    return test_result();
}
