// Who a peer is: how it is said, what is remembered of one that said it, and how little others can
// do with it.

#include "tests/bus/moving.h"

#define TAG 0x12345678
#define HER 0x1122334455667788

static unsigned says(device *d) // messages that say who sends them; what else is sent is lost, too
{
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_message m;
    tt_endpoint to;
    size_t length;
    unsigned count = 0;
    while (tt_bus_transmit(&d->bus, &to, bytes, sizeof(bytes), &length) == TT_OK) {
        REQUIRE(tt_message_parse(&m, bytes, length) == TT_OK);
        EXPECT(m.identity == 0 || m.identity == d->bus.identity);
        count += m.identity != 0;
    }
    return count;
}

static void test_identities(void)
{
    EXPECT(tt_bus_identity("", 1) != tt_bus_identity("", 2));
    EXPECT(tt_bus_identity("a", 1) != tt_bus_identity("b", 1));
    EXPECT(tt_bus_identity("node-1", 0x01020304) == 0xba8cf9eae6374656);
    EXPECT(tt_bus_identity("Node-1", 0x01020304) == tt_bus_identity("nodE-1", 0x01020304));
}

// It is said until it is answered, again after a minute, after another name and after a quarter of
// all ids; and not to a peer that answers without one.
static void test_telling(void)
{
    asked a;
    start_known();
    begin(&a, CLIENT, SERVER, TT_POST, "keep", "x", 1);
    EXPECT_EQUAL(says(CLIENT), 1);
    pass(TT_SECONDS(1));
    EXPECT_ANSWER(a, TT_CHANGED);
    EXPECT(session_at(CLIENT, &SERVER->endpoint)->identity == SERVER->bus.identity);
    EXPECT(session_at(SERVER, &CLIENT->endpoint)->identity == CLIENT->bus.identity);
    begin(&a, CLIENT, SERVER, TT_POST, "keep", "x", 1);
    EXPECT_EQUAL(says(CLIENT), 0);
    pass(TT_SECONDS(61));
    EXPECT_ANSWER(a, TT_CHANGED);
    begin(&a, CLIENT, SERVER, TT_POST, "keep", "x", 1);
    EXPECT_EQUAL(says(CLIENT), 1);
    pass(TT_SECONDS(1));
    tt_bus_set_identity(&CLIENT->bus, 77);
    begin(&a, CLIENT, SERVER, TT_POST, "keep", "x", 1);
    EXPECT_EQUAL(says(CLIENT), 1);
    pass(TT_SECONDS(1));
    session_at(CLIENT, &SERVER->endpoint)->next_id = 0x3fff;
    ask(&a, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    begin(&a, CLIENT, SERVER, TT_POST, "keep", "x", 1);
    EXPECT_EQUAL(says(CLIENT), 1);
    // A server that is nobody.
    start_known();
    tt_bus_set_identity(&SERVER->bus, 0);
    for (unsigned i = 0; i < 2; i++) {
        begin(&a, CLIENT, SERVER, TT_POST, "keep", "x", 1);
        EXPECT_EQUAL(says(CLIENT), 1);
        pass(TT_SECONDS(1));
        EXPECT_ANSWER(a, TT_CHANGED);
    }
}

// Each server has a tag of its own: none of them can ask in our name.
static void test_tags(void)
{
    asked a;
    start_known();
    ask(&a, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    ask(&a, CLIENT, OTHER, TT_GET, ".well-known/core", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    const tt_bus_session *one = session_at(CLIENT, &SERVER->endpoint);
    const tt_bus_session *two = session_at(CLIENT, &OTHER->endpoint);
    EXPECT(one->tag != 0 && two->tag != 0 && one->tag != two->tag);
    EXPECT(session_at(SERVER, &CLIENT->endpoint)->window.tag == one->tag);
    EXPECT(session_at(OTHER, &CLIENT->endpoint)->window.tag == two->tag);
}

// Of two answers that are waited for the first tells who gives it, and the second is no stranger's.
static void test_told_by_another_answer(void)
{
    asked a, b;
    tt_response response = {.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
    start_known();
    ask(&a, CLIENT, SERVER, TT_POST, "later", NULL, "x", 1);
    ask(&b, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT(!a.done && b.done);
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_OK);
    deliver();
    EXPECT_ANSWER(a, TT_CHANGED);
    EXPECT(session_at(CLIENT, &SERVER->endpoint)->identity == SERVER->bus.identity);
    EXPECT(session_at(CLIENT, &SERVER->endpoint)->told_at != 0);
}

// A client that says nothing is told nothing, and one that says it is told once.
static void test_being_told(void)
{
    start_known();
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 1, 0);
    EXPECT(answer.count == 1 && answer.message.identity == 0);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 2, TAG, 2, HER);
    EXPECT(answer.count == 1 && answer.message.identity == SERVER->bus.identity);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 3, TAG, 3, 0);
    EXPECT(answer.count == 1 && answer.message.identity == 0);
    EXPECT_EQUAL(runs, 3);
}

// Requests come once each, whatever their ids are; a repetition is known by its number for ever.
static void test_numbers(void)
{
    start_known();
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 5, HER);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 6, 0); // an id that is used again
    EXPECT_EQUAL(runs, 2);
    EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 6, 0);
    EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 9, TAG, 6, 0); // by another message
    EXPECT_EQUAL(answer.count, 0);
    for (uint32_t i = 0; i < TT_BUS_OUTCOMES_MAX; i++)
        hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, (uint16_t)(20 + i), TAG, 10 + i, 0);
    EXPECT_EQUAL(runs, 2 + TT_BUS_OUTCOMES_MAX);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 6, 0); // its outcome is not known
    time_now += TT_SECONDS(10000);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 6, 0);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 27, TAG, 17, 0);
    EXPECT_EQUAL(runs, 2 + TT_BUS_OUTCOMES_MAX);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, UINT32_MAX, 0);
    EXPECT_EQUAL(runs, 3 + TT_BUS_OUTCOMES_MAX);
}

