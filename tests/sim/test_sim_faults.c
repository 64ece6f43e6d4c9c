// Each fault does what docs/simulator.md says of it, and nothing else: by the fates of markers.

#include <math.h>

#include "sim/tearing.h"
#include "tests/sim/world.h"

#define MANY 2000

// Within four standard deviations of what `percent` of `count` is on average.
static bool near(unsigned came, unsigned count, unsigned percent)
{
    double expected = count * percent / 100.0;
    return fabs(came - expected) <= 4 * sqrt(expected * (100 - percent) / 100);
}

static void test_loss(void)
{
    begin_with("loss 20% from 0 to 1 # one way");
    for (unsigned i = 0; i < MANY; i++) {
        send_marker(0, tt_sim_endpoint(sim, 1), i);
        send_marker(1, tt_sim_endpoint(sim, 0), i);
        send_marker(0, tt_sim_endpoint(sim, 2), i);
        run_for(TT_US(10));
    }
    run_for(TT_SECONDS(1));
    EXPECT(near(all_with_fate(1, "lost"), MANY, 20));
    EXPECT_EQUAL(all_with_fate(1, "arrived") + all_with_fate(1, "lost"), MANY);
    EXPECT_EQUAL(all_with_fate(0, "arrived"), MANY);
    EXPECT_EQUAL(all_with_fate(2, "arrived"), MANY);
    end();
    begin_with("loss 50%\nloss 50% from 2 to 1"); // both are survived
    pass_some(2, 1, 0, MANY, TT_US(10));
    EXPECT(near(all_with_fate(1, "arrived"), MANY, 25));
    end();
}

static void test_double(void)
{
    begin_with("double 30% between 0 and 1");
    pass_some(0, 1, 0, MANY, TT_US(10));
    pass_some(0, 2, 0, MANY, TT_US(10));
    EXPECT(near(all_with_fate(1, "arrived") - MANY, MANY, 30));
    EXPECT_EQUAL(all_with_fate(2, "arrived"), MANY);
    EXPECT(tt_sim_count(sim)->doubled >= MANY / 4);
    end();
}

// Ten periods of 2 s, a marker every 10 ms: in each all of some 300 ms are lost, and no others.
static void test_burst(void)
{
    unsigned lost[2][10] = {{0}}, begins[2][10] = {{0}};
    tt_time when;
    begin_with("burst 300ms every 2s to 1 at 6s");
    tt_sim_run_until(sim, TT_SECONDS(6));
    for (unsigned i = 0; i < 2000; i++) {
        send_marker(0, tt_sim_endpoint(sim, 1), i);
        send_marker(2, tt_sim_endpoint(sim, 1), 10000 + i);
        send_marker(1, tt_sim_endpoint(sim, 0), i);
        run_for(TT_MS(10));
    }
    for (unsigned from = 0; from < 2; from++)
        for (unsigned i = 0; i < 2000; i++) {
            unsigned period = i / 200;
            if (with_fate("1", from * 10000 + i, "lost in a burst", &when) == 0)
                continue;
            begins[from][period] = lost[from][period] == 0 ? i : begins[from][period];
            EXPECT_EQUAL(i, begins[from][period] + lost[from][period]); // one behind another
            lost[from][period]++;
        }
    unsigned places = 0, paths = 0;
    for (unsigned i = 0; i < 10; i++) {
        EXPECT(lost[0][i] == 30 && lost[1][i] == 30);
        places += i > 0 && begins[0][i] - begins[0][i - 1] != 200;
        paths += begins[0][i] != begins[1][i];
    }
    EXPECT(places >= 7 && paths >= 7); // each at a place of its own
    EXPECT_EQUAL(all_with_fate(0, "arrived"), 2000);
    end();
}

static tt_time time_of(unsigned from, unsigned to, uint32_t marker)
{
    tt_time sent = tt_sim_now(sim), when = 0;
    send_marker(from, tt_sim_endpoint(sim, to), marker);
    run_for(TT_SECONDS(1));
    EXPECT_EQUAL(delivered(to, marker, &when), 1);
    return when - sent;
}

static void test_delays(void)
{
    begin_with("delay 10ms from 0\ndelay 5ms to 1\nreorder 0% by 1s");
    EXPECT_EQUAL(time_of(0, 1, 1), TT_MS(15));
    EXPECT_EQUAL(time_of(0, 2, 2), TT_MS(10));
    EXPECT_EQUAL(time_of(2, 1, 3), TT_MS(5));
    EXPECT_EQUAL(time_of(1, 2, 4), TT_SIM_LATENCY);
    end();

    tt_time when = 0;
    unsigned late = 0;
    begin_with("reorder 10% by 50ms");
    tt_time first = tt_sim_now(sim);
    EXPECT_EQUAL(pass_some(0, 1, 0, 1000, TT_MS(1)), 1000);
    for (unsigned i = 0; i < 1000; i++) {
        EXPECT_EQUAL(delivered(1, i, &when), 1);
        tt_time took = when - first - TT_MS(i);
        EXPECT(took == TT_SIM_LATENCY || took == TT_SIM_LATENCY + TT_MS(50));
        late += took > TT_SIM_LATENCY;
    }
    EXPECT(near(late, 1000, 10));
    end();
}

