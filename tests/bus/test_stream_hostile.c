// Peers that mean harm to streams, or that others keep from theirs.

#include "bus/internal.h"
#include "tests/bus/streams.h"

static void say(unsigned from, unsigned to, tt_message_writer *w)
{
    REQUIRE(!w->out.failed);
    tt_bus_receive(&far.bus[to], far.now, &far.endpoint[from], w->out.data, w->out.length);
}

static void noted(tt_call *call, tt_time now, const tt_reply *reply)
{
    transfer *t = call->context;
    (void)now;
    t->done = reply->final;
}

// A GET may have a payload; it is no body that a server may have more of.
static void no_stream_of_a_query(void)
{
    static const char query[] = "which?";
    uint8_t *copy = malloc(sizeof(query)), bytes[TT_BUS_MESSAGE_MAX];
    transfer t;
    start(1);
    memcpy(copy, query, sizeof(query));
    begin(&t, 1, TT_GET, "show", 0);
    tt_bus_cancel(&far.bus[1], far.now, &t.call);
    t.done = false;
    t.call.payload = copy;
    t.call.length = sizeof(query);
    t.call.on_reply = noted;
    REQUIRE(tt_bus_call(&far.bus[1], far.now, &t.call) == TT_OK);
    size_t length;
    tt_endpoint to;
    while (tt_bus_transmit(&far.bus[1], &to, bytes, sizeof(bytes), &length) == TT_OK) {
    }
    tt_bus_token token = {.length = 8};
    tt_message_writer w;
    memcpy(token.bytes, &t.call.state.token, 8);
    tt_message_begin(&w, bytes, sizeof(bytes), TT_ACKNOWLEDGEMENT, TT_CONTINUE,
                     t.call.state.message_id, &token);
    tt_message_option_block(&w, TT_OPTION_BLOCK1, &(tt_block){.more = true, .exponent = 6});
    tt_message_option_number(&w, TT_OPTION_STREAM, 64 << 2);
    say(0, 1, &w);
    for (unsigned i = 0; i < 20; i++) {
        far.now += TT_MS(400);
        tt_bus_advance(&far.bus[1], far.now);
        while (tt_bus_transmit(&far.bus[1], &to, bytes, sizeof(bytes), &length) == TT_OK)
            EXPECT(length < 100); // nothing that lies behind the payload
    }
    free(copy);
    EXPECT(t.done);
}

static void owes(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    (void)resource;
    (void)now;
    response->code = TT_CONTINUE;
    response->later = request->offset > 0; // in the midst
}

static tt_resource ower = {
    .path = "owe", .handler = owes, .methods = 1 << TT_PUT, .any_order = true};

static void say_open(unsigned from, uint16_t id, const char *path, uint32_t size,
                     const tt_bus_token *token)
{
    static const uint8_t piece[TT_BUS_BLOCK_MAX];
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_PUT, id, token);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, path, '/');
    tt_message_option_block(&w, TT_OPTION_BLOCK1, &(tt_block){.more = true, .exponent = 6});
    tt_message_option_number(&w, TT_OPTION_SIZE1, size);
    tt_message_option(&w, TT_OPTION_REQUEST_TAG, token->bytes, 4);
    tt_message_option_number(&w, TT_OPTION_STREAM, 64 << 2);
    tt_message_payload(&w, piece, sizeof(piece));
    say(from, 0, &w);
}

static void say_piece(unsigned from, const tt_bus_token *token, uint32_t offset)
{
    uint8_t bytes[TT_BUS_MESSAGE_MAX], payload[8 + TT_BUS_BLOCK_MAX] = {0};
    tt_message_writer w;
    for (unsigned i = 0; i < 4; i++)
        payload[4 + i] = (uint8_t)(offset >> 8 * (3 - i));
    tt_message_begin(&w, bytes, sizeof(bytes), TT_NON_CONFIRMABLE, TT_STREAM_PIECE, 7, token);
    tt_message_payload(&w, payload, sizeof(payload));
    say(from, 0, &w);
}

// No deadline stays in the past, whatever a handler owes.
static void deadlines_pass(void)
{
    tt_bus_token token = {.length = 8, .bytes = {1, 2, 3, 4, 5, 6, 7, 8}};
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    size_t length;
    tt_endpoint to;
    unsigned turns = 0;
    start(1);
    REQUIRE(tt_bus_add(&far.bus[0], &ower) == TT_OK);
    say_open(1, 1, "owe", 100000, &token);
    say_piece(1, &token, 1024); // its answer is owed from here on
    say_piece(1, &token, 2048);
    while (tt_bus_transmit(&far.bus[0], &to, bytes, sizeof(bytes), &length) == TT_OK) {
    }
    say_piece(1, &token, 2048);
    for (tt_time end = far.now + TT_SECONDS(200); far.now < end && turns < 1000; turns++) {
        tt_time next = tt_bus_deadline(&far.bus[0]);
        far.now = next > far.now ? (next < end ? next : end) : far.now + TT_US(10);
        tt_bus_advance(&far.bus[0], far.now);
        while (tt_bus_transmit(&far.bus[0], &to, bytes, sizeof(bytes), &length) == TT_OK) {
        }
    }
    EXPECT(turns < 100);
    EXPECT_EQUAL(tt_bus_busy(&far.bus[0]), 0);
}