// Those that are not confirmable come in any order within the window, each once, beside those that
// are; what is older than the window is lost.
static void test_window(void)
{
    const uint32_t width = 32 * (TT_BUS_WINDOW_WORDS - 1), first = 1000;
    start_known();
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 900, HER);
    for (uint32_t i = width; i > 0; i--)
        hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, (uint16_t)i, TAG, first + i, 0);
    EXPECT_EQUAL(runs, 1 + width);
    for (uint32_t i = 1; i <= width; i++)
        hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, (uint16_t)i, TAG, first + i, 0);
    EXPECT_EQUAL(runs, 1 + width);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 3, TAG, 901, 0); // repeated late
    EXPECT_EQUAL(runs, 2 + width);
    hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, 4, TAG, first + 40 * width, 0);
    hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, 5, TAG, first + 39 * width - 32, 0);
    EXPECT_EQUAL(runs, 3 + width);
    hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, 6, TAG, first + 40 * width - 1, 0);
    hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, 7, TAG, first + 41 * width + 7, 0);
    hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, 8, TAG, first + 40 * width + 9, 0);
    EXPECT_EQUAL(runs, 6 + width);
    hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, 6, TAG, first + 40 * width - 1, 0);
    hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, 8, TAG, first + 40 * width + 9, 0);
    EXPECT_EQUAL(runs, 6 + width);
}

// Who says who it is in the midst of a conversation has nothing run again that its ids were known
// by.
static void test_saying_it_late(void)
{
    start_known();
    for (uint32_t i = 1; i <= 4; i++)
        hear_tagged(&CLIENT->endpoint, i % 2 ? TT_NON_CONFIRMABLE : TT_CONFIRMABLE, (uint16_t)i,
                    TAG, i, 0);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 5, TAG, 5, HER);
    hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, 6, TAG, 6, HER);
    EXPECT_EQUAL(runs, 6);
    for (uint32_t i = 1; i <= 6; i++)
        hear_tagged(&CLIENT->endpoint, i % 2 && i < 5 ? TT_NON_CONFIRMABLE : TT_CONFIRMABLE,
                    (uint16_t)(100 + i), TAG, i, 0);
    EXPECT_EQUAL(runs, 7); // the sixth was not confirmable
}

// A stranger whose tokens look like ours goes by its ids.
static void test_strangers(void)
{
    start_known();
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 10, TAG, 7, 0);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 11, TAG, 7, 0);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 12, TAG, 3, 0);
    EXPECT_EQUAL(runs, 3);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 11, TAG, 7, 0);
    EXPECT_EQUAL(runs, 3);
    EXPECT(!session_at(SERVER, &CLIENT->endpoint)->has_tag);
    hear_tagged(&elsewhere, TT_CONFIRMABLE, 11, TAG, 7, 0); // another, as far as anyone knows
    EXPECT_EQUAL(runs, 4);
}

// Another life at an address, and the first again: each is known by its own numbers.
static void test_lives(void)
{
    start_known();
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 5, HER);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG + 1, 1, HER + 1);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 2, TAG, 5, 0);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 2, TAG + 1, 1, 0);
    EXPECT_EQUAL(runs, 2);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 3, TAG, 6, 0);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 4, TAG + 1, 2, 0);
    EXPECT_EQUAL(runs, 4);
    // A stranger behind the address of one who is known.
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 5, 99, 1, 0);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 5, TAG, 6, 0);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 5, 99, 1, 0);
    EXPECT_EQUAL(runs, 5);
}

// A request by hand of a life that says who it is: one that changes things, or one that does not.
static void hear_life(uint32_t tag, bool asks)
{
    uint8_t bytes[64];
    tt_message_writer w;
    tt_bus_token token = {.length = 8, .bytes = {0x12, 0x34, (uint8_t)(tag >> 8), (uint8_t)tag}};
    token.bytes[7] = 1;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, asks ? TT_GET : TT_POST, next_id++,
                     &token);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, asks ? "show" : "keep", '/');
    tt_message_option_tag(&w, TT_OPTION_IDENTITY, HER + tag, 8);
    hear(CLIENT, &w);
}