// 1,000 bytes take 10 ms. The nodes' own few datagrams pass, too.
static void test_bottleneck(void)
{
    tt_time when[20], sent;
    unsigned came = 0;
    begin_with("bottleneck 100kB/s queue 50ms from 0 to 1");
    sent = tt_sim_now(sim);
    for (unsigned i = 0; i < 20; i++)
        send_long(0, tt_sim_endpoint(sim, 1), i, 1000 - 48);
    run_for(TT_SECONDS(1));
    for (unsigned i = 0; i < 20; i++)
        came += delivered(1, i, &when[came]);
    EXPECT_EQUAL(came, 6); // the last waits for 50 ms
    EXPECT_EQUAL(all_with_fate(1, "queue full"), 20 - came);
    for (unsigned i = 1; i < came; i++)
        EXPECT_EQUAL(when[i] - when[i - 1], TT_MS(10));
    EXPECT(when[0] - sent >= TT_MS(10) && when[0] - sent < TT_MS(15));

    for (unsigned i = 0; i < 400; i++, run_for(TT_MS(5))) { // twice what passes
        send_long(0, tt_sim_endpoint(sim, 1), 1000 + i, 1000 - 48);
        send_long(1, tt_sim_endpoint(sim, 0), 1000 + i, 1000 - 48);
    }
    run_for(TT_SECONDS(1));
    unsigned passed = all_with_fate(1, "arrived") - came;
    EXPECT(passed >= 195 && passed <= 206);
    EXPECT_EQUAL(all_with_fate(0, "arrived"), 400);
    end();

    // One to a group passes once, for all who are beyond.
    begin_with("bottleneck 1kB/s queue 1s from 0");
    tt_endpoint group = {.ip = {0xff, 2, [15] = 0xfb}, .port = TT_MDNS_PORT};
    run_for(TT_SECONDS(20));
    send_marker(0, group, 1);
    run_for(TT_SECONDS(5));
    EXPECT(delivered(1, 1, &when[0]) == 1 && delivered(2, 1, &when[1]) == 1);
    EXPECT_EQUAL(when[0], when[1]);
    end();
}

static void test_cut(void)
{
    begin_with("cut from 0 to 1");
    EXPECT(pass(0, 1, 1000) == 0 && pass(1, 0, 2000) == MARKERS);
    EXPECT_EQUAL(all_with_fate(1, "cut off"), MARKERS);
    EXPECT(pass(0, 2, 3000) == MARKERS && pass(2, 1, 4000) == MARKERS);
    end();
    begin_with("cut between 1 and 0,2 at 10s until 16s every 20s");
    for (unsigned round = 0; round < 2; round++) {
        tt_sim_run_until(sim, TT_SECONDS(10 + 20 * round));
        EXPECT(pass(0, 1, 1000) == 0 && pass(1, 0, 2000) == 0 && pass(1, 2, 2500) == 0);
        tt_sim_run_until(sim, TT_SECONDS(16 + 20 * round));
        EXPECT(pass(0, 1, 3000 + round * 5000) == MARKERS);
        EXPECT(pass(1, 0, 4000 + round * 5000) == MARKERS);
    }
    tt_sim_run_until(sim, TT_SECONDS(50));
    tt_sim_heal(sim); // which nothing comes back from
    EXPECT(pass(0, 1, 15000) == MARKERS);
    tt_sim_add_faults(sim, "cut from 0 to 1");
    EXPECT(pass(0, 1, 16000) == 0);
    end();
}

static void test_block(void)
{
    tt_time when;
    begin_with("block multicast from 0 to 1");
    tt_endpoint group = {.ip = {0xff, 2, [15] = 0xfb}, .port = TT_MDNS_PORT};
    send_marker(0, group, 1);
    send_marker(1, group, 2);
    EXPECT_EQUAL(pass(0, 1, 100), MARKERS);
    EXPECT(with_fate("1", 1, "multicast blocked", &when) == 1 && delivered(2, 1, &when) == 1);
    EXPECT(delivered(0, 2, &when) == 1 && delivered(2, 2, &when) == 1);
    end();
}

static tt_endpoint own_address(unsigned node)
{
    tt_endpoint own;
    EXPECT_EQUAL(platform_of(node)->operations->addresses(platform_of(node), &own, 1), 1);
    return own;
}

