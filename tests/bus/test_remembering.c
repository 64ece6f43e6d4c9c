// What is remembered of a peer, for how long, and what becomes of it when its session gives way or
// is forgotten.

#include "tests/bus/exchange.h"

#define ASKERS_MAX (TT_BUS_SESSIONS_MAX - TT_BUS_SESSIONS_OURS)

static device stranger(unsigned number)
{
    return (device){.endpoint = {.ip = {[14] = 7, [15] = (uint8_t)number}, .port = TT_BUS_PORT}};
}

static void hear_post(device *from, tt_message_type type, uint16_t id, const char *path)
{
    tt_message_writer w = request(type, TT_POST, id, path);
    tt_message_payload(&w, "x", 1);
    hear(from, &w);
}

static void hear_show(device *from, uint16_t id)
{
    tt_message_writer w = request(TT_CONFIRMABLE, TT_GET, id, "show");
    hear(from, &w);
}

static bool has_session(const device *peer)
{
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++)
        if (tt_endpoint_equal(&SERVER->bus.sessions[i].peer, &peer->endpoint))
            return true;
    return false;
}

// As many new peers as there are places, all of whom may give way.
static void crowd(void)
{
    for (unsigned i = 0; i < TT_BUS_SESSIONS_MAX; i++) {
        device one = stranger(100 + i);
        hear_show(&one, 1);
        time_now++;
    }
}

// A session that gives way leaves the ids for which its handler ran, and finds them again.
static void test_coming_back(void)
{
    start();
    hear_post(CLIENT, TT_CONFIRMABLE, 5, "keep");
    hear_post(CLIENT, TT_CONFIRMABLE, 9, "keep");
    EXPECT_EQUAL(runs, 2);
    crowd();
    EXPECT(!has_session(CLIENT));
    unsigned before = runs;
    hear_post(CLIENT, TT_CONFIRMABLE, 5, "keep");
    hear_post(CLIENT, TT_CONFIRMABLE, 9, "keep");
    EXPECT(has_session(CLIENT) && runs == before);
    hear_post(CLIENT, TT_CONFIRMABLE, 7, "keep");
    EXPECT_EQUAL(runs, before + 1);
    // Whoever restarted is new, here or come back.
    crowd();
    crowd();
    EXPECT(!has_session(CLIENT));
    tt_bus_forget_peer(&SERVER->bus, time_now, &CLIENT->endpoint);
    before = runs;
    hear_post(CLIENT, TT_CONFIRMABLE, 5, "keep");
    EXPECT_EQUAL(runs, before + 1);
}

// Our messages to whom came back have other ids than before (RFC 7252, 4.4).
static void test_own_ids(void)
{
    uint16_t ids[3];
    start();
    for (unsigned i = 0; i < 3; i++) {
        tt_message_writer w = request(TT_NON_CONFIRMABLE, TT_GET, (uint16_t)i, "show");
        hear(CLIENT, &w);
        ids[i] = answer.message.id;
        if (i < 2)
            crowd();
    }
    EXPECT(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
}

// The one that was silent longest gives way, whatever it was that was heard of the others.
static void test_who_gives_way(void)
{
    start();
    hear_show(CLIENT, 1);
    time_now++;
    hear_show(OTHER, 1);
    time_now++;
    for (unsigned i = 2; i < ASKERS_MAX; i++) {
        device one = stranger(i);
        hear_show(&one, 1);
        time_now++;
    }
    hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, 77); // of nothing that is known
    device last = stranger(99);
    hear_show(&last, 1);
    EXPECT(has_session(CLIENT) && !has_session(OTHER) && has_session(&last));
}