// So many lives that no more can be remembered: those that are come back, and those that only ask
// take no place from another.
static void test_full_of_lives(void)
{
    start_known();
    for (uint32_t i = 0; i < 2 * TT_BUS_PAST_MAX; i++)
        hear_life(1000 + i, true);
    runs = 0;
    for (uint32_t i = 0; i <= TT_BUS_PAST_MAX; i++)
        hear_life(i, false);
    EXPECT_EQUAL(runs, TT_BUS_PAST_MAX + 1);
    hear_life(TT_BUS_PAST_MAX + 1, false);
    EXPECT(answer.message.code == TT_UNAVAILABLE && runs == TT_BUS_PAST_MAX + 1);
    for (uint32_t i = 0; i < 3; i++) {
        hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, next_id++, 0x12340000 + i, 1, 0);
        EXPECT_EQUAL(runs, TT_BUS_PAST_MAX + 1 + i);
        hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, next_id++, 0x12340000 + i, 2, 0);
        EXPECT_EQUAL(runs, TT_BUS_PAST_MAX + 2 + i);
    }
}

// Where a device was taken for gone, what it asked before is not run again: not where it was, and
// not elsewhere.
static void test_taken_for_gone(void)
{
    start_known();
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 5, HER);
    tt_bus_forget_peer(&SERVER->bus, time_now, &CLIENT->endpoint);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 5, HER);
    EXPECT_EQUAL(runs, 1);
    EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED);
    tt_bus_forget_peer(&SERVER->bus, time_now, &CLIENT->endpoint);
    hear_tagged(&elsewhere, TT_CONFIRMABLE, 1, TAG, 5, HER);
    EXPECT_EQUAL(runs, 1);
}

// The session gave way; its client comes back, from the same place or another.
static void test_gave_way(void)
{
    start_known();
    for (uint32_t number = 5; number < 7; number++) {
        hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, number, number == 5 ? HER : 0);
        for (unsigned i = 0; i < TT_BUS_SESSIONS_MAX; i++) {
            device one = {.endpoint = {.ip = {[14] = 7, [15] = (uint8_t)i}, .port = 1000}};
            tt_message_writer w = request(TT_CONFIRMABLE, TT_GET, next_id++, "show");
            hear(&one, &w);
            time_now++;
        }
        unsigned before = runs;
        EXPECT(session_at(SERVER, &CLIENT->endpoint) == NULL);
        hear_tagged(number == 5 ? &CLIENT->endpoint : &elsewhere, TT_CONFIRMABLE, 1, TAG, number,
                    number == 5 ? HER : 0);
        EXPECT_EQUAL(runs, before);
        runs = 0;
    }
    EXPECT(session_at(SERVER, &elsewhere)->has_tag);
    hear_tagged(&elsewhere, TT_NON_CONFIRMABLE, 1, TAG, 7, 0);
    EXPECT_EQUAL(runs, 1);
}

// All numbers of a tag are used up: another is drawn, and said.
static void test_wrapping(void)
{
    asked a;
    start_known();
    ask(&a, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    uint32_t tag = session_at(CLIENT, &SERVER->endpoint)->tag;
    CLIENT->bus.sequence = UINT32_MAX - 2;
    for (unsigned i = 0; i < 6; i++) {
        begin(&a, CLIENT, SERVER, TT_POST, "keep", "x", 1);
        EXPECT_EQUAL(session_at(CLIENT, &SERVER->endpoint)->tag != tag, i > 1);
        EXPECT_EQUAL(says(CLIENT), i == 2);
        pass(TT_SECONDS(1));
        EXPECT_ANSWER(a, TT_CHANGED);
    }
    EXPECT_EQUAL(runs, 7);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, tag, UINT32_MAX - 1, 0); // a late one
    EXPECT_EQUAL(runs, 7);
}

// More requests than there are ids within EXCHANGE_LIFETIME, to one that knows who asks.
static void test_many(void)
{
    asked a;
    tt_time began;
    start_known();
    began = time_now;
    for (unsigned i = 0; i < 70000; i++) {
        ask(&a, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
        time_now += TT_MS(1);
        REQUIRE(a.done && a.code == TT_CHANGED);
    }
    EXPECT_EQUAL(runs, 70000);
    EXPECT(time_now - began < TT_BUS_EXCHANGE_LIFETIME);
}

int main(void)
{
    test_identities();
    test_telling();
    test_tags();
    test_told_by_another_answer();
    test_being_told();
    test_numbers();
    test_window();
    test_saying_it_late();
    test_strangers();
    test_lives();
    test_full_of_lives();
    test_taken_for_gone();
    test_gave_way();
    test_wrapping();
    test_many();
    return test_result();
}
