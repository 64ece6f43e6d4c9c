// How streams begin and end: sizes, who does not take them, what is changed, lost, forged or never
// ends.

#include "bus/message.h"
#include "tests/bus/streams.h"

static void do_all(transfer *t, tt_method method, const char *path, size_t length)
{
    begin(t, 1, method, path, length);
    far_pass(&t->done, TT_SECONDS(120));
    EXPECT(t->done);
}

static void sizes_around_pieces(void)
{
    static const size_t around[] = {1025,  1536,  2047,  2048,  2049,  3072,
                                    65536, 65537, 66560, 66561, 67584, 100000};
    for (size_t i = 0; i < TT_COUNT(around); i++) {
        transfer t;
        start(i);
        far.delay = TT_MS(5);
        far.lost_per_mille[0] = far.lost_per_mille[1] = i % 2 ? 200 : 0;
        do_all(&t, TT_PUT, "sink/1", around[i]);
        EXPECT(t.status == TT_OK && t.code == TT_CHANGED && whole[1] == 1);
        EXPECT_EQUAL(far.bus[0].counters.streams, 1);
        expect_equal(1, around[i]);
        expect_rest();
        start(i + 100);
        shown_length = around[i];
        far.delay = TT_MS(5);
        far.lost_per_mille[0] = far.lost_per_mille[1] = i % 2 ? 200 : 0;
        do_all(&t, TT_GET, "show", 0);
        EXPECT(t.status == TT_OK && t.code == TT_CONTENT && t.got == around[i]);
        EXPECT(far.bus[1].counters.streams == 1);
        expect_equal(1, around[i]);
        expect_rest();
    }
}

static void short_bodies_are_none(void)
{
    for (size_t length = 1; length <= 1024; length += 1023) {
        transfer t;
        start(length);
        do_all(&t, TT_PUT, "sink/1", length);
        EXPECT(t.code == TT_CHANGED && whole[1] == 1);
        shown_length = length;
        do_all(&t, TT_GET, "show", 0);
        EXPECT(t.code == TT_CONTENT && t.got == length);
        EXPECT(far.bus[0].counters.streams == 0 && far.bus[1].counters.streams == 0);
        expect_rest();
    }
}

// Datagrams that overtake each other and come twice.
static void disorder(void)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        transfer t;
        start(seed);
        far.delay = TT_MS(5);
        far.jitter = TT_MS(20);
        far.doubled_per_mille = 200;
        far.lost_per_mille[0] = far.lost_per_mille[1] = 100;
        do_all(&t, TT_PUT, "sink/1", 300001);
        EXPECT(t.status == TT_OK && t.code == TT_CHANGED && whole[1] == 1);
        expect_equal(1, 300001);
        start(seed);
        far.delay = TT_MS(5);
        far.jitter = TT_MS(20);
        far.doubled_per_mille = 200;
        far.lost_per_mille[0] = far.lost_per_mille[1] = 100;
        shown_length = 300001;
        do_all(&t, TT_GET, "show", 0);
        EXPECT(t.status == TT_OK && t.got == 300001);
        expect_equal(1, 300001);
        expect_rest();
    }
}

// Whoever does not know streams, or does not take them, gets blocks.
static void blocks_else(void)
{
    transfer t;
    start(1);
    resources[0].any_order = resources[1].any_order = false;
    do_all(&t, TT_PUT, "sink/1", 50000);
    EXPECT(t.code == TT_CHANGED && whole[1] == 1);
    expect_equal(1, 50000);
    memset(taken, 0, sizeof(taken));
    shown_length = 50000;
    do_all(&t, TT_GET, "show", 0);
    EXPECT(t.code == TT_CONTENT && t.got == 50000);
    expect_equal(1, 50000);
    EXPECT(far.bus[0].counters.streams == 0 && far.bus[1].counters.streams == 0);
    resources[0].any_order = resources[1].any_order = true;
    expect_rest();
}