static void words(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    (void)resource;
    (void)now;
    (void)request;
    response->code = TT_CONTENT;
    response->payload = body;
    response->length = 500;
}

static tt_resource wordy = {.path = "words", .handler = words, .methods = 1 << TT_POST};

// Two that never acknowledge a long answer hold the buffers; a body comes all the same.
static void silent_ones_hold_the_buffers(void)
{
    transfer t;
    start(1);
    REQUIRE(tt_bus_add(&far.bus[0], &wordy) == TT_OK);
    far.delay = TT_MS(5);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t bytes[64];
        tt_endpoint silent = {.ip = {[15] = (uint8_t)(100 + i)}, .port = 5683};
        tt_bus_token token = {.length = 1, .bytes = {9}};
        tt_message_writer w;
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_POST, 1, &token);
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, "words", '/');
        tt_bus_receive(&far.bus[0], far.now, &silent, bytes, w.out.length);
        far_pass(NULL, TT_MS(10));
    }
    begin(&t, 1, TT_PUT, "sink/1", 200000);
    far_pass(&t.done, TT_SECONDS(60));
    EXPECT(t.done && t.status == TT_OK && t.code == TT_CHANGED);
    EXPECT_EQUAL(begun[1], 1);
    expect_equal(1, 200000);
    unsigned held = 0; // still: the answer is short, and its session has room for it
    for (unsigned i = 0; i < TT_BUS_BUFFERS_MAX; i++)
        held += far.bus[0].buffers[i].state == TT_BUFFER_ANSWERS;
    EXPECT_EQUAL(held, TT_BUS_BUFFERS_MAX - 2);
    far_pass(NULL, TT_SECONDS(30));
    expect_rest();
}

// A GET in another's name: its victim gets the first block and two pieces, then nothing.
static void say_get(const tt_endpoint *from)
{
    uint8_t bytes[64];
    tt_bus_token token = {.length = 8, .bytes = {1, 2, 3, 4, 5, 6, 7, 8}};
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, 1, &token);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "show", '/');
    tt_message_option_number(&w, TT_OPTION_STREAM, 64 << 2);
    tt_bus_receive(&far.bus[0], far.now, from, bytes, w.out.length);
}

static void few_pieces_for_a_victim(void)
{
    tt_endpoint victim = {.ip = {[15] = 100}, .port = 5683};
    start(1);
    say_get(&victim);
    EXPECT_EQUAL(far.bus[0].counters.streams, 1);
    far_pass(NULL, TT_SECONDS(7));
    EXPECT_EQUAL(far.bus[0].counters.pieces_sent, 2);
    EXPECT_EQUAL(tt_bus_busy(&far.bus[0]), 1);
    far_pass(NULL, TT_SECONDS(2));
    EXPECT_EQUAL(far.bus[0].counters.pieces_sent, 2);
    EXPECT_EQUAL(tt_bus_busy(&far.bus[0]), 0);
    say_get(&victim); // and where nothing listens it ends at once
    EXPECT_EQUAL(tt_bus_busy(&far.bus[0]), 1);
    tt_bus_unreachable(&far.bus[0], far.now, &far.endpoint[2]);
    EXPECT_EQUAL(tt_bus_busy(&far.bus[0]), 1);
    tt_bus_unreachable(&far.bus[0], far.now, &victim);
    EXPECT_EQUAL(tt_bus_busy(&far.bus[0]), 0);
}

// What is forged does not end the stream of one who has acknowledged something.
static void heard_ones_stay(void)
{
    transfer t;
    start(1);
    far.delay = TT_MS(20);
    begin(&t, 1, TT_GET, "show", 0);
    far_pass(NULL, TT_MS(150));
    EXPECT(!t.done && t.got > TT_BUS_BLOCK_MAX);
    tt_bus_unreachable(&far.bus[0], far.now, &far.endpoint[1]);
    far_pass(&t.done, TT_SECONDS(20));
    EXPECT(t.done && t.status == TT_OK && t.got == MIB);
    expect_rest();
}

int main(void)
{
    few_pieces_for_a_victim();
    heard_ones_stay();
    deadlines_pass();
    silent_ones_hold_the_buffers();
    no_stream_of_a_query();
    return test_result();
}
