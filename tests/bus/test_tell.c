// Requests for which no answer is wanted: what tt_bus_tell writes, and what a server makes of the
// No-Response option (RFC 7967), whoever sends it.

#include "tests/bus/exchange.h"

static uint8_t told[TT_BUS_MESSAGE_MAX];
static size_t told_length;

static tt_call telling(const char *path, const void *payload, size_t length)
{
    return (tt_call){.peer = SERVER->endpoint,
                     .method = TT_POST,
                     .path = path,
                     .payload = payload,
                     .length = length,
                     .content_format = TT_FORMAT_NONE};
}

static tt_status tell_call(const tt_call *call)
{
    return tt_bus_tell(&CLIENT->bus, time_now, call, told, sizeof(told), &told_length);
}

static void take_told(void)
{
    tt_bus_receive(&SERVER->bus, time_now, &CLIENT->endpoint, told, told_length);
    collect(SERVER);
}

// Its bytes, and that its caller may forget it at once.
static void test_written(void)
{
    tt_message m, other;
    start();
    tt_call call = telling("a/b", "body", 4);
    call.query = "x=1&y";
    call.content_format = TT_FORMAT_CBOR;
    REQUIRE(tell_call(&call) == TT_OK);
    REQUIRE(tt_message_parse(&m, told, told_length) == TT_OK);
    EXPECT(m.type == TT_NON_CONFIRMABLE && m.code == TT_POST && m.no_response == 26);
    EXPECT(strcmp(m.path, "a/b") == 0 && strcmp(m.query, "x=1&y") == 0);
    EXPECT(m.content_format == TT_FORMAT_CBOR && m.accept == TT_FORMAT_NONE);
    EXPECT(m.length == 4 && memcmp(m.payload, "body", 4) == 0);
    EXPECT(!m.has_observe && !m.has_stream && !m.bad_option && !m.block1.present);
    // Each has an id and a token of its own, and nothing waits or is repeated.
    call = telling("keep", NULL, 0);
    REQUIRE(tell_call(&call) == TT_OK);
    REQUIRE(tt_message_parse(&other, told, told_length) == TT_OK);
    EXPECT(other.id != m.id && !tt_token_equal(&other.token, &m.token));
    EXPECT(other.length == 0 && other.content_format == TT_FORMAT_NONE && other.query[0] == '\0');
    EXPECT_EQUAL(tt_bus_busy(&CLIENT->bus), 0);
    EXPECT_EQUAL(tt_bus_deadline(&CLIENT->bus), TT_FOREVER);
    collect(CLIENT);
    EXPECT_EQUAL(answer.count, 0);
}

static void test_refused(void)
{
    static char bytes[TT_BUS_BLOCK_MAX + 1], longest[TT_BUS_PATH_MAX + 1];
    static const tt_endpoint own;
    start();
    tt_call call = telling("keep", bytes, sizeof(bytes));
    memset(longest, 'p', TT_BUS_PATH_MAX);
    EXPECT_EQUAL(tell_call(&call), TT_TOO_LARGE);
    call.length--;
    EXPECT_EQUAL(tell_call(&call), TT_OK);
    take_told();
    EXPECT(runs == 1 && kept_length == TT_BUS_BLOCK_MAX);
    // What is too long with its path and its query is not cut.
    call.path = longest + 1;
    call.query = longest + 1;
    EXPECT_EQUAL(tell_call(&call), TT_TOO_LARGE);
    call.length -= 64;
    EXPECT_EQUAL(tell_call(&call), TT_OK);
    EXPECT_EQUAL(tt_bus_tell(&CLIENT->bus, time_now, &call, told, told_length - 1, &told_length),
                 TT_TOO_LARGE);

    struct {
        tt_call call;
    } wrong[] = {{telling(NULL, "x", 1)},   {telling(longest, "x", 1)}, {telling("keep", NULL, 1)},
                 {telling("keep", "x", 1)}, {telling("keep", "x", 1)},  {telling("keep", "x", 1)},
                 {telling("keep", "x", 1)}, {telling("keep", "x", 1)},  {telling("keep", "x", 1)}};
    wrong[3].call.method = TT_GET;
    wrong[4].call.method = (tt_method)(TT_DELETE + 1);
    wrong[5].call.observe = true;
    wrong[6].call.peer = own;
    wrong[7].call.query = longest;
    wrong[8].call.peer.port = 0;
    for (size_t i = 0; i < TT_COUNT(wrong); i++)
        EXPECT_EQUAL(tell_call(&wrong[i].call), TT_INVALID);
}

