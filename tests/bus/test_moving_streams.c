// A client whose address changes in the midst of a stream, again and again, on a path that loses,
// doubles and delays: what is still on the way from its last place brings nothing back there.

#include "tests/bus/streams.h"

#define MOVES 3

static void start_moving(uint64_t seed)
{
    start(seed);
    for (unsigned i = 0; i < 2; i++)
        tt_bus_set_identity(&far.bus[i], tt_bus_identity("device", i + 1));
    far.delay = TT_MS(20);
    far.jitter = TT_MS(10);
    far.lost_per_mille[0] = far.lost_per_mille[1] = 50;
    far.doubled_per_mille = 50;
}

static void move_during(transfer *t, tt_time apart)
{
    while (far.bus[1].counters.streams == 0)
        far_pass(NULL, TT_MS(1));
    for (unsigned i = 0; i < MOVES; i++) {
        far_pass(&t->done, apart);
        EXPECT(!t->done);
        far.endpoint[1].port++;
    }
    far_pass(&t->done, TT_SECONDS(60));
    REQUIRE(t->done && t->status == TT_OK);
    EXPECT_EQUAL(far.bus[1].counters.streams, 1);
    EXPECT(far.bus[0].counters.moved > 0);
    bool is_there = false;
    for (unsigned i = 0; i < TT_BUS_SESSIONS_MAX; i++)
        is_there |= tt_endpoint_equal(&far.bus[0].sessions[i].peer, &far.endpoint[1]);
    EXPECT(is_there);
    expect_equal(1, MIB);
    expect_rest();
}

static void put(uint64_t seed)
{
    transfer t;
    start_moving(seed);
    begin(&t, 1, TT_PUT, "sink/1", MIB);
    move_during(&t, TT_MS(200));
    EXPECT(whole[1] == 1 && begun[1] == 1 && t.code == TT_CHANGED);
}

static void get(uint64_t seed)
{
    transfer t;
    start_moving(seed);
    far.bytes_per_second = 400000;
    far.queue = TT_MS(100);
    begin(&t, 1, TT_GET, "show", 0);
    move_during(&t, TT_MS(600));
    EXPECT(t.got == MIB && t.code == TT_CONTENT);
}

int main(void)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        put(seed);
        get(seed);
    }
    return test_result();
}
