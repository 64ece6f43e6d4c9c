// Bodies in blocks (RFC 7959), both ways: in order and not, of many sizes, changing midway.

#include "tests/bus/exchange.h"

static void test_long_bodies(void)
{
    static char body[4000];
    asked a;
    start();
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (char)(i * 7);
    ask(&a, CLIENT, SERVER, TT_PUT, "keep", NULL, body, sizeof(body));
    EXPECT_ANSWER(a, TT_CHANGED);
    EXPECT_EQUAL(runs, 4); // one a block
    EXPECT(kept_length == sizeof(body) && memcmp(kept, body, sizeof(body)) == 0);
    static char too_long[6000];
    ask(&a, CLIENT, SERVER, TT_PUT, "keep", NULL, too_long, sizeof(too_long));
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    memset(shown, 's', sizeof(shown));
    shown_length = 1500;
    ask(&a, CLIENT, SERVER, TT_GET, "show", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT_EQUAL(a.length, 1500);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus) + tt_bus_busy(&CLIENT->bus), 0);
}

static void hear_block(device *from, uint16_t id, uint32_t number, bool more)
{
    char payload[64];
    memset(payload, (int)('a' + number), sizeof(payload));
    tt_message_writer w = request(TT_CONFIRMABLE, TT_PUT, id, "keep");
    tt_message_option_block(&w, TT_OPTION_BLOCK1,
                            &(tt_block){.number = number, .more = more, .exponent = 2});
    tt_message_payload(&w, payload, sizeof(payload));
    hear(from, &w);
}

static void test_block_order(void)
{
    start();
    hear_block(CLIENT, 1, 1, true); // begins in the middle
    EXPECT_EQUAL(answer.message.code, TT_ENTITY_INCOMPLETE);
    EXPECT_EQUAL(runs, 0);
    hear_block(CLIENT, 2, 0, true);
    EXPECT(answer.message.code == TT_CONTINUE && answer.message.block1.number == 0);
    hear_block(CLIENT, 3, 2, true); // leaves one out
    EXPECT_EQUAL(answer.message.code, TT_ENTITY_INCOMPLETE);
    hear_block(OTHER, 4, 0, true); // another's body for the same resource
    EXPECT(answer.message.code == TT_UNAVAILABLE && answer.message.max_age == 2);
    hear_block(CLIENT, 5, 1, true);
    EXPECT_EQUAL(answer.message.code, TT_CONTINUE);
    hear_block(CLIENT, 6, 2, false);
    EXPECT_EQUAL(answer.message.code, TT_CHANGED);
    EXPECT(kept_length == 192 && kept[63] == 'a' && kept[64] == 'b' && kept[191] == 'c');
    hear_block(OTHER, 7, 0, true); // now it is free
    EXPECT_EQUAL(answer.message.code, TT_CONTINUE);
    pass(TT_BUS_TRANSFER_SILENCE + 1); // and given up when its sender is silent
    hear_block(CLIENT, 8, 0, true);
    EXPECT_EQUAL(answer.message.code, TT_CONTINUE);
    // A block that says it is whole and is not.
    tt_message_writer w = request(TT_CONFIRMABLE, TT_PUT, 9, "keep");
    tt_message_option_block(&w, TT_OPTION_BLOCK1,
                            &(tt_block){.number = 1, .more = true, .exponent = 2});
    tt_message_payload(&w, "short", 5);
    hear(CLIENT, &w);
    EXPECT_EQUAL(answer.message.code, TT_BAD_REQUEST);
    // A block beyond the representation's end.
    w = request(TT_CONFIRMABLE, TT_GET, 10, "show");
    tt_message_option_block(&w, TT_OPTION_BLOCK2, &(tt_block){.number = 99, .exponent = 6});
    hear(CLIENT, &w);
    EXPECT_EQUAL(answer.message.code, TT_BAD_OPTION);
}

static void respond_block1(const asked *a, tt_code code, tt_block block)
{
    respond(SERVER, a, 0, TT_ACKNOWLEDGEMENT, code, 0, NULL, 0, &block, TT_OPTION_BLOCK1, 0);
}

static bool sends_block1(uint32_t number, uint8_t exponent, bool more)
{
    const tt_block *b = &answer.message.block1;
    return answer.count == 1 && answer.message.code == TT_PUT && b->present &&
           b->number == number && b->exponent == exponent && b->more == more &&
           answer.message.length == (more ? tt_block_bytes(b) : answer.message.length);
}

