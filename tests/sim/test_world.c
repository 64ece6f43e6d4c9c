// The world itself: what its network does to datagrams, how it keeps time, and its platform, by the
// trace and by what nodes see.

#include "tests/sim/world.h"
#include "tutti/check.h"

#define WORK_TIME TT_MS(40)
#define DELAY_LEAST TT_MS(1)
#define DELAY_GREATEST TT_MS(60)

static const tt_sim_options usual = {.seed = 3,
                                     .nodes = NODES,
                                     .faults = "delay 1ms jitter 59ms",
                                     .work_time = WORK_TIME,
                                     .skew_parts_per_million = 200};

static void test_network(void)
{
    tt_sim_options o = usual;
    tt_time when = 0, before = 0;
    o.faults = "delay 1ms jitter 59ms\ndouble 100%";
    begin(&o);
    EXPECT_EQUAL(pass(0, 1, 1000), 2 * MARKERS);
    tt_sim_heal(sim);
    tt_time sent = tt_sim_now(sim);
    EXPECT_EQUAL(pass(0, 1, 2000), MARKERS);
    unsigned overtaken = 0;
    for (unsigned i = 0; i < MARKERS; i++, before = when) {
        EXPECT_EQUAL(delivered(1, 2000 + i, &when), 1);
        EXPECT(when >= sent + DELAY_LEAST && when <= sent + DELAY_GREATEST);
        EXPECT_EQUAL(delivered(2, 2000 + i, &when), 0);
        overtaken += when < before;
    }
    EXPECT(overtaken > MARKERS / 10);
    end();

    o.faults = "loss 100%";
    begin(&o);
    EXPECT_EQUAL(pass(0, 1, 1000), 0);
    tt_sim_heal(sim);
    EXPECT_EQUAL(pass(0, 1, 2000), MARKERS);
    end();
}

static void test_ends(void)
{
    tt_time when;
    begin(&usual);
    send_marker(0, tt_sim_endpoint(sim, 1), 6000);
    send_marker(1, tt_sim_endpoint(sim, 0), 6001);
    tt_sim_kill(sim, 1);
    EXPECT(!tt_sim_alive(sim, 1) && tt_sim_alive(sim, 0));
    tt_sim_start(sim, 1, NULL);
    EXPECT(tt_sim_alive(sim, 1) && starts[1] == 2);
    tt_sim_run_until(sim, tt_sim_now(sim) + TT_SECONDS(1));
    EXPECT(delivered(1, 6000, &when) == 0 && delivered(0, 6001, &when) == 1);
    EXPECT_TEXT(tt_sim_node(sim, 0)->discovery.name, "node-0");
    EXPECT_TEXT(tt_sim_node(sim, 2)->discovery.name, "node-2");
    EXPECT(tt_sim_node(sim, 1)->options.name == NULL);
    for (unsigned i = 0; i < NODES; i++)
        EXPECT_EQUAL(tt_sim_index(sim, tt_sim_node(sim, i)), i);

    // A group is heard by everybody else who joined it, at the port that joined it.
    tt_endpoint group = {.ip = {0xff, 2, [15] = 0xfb}, .port = TT_MDNS_PORT};
    send_marker(0, group, 7000);
    group.port = TT_BUS_PORT;
    send_marker(0, group, 7001);
    group = (tt_endpoint){.ip = {0xff, 2, [15] = 0xfc}, .port = TT_MDNS_PORT};
    send_marker(0, group, 7002);
    tt_sim_run_until(sim, tt_sim_now(sim) + TT_SECONDS(1));
    EXPECT(delivered(0, 7000, &when) == 0 && delivered(1, 7000, &when) == 1 &&
           delivered(2, 7000, &when) == 1);
    for (unsigned i = 0; i < NODES; i++)
        EXPECT(delivered(i, 7001, &when) == 0 && delivered(i, 7002, &when) == 0);
    end();
}

