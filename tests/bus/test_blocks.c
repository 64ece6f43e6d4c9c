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
}

// A block that is shorter than it says would leave a gap.
static void test_short_block(void)
{
    asked a;
    start();
    ask_by_hand(&a, TT_GET, false, NULL, 0);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0,
            &(tt_block){.more = true, .exponent = 2}, TT_OPTION_BLOCK2, 63);
    EXPECT(a.done && a.status == TT_MALFORMED);
}

int main(void)
{
    test_long_bodies();
    test_block_order();
    test_sizes_of_blocks();
    test_change_midway();
    test_short_block();
    return test_result();
}