// A full table: the next goes in blocks.
static void table_full(void)
{
    enum { CALLS = TT_BUS_STREAMS_MAX + 2 };
    static transfer t[CALLS];
    start(1);
    far.delay = TT_MS(10);
    for (unsigned i = 0; i < CALLS; i++) {
        begin(&t[i], 1, TT_GET, "show", 0);
        far_pass(NULL, TT_MS(45)); // one request at a time
    }
    EXPECT_EQUAL(far.bus[0].counters.streams, TT_BUS_STREAMS_MAX);
    for (unsigned i = 0; i < CALLS; i++) {
        far_pass(&t[i].done, TT_SECONDS(60));
        EXPECT(t[i].done && t[i].status == TT_OK && t[i].got == MIB);
    }
    expect_rest();
}

static void another_representation(void)
{
    transfer t;
    start(1);
    far.delay = TT_MS(20);
    begin(&t, 1, TT_GET, "show", 0);
    far_pass(NULL, TT_MS(300));
    EXPECT(!t.done && t.got > 0);
    shown_version = 2;
    far_pass(&t.done, TT_SECONDS(10));
    EXPECT(t.done && t.status == TT_DAMAGED);
    EXPECT(far.now - t.begun < TT_MS(600)); // told, not found out
    expect_rest();
    begin(&t, 1, TT_GET, "show", 0); // and gone
    far_pass(NULL, TT_MS(300));
    EXPECT(!t.done && t.got > 0);
    tt_bus_remove(&far.bus[0], &resources[1]);
    far_pass(&t.done, TT_SECONDS(10));
    EXPECT(t.done && t.status == TT_DAMAGED);
    begin(&t, 1, TT_PUT, "sink/1", MIB);
    far_pass(NULL, TT_MS(300));
    tt_bus_remove(&far.bus[0], &resources[0]);
    far_pass(&t.done, TT_SECONDS(10));
    EXPECT(t.done && t.code == TT_ENTITY_INCOMPLETE && whole[1] == 0);
    expect_rest();
}

static void busy_handler(void)
{
    transfer t;
    start(1);
    far.delay = TT_MS(5);
    busy_left = 40;
    do_all(&t, TT_PUT, "sink/1", 200000);
    EXPECT(t.code == TT_CHANGED && whole[1] == 1);
    EXPECT_EQUAL(busy_left, 0);
    expect_equal(1, 200000);
    start(2); // for ever: few pieces, and the caller's time ends it
    far.delay = TT_MS(5);
    busy_left = 1000000;
    begin(&t, 1, TT_PUT, "sink/1", 200000);
    t.call.timeout = TT_SECONDS(20);
    far_pass(&t.done, TT_SECONDS(100));
    EXPECT(t.done && t.status == TT_TIMED_OUT && far.now > TT_SECONDS(19));
    EXPECT(1000000 - busy_left < 100);
    expect_rest();
}

// In either direction: nothing comes back any more.
static void dead_path(void)
{
    static const tt_method methods[] = {TT_PUT, TT_GET};
    for (unsigned i = 0; i < 2; i++) {
        transfer t;
        start(i + 1);
        far.delay = TT_MS(20);
        begin(&t, 1, methods[i], i == 0 ? "sink/1" : "show", i == 0 ? MIB : 0);
        far_pass(NULL, TT_MS(400));
        EXPECT(!t.done);
        far.dead = true;
        uint64_t before = far.datagrams;
        tt_time died = far.now;
        far_pass(&t.done, TT_SECONDS(60));
        EXPECT(t.done && t.status == TT_TIMED_OUT && far.now - died <= TT_SECONDS(10));
        EXPECT(far.datagrams - before < 120); // a window, and then ever less
        expect_rest();
    }
}

// A path that is away for some seconds: it goes on where it was.
static void path_returns(void)
{
    transfer t;
    start(1);
    far.delay = TT_MS(20);
    begin(&t, 1, TT_PUT, "sink/1", MIB);
    far_pass(NULL, TT_MS(400));
    far.dead = true;
    far_pass(NULL, TT_SECONDS(4));
    far.dead = false;
    far_pass(&t.done, TT_SECONDS(60));
    EXPECT(t.done && t.status == TT_OK && begun[1] == 1);
    expect_equal(1, MIB);
    expect_rest();
}