// Who observes, is owed an answer, sends a body or has a message under way does not give way.
static void test_who_stays(void)
{
    tt_response response = {.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
    device who[5];
    start();
    for (unsigned i = 0; i < 5; i++)
        who[i] = stranger(i + 1);
    static uint8_t bytes[64];
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, 1,
                     &(tt_bus_token){.length = 1});
    tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "show", '/');
    hear(&who[0], &w);
    hear_post(&who[1], TT_CONFIRMABLE, 1, "later");
    w = request(TT_CONFIRMABLE, TT_PUT, 1, "keep");
    tt_message_option_block(&w, TT_OPTION_BLOCK1, &(tt_block){.more = true});
    tt_message_payload(&w, "0123456789abcdef", 16);
    hear(&who[2], &w);
    hear_post(&who[3], TT_CONFIRMABLE, 1, "later");
    hear_post(&who[4], TT_CONFIRMABLE, 1, "later");
    hear_post(&who[4], TT_CONFIRMABLE, 2, "later");
    for (unsigned i = 1; i < 4; i++) // the last one waits
        EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[i], &response), TT_OK);
    collect(SERVER);
    time_now++;
    crowd();
    for (unsigned i = 0; i < 5; i++)
        EXPECT(has_session(&who[i]));
    // Nobody is left who could: the next one is refused, and its handler does not run.
    for (unsigned i = 0; i < ASKERS_MAX - 5; i++) {
        device one = stranger(50 + i);
        hear_post(&one, TT_CONFIRMABLE, 1, "later");
    }
    EXPECT_EQUAL(SERVER->bus.counters.refused, 0);
    // Forgotten whole: nothing of it is left anywhere.
    for (unsigned i = 0; i < 5; i++)
        tt_bus_forget_peer(&SERVER->bus, time_now, &who[i].endpoint);
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_NOT_FOUND);
    EXPECT(SERVER->bus.observers[0].resource == NULL);
    EXPECT(SERVER->bus.transfers[0].resource == NULL);
    for (unsigned i = 0; i < TT_BUS_BUFFERS_MAX; i++)
        EXPECT_EQUAL(SERVER->bus.buffers[i].state, 0);
}

// Non-confirmable ids are remembered for 145 s (RFC 7252, 4.8.2), and none longer than they should,
// however long nothing is heard.
static void test_how_long(void)
{
    start();
    hear_post(CLIENT, TT_NON_CONFIRMABLE, 1, "keep");
    time_now += TT_SECONDS(144);
    hear_post(CLIENT, TT_NON_CONFIRMABLE, 1, "keep");
    EXPECT_EQUAL(runs, 1);
    time_now += TT_SECONDS(9);
    hear_post(CLIENT, TT_NON_CONFIRMABLE, 1, "keep");
    EXPECT_EQUAL(runs, 2);
    hear_post(CLIENT, TT_CONFIRMABLE, 2, "keep");
    time_now += 0x4000 * TT_SECONDS(4); // the slots in which time is kept have come round
    hear_post(CLIENT, TT_CONFIRMABLE, 2, "keep");
    EXPECT_EQUAL(runs, 4);
    crowd();
    time_now += 0x4000 * TT_SECONDS(4);
    hear_post(CLIENT, TT_CONFIRMABLE, 2, "keep");
    EXPECT_EQUAL(runs, 5 + TT_BUS_SESSIONS_MAX);
}

// GETs in any order are in nobody's way, and answered again however late they are repeated.
static void test_safe_requests(void)
{
    start();
    for (uint16_t i = 0; i < 2 * TT_BUS_RANGES_MAX; i++)
        hear_show(CLIENT, (uint16_t)(i * 3001));
    EXPECT_EQUAL(runs, 2 * TT_BUS_RANGES_MAX);
    hear_post(CLIENT, TT_CONFIRMABLE, 1500, "keep");
    EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED);
    start();
    for (uint16_t i = 0; i < 2 * TT_BUS_OUTCOMES_MAX; i++)
        hear_show(CLIENT, i);
    hear_show(CLIENT, 0);
    EXPECT(answer.count == 1 && answer.message.code == TT_CONTENT && answer.message.id == 0);
    // They do not take the place of what is known of the others; not confirmable ones are answered
    // once.
    start();
    hear_post(CLIENT, TT_CONFIRMABLE, 100, "keep");
    for (uint16_t i = 0; i < 2 * TT_BUS_OUTCOMES_MAX; i++)
        hear_show(CLIENT, (uint16_t)(101 + i));
    hear_post(CLIENT, TT_CONFIRMABLE, 100, "keep");
    EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED);
    for (unsigned i = 0; i < 2; i++) {
        tt_message_writer w = request(TT_NON_CONFIRMABLE, TT_GET, 200, "show");
        hear(CLIENT, &w);
        EXPECT_EQUAL(answer.count, i == 0);
    }
}

