// Answers: when they are due, repeated, late or cut, and those whose session is gone.

#include "bus/internal.h"
#include "tests/bus/exchange.h"

// An answer that was acknowledged already is acknowledged again, and not reset.
static void test_answer_again(void)
{
    asked a;
    start();
    ask_by_hand(&a, TT_GET, false, NULL, 0);
    for (int i = 0; i < 2; i++) {
        respond(SERVER, &a, 9, TT_CONFIRMABLE, TT_CONTENT, 0, NULL, 0, NULL, 0, 3);
        EXPECT(answer.count == 1 && answer.message.type == TT_ACKNOWLEDGEMENT);
        EXPECT_EQUAL(answer.message.id, 9);
        EXPECT_ANSWER(a, TT_CONTENT);
    }
}

// An answer to a call whose session gave way meanwhile is acknowledged, and taken.
static void test_answer_without_session(void)
{
    asked a;
    start();
    ask_by_hand(&a, TT_POST, false, "x", 1);
    tt_message_writer w;
    uint8_t bytes[4];
    tt_message_begin(&w, bytes, sizeof(bytes), TT_ACKNOWLEDGEMENT, 0, a.call.state.message_id,
                     NULL);
    tell(CLIENT, SERVER, &w);
    EXPECT_EQUAL(a.call.state.phase, TT_CALL_ACCEPTED);
    memset(tt_session_find(&CLIENT->bus, &SERVER->endpoint), 0, sizeof(tt_bus_session));
    respond(SERVER, &a, 9, TT_CONFIRMABLE, TT_CHANGED, 0, NULL, 0, NULL, 0, 3);
    EXPECT(answer.count == 1 && answer.message.type == TT_ACKNOWLEDGEMENT);
    EXPECT_ANSWER(a, TT_CHANGED);
}

// What is made and not sent yet is due at once.
static void test_due(void)
{
    static const tt_message_type types[] = {TT_CONFIRMABLE, TT_NON_CONFIRMABLE};
    for (unsigned i = 0; i < TT_COUNT(types); i++) {
        start();
        tt_message_writer w = request(types[i], TT_GET, 1, "show");
        EXPECT(tt_bus_deadline(&SERVER->bus) > time_now);
        tt_bus_receive(&SERVER->bus, time_now, &CLIENT->endpoint, w.out.data, w.out.length);
        EXPECT(tt_bus_deadline(&SERVER->bus) <= time_now);
        collect(SERVER);
        EXPECT(answer.count == 1 && tt_bus_deadline(&SERVER->bus) > time_now);
    }
}

// A later answer is confirmable where its request was.
static void test_type_of_later_answers(void)
{
    tt_response response = {.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
    for (int confirmable = 0; confirmable < 2; confirmable++) {
        start();
        tt_message_writer w =
            request(confirmable ? TT_CONFIRMABLE : TT_NON_CONFIRMABLE, TT_POST, 1, "later");
        hear(CLIENT, &w);
        EXPECT_EQUAL(answer.count, confirmable);
        REQUIRE(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response) == TT_OK);
        collect(SERVER);
        EXPECT_EQUAL(answer.message.type, confirmable ? TT_CONFIRMABLE : TT_NON_CONFIRMABLE);
        EXPECT_EQUAL(SERVER->bus.sessions[0].out.kind, confirmable ? TT_FOR_ANSWER : TT_FOR_NOBODY);
    }
}

// A datagram of which only the beginning came: told so, whoever sent it, and nothing is run.
static void test_cut_datagrams(void)
{
    static uint8_t bytes[64];
    asked a;
    start();
    for (int i = 0; i < 3; i++) {
        tt_message_writer w = request(i == 2 ? TT_NON_CONFIRMABLE : TT_CONFIRMABLE, TT_PUT,
                                      (uint16_t)(i + 1), "keep");
        if (i == 0)
            tt_message_payload(&w, "the beginning", 13);
        else // it ends within an option
            tt_message_option(&w, 2048, "0123456789", 10);
        tt_bus_receive_cut(&SERVER->bus, time_now, &CLIENT->endpoint, w.out.data,
                           w.out.length - (i > 0 ? 3 : 0));
        collect(SERVER);
        EXPECT_EQUAL(answer.count, i < 2);
        EXPECT(i > 0 || answer.message.code == TT_ENTITY_TOO_LARGE);
        EXPECT(i != 1 || was_reset(2));
    }
    EXPECT_EQUAL(runs, 0);
    ask_by_hand(&a, TT_GET, false, NULL, 0);
    tt_bus_token token = {.length = 8};
    tt_message_writer w;
    memcpy(token.bytes, &a.call.state.token, 8);
    tt_message_begin(&w, bytes, sizeof(bytes), TT_ACKNOWLEDGEMENT, TT_CONTENT,
                     a.call.state.message_id, &token);
    tt_message_payload(&w, "the beginning", 13);
    tt_bus_receive_cut(&CLIENT->bus, time_now, &SERVER->endpoint, w.out.data, w.out.length);
    EXPECT(a.done && a.status == TT_TOO_LARGE);
}

// A server that refuses a body in blocks of the size that they have wants no smaller ones.
static void test_too_large(void)
{
    static uint8_t body[3000];
    for (uint8_t exponent = 5; exponent <= 6; exponent++) {
        asked a;
        start();
        ask_by_hand(&a, TT_PUT, false, body, sizeof(body));
        respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_ENTITY_TOO_LARGE, 0, NULL, 0,
                &(tt_block){.exponent = exponent}, TT_OPTION_BLOCK1, 0);
        EXPECT_EQUAL(a.done, exponent == 6);
        EXPECT_EQUAL(answer.count, exponent == 5);
        if (exponent == 6)
            EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
        else
            tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
    }
}

static void say_go_on(const asked *a, tt_message_type type, uint16_t id, uint32_t pieces)
{
    uint8_t bytes[64];
    tt_bus_token token = {.length = 8};
    tt_message_writer w;
    memcpy(token.bytes, &a->call.state.token, 8);
    tt_message_begin(&w, bytes, sizeof(bytes), type, TT_CONTINUE, id, &token);
    tt_message_option_block(&w, TT_OPTION_BLOCK1, &(tt_block){.more = true, .exponent = 6});
    tt_message_option_number(&w, TT_OPTION_STREAM, pieces << 2);
    tell(CLIENT, SERVER, &w);
}

// As a stream only so many pieces go as its server has said, and the first answer once more ends
// nothing.
static void test_window_of_a_server(void)
{
    static uint8_t body[20000];
    for (uint32_t pieces = 0; pieces < 4; pieces++) {
        asked a;
        start();
        ask_by_hand(&a, TT_PUT, false, body, sizeof(body));
        say_go_on(&a, TT_ACKNOWLEDGEMENT, a.call.state.message_id, pieces);
        EXPECT_EQUAL(CLIENT->bus.counters.streams, 1);
        say_go_on(&a, TT_NON_CONFIRMABLE, 99, pieces);
        EXPECT(!a.done && a.call.state.sent < sizeof(body));
        for (unsigned i = 0; i < 20; i++) {
            time_now += TT_MS(10);
            tt_bus_advance(&CLIENT->bus, time_now);
            collect(CLIENT);
        }
        EXPECT_EQUAL(CLIENT->bus.counters.pieces_sent, pieces);
        EXPECT(!a.done && tt_bus_busy(&CLIENT->bus) > 0);
        tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
    }
}

int main(void)
{
    test_answer_again();
    test_answer_without_session();
    test_due();
    test_cut_datagrams();
    test_type_of_later_answers();
    test_too_large();
    test_window_of_a_server();
    return test_result();
}
