// A client whose address changes in the midst of a stream, again and again, on a path that loses,
// doubles and delays: what is still on the way from its last place brings nothing back there.

#include "bus/internal.h"
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
    EXPECT(far.bus[0].counters.moved >= MOVES && far.bus[0].counters.moved <= MOVES + 2);
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

// The far node asks the near one something, from where it is, and is answered.
static void ask_back(void)
{
    transfer a = {0};
    a.call = (tt_call){.peer = far.endpoint[1],
                       .method = TT_POST,
                       .path = "nothing",
                       .content_format = TT_FORMAT_NONE,
                       .accept = TT_FORMAT_NONE,
                       .on_reply = replied,
                       .context = &a};
    REQUIRE(tt_bus_call(&far.bus[0], far.now, &a.call) == TT_OK);
    far_pass(&a.done, TT_SECONDS(2));
    EXPECT(a.done && a.status == TT_OK && a.code == TT_PATH_NOT_FOUND);
}

static void start_known(void)
{
    start(1);
    for (unsigned i = 0; i < 2; i++)
        tt_bus_set_identity(&far.bus[i], tt_bus_identity("device", i + 1));
    far.delay = TT_MS(20);
    ask_back();
}

// A stream of ours to where a peer is said to be goes on when the peer is heard there.
static void called_before(tt_method method, const char *path, size_t length)
{
    transfer t;
    start_known();
    far.endpoint[0].port++;
    begin(&t, 1, method, path, length);
    far_pass(NULL, TT_MS(150));
    EXPECT(!t.done && far.bus[1].counters.streams == 1 && far.bus[1].counters.moved == 0);
    ask_back();
    EXPECT(!t.done && far.bus[1].counters.moved == 1);
    far_pass(&t.done, TT_SECONDS(20));
    EXPECT(t.done && t.status == TT_OK);
    expect_equal(1, MIB);
    expect_rest();
}

// A newer request of the far node, as if from another place; how often sessions have moved then.
static unsigned hear_elsewhere(void)
{
    tt_endpoint there = far.endpoint[0];
    uint8_t bytes[64];
    tt_bus_session *s = tt_session_find(&far.bus[1], &there);
    tt_bus_token token = {.length = 8};
    tt_writer t;
    tt_message_writer w;
    tt_writer_init(&t, token.bytes, 8);
    tt_write_be32(&t, s->window.tag);
    tt_write_be32(&t, s->window.confirmable + 100);
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_POST, 1, &token);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "nothing", '/');
    there.port += 10;
    tt_bus_receive(&far.bus[1], far.now, &there, bytes, w.out.length);
    return far.bus[1].counters.moved;
}

// While a stream of ours is with a peer its session stays where it is: who says to be elsewhere is
// answered.
static void call_stays(tt_method method, const char *path, size_t length)
{
    transfer t;
    start_known();
    begin(&t, 1, method, path, length);
    far_pass(NULL, TT_MS(150));
    EXPECT(!t.done && far.bus[1].counters.streams == 1);
    EXPECT_EQUAL(hear_elsewhere(), 0);
    far_pass(&t.done, TT_SECONDS(20));
    EXPECT(t.done && t.status == TT_OK);
    expect_equal(1, MIB);
    EXPECT_EQUAL(hear_elsewhere(), 1);
    expect_rest();
}

int main(void)
{
    called_before(TT_PUT, "sink/1", MIB);
    called_before(TT_GET, "show", 0);
    call_stays(TT_PUT, "sink/1", MIB);
    call_stays(TT_GET, "show", 0);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        put(seed);
        get(seed);
    }
    return test_result();
}
