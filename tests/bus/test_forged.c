// Requests in the names of many: what they may cost this device, and what they may not.

#include "tests/bus/exchange.h"

#define MANY 200

static device forged[MANY];

static void hear_forged(unsigned i, tt_method method, const char *path)
{
    tt_message_writer w = request(TT_CONFIRMABLE, method, next_id++, path);
    forged[i].endpoint = (tt_endpoint){.ip = {[14] = 1, [15] = (uint8_t)i}, .port = TT_BUS_PORT};
    hear(&forged[i], &w);
    time_now += TT_MS(1);
}

// However many have asked, a call to one who was never heard of goes out, and is answered.
static void test_our_own_calls(void)
{
    static asked calls[TT_BUS_SESSIONS_OURS];
    start();
    for (unsigned i = 0; i < MANY; i++)
        hear_forged(i, TT_POST, "keep");
    EXPECT_EQUAL(SERVER->bus.counters.refused,
                 MANY - (TT_BUS_SESSIONS_MAX - TT_BUS_SESSIONS_OURS) - TT_BUS_PAST_MAX);
    for (unsigned i = 0; i < TT_BUS_SESSIONS_OURS; i++) {
        ask(&calls[i], SERVER, &devices[1 + i % 2], TT_GET, ".well-known/core", NULL, NULL, 0);
        EXPECT_ANSWER(calls[i], TT_CONTENT);
        if (!calls[i].done)
            tt_bus_cancel(&SERVER->bus, time_now, &calls[i].call);
    }
    // As many silent ones at a time; those who ask meanwhile get no place of theirs.
    for (unsigned i = 0; i < TT_BUS_SESSIONS_OURS; i++) {
        memset(&calls[i], 0, sizeof(calls[i]));
        calls[i].call = (tt_call){.peer = {.ip = {[15] = (uint8_t)(200 + i)}, .port = TT_BUS_PORT},
                                  .method = TT_GET,
                                  .path = "x",
                                  .content_format = TT_FORMAT_NONE,
                                  .accept = TT_FORMAT_NONE,
                                  .on_reply = asked_reply,
                                  .context = &calls[i]};
        REQUIRE(tt_bus_call(&SERVER->bus, time_now, &calls[i].call) == TT_OK);
        collect(SERVER);
        EXPECT_EQUAL(answer.count, 1);
        hear_forged(i, TT_POST, "keep");
    }
    for (unsigned i = 0; i < TT_BUS_SESSIONS_OURS; i++)
        tt_bus_cancel(&SERVER->bus, time_now, &calls[i].call);
}

// For whom no handler ran, nothing is left behind: others are not refused for it.
static void test_nothing_ran(void)
{
    start();
    for (unsigned i = 0; i < MANY; i++) {
        hear_forged(i, TT_POST, i % 2 ? "show" : "nothing");
        EXPECT_EQUAL(answer.message.code, i % 2 ? TT_METHOD_NOT_ALLOWED : TT_PATH_NOT_FOUND);
    }
    EXPECT_EQUAL(SERVER->bus.counters.refused, 0);
    EXPECT_EQUAL(runs, 0);
    for (size_t i = 0; i < TT_BUS_PAST_MAX; i++)
        EXPECT_EQUAL(SERVER->bus.past[i].whose, 0);
    tt_message_writer w = request(TT_CONFIRMABLE, TT_PUT, 1, "keep");
    hear(CLIENT, &w);
    EXPECT_EQUAL(answer.message.code, TT_CHANGED);
}

// Long answers that nobody acknowledges do not keep a long message of ours from going out.
static void test_long_answers_to_nobody(void)
{
    static const uint8_t body[900];
    asked a;
    start();
    for (unsigned i = 0; i < 2 * TT_BUS_BUFFERS_MAX; i++)
        hear_forged(i, TT_POST, "wordy");
    ask(&a, SERVER, CLIENT, TT_PUT, "keep", NULL, body, sizeof(body));
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    if (!a.done)
        tt_bus_cancel(&SERVER->bus, time_now, &a.call);
    // One of ours that waits for its acknowledgement leaves room for an answer, and that for it.
    start();
    memset(&a, 0, sizeof(a));
    a.call = (tt_call){.peer = {.ip = {[15] = 200}, .port = TT_BUS_PORT},
                       .method = TT_PUT,
                       .path = "keep",
                       .payload = body,
                       .length = sizeof(body),
                       .content_format = TT_FORMAT_NONE,
                       .accept = TT_FORMAT_NONE,
                       .on_reply = asked_reply,
                       .context = &a};
    REQUIRE(tt_bus_call(&SERVER->bus, time_now, &a.call) == TT_OK);
    collect(SERVER);
    hear_forged(1, TT_POST, "wordy");
    EXPECT_EQUAL(answer.count, 2); // acknowledged, and apart
    tt_bus_cancel(&SERVER->bus, time_now, &a.call);
}

// Whoever does not acknowledge an answer, and sends pieces of a stream that is none on and on, puts
// its end off for a while only.
static void test_hurried_for_ever(void)
{
    static const tt_bus_token token = {.length = 8, .bytes = {9}};
    start();
    tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, next_id++, "wordy");
    hear(CLIENT, &w);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 1);
    tt_time end = time_now + TT_SECONDS(60);
    while (time_now < end) {
        uint8_t bytes[64];
        time_now += TT_MS(250);
        tt_bus_advance(&SERVER->bus, time_now);
        tt_message_begin(&w, bytes, sizeof(bytes), TT_NON_CONFIRMABLE, TT_STREAM_PIECE, 1, &token);
        tt_message_payload(&w, "12345678x", 9);
        hear(CLIENT, &w);
    }
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

int main(void)
{
    test_hurried_for_ever();
    test_long_answers_to_nobody();
    test_our_own_calls();
    test_nothing_ran();
    return test_result();
}