// A server takes it once, and says nothing.
static void test_taken(void)
{
    start();
    tt_call call = telling("keep", "abc", 3);
    REQUIRE(tell_call(&call) == TT_OK);
    for (int i = 0; i < 3; i++) {
        take_told();
        EXPECT(runs == 1 && answer.count == 0);
    }
    EXPECT(kept_length == 3 && tt_bus_busy(&SERVER->bus) == 0);
    EXPECT_EQUAL(SERVER->bus.counters.duplicates, 2);
    // Nor of what it does not take.
    const char *const paths[] = {"nowhere", "show"};
    for (size_t i = 0; i < TT_COUNT(paths); i++) {
        call.path = paths[i];
        REQUIRE(tell_call(&call) == TT_OK);
        take_told();
        EXPECT(runs == 1 && answer.count == 0);
    }
    // More than there are buffers and places, at once.
    for (unsigned i = 0; i < 40; i++) {
        call.path = "keep";
        REQUIRE(tell_call(&call) == TT_OK);
        tt_bus_receive(&SERVER->bus, time_now, &CLIENT->endpoint, told, told_length);
        EXPECT_EQUAL(runs, 2 + i);
    }
    collect(SERVER);
    EXPECT(answer.count == 0 && SERVER->bus.counters.dropped == 0);
}

// A peer that has not said who it is gets no id twice within 247 s.
static void test_ids(void)
{
    start();
    tt_call call = telling("keep", "x", 1);
    unsigned count = 0;
    while (tell_call(&call) == TT_OK)
        count++;
    EXPECT(count > 49152 && count <= 65536);
    EXPECT_EQUAL(tell_call(&call), TT_FULL);
    time_now += TT_BUS_EXCHANGE_LIFETIME - TT_SECONDS(1);
    EXPECT_EQUAL(tell_call(&call), TT_FULL);
    time_now += TT_SECONDS(3);
    EXPECT_EQUAL(tell_call(&call), TT_OK);
    take_told();
    EXPECT_EQUAL(runs, 1);
}

// By hand: which classes are not wanted, by what message.
static void hear_option(tt_message_type type, uint16_t id, tt_method method, const char *path,
                        uint32_t unwanted)
{
    tt_message_writer w = request(type, method, id, path);
    tt_message_option_number(&w, TT_OPTION_NO_RESPONSE, unwanted);
    if (method != TT_GET)
        tt_message_payload(&w, "x", 1);
    hear(CLIENT, &w);
}

static void test_classes(void)
{
    start();
    static const struct {
        tt_method method;
        const char *path;
        uint32_t unwanted;
        unsigned code; // of the answer; 0: none
    } cases[] = {
        {TT_POST, "keep", 0, TT_CHANGED},
        {TT_POST, "keep", 2, 0},
        {TT_POST, "keep", 8, TT_CHANGED},
        {TT_POST, "keep", 16, TT_CHANGED},
        {TT_POST, "keep", 24, TT_CHANGED},
        {TT_POST, "keep", 26, 0},
        {TT_POST, "keep", 0x1ff, TT_CHANGED}, // too long: elective, so it is passed over
        {TT_POST, "none", 2, TT_PATH_NOT_FOUND},
        {TT_POST, "none", 8, 0},
        {TT_POST, "none", 16, TT_PATH_NOT_FOUND},
        {TT_GET, "show", 8, TT_CONTENT},
        {TT_GET, "show", 2, 0},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        hear_option(TT_NON_CONFIRMABLE, (uint16_t)(i + 1), cases[i].method, cases[i].path,
                    cases[i].unwanted);
        EXPECT_EQUAL(answer.count, cases[i].code != 0);
        EXPECT(answer.count == 0 || answer.message.code == cases[i].code);
        EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
    }
    EXPECT_EQUAL(runs, 9);
}

// A confirmable one is acknowledged, each time, and run once.
static void test_confirmable(void)
{
    start();
    for (int i = 0; i < 3; i++) {
        hear_option(TT_CONFIRMABLE, 9, TT_POST, "keep", 2);
        EXPECT(runs == 1 && answer.count == 1 && answer.message.type == TT_ACKNOWLEDGEMENT);
        EXPECT(answer.message.code == 0 && answer.message.id == 9);
    }
}

// By hand, from one who says who it is, so that its requests are known by their numbers.
static void hear_numbered(tt_message_type type, uint16_t id, uint8_t number)
{
    static uint8_t bytes[64];
    tt_bus_token token = {.length = 8, .bytes = {9, 9, 9, 9, [7] = number}};
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), type, TT_POST, id, &token);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "keep", '/');
    tt_message_option_number(&w, TT_OPTION_NO_RESPONSE, 2);
    tt_message_option_tag(&w, TT_OPTION_IDENTITY, 0x1234, 8);
    tt_message_payload(&w, "x", 1);
    hear(CLIENT, &w);
}