// A server that wants smaller blocks, at once or midway, and one that takes each by itself
// (RFC 7959, 2.3, 2.9.3 and figures 6 to 9).
static void test_sizes_of_blocks(void)
{
    static const char body[4000];
    asked a;
    start();
    ask_by_hand(&a, TT_PUT, false, body, sizeof(body));
    EXPECT(sends_block1(0, 6, true) && answer.message.size1 == sizeof(body));
    respond_block1(&a, TT_ENTITY_TOO_LARGE, (tt_block){.number = 0, .exponent = 4});
    EXPECT(sends_block1(0, 4, true));
    respond_block1(&a, TT_CONTINUE, (tt_block){.number = 0, .more = true, .exponent = 4});
    EXPECT(sends_block1(1, 4, true));
    respond_block1(&a, TT_CONTINUE, (tt_block){.number = 1, .more = true, .exponent = 2});
    EXPECT(sends_block1(8, 2, true)); // 512 bytes were taken
    respond_block1(&a, TT_CHANGED, (tt_block){.number = 8, .exponent = 2});
    EXPECT(sends_block1(9, 2, true));
    EXPECT(!a.done);
    respond_block1(&a, TT_ENTITY_INCOMPLETE, (tt_block){.number = 9, .exponent = 2});
    EXPECT_ANSWER(a, TT_ENTITY_INCOMPLETE);
    // Towards a client: what is taken at most is said (RFC 7252, 5.9.2.9).
    tt_message_writer w = request(TT_CONFIRMABLE, TT_PUT, 1, "keep");
    static const uint8_t block[1024];
    for (uint32_t i = 0; i < 5; i++) {
        w = request(TT_CONFIRMABLE, TT_PUT, (uint16_t)i, "keep");
        tt_message_option_block(&w, TT_OPTION_BLOCK1,
                                &(tt_block){.number = i, .more = true, .exponent = 6});
        tt_message_payload(&w, block, sizeof(block));
        hear(CLIENT, &w);
    }
    EXPECT(answer.message.code == TT_ENTITY_TOO_LARGE && answer.message.size1 == sizeof(kept));
    // The first block of an answer tells the whole size, each tells whose it is.
    shown_length = 1500;
    w = request(TT_CONFIRMABLE, TT_GET, 9, "show");
    hear(CLIENT, &w);
    EXPECT(answer.message.block2.present && answer.message.block2.more);
    EXPECT(answer.message.size2 == 1500 && answer.message.etag_length > 0);
    // Answers to other methods than GET are not cut: a handler would run once for each block.
    unsigned before = runs;
    w = request(TT_CONFIRMABLE, TT_POST, 10, "wordy");
    tt_message_option_block(&w, TT_OPTION_BLOCK2, &(tt_block){.number = 1, .exponent = 2});
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == TT_NOT_IMPLEMENTED);
    EXPECT_EQUAL(runs, before);
}

// A representation that changes while it is fetched is not put together (RFC 7959, 2.4).
static void test_change_midway(void)
{
    asked a;
    for (int changed = 0; changed < 2; changed++) {
        start();
        ask_by_hand(&a, TT_GET, false, NULL, 0);
        respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, TT_OPTION_ETAG, "12345", 5,
                &(tt_block){.more = true, .exponent = 2}, TT_OPTION_BLOCK2, 64);
        EXPECT(!a.done && answer.message.block2.number == 1);
        respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, TT_OPTION_ETAG,
                changed ? "12346" : "12345", 5, &(tt_block){.number = 1, .exponent = 2},
                TT_OPTION_BLOCK2, 10);
        EXPECT(a.done && a.status == (changed ? TT_DAMAGED : TT_OK));
    }
    // Tags are bytes, not numbers: one more zero makes another.
    start();
    ask_by_hand(&a, TT_GET, false, NULL, 0);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, TT_OPTION_ETAG, "1", 1,
            &(tt_block){.more = true, .exponent = 2}, TT_OPTION_BLOCK2, 64);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, TT_OPTION_ETAG, "\0001", 2,
            &(tt_block){.number = 1, .exponent = 2}, TT_OPTION_BLOCK2, 10);
    EXPECT(a.done && a.status == TT_DAMAGED);
}

// A block that is shorter than it says would leave a gap, and a longer one is none.
static void test_short_block(void)
{
    static const struct {
        bool more;
        size_t length;
        tt_status status;
    } cases[] = {
        {true, 63, TT_MALFORMED}, {true, 65, TT_MALFORMED}, {false, 65, TT_MALFORMED},
        {false, 64, TT_OK},       {false, 0, TT_OK},
    };
    asked a;
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        start();
        ask_by_hand(&a, TT_GET, false, NULL, 0);
        respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0,
                &(tt_block){.more = cases[i].more, .exponent = 2}, TT_OPTION_BLOCK2,
                cases[i].length);
        EXPECT(a.done && a.status == cases[i].status);
    }
}

static void put(const device *from, uint16_t id, unsigned method, int number, bool more,
                const void *body, size_t length)
{
    tt_message_writer w = request(TT_CONFIRMABLE, method, id, "keep");
    if (number >= 0)
        tt_message_option_block(&w, TT_OPTION_BLOCK1,
                                &(tt_block){.number = (uint32_t)number, .more = more});
    tt_message_payload(&w, body, length);
    hear((device *)from, &w);
}

