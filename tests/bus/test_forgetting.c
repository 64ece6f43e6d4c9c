// A peer is forgotten whole, and no other one is: what two of them have of each kind.

#include "bus/internal.h"
#include "tests/bus/moving.h"

static tt_resource box = {.path = "box", .handler = keep, .methods = 1 << TT_PUT, .subtree = true};
static unsigned told;

static void on_notification(tt_call *call, tt_time now, const tt_reply *reply)
{
    asked *a = call->context;
    (void)now;
    told += reply->status == TT_OK;
    a->done = reply->final;
}

static void forget(const device *d)
{
    tt_bus_forget_peer(&SERVER->bus, time_now, &d->endpoint);
}

static void test_observers(void)
{
    asked a[2];
    start();
    for (unsigned i = 0; i < 2; i++) {
        memset(&a[i], 0, sizeof(a[i]));
        a[i].call = call_to(SERVER, TT_GET, "show", NULL, 0, &a[i]);
        a[i].call.observe = true;
        a[i].call.on_reply = on_notification;
        REQUIRE(tt_bus_call(&devices[1 + i].bus, time_now, &a[i].call) == TT_OK);
        deliver();
    }
    forget(OTHER);
    told = 0;
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    pass(TT_SECONDS(1));
    EXPECT_EQUAL(told, 1);
    forget(CLIENT);
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    pass(TT_SECONDS(1));
    EXPECT_EQUAL(told, 1);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

static void test_owed_answers(void)
{
    asked a, b;
    tt_response response = {.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
    for (int first = 0; first < 2; first++) {
        start();
        ask(&a, CLIENT, SERVER, TT_POST, "later", NULL, "x", 1);
        ask(&b, OTHER, SERVER, TT_POST, "later", NULL, "x", 1);
        forget(first ? CLIENT : OTHER);
        EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[!first], &response), TT_NOT_FOUND);
        EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[first], &response), TT_OK);
        deliver();
        EXPECT(a.done != first && b.done == first);
        EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
    }
}

// The block of a body of a peer's own: 2.31, 4.08 or 5.03.
static unsigned block(unsigned who, uint32_t number)
{
    device peer = {.endpoint = {.ip = {[14] = 7, [15] = (uint8_t)who}, .port = 1000}};
    static const uint8_t bytes[64];
    char path[8];
    snprintf(path, sizeof(path), "box/%u", who);
    tt_message_writer w = request(TT_CONFIRMABLE, TT_PUT, next_id++, path);
    tt_message_option_block(&w, TT_OPTION_BLOCK1,
                            &(tt_block){.number = number, .more = true, .exponent = 2});
    tt_message_payload(&w, bytes, sizeof(bytes));
    hear(&peer, &w);
    REQUIRE(answer.count == 1);
    return answer.message.code;
}

static void test_bodies(void)
{
    for (unsigned gone = 0; gone < TT_BUS_TRANSFERS_MAX; gone++) {
        device peer = {.endpoint = {.ip = {[14] = 7, [15] = (uint8_t)gone}, .port = 1000}};
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &box) == TT_OK);
        for (unsigned i = 0; i < TT_BUS_TRANSFERS_MAX; i++)
            EXPECT_EQUAL(block(i, 0), TT_CONTINUE);
        EXPECT_EQUAL(block(99, 0), TT_UNAVAILABLE);
        forget(&peer);
        EXPECT_EQUAL(block(gone, 1), TT_ENTITY_INCOMPLETE);
        EXPECT_EQUAL(block(99, 0), TT_CONTINUE);
        for (unsigned i = 0; i < TT_BUS_TRANSFERS_MAX; i++)
            if (i != gone)
                EXPECT_EQUAL(block(i, 1), TT_CONTINUE);
        EXPECT_EQUAL(block(99, 1), TT_CONTINUE);
    }
}

// Long answers that nobody has acknowledged yet, and one that waits behind the first: both
// buffers are free once their peer is forgotten, and only those.
static void test_answers(void)
{
    start();
    for (unsigned i = 0; i < 2; i++) {
        tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, (uint16_t)(1 + i), "wordy");
        hear(CLIENT, &w);
    }
    unsigned held = 0, waits = 0;
    for (unsigned i = 0; i < TT_BUS_BUFFERS_MAX; i++) {
        held += SERVER->bus.buffers[i].state == TT_BUFFER_ANSWERS;
        waits += SERVER->bus.buffers[i].state == TT_BUFFER_WAITS;
    }
    EXPECT_EQUAL(held, 1);
    EXPECT_EQUAL(waits, ANSWERS_HELD_MAX - 1);
    forget(OTHER);
    EXPECT(session_at(SERVER, &CLIENT->endpoint) != NULL);
    EXPECT(session_at(SERVER, &CLIENT->endpoint)->out.kind == TT_FOR_ANSWER);
    forget(CLIENT);
    EXPECT(session_at(SERVER, &CLIENT->endpoint) == NULL);
    for (unsigned i = 0; i < TT_BUS_BUFFERS_MAX; i++)
        EXPECT_EQUAL(SERVER->bus.buffers[i].state, TT_BUFFER_FREE);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

// Of a peer that has said who it is nothing goes on either, but what was taken of it is known.
static void test_known(void)
{
    asked a;
    tt_response response = {.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
    start_known();
    ask(&a, CLIENT, SERVER, TT_POST, "later", NULL, "x", 1);
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_OK);
    tt_bus_session *s = session_at(SERVER, &CLIENT->endpoint);
    EXPECT(s->out.kind == TT_FOR_ANSWER && s->has_tag);
    uint32_t tag = s->window.tag;
    forget(CLIENT);
    EXPECT(s->out.kind == TT_FOR_NOBODY && s->window.tag == tag);
    EXPECT(s->identity == 0 && s->told_at == 0);
    collect(SERVER);
    EXPECT_EQUAL(answer.count, 0);
    EXPECT_EQUAL(tt_bus_deadline(&SERVER->bus), TT_FOREVER);
}

int main(void)
{
    test_observers();
    test_owed_answers();
    test_bodies();
    test_answers();
    test_known();
    return test_result();
}