static void test_numbered(void)
{
    start();
    for (unsigned i = 0; i < 20; i++) {
        hear_numbered(TT_NON_CONFIRMABLE, 7, (uint8_t)(2 * i + 1));
        EXPECT(answer.count == 0 && runs == 2 * i + 1);
        for (int again = 0; again < 2; again++) {
            hear_numbered(TT_CONFIRMABLE, (uint16_t)(100 + i), (uint8_t)(2 * i + 2));
            EXPECT(runs == 2 * i + 2 && answer.count == 1);
            EXPECT(answer.message.type == TT_ACKNOWLEDGEMENT && answer.message.code == 0);
        }
    }
    // Of a stranger another message with the same id is another message.
    start();
    for (unsigned i = 0; i < 5; i++) {
        tt_message_writer w = request(TT_NON_CONFIRMABLE, TT_POST, 7, "keep");
        tt_message_option_number(&w, TT_OPTION_NO_RESPONSE, 26);
        tt_message_payload(&w, &i, 1);
        hear(CLIENT, &w);
        hear(CLIENT, &w);
        EXPECT(runs == i + 1 && answer.count == 0);
    }
}

// No stream begins whose beginning would not be told.
static void test_no_stream(void)
{
    static tt_resource far = {
        .path = "far", .handler = show, .methods = 1 << TT_GET, .any_order = true};
    for (unsigned silent = 0; silent < 2; silent++) {
        static uint8_t bytes[64];
        tt_bus_token token = {.length = 8, .bytes = {1, 2, 3, 4, 5, 6, 7, (uint8_t)silent}};
        tt_message_writer w;
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &far) == TT_OK);
        shown_length = sizeof(shown);
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, 3, &token);
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, "far", '/');
        tt_message_option_block(&w, TT_OPTION_BLOCK2, &(tt_block){.exponent = 6});
        if (silent)
            tt_message_option_number(&w, TT_OPTION_NO_RESPONSE, 2);
        tt_message_option_number(&w, TT_OPTION_STREAM, 16 << 2 | 1);
        hear(CLIENT, &w);
        EXPECT_EQUAL(SERVER->bus.counters.streams, !silent);
        EXPECT(!silent || (answer.count == 1 && answer.message.code == 0));
        tt_bus_remove(&SERVER->bus, &far);
    }
}

// No session gives way to one who is told something while all are needed.
static void test_no_session(void)
{
    static asked calls[TT_BUS_SESSIONS_MAX];
    start();
    for (unsigned i = 0; i < TT_BUS_SESSIONS_MAX; i++) {
        ask_by_hand(&calls[i], TT_POST, false, "x", 1);
        tt_bus_cancel(&CLIENT->bus, time_now, &calls[i].call);
        calls[i].call.peer = (tt_endpoint){.ip = {[0] = 0xfd, [15] = (uint8_t)(i + 1)}, .port = 7};
        REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &calls[i].call) == TT_OK);
    }
    tt_call call = telling("keep", "x", 1);
    EXPECT_EQUAL(tell_call(&call), TT_FULL);
    tt_bus_cancel(&CLIENT->bus, time_now, &calls[3].call);
    EXPECT_EQUAL(tell_call(&call), TT_OK);
}

// Of what is answered later, too; and who wants to observe is answered.
static void test_later(void)
{
    start();
    tt_response response = {.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
    hear_option(TT_NON_CONFIRMABLE, 1, TT_POST, "later", 2);
    EXPECT(answer.count == 0 && owed_count == 1);
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_OK);
    collect(SERVER);
    EXPECT(answer.count == 0 && tt_bus_busy(&SERVER->bus) == 0);
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_NOT_FOUND);
    hear_option(TT_NON_CONFIRMABLE, 2, TT_POST, "later", 2);
    response.code = TT_UNAVAILABLE;
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[1], &response), TT_OK);
    collect(SERVER);
    EXPECT(answer.count == 1 && answer.message.code == TT_UNAVAILABLE);

    tt_message_writer w = request(TT_NON_CONFIRMABLE, TT_GET, 3, "");
    tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "show", '/');
    tt_message_option_number(&w, TT_OPTION_NO_RESPONSE, 26);
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.has_observe);
}

// Who cannot be remembered is refused without a word, where none is wanted.
static void test_crowded(void)
{
    start();
    for (unsigned i = 0; i < TT_BUS_SESSIONS_MAX + TT_BUS_PAST_MAX + 2; i++) {
        device one = {.endpoint = {.ip = {[13] = 9, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i},
                                   .port = TT_BUS_PORT}};
        tt_message_writer w = request(TT_NON_CONFIRMABLE, TT_POST, 1, "keep");
        tt_message_option_number(&w, TT_OPTION_NO_RESPONSE, 26);
        tt_message_payload(&w, "x", 1);
        hear(&one, &w);
        EXPECT_EQUAL(answer.count, 0);
    }
    EXPECT(SERVER->bus.counters.refused > 0 && runs > 0);
}

int main(void)
{
    test_written();
    test_refused();
    test_taken();
    test_ids();
    test_classes();
    test_confirmable();
    test_numbered();
    test_no_stream();
    test_no_session();
    test_later();
    test_crowded();
    return test_result();
}