// Over a near path that loses and lets messages overtake each other: what a caller says before any
// piece has come measures nothing, and where the first pieces are lost it asks for more soon.
static void near_path(void)
{
    for (unsigned seed = 1; seed <= 200; seed++) {
        transfer t;
        start(seed);
        shown_length = MIB / 4;
        far.delay = TT_MS(1);
        far.jitter = TT_US(200);
        far.lost_per_mille[0] = far.lost_per_mille[1] = 50;
        begin(&t, 1, TT_GET, "show", 0);
        far_pass(&t.done, TT_SECONDS(60));
        EXPECT(t.done && t.status == TT_OK && t.got == shown_length);
        EXPECT(t.ended - t.begun < TT_MS(2000)); // two losses of the request are among them
    }
}

static unsigned answers_to_lose;

static void lose_answers(uint8_t *bytes, size_t *length, unsigned from)
{
    if (from == 0 && bytes[1] == TT_CHANGED && answers_to_lose > 0) {
        answers_to_lose--;
        *length = 0;
    }
}

// Its sender goes on as if nothing had come: the answer does not wait for its time to come again.
static void answer_lost(void)
{
    transfer t;
    start(1);
    far.delay = TT_MS(20);
    far.tamper = lose_answers;
    answers_to_lose = 3;
    begin(&t, 1, TT_PUT, "sink/1", MIB / 4);
    far_pass(&t.done, TT_SECONDS(60));
    EXPECT(t.done && t.status == TT_OK && answers_to_lose == 0);
    EXPECT(t.ended - t.begun < TT_MS(2500)); // 0.5 and 1 and 2 s and more by waiting alone
    expect_equal(1, MIB / 4);
}

static void cancelled(void)
{
    transfer t;
    start(1);
    far.delay = TT_MS(20);
    begin(&t, 1, TT_PUT, "sink/1", MIB);
    far_pass(NULL, TT_MS(300));
    tt_bus_cancel(&far.bus[1], far.now, &t.call);
    EXPECT(t.done && t.status == TT_CANCELLED);
    begin(&t, 1, TT_GET, "show", 0);
    far_pass(NULL, TT_MS(300));
    EXPECT(tt_bus_busy(&far.bus[0]) == 1); // the body was given up at once
    tt_bus_cancel(&far.bus[1], far.now, &t.call);
    far_pass(NULL, TT_MS(100));
    EXPECT(tt_bus_busy(&far.bus[0]) == 0 && tt_bus_busy(&far.bus[1]) == 0);
    begin(&t, 1, TT_PUT, "sink/1", MIB); // and by an end of all that was with the peer
    far_pass(NULL, TT_MS(300));
    tt_bus_forget_peer(&far.bus[1], far.now, &far.endpoint[0]);
    EXPECT(t.done && t.status == TT_TIMED_OUT && tt_bus_busy(&far.bus[1]) == 0);
    begin(&t, 1, TT_PUT, "sink/1", MIB);
    far_pass(NULL, TT_MS(300));
    tt_bus_forget_peer(&far.bus[0], far.now, &far.endpoint[1]); // the server knows nothing any more
    far_pass(&t.done, TT_SECONDS(100));
    EXPECT(t.done && t.status == TT_RESET && far.now - t.begun < TT_SECONDS(4));
    expect_rest();
}

// A second body for the same path, and one of the same sender that begins anew.
static void one_body_a_path(void)
{
    transfer t, other;
    start(1);
    far.delay = TT_MS(20);
    begin(&t, 1, TT_PUT, "sink/1", MIB);
    far_pass(NULL, TT_MS(200));
    begin(&other, 2, TT_PUT, "sink/1", 5000);
    far_pass(&other.done, TT_SECONDS(1));
    EXPECT(other.done && other.code == TT_UNAVAILABLE);
    far_pass(&t.done, TT_SECONDS(60));
    EXPECT(t.code == TT_CHANGED && begun[1] == 1);
    expect_equal(1, MIB);
    expect_rest();
}

