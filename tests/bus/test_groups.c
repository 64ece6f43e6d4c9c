// Questions to a group (RFC 7252, 8): what is answered, when, and that nothing else is.

#include "tests/bus/exchange.h"
#include "tutti/groups.h"

static tt_groups groups;

static void start_groups(void)
{
    start();
    tt_groups_init(&groups, &SERVER->bus);
}

static void hear_question(const device *from, const tt_message_writer *w)
{
    REQUIRE(!w->out.failed);
    tt_groups_receive(&groups, time_now, &from->endpoint, w->out.data, w->out.length);
    collect(SERVER);
    EXPECT_EQUAL(answer.count, 0); // nothing at once
}

// All that is said within a leisure, and when the last was.
static unsigned await_answers(tt_time *at)
{
    tt_time until = time_now + TT_GROUPS_LEISURE;
    unsigned count = 0;
    while (tt_groups_deadline(&groups) <= until) {
        time_now = tt_groups_deadline(&groups);
        tt_groups_advance(&groups, time_now);
        collect(SERVER);
        count += answer.count;
        *at = time_now;
    }
    time_now = until;
    return count;
}

static tt_message_writer question(uint16_t id, const char *query)
{
    tt_message_writer w = request(TT_NON_CONFIRMABLE, TT_GET, id, ".well-known/core");
    if (query != NULL)
        tt_message_option_parts(&w, TT_OPTION_URI_QUERY, query, '&');
    return w;
}

static void test_answers(void)
{
    tt_time begin, at;
    start_groups();
    tt_time least = TT_FOREVER, most = 0;
    for (uint16_t i = 0; i < 200; i++) {
        tt_message_writer w = question(i, i % 2 ? "rt=test" : NULL);
        begin = time_now;
        hear_question(CLIENT, &w);
        EXPECT_EQUAL(await_answers(&at), 1);
        EXPECT(answer.message.type == TT_NON_CONFIRMABLE && answer.message.code == TT_CONTENT);
        EXPECT(answer.message.content_format == TT_FORMAT_LINKS);
        EXPECT(answer.message.token.length == 2 && answer.message.token.bytes[0] == 7);
        EXPECT(answer.message.id != i || i == 0);
        if (i % 2)
            EXPECT(answer.message.length == strlen("</keep>;rt=\"test\"") &&
                   memcmp(answer.message.payload, "</keep>;rt=\"test\"", 17) == 0);
        least = at - begin < least ? at - begin : least;
        most = at - begin > most ? at - begin : most;
    }
    EXPECT(least < TT_GROUPS_LEISURE / 10 && most > TT_GROUPS_LEISURE * 9 / 10);
    EXPECT_EQUAL(groups.counters.taken, 200);
    EXPECT_EQUAL(groups.counters.dropped, 0);
}

// One who asks in blocks gets the first, and asks the device itself for the others.
static void test_blocks(void)
{
    tt_time at;
    start_groups();
    tt_message_writer w = question(1, NULL);
    tt_message_option_block(&w, TT_OPTION_BLOCK2, &(tt_block){.exponent = 1});
    hear_question(CLIENT, &w);
    EXPECT_EQUAL(await_answers(&at), 1);
    EXPECT(answer.message.length == 32 && answer.message.block2.more);
    EXPECT_EQUAL(answer.message.block2.exponent, 1);
}

static void test_silence(void)
{
    tt_time at;
    start_groups();
    for (unsigned i = 0; i < 2; i++) { // no empty list, and none of what there is not
        tt_message_writer w = question((uint16_t)i, i ? "rt=nothing" : "foo=bar");
        hear_question(CLIENT, &w);
        EXPECT_EQUAL(await_answers(&at), 0);
    }
    EXPECT_EQUAL(groups.counters.taken, 2);
    uint64_t before = groups.counters.dropped;
    for (unsigned i = 0; i < 11; i++) {
        uint16_t id = (uint16_t)(10 + i);
        tt_message_writer w = question(id, NULL);
        if (i == 0)
            w = request(TT_CONFIRMABLE, TT_GET, id, ".well-known/core");
        if (i == 1)
            w = request(TT_NON_CONFIRMABLE, TT_PUT, id, ".well-known/core");
        if (i == 2)
            w = request(TT_NON_CONFIRMABLE, TT_GET, id, "show");
        if (i == 3)
            w = request(TT_NON_CONFIRMABLE, TT_GET, id, ".well-known//core");
        if (i == 4)
            tt_message_option_number(&w, TT_OPTION_ACCEPT, TT_FORMAT_CBOR);
        if (i == 5)
            tt_message_option_block(&w, TT_OPTION_BLOCK2, &(tt_block){.number = 1, .exponent = 6});
        if (i == 6)
            tt_message_option_block(&w, TT_OPTION_BLOCK1, &(tt_block){.exponent = 6});
        if (i == 7)
            tt_message_option(&w, TT_OPTION_PROXY_URI, "coap://x", 8);
        if (i == 8)
            tt_message_option(&w, 2049, "", 0); // critical, and unknown
        if (i == 10)
            tt_message_option(&w, TT_OPTION_BLOCK2, "\7", 1); // no size is so
        if (i == 9)
            w.out.length--; // no message
        if (i == 9)
            w.out.data[4] = 0xff;
        hear_question(CLIENT, &w);
        EXPECT_EQUAL(await_answers(&at), 0);
    }
    EXPECT_EQUAL(groups.counters.dropped - before, 11);
    tt_message_writer w = request(TT_NON_CONFIRMABLE, TT_GET, 30, ".well-known/core");
    tt_message_begin(&w, w.out.data, TT_BUS_MESSAGE_MAX, TT_NON_CONFIRMABLE, TT_GET, 30, NULL);
    tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, ".well-known/core", '/');
    hear_question(CLIENT, &w);
    EXPECT_EQUAL(await_answers(&at), 0);
    EXPECT_EQUAL(runs, 0);
}

// A flood costs few answers; a repetition one.
static void test_flood(void)
{
    tt_time at;
    start_groups();
    for (uint16_t i = 0; i < 1000; i++) {
        tt_message_writer w = question(i, NULL);
        hear_question(i % 2 ? CLIENT : OTHER, &w);
    }
    EXPECT_EQUAL(await_answers(&at), TT_GROUPS_WAITING_MAX);
    EXPECT_EQUAL(groups.counters.dropped, 1000 - TT_GROUPS_WAITING_MAX);
    for (unsigned i = 0; i < 3; i++) {
        tt_message_writer w = question(7, NULL);
        hear_question(CLIENT, &w);
    }
    EXPECT_EQUAL(await_answers(&at), 1);
}

// While no buffer is free it waits.
static void test_full(void)
{
    tt_time at = 0;
    start_groups();
    tt_message_writer w = question(1, NULL);
    hear_question(CLIENT, &w);
    for (size_t i = 0; i < TT_BUS_BUFFERS_MAX; i++)
        SERVER->bus.buffers[i].state = 1; // being made
    time_now = tt_groups_deadline(&groups);
    tt_groups_advance(&groups, time_now);
    collect(SERVER);
    EXPECT_EQUAL(answer.count, 0);
    EXPECT(tt_groups_deadline(&groups) > time_now);
    for (size_t i = 0; i < TT_BUS_BUFFERS_MAX; i++)
        SERVER->bus.buffers[i].state = 0;
    EXPECT_EQUAL(await_answers(&at), 1);
}

int main(void)
{
    test_answers();
    test_blocks();
    test_silence();
    test_flood();
    test_full();
    return test_result();
}