// A body in one message does not come between the blocks of another, whoever sends it.
static void test_whole_between_blocks(void)
{
    static const tt_endpoint own_device;
    static const char block[16] = "0123456789abcdef";
    asked a;
    start();
    put(CLIENT, 1, TT_PUT, 0, true, block, sizeof(block));
    put(OTHER, 1, TT_PUT, -1, false, "other", 5);
    EXPECT(answer.message.code == TT_UNAVAILABLE && answer.message.max_age == 2);
    memset(&a, 0, sizeof(a));
    a.call = (tt_call){.peer = own_device,
                       .method = TT_PUT,
                       .path = "keep",
                       .payload = "own",
                       .length = 3,
                       .on_reply = asked_reply,
                       .context = &a};
    REQUIRE(tt_bus_call(&SERVER->bus, time_now, &a.call) == TT_OK);
    pass(TT_MS(1));
    EXPECT_ANSWER(a, TT_UNAVAILABLE);
    EXPECT_EQUAL(runs, 1);
    put(OTHER, 2, TT_POST, -1, false, "", 0); // of another method: no body of these
    EXPECT_EQUAL(answer.message.code, TT_CHANGED);
    put(CLIENT, 2, TT_PUT, 1, false, block, sizeof(block));
    EXPECT(answer.message.code == TT_CHANGED && kept_length == 32);
    EXPECT(memcmp(kept, block, 16) == 0 && memcmp(kept + 16, block, 16) == 0);
    put(OTHER, 3, TT_PUT, -1, false, "other", 5);
    EXPECT(answer.message.code == TT_CHANGED && kept_length == 5);
    // Its own sender has begun anew: what it began before does not go on.
    put(CLIENT, 3, TT_PUT, 0, true, block, sizeof(block));
    put(CLIENT, 4, TT_PUT, -1, false, "whole", 5);
    EXPECT(answer.message.code == TT_CHANGED && kept_length == 5);
    put(CLIENT, 5, TT_PUT, 1, false, block, sizeof(block));
    EXPECT(answer.message.code == TT_ENTITY_INCOMPLETE && memcmp(kept, "whole", 5) == 0);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

// Bodies for two paths of a subtree are two; one for a resource that was removed, and came back, is
// given up.
static void test_whose_body(void)
{
    static tt_resource tree = {
        .path = "t", .handler = keep, .methods = 1 << TT_PUT, .subtree = true};
    static const char block[16];
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &tree) == TT_OK);
    for (uint16_t i = 0; i < 5; i++) {
        tt_message_writer w =
            request(TT_CONFIRMABLE, TT_PUT, (uint16_t)(20 + i), i % 2 ? "t/b" : "t/a");
        if (i == 4) {
            tt_bus_remove(&SERVER->bus, &tree);
            REQUIRE(tt_bus_add(&SERVER->bus, &tree) == TT_OK);
        }
        tt_message_option_block(&w, TT_OPTION_BLOCK1,
                                &(tt_block){.number = i / 2u, .more = i != 3});
        tt_message_payload(&w, block, sizeof(block));
        hear(CLIENT, &w);
        EXPECT_EQUAL(answer.message.code, i < 3    ? TT_CONTINUE
                                          : i == 3 ? TT_CHANGED
                                                   : TT_ENTITY_INCOMPLETE);
    }
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

// No handler gets, and no caller, more than a block at once, whatever a datagram holds.
static void test_more_than_a_block(void)
{
    static uint8_t bytes[1452];
    static const uint8_t body[TT_BUS_BLOCK_MAX + 1];
    static const tt_bus_token token = {.length = 1, .bytes = {5}};
    asked a;
    for (int i = 0; i < 4; i++) { // as it comes, as a last block, at most, as a block of 16 bytes
        bool block = i % 2 == 1;
        size_t length = i == 2 ? TT_BUS_BLOCK_MAX : i == 3 ? 17 : sizeof(body);
        tt_message_writer w;
        start();
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_PUT, next_id++, &token);
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, "keep", '/');
        if (block)
            tt_message_option_block(&w, TT_OPTION_BLOCK1, &(tt_block){.exponent = i == 1 ? 6 : 0});
        tt_message_payload(&w, body, length);
        hear(CLIENT, &w);
        EXPECT_EQUAL(answer.message.code, i < 2    ? TT_ENTITY_TOO_LARGE
                                          : i == 2 ? TT_CHANGED
                                                   : TT_BAD_REQUEST);
        EXPECT_EQUAL(runs, i == 2);
        if (i < 2) // which blocks are welcome
            EXPECT(answer.message.block1.present && answer.message.block1.exponent == 6 &&
                   !answer.message.block1.more);
    }
    start();
    ask_by_hand(&a, TT_GET, false, NULL, 0);
    tt_bus_token of_call = {.length = 8};
    tt_message_writer w;
    memcpy(of_call.bytes, &a.call.state.token, 8);
    tt_message_begin(&w, bytes, sizeof(bytes), TT_ACKNOWLEDGEMENT, TT_CONTENT,
                     a.call.state.message_id, &of_call);
    tt_message_payload(&w, body, sizeof(body));
    tell(CLIENT, SERVER, &w);
    EXPECT(a.done && a.status == TT_TOO_LARGE);
}

int main(void)
{
    test_long_bodies();
    test_block_order();
    test_sizes_of_blocks();
    test_change_midway();
    test_short_block();
    test_whole_between_blocks();
    test_whose_body();
    test_more_than_a_block();
    return test_result();
}