// What a hostile peer says of a stream that is under way.

static void say(unsigned from, unsigned to, const tt_bus_token *token, unsigned code,
                const uint8_t *payload, size_t length)
{
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_NON_CONFIRMABLE, code, 7, token);
    tt_message_payload(&w, payload, length);
    REQUIRE(!w.out.failed);
    tt_bus_receive(&far.bus[to], far.now, &far.endpoint[from], bytes, w.out.length);
}

static void say_piece(const tt_bus_token *token, uint32_t offset, size_t length)
{
    uint8_t payload[8 + TT_BUS_BLOCK_MAX + 8];
    tt_writer w;
    tt_writer_init(&w, payload, sizeof(payload));
    tt_write_be32(&w, 1);
    tt_write_be32(&w, offset);
    for (size_t i = 0; i < length; i++)
        tt_write_u8(&w, 0xee);
    say(1, 0, token, TT_STREAM_PIECE, payload, w.length);
}

static void forged_pieces(void)
{
    transfer t;
    start(1);
    far.delay = TT_MS(20);
    begin(&t, 1, TT_PUT, "sink/1", 100000);
    far_pass(NULL, TT_MS(30));
    tt_bus_token token = far.bus[0].streams[0].token, other = token;
    EXPECT(token.length == 8);
    other.bytes[0] ^= 1;
    say_piece(&other, 2048, 1024);        // no such stream
    say_piece(&token, 2048, 1023);        // too short
    say_piece(&token, 2048, 1025);        // too long
    say_piece(&token, 2048, 0);           // nothing
    say_piece(&token, 2049, 1024);        // between two
    say_piece(&token, 99328, 1024);       // beyond the end
    say_piece(&token, 100352, 1024);      // behind it
    say_piece(&token, 0xfffffc00u, 1024); // far behind it
    say_piece(&token, 66560, 1024);       // over the window
    say_piece(&token, 0, 1024);           // what came with the request
    uint8_t cut[7] = {0};
    say(1, 0, &token, TT_STREAM_PIECE, cut, sizeof(cut));
    EXPECT_EQUAL(come[1], 1024);
    EXPECT_EQUAL(far.bus[0].counters.pieces_refused, 1);
    EXPECT_EQUAL(far.bus[0].counters.malformed, 8);
    far_pass(&t.done, TT_SECONDS(10));
    EXPECT(t.code == TT_CHANGED && whole[1] == 1);
    expect_equal(1, 100000);
    expect_rest();
}

static void say_acknowledged(const tt_bus_token *token, uint32_t stamp, uint32_t limit,
                             uint32_t offset, const uint8_t *bits, size_t length)
{
    uint8_t payload[600];
    tt_writer w;
    tt_writer_init(&w, payload, sizeof(payload));
    tt_write_be32(&w, stamp);
    tt_write_be32(&w, limit);
    tt_write_be32(&w, offset);
    tt_write_bytes(&w, bits, length);
    REQUIRE(!w.failed);
    say(0, 1, token, TT_STREAM_ACKNOWLEDGE, payload, w.length);
}

