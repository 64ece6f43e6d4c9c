// Which pieces of a stream go, on a path that loses nothing, and what waits for its answer.

#include "bus/stream.h"
#include "tests/bus/streams.h"

// No piece goes twice where none is lost, and the first goes with the request, or the answer.
static void each_piece_once(void)
{
    for (int is_get = 0; is_get < 2; is_get++) {
        transfer t;
        start(1);
        shown_length = 40 * TT_BUS_BLOCK_MAX;
        far.delay = TT_MS(5);
        begin(&t, 1, is_get ? TT_GET : TT_PUT, is_get ? "show" : "sink/1",
              is_get ? 0 : shown_length);
        far_pass(&t.done, TT_SECONDS(10));
        EXPECT(t.done);
        EXPECT(t.status == TT_OK && (is_get ? t.got == shown_length : whole[1] == 1));
        EXPECT_EQUAL(far.bus[!is_get].counters.pieces_sent, 39);
        EXPECT_EQUAL(far.bus[!is_get].counters.pieces_again, 0);
        expect_equal(1, shown_length);
        expect_rest();
    }
}

static tt_answer_token owed;

static void owe(tt_resource *resource, tt_time now, const tt_request *request,
                tt_response *response)
{
    (void)resource, (void)now;
    response->code = TT_CONTINUE;
    response->later = request->last;
    owed = request->token;
}

// The answer may come long after the body did: it is not the stream that is silent then.
static void answered_late(void)
{
    static tt_resource slow = {
        .path = "slow", .handler = owe, .methods = 1 << TT_PUT, .any_order = true};
    tt_response response = {.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
    transfer t;
    start(1);
    REQUIRE(tt_bus_add(&far.bus[0], &slow) == TT_OK);
    far.delay = TT_MS(5);
    begin(&t, 1, TT_PUT, "slow", 20000);
    far_pass(&t.done, TT_SECONDS(50));
    EXPECT(!t.done && far.bus[1].counters.streams == 1);
    EXPECT_EQUAL(tt_bus_answer(&far.bus[0], far.now, owed, &response), TT_OK);
    far_pass(&t.done, TT_SECONDS(1));
    EXPECT(t.done && t.status == TT_OK && t.code == TT_CHANGED);
    expect_rest();
}

// What the far end says, by hand: all before `next` has come, and what the bits say of those
// behind.
static void say_come(const tt_bus_token *token, uint32_t next, const uint8_t *bits, size_t length)
{
    uint8_t bytes[64], payload[32];
    tt_writer p;
    tt_message_writer w;
    tt_writer_init(&p, payload, sizeof(payload));
    tt_write_be32(&p, (uint32_t)(far.now / 1000) - 40000); // sent a round trip ago
    tt_write_be32(&p, 65536);
    tt_write_be32(&p, next * TT_BUS_BLOCK_MAX);
    tt_write_bytes(&p, bits, length);
    tt_message_begin(&w, bytes, sizeof(bytes), TT_NON_CONFIRMABLE, TT_STREAM_ACKNOWLEDGE, 9, token);
    tt_message_payload(&w, payload, p.length);
    tt_bus_receive(&far.bus[1], far.now, &far.endpoint[0], bytes, w.out.length);
}

// A piece behind the end is none, however well the end falls on the end of a piece.
static void behind_the_end(void)
{
    transfer t;
    uint8_t bytes[64], payload[8];
    tt_writer p;
    tt_message_writer w;
    start(1);
    far.delay = TT_MS(20);
    begin(&t, 1, TT_PUT, "sink/1", 10 * TT_BUS_BLOCK_MAX);
    far_pass(NULL, TT_MS(30));
    tt_bus_token token = far.bus[0].streams[0].token;
    uint64_t malformed = far.bus[0].counters.malformed;
    tt_writer_init(&p, payload, sizeof(payload));
    tt_write_be32(&p, 1);
    tt_write_be32(&p, 10 * TT_BUS_BLOCK_MAX);
    tt_message_begin(&w, bytes, sizeof(bytes), TT_NON_CONFIRMABLE, TT_STREAM_PIECE, 9, &token);
    tt_message_payload(&w, payload, p.length);
    tt_bus_receive(&far.bus[0], far.now, &far.endpoint[1], bytes, w.out.length);
    EXPECT_EQUAL(far.bus[0].counters.malformed, malformed + 1);
    far_pass(&t.done, TT_SECONDS(10));
    EXPECT(t.done && t.code == TT_CHANGED && whole[1] == 1);
    expect_equal(1, 10 * TT_BUS_BLOCK_MAX);
    expect_rest();
}

static bool answers_pass;

static void lose_most(uint8_t *bytes, size_t *length, unsigned from)
{
    if (bytes[1] == TT_STREAM_PIECE || (from == 0 && !answers_pass))
        *length = 0;
}

// A body of which the request was answered, and ten pieces went that nobody got.
static const tt_bus_stream *begin_lost(transfer *t)
{
    start(1);
    far.delay = TT_MS(20);
    far.tamper = lose_most;
    answers_pass = true;
    begin(t, 1, TT_PUT, "sink/1", 100000);
    far_pass(NULL, TT_MS(45));
    answers_pass = false;
    far_pass(NULL, TT_MS(60));
    const tt_bus_stream *s = &far.bus[1].streams[0];
    EXPECT(s->kind == TT_STREAM_SENDS && s->low == 1);
    EXPECT(s->end == 11 && s->flying == 10 && far.bus[1].counters.pieces_again == 0);
    return s;
}

// By the newest that has come those are lost that went long before it, and not those that went
// just before.
static void lost_by_newest(void)
{
    static const uint8_t last = 0xff, first = 0x01; // of those behind the first: 2 to 9, and 2
    transfer t;
    const tt_bus_stream *s = begin_lost(&t);
    say_come(&s->token, 1, &first, 1);
    EXPECT(tt_stream_bit(s->away, 1) && s->flying == 9);
    say_come(&s->token, 1, &last, 1);
    EXPECT(!tt_stream_bit(s->away, 1) && tt_stream_bit(s->away, 10));
    EXPECT_EQUAL(s->flying, 1);
    tt_bus_cancel(&far.bus[1], far.now, &t.call);
    far.tamper = NULL;
    expect_rest();
}

// One that says nothing new does not keep what is lost from going again.
static void nothing_new(void)
{
    transfer t;
    const tt_bus_stream *s = begin_lost(&t);
    uint64_t before = far.bus[1].counters.pieces_again;
    for (unsigned i = 0; i < 100; i++) {
        say_come(&s->token, 1, NULL, 0);
        far_pass(NULL, TT_MS(10));
    }
    EXPECT(far.bus[1].counters.pieces_again > before);
    EXPECT(far.bus[1].counters.pieces_again < before + 12);
    tt_bus_cancel(&far.bus[1], far.now, &t.call);
    far.tamper = NULL;
    expect_rest();
}

int main(void)
{
    each_piece_once();
    answered_late();
    behind_the_end();
    lost_by_newest();
    nothing_new();
    return test_result();
}