// A long answer to a POST that was not confirmable is none either.
static void test_long_answer_to_non(void)
{
    start();
    hear_post(CLIENT, TT_NON_CONFIRMABLE, 1, "wordy");
    EXPECT(answer.count == 1 && answer.message.type == TT_NON_CONFIRMABLE);
    EXPECT_EQUAL(answer.message.length, 200);
}

static void says(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    static char text[8];
    (void)resource, (void)now;
    runs++;
    snprintf(text, sizeof(text), "run %u", runs);
    response->code = request->query[0] == 'e' ? TT_FORBIDDEN : TT_CONTENT;
    response->payload = text;
    response->length = strlen(text);
}

static void hear_says(uint16_t id, const char *query)
{
    tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, id, "says");
    tt_message_option_parts(&w, TT_OPTION_URI_QUERY, query, '&');
    hear(CLIENT, &w);
}

// The newest answer is kept with its words. Of one before it that was an error the code is told
// again; a success without its words would be another answer, so there is none.
static void test_kept_answers(void)
{
    static tt_resource resource = {.path = "says", .handler = says, .methods = 1 << TT_POST};
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
    hear_says(1, "e");
    EXPECT(answer.message.code == TT_FORBIDDEN && answer.message.length == 5);
    hear_says(1, "e");
    EXPECT(answer.message.code == TT_FORBIDDEN && answer.message.length == 5);
    hear_says(2, "s");
    hear_says(1, "e");
    EXPECT(answer.count == 1 && answer.message.code == TT_FORBIDDEN && answer.message.id == 1);
    EXPECT_EQUAL(answer.message.length, 0);
    hear_says(2, "s");
    EXPECT(answer.message.code == TT_CONTENT && memcmp(answer.message.payload, "run 2", 5) == 0);
    hear_says(3, "s");
    hear_says(2, "s");
    EXPECT_EQUAL(answer.count, 0);
    EXPECT_EQUAL(runs, 3);
}

static void answers_later(tt_resource *resource, tt_time now, const tt_request *request,
                          tt_response *response)
{
    (void)resource;
    (void)now;
    EXPECT_EQUAL(request->token, 0); // nobody to whom an answer could be owed
    response->later = true;
}

// Forged requests that fill what can be remembered lock nobody out who only asks.
static void test_asking_while_all_is_full(void)
{
    static tt_resource waiting = {
        .path = "waits", .handler = answers_later, .methods = 1 << TT_GET, .observable = true};
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &waiting) == TT_OK);
    for (unsigned i = 0; i < ASKERS_MAX + TT_BUS_PAST_MAX + 1; i++) {
        device other = stranger(i);
        hear_post(&other, TT_CONFIRMABLE, 1, "keep");
    }
    EXPECT_EQUAL(SERVER->bus.counters.refused, 1);
    uint8_t bytes[64];
    tt_bus_token token = {.length = 1, .bytes = {5}};
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, 1, &token);
    tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "show", '/');
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == TT_CONTENT && !answer.message.has_observe);
    w = request(TT_CONFIRMABLE, TT_GET, 2, "waits");
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == TT_UNAVAILABLE);
    hear_post(CLIENT, TT_CONFIRMABLE, 3, "keep");
    EXPECT(answer.count == 1 && answer.message.code == TT_UNAVAILABLE);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

int main(void)
{
    test_coming_back();
    test_own_ids();
    test_who_gives_way();
    test_who_stays();
    test_how_long();
    test_safe_requests();
    test_kept_answers();
    test_long_answer_to_non();
    test_asking_while_all_is_full();
    return test_result();
}