static void test_addresses(void)
{
    tt_time when;
    begin_with("rebind 1 at 6s\nmove 2 at 6s\ndelay 50ms");
    tt_endpoint old[3], new[3], own[3];
    tt_sim_run_until(sim, TT_SECONDS(6) - 1);
    for (unsigned i = 0; i < 3; i++) {
        old[i] = tt_sim_endpoint(sim, i);
        own[i] = own_address(i);
    }
    send_marker(0, old[1], 1);
    send_marker(0, old[2], 1);
    send_marker(1, old[0], 1);
    run_for(TT_SECONDS(1));
    for (unsigned i = 0; i < 3; i++)
        new[i] = tt_sim_endpoint(sim, i);
    EXPECT(tt_endpoint_equal(&old[0], &new[0]));
    EXPECT(memcmp(old[1].ip, new[1].ip, 16) == 0 && old[1].port != new[1].port);
    EXPECT(memcmp(old[2].ip, new[2].ip, 16) != 0 && old[2].port == new[2].port);
    // A device knows its address, and what a NAT does it does not.
    tt_endpoint now[2] = {own_address(1), own_address(2)};
    EXPECT(tt_endpoint_equal(&now[0], &own[1]) && !tt_endpoint_equal(&now[1], &own[2]));
    EXPECT_EQUAL(platform_of(1)->operations->port(platform_of(1), tt_sim_node(sim, 1)->bus_socket),
                 TT_BUS_PORT);
    // What was under way arrives from where it came, and nowhere else.
    EXPECT(delivered(0, 1, &when) == 1);
    EXPECT(with_fate("1", 1, "no longer its address", &when) == 1);
    EXPECT(with_fate("2", 1, "no longer its address", &when) == 1);
    send_marker(0, old[1], 2);
    send_marker(0, old[2], 2);
    send_marker(0, new[1], 3);
    send_marker(0, new[2], 3);
    run_for(TT_SECONDS(1));
    EXPECT_EQUAL(with_fate("nobody", 2, "nobody there", &when), 2);
    EXPECT(delivered(1, 3, &when) == 1 && delivered(2, 3, &when) == 1);
    end();
}

static tt_time rang_at;

static void ring(tt_node *node, tt_time now, void *context)
{
    (void)node, (void)now, (void)context;
    rang_at = tt_sim_now(sim);
}

static void test_clocks(void)
{
    static tt_node_timer timer;
    begin_with("skew 1000ppm 0 at 6s\nskew -1000ppm 1 at 6s\njump 5s 2 at 6s every 10s");
    tt_time before[3], after;
    tt_sim_run_until(sim, TT_SECONDS(6) - 1);
    for (unsigned i = 0; i < 3; i++)
        before[i] = tt_sim_node_now(sim, i);
    tt_node_after(tt_sim_node(sim, 2), &timer, TT_SECONDS(3), ring, NULL);
    run_for(TT_SECONDS(15));
    EXPECT_EQUAL(rang_at, TT_SECONDS(6)); // the jump passed its time
    static const tt_time ahead[3] = {TT_MS(15), -TT_MS(15), TT_SECONDS(10)};
    for (unsigned i = 0; i < 3; i++) {
        after = tt_sim_node_now(sim, i);
        tt_time error = after - before[i] - TT_SECONDS(15) - ahead[i];
        EXPECT(error >= -TT_US(1) && error <= TT_US(1));
    }
    after = tt_sim_node_now(sim, 1);
    for (unsigned i = 0; i < 100000; i++) { // a slow clock goes forward all the same
        run_for(1 + i % 50);
        tt_time now = tt_sim_node_now(sim, 1);
        EXPECT(now >= after);
        after = now;
    }
    end();
}

static uint64_t received(unsigned node)
{
    return tt_sim_node(sim, node)->counters.datagrams_received;
}

static void test_pauses(void)
{
    begin_with("busy 1 at 6s for 5s\nsleep 2 at 6s for 5s");
    tt_sim_run_until(sim, TT_SECONDS(6));
    uint64_t before = received(1), sent = tt_sim_node(sim, 1)->counters.datagrams_sent;
    EXPECT_EQUAL(pass(0, 2, 1000), 0);
    EXPECT_EQUAL(all_with_fate(2, "asleep"), MARKERS);
    for (unsigned i = 0; i < MARKERS; i++)
        send_marker(0, tt_sim_endpoint(sim, 1), i);
    tt_sim_run_until(sim, TT_SECONDS(11) - 1);
    unsigned full = all_with_fate(1, "inbox full");
    EXPECT_EQUAL(all_with_fate(1, "arrived") + full, MARKERS);
    EXPECT(full >= MARKERS - TT_SIM_INBOX_MAX && full < MARKERS - TT_SIM_INBOX_MAX / 2);
    EXPECT(received(1) == before && tt_sim_node(sim, 1)->counters.datagrams_sent == sent);
    tt_sim_run_until(sim, TT_SECONDS(11));
    EXPECT_EQUAL(received(1), before + TT_SIM_INBOX_MAX); // in several turns, all at once
    EXPECT(pass(0, 2, 2000) == MARKERS && pass(0, 1, 3000) == MARKERS);
    end();
}