static void test_sockets(void)
{
    begin(&usual);
    tt_platform *p = platform_of(0);
    const tt_platform_operations *ops = p->operations;
    tt_socket opened = 99;
    tt_endpoint own = {.port = 1}, none = {.ip = {[15] = 1}};
    EXPECT_EQUAL(ops->open(p, TT_BUS_PORT, NULL, 0, &opened), TT_BUSY);
    EXPECT_EQUAL(ops->open(p, 0, &none, 1, &opened), TT_INVALID);
    EXPECT_EQUAL(opened, 99);
    EXPECT_EQUAL(ops->open(p, 0, NULL, 0, &opened), TT_OK);
    EXPECT(ops->port(p, opened) != 0 && ops->port(p, opened) != TT_BUS_PORT);
    EXPECT_EQUAL(ops->port(p, tt_sim_node(sim, 0)->bus_socket), TT_BUS_PORT);
    EXPECT_EQUAL(ops->open(p, 0, NULL, 0, &opened), TT_FULL);
    static struct {
        tt_datagram datagram;
        uint8_t more; // that must not be sent
    } longer;
    longer.datagram.peer = tt_sim_endpoint(sim, 1);
    longer.datagram.length = TT_DATAGRAM_MAX + 1;
    EXPECT_EQUAL(ops->send(p, &longer.datagram), TT_TOO_LARGE);
    longer.datagram.length = TT_DATAGRAM_MAX;
    EXPECT_EQUAL(ops->send(p, &longer.datagram), TT_OK);
    EXPECT_EQUAL(ops->receive(p, &longer.datagram), TT_EMPTY);
    EXPECT(ops->addresses(p, &own, 0) == 0 && own.port == 1);
    EXPECT(ops->addresses(p, &own, 1) == 1 && own.port == 0);
    own.port = TT_BUS_PORT;
    tt_endpoint told = tt_sim_endpoint(sim, 0);
    EXPECT(tt_endpoint_equal(&own, &told));
    end();
}

static unsigned runs, dones, more_works;
static tt_time done_at[16];

static void run_work(tt_work *work)
{
    (void)work;
    runs++;
}

static void work_done(tt_work *work, tt_time now)
{
    done_at[dones++ % 16] = now;
    if (more_works > 0) {
        more_works--;
        EXPECT_EQUAL(platform_of(0)->operations->work(platform_of(0), work), TT_OK);
    }
}

static void test_works(void)
{
    static tt_work works[TT_WORKS_MAX + 1];
    tt_sim_options o = usual;
    o.skew_parts_per_million = 0;
    begin(&o);
    tt_platform *p = platform_of(0);
    for (unsigned i = 0; i <= TT_WORKS_MAX; i++) {
        works[i] = (tt_work){.run = run_work, .done = work_done};
        EXPECT_EQUAL(p->operations->work(p, &works[i]), i < TT_WORKS_MAX ? TT_OK : TT_FULL);
    }
    more_works = 1;
    tt_time before = p->operations->now(p);
    tt_sim_run_until(sim, tt_sim_now(sim) + TT_SECONDS(1));
    EXPECT(runs == TT_WORKS_MAX + 1 && dones == TT_WORKS_MAX + 1);
    for (unsigned i = 0; i <= TT_WORKS_MAX; i++)
        EXPECT_EQUAL(done_at[i], before + (i + 1) * WORK_TIME);
    for (unsigned i = 0; i < TT_WORKS_MAX; i++)
        EXPECT_EQUAL(p->operations->work(p, &works[i]), TT_OK);
    EXPECT_EQUAL(p->operations->work(p, &works[TT_WORKS_MAX]), TT_FULL);
    tt_sim_kill(sim, 0); // and its works with it
    tt_sim_start(sim, 0, "test");
    EXPECT_EQUAL(p->operations->work(p, &works[0]), TT_OK);
    tt_sim_run_until(sim, tt_sim_now(sim) + TT_SECONDS(1));
    EXPECT(runs == TT_WORKS_MAX + 2 && dones == TT_WORKS_MAX + 2);
    end();
}

static void test_clocks(void)
{
    const tt_time duration = TT_SECONDS(1000);
    tt_sim_options o = usual;
    for (unsigned skew = 0; skew <= 200; skew += 200) {
        tt_time least = 0, greatest = 0;
        o.skew_parts_per_million = skew;
        for (o.seed = 1; o.seed <= 10; o.seed++) {
            sim = tt_sim_new(&o);
            tt_time before[NODES];
            for (unsigned i = 0; i < NODES; i++)
                before[i] = tt_sim_node_now(sim, i);
            tt_sim_run_until(sim, tt_sim_now(sim) + duration);
            for (unsigned i = 0; i < NODES; i++) {
                tt_time ahead = tt_sim_node_now(sim, i) - before[i] - duration;
                EXPECT(!tt_sim_alive(sim, i));
                least = ahead < least ? ahead : least;
                greatest = ahead > greatest ? ahead : greatest;
            }
            tt_sim_free(sim);
        }
        tt_time most = duration / 1000000 * skew;
        EXPECT(least >= -most && greatest <= most);
        EXPECT(least <= -most / 2 && greatest >= most / 2);
    }
}