static void forged_acknowledgements(void)
{
    static const uint8_t all[500] = {[0 ... 499] = 0xff}, far_bit[500] = {[499] = 0x80};
    transfer t;
    start(1);
    far.delay = TT_MS(20);
    begin(&t, 1, TT_PUT, "sink/1", 100000);
    far_pass(NULL, TT_MS(60));
    const tt_bus_stream *s = &far.bus[1].streams[0];
    tt_bus_token token = s->token;
    uint32_t now_us = (uint32_t)(far.now / 1000), low = s->low, limit = s->limit;
    EXPECT(s->end > 1 && s->end < 98);
    uint64_t malformed = far.bus[1].counters.malformed;
    say_acknowledged(&token, now_us, 70000, 100000, NULL, 0);     // all, which never went
    say_acknowledged(&token, now_us, 70000, 99328, NULL, 0);      // nearly
    say_acknowledged(&token, now_us, 70000, 1025, NULL, 0);       // between two
    say_acknowledged(&token, now_us, 70000, 0xffffffff, NULL, 0); // far behind
    say_acknowledged(&token, now_us, 0xffffffff, 1024, NULL, 0);  // a window behind the body
    say_acknowledged(&token, now_us, 70000, 1024, all, 500);
    say_acknowledged(&token, now_us, 70000, 1024, far_bit, 500);
    uint8_t cut[11] = {0};
    say(0, 1, &token, TT_STREAM_ACKNOWLEDGE, cut, sizeof(cut));
    EXPECT_EQUAL(far.bus[1].counters.malformed - malformed, 8);
    EXPECT(s->low == low && s->limit == limit);
    // One that is old, or from the future, says nothing of the window and the delay.
    say_acknowledged(&token, now_us + 1000000, 1024, 1024, NULL, 0);
    say_acknowledged(&token, now_us - 100000000, 1024, 1024, NULL, 0);
    EXPECT(s->limit == limit && far.bus[1].sessions[0].round_trip < TT_SECONDS(1));
    far_pass(&t.done, TT_SECONDS(10));
    EXPECT(t.code == TT_CHANGED && whole[1] == 1);
    expect_equal(1, 100000);
    expect_rest();
}

// One that sends the same for ever: the silence counts from the last that was new.
static void never_ends(void)
{
    transfer t;
    start(1);
    far.delay = TT_MS(20);
    begin(&t, 1, TT_PUT, "sink/1", 100000);
    far_pass(NULL, TT_MS(30)); // the stream is open there
    far.dead = true;
    tt_bus_token token = far.bus[0].streams[0].token;
    EXPECT_EQUAL(token.length, 8);
    for (int i = 0; i < 100; i++) {
        say_piece(&token, 0, 1024);
        far_pass(NULL, TT_MS(200));
    }
    EXPECT_EQUAL(tt_bus_busy(&far.bus[0]), 0);
    EXPECT_EQUAL(whole[1], 0);
}

// Bodies of a size that is a lie, or that no window of ours could hold: no stream.
static void offers(void)
{
    static const uint32_t sizes[] = {0, 1, 1024, 0x40000000, 0xffffffff};
    uint8_t bytes[TT_BUS_MESSAGE_MAX], piece[TT_BUS_BLOCK_MAX] = {0};
    tt_message_writer w;
    start(1);
    for (uint16_t i = 0; i < TT_COUNT(sizes); i++) {
        tt_bus_token token = {.length = 8, .bytes = {1, 2, 3, 4, (uint8_t)i}};
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_PUT, i, &token);
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, "sink/1", '/');
        tt_message_option_block(&w, TT_OPTION_BLOCK1, &(tt_block){.more = true, .exponent = 6});
        tt_message_option_number(&w, TT_OPTION_SIZE1, sizes[i]);
        tt_message_option(&w, TT_OPTION_REQUEST_TAG, token.bytes, 4);
        tt_message_option_number(&w, TT_OPTION_STREAM, 0xffffffff);
        tt_message_payload(&w, piece, sizeof(piece));
        tt_bus_receive(&far.bus[0], far.now, &far.endpoint[1], bytes, w.out.length);
    }
    EXPECT_EQUAL(far.bus[0].counters.streams, 0);
    expect_rest();
}

int main(void)
{
    sizes_around_pieces();
    short_bodies_are_none();
    disorder();
    blocks_else();
    table_full();
    another_representation();
    busy_handler();
    dead_path();
    path_returns();
    near_path();
    answer_lost();
    cancelled();
    one_body_a_path();
    forged_pieces();
    forged_acknowledgements();
    never_ends();
    offers();
    return test_result();
}