static void test_lives(void)
{
    begin_with("kill 0 at 6s\nstart 0 at 8s\nrestart 1 at 7s every 2s\n"
               "restart 2 forgetting at 7s\nkill 2 at 20s within 2s");
    tt_sim_run_until(sim, TT_SECONDS(6));
    EXPECT(!tt_sim_alive(sim, 0) && tt_sim_alive(sim, 1));
    tt_sim_run_until(sim, TT_SECONDS(8));
    EXPECT(tt_sim_alive(sim, 0) && starts[0] == 2);
    EXPECT(starts[1] == 2 && forgets[1] == 0);
    EXPECT(starts[2] == 2 && forgets[2] == 1);
    EXPECT(tt_sim_node(sim, 0)->options.kind != NULL); // as it was started first
    tt_sim_run_until(sim, TT_SECONDS(12));
    EXPECT_EQUAL(starts[1], 4);
    tt_sim_run_until(sim, TT_SECONDS(20));
    EXPECT(tt_sim_alive(sim, 2));
    tt_sim_run_until(sim, TT_SECONDS(22));
    EXPECT(!tt_sim_alive(sim, 2));
    tt_sim_heal(sim);
    tt_sim_run_until(sim, TT_SECONDS(40));
    EXPECT_EQUAL(starts[1], 9); // at 7, 9, ... 21
    tt_sim_add_faults(sim, "kill all at 50s within 1000s");
    tt_sim_run_until(sim, TT_SECONDS(51));
    tt_sim_heal(sim); // of what was about to come, too
    tt_sim_run_until(sim, TT_SECONDS(1051));
    EXPECT(tt_sim_alive(sim, 0) && tt_sim_alive(sim, 1));
    end();
}

// A node whose medium is written to, and one without a medium.
static void test_tear(void)
{
    static uint8_t image[4 * 4096];
    static tt_tearing medium;
    memset(image, 0xff, sizeof(image));
    begin_with("tear 1,2 at 6s\nrestart 1 forgetting at 25s");
    tt_tearing_init(&medium, image, 4, 4096, 4, 0xff);
    tt_sim_set_medium(sim, 1, &medium);
    tt_sim_run_until(sim, TT_SECONDS(6));
    EXPECT(!tt_sim_alive(sim, 2) && tt_sim_alive(sim, 1)); // it has not written
    tt_sim_run_until(sim, TT_SECONDS(12) - 1);
    EXPECT(!tt_sim_alive(sim, 2) && tt_sim_alive(sim, 1) && starts[2] == 1);
    tt_sim_run_until(sim, TT_SECONDS(12));
    EXPECT(tt_sim_alive(sim, 2) && starts[2] == 2 && forgets[2] == 0);
    uint32_t at = 0;
    while (!medium.dead && at < sizeof(image)) { // the node writes
        static const uint8_t zeros[4] = {0};
        medium.medium.operations->program(&medium.medium, at, zeros, 4);
        at += 4;
    }
    EXPECT(medium.dead && at <= 2500 + 4);
    uint64_t sent = tt_sim_node(sim, 1)->counters.datagrams_sent;
    tt_time when = tt_sim_now(sim);
    run_for(TT_SECONDS(2)); // at its next turn, in which it says nothing any more
    EXPECT(!tt_sim_alive(sim, 1));
    EXPECT_EQUAL(tt_sim_node(sim, 1)->counters.datagrams_sent, sent);
    tt_sim_run_until(sim, when + TT_SECONDS(2) + TT_SIM_DARK);
    EXPECT(tt_sim_alive(sim, 1) && starts[1] == 2 && !medium.dead && image[0] == 0);
    tt_sim_run_until(sim, TT_SECONDS(25));
    EXPECT(starts[1] == 3 && forgets[1] == 1);
    for (unsigned i = 0; i < sizeof(image); i++)
        EXPECT_EQUAL(image[i], 0xff);
    end();
}

int main(void)
{
    test_loss();
    test_double();
    test_burst();
    test_delays();
    test_bottleneck();
    test_cut();
    test_block();
    test_addresses();
    test_clocks();
    test_pauses();
    test_lives();
    test_tear();
    return test_result();
}