static char order[8], letters[] = "abcde";

static void note(tt_sim *world, void *context)
{
    EXPECT(world == sim);
    EXPECT_EQUAL(tt_sim_now(sim), TT_SECONDS(*(char *)context == 'd' ? 9 : 7));
    strncat(order, context, 1);
}

static void test_actions(void)
{
    begin(&usual);
    tt_sim_at(sim, TT_SECONDS(9), note, &letters['d' - 'a']);
    tt_sim_at(sim, TT_SECONDS(7), note, &letters['a' - 'a']);
    tt_sim_at(sim, TT_SECONDS(7), note, &letters['b' - 'a']);
    tt_sim_run_until(sim, TT_SECONDS(7) - 1);
    EXPECT_TEXT(order, "");
    tt_sim_run_until(sim, TT_SECONDS(7));
    EXPECT_TEXT(order, "ab");
    tt_sim_at(sim, TT_SECONDS(7), note, &letters['e' - 'a']);
    tt_sim_at(sim, TT_SECONDS(6), note, &letters['c' - 'a']); // has passed
    tt_sim_run_until(sim, TT_SECONDS(7));
    EXPECT_TEXT(order, "abec");
    tt_sim_run_until(sim, TT_SECONDS(1)); // never back
    EXPECT_EQUAL(tt_sim_now(sim), TT_SECONDS(7));
    tt_sim_run_until(sim, TT_SECONDS(10));
    EXPECT_TEXT(order, "abecd");
    end();
}

static tt_node_timer timer;
static tt_time rang_at;

static void ring(tt_node *node, tt_time now, void *context)
{
    (void)node, (void)now, (void)context;
    rang_at = tt_sim_now(sim);
}

static void set_timer(tt_sim *world, void *context)
{
    (void)context;
    tt_node_after(tt_sim_node(world, 0), &timer, TT_US(10), ring, NULL);
}

// What an action asks of a node is seen at once, whenever the node wanted its next turn.
static void test_touched(void)
{
    sim = tt_sim_new(&(tt_sim_options){.seed = 1, .nodes = 1});
    tt_sim_start(sim, 0, "test");
    tt_sim_at(sim, TT_SECONDS(30), set_timer, NULL);
    tt_sim_run_until(sim, TT_SECONDS(40));
    EXPECT_EQUAL(rang_at, TT_SECONDS(30) + TT_US(10));
    // And a node that wants nothing has no turns: mDNS asks once a minute.
    uint64_t turns = tt_sim_count(sim)->turns;
    tt_sim_run_until(sim, TT_SECONDS(3600));
    EXPECT(tt_sim_count(sim)->turns - turns <= 70);
    tt_sim_free(sim);
}

// The same seed: the same sum, the same numbers for the scenario and for each node.
static void test_seeds(void)
{
    static const uint64_t seeds[] = {1, 1, 2};
    uint64_t sums[3], own[3];
    uint8_t bytes[3][2][8];
    for (int i = 0; i < 3; i++) {
        tt_sim_options o = usual;
        o.seed = seeds[i];
        begin(&o);
        sums[i] = tt_sim_trace_sum(sim);
        own[i] = tt_random_u64(tt_sim_random(sim));
        for (unsigned k = 0; k < 2; k++)
            platform_of(k)->operations->random(platform_of(k), bytes[i][k], 8);
        end();
    }
    EXPECT(sums[0] == sums[1] && sums[0] != sums[2]);
    EXPECT(own[0] == own[1] && own[0] != own[2]);
    EXPECT(memcmp(bytes[0], bytes[1], 16) == 0 && memcmp(bytes[0], bytes[2], 16) != 0);
    EXPECT(memcmp(bytes[0][0], bytes[0][1], 8) != 0);
}

int main(void)
{
    sim = tt_sim_new(&(tt_sim_options){.nodes = TT_SIM_NODES_MAX});
    REQUIRE(sim != NULL);
    tt_sim_free(sim);
    test_network();
    test_ends();
    test_sockets();
    test_works();
    test_clocks();
    test_actions();
    test_touched();
    test_seeds();
    return test_result();
}
