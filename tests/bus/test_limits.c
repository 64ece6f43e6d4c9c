// The bus at its limits (docs/limits.md): misuse of its calls, the longest messages, and every
// table one past full.

#include "tests/bus/exchange.h"

// A path and a query of every length, with a body of more and of less than a block: it goes, in
// halves of blocks where a whole one would not fit (a failed check, before).
static void test_long_requests(void)
{
    static char body[TT_BUS_BLOCK_MAX + 1], path[TT_BUS_PATH_MAX], query[TT_BUS_QUERY_MAX];
    static tt_resource resource = {.handler = keep, .methods = 1 << TT_PUT};
    static const char *const segments[] = {"aaaaaaaaaaaaaaaaaaaaaaa", "a/", "aaaaaaaaaaaa/",
                                           "aaaaaaaaaaaaa/"};
    for (size_t kind = 0; kind < TT_COUNT(segments); kind++)
        for (size_t length = 1; length < TT_BUS_PATH_MAX; length++) {
            asked a;
            start();
            for (size_t i = 0; i < length; i++) {
                path[i] = segments[kind][i % strlen(segments[kind])];
                query[i] = path[i] == '/' ? '&' : 'q';
            }
            path[length] = query[length] = '\0';
            path[length - 1] = query[length - 1] = 'z';
            resource.path = path;
            REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
            for (size_t bytes = TT_BUS_BLOCK_MAX; bytes <= sizeof(body); bytes++) {
                ask(&a, CLIENT, SERVER, TT_PUT, path, query, body, bytes);
                EXPECT_ANSWER(a, TT_CHANGED);
                EXPECT_EQUAL(kept_length, bytes);
            }
        }
}

// What a call and a resource must have.
static void test_misuse(void)
{
    static char long_text[TT_BUS_PATH_MAX + 1];
    asked a;
    start();
    memset(long_text, 'a', sizeof(long_text) - 1);
    const tt_call good = {.peer = SERVER->endpoint,
                          .method = TT_GET,
                          .path = "show",
                          .content_format = TT_FORMAT_NONE,
                          .accept = TT_FORMAT_NONE,
                          .on_reply = asked_reply,
                          .context = &a};
    for (int i = 0; i < 10; i++) {
        tt_call call = good;
        call.path = i == 0 ? NULL : i == 1 ? long_text : call.path;
        call.query = i == 2 ? long_text : NULL;
        call.on_reply = i == 3 ? NULL : call.on_reply;
        call.method = i == 4 ? (tt_method)0 : i == 5 ? (tt_method)5 : i == 6 ? TT_PUT : TT_GET;
        call.observe = i == 6;
        call.length = i == 7;
        call.peer.port = i == 8 ? 0 : call.peer.port;
        EXPECT_EQUAL(tt_bus_call(&CLIENT->bus, time_now, &call), i < 9 ? TT_INVALID : TT_OK);
        if (i == 9)
            tt_bus_cancel(&CLIENT->bus, time_now, &call);
    }
    tt_call ping = {.peer = SERVER->endpoint};
    EXPECT_EQUAL(tt_bus_ping(&CLIENT->bus, time_now, &ping), TT_INVALID);
    ping = (tt_call){.on_reply = asked_reply, .context = &a};
    EXPECT_EQUAL(tt_bus_ping(&CLIENT->bus, time_now, &ping), TT_INVALID);
    ping.peer.ip[15] = 1;
    EXPECT_EQUAL(tt_bus_ping(&CLIENT->bus, time_now, &ping), TT_INVALID);
    EXPECT_EQUAL(tt_bus_busy(&CLIENT->bus), 0);
    tt_resource resource = {.handler = show};
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_INVALID);
    resource.path = "x";
    resource.handler = NULL;
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_INVALID);
    resource.handler = show;
    resource.path = "";
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_INVALID);
    resource.path = "/x";
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_INVALID);
    resource.path = long_text;
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_INVALID);
    resource.path = "show";
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_EXISTS);
    resource.path = long_text + 1;
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_OK);
    tt_bus_remove(&SERVER->bus, &resource);
}

// A stranger, and one request of his.
static void hear_from(unsigned stranger, tt_message_type type, tt_method method, const char *path,
                      const char *query, const tt_block *block1)
{
    static char payload[16];
    device from = {.endpoint = {.ip = {[14] = 1, [15] = (uint8_t)stranger}, .port = TT_BUS_PORT}};
    tt_message_writer w = request(type, method, next_id++, path);
    if (query != NULL)
        tt_message_option_parts(&w, TT_OPTION_URI_QUERY, query, '&');
    if (block1 != NULL)
        tt_message_option_block(&w, TT_OPTION_BLOCK1, block1);
    if (method != TT_GET)
        tt_message_payload(&w, payload, sizeof(payload));
    tt_bus_receive(&SERVER->bus, time_now, &from.endpoint, w.out.data, w.out.length);
}

// TT_BUS_PATH_MAX and TT_BUS_QUERY_MAX: longer ones are nobody's.
static void test_long_names(void)
{
    char text[TT_BUS_PATH_MAX + 1];
    static tt_resource resource = {.handler = show, .methods = 1 << TT_GET};
    start();
    memset(text, 'p', sizeof(text));
    text[TT_BUS_PATH_MAX - 1] = '\0';
    resource.path = text;
    REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
    hear_from(1, TT_CONFIRMABLE, TT_GET, text, text, NULL);
    collect(SERVER);
    EXPECT_EQUAL(answer.message.code, TT_CONTENT);
    char longer[TT_BUS_PATH_MAX + 1];
    memset(longer, 'p', sizeof(longer));
    longer[TT_BUS_PATH_MAX] = '\0';
    for (int i = 0; i < 2; i++) {
        unsigned before = runs;
        hear_from(1, TT_CONFIRMABLE, TT_GET, i == 0 ? longer : text, i == 0 ? NULL : longer, NULL);
        collect(SERVER);
        EXPECT_EQUAL(answer.message.code, TT_PATH_NOT_FOUND);
        EXPECT_EQUAL(runs, before);
    }
}

// TT_BUS_BUFFERS_MAX: a request for whose answer there is no room is lost, its handler is not run,
// and when it is repeated it is answered.
static void test_full_outbox(void)
{
    start();
    for (unsigned i = 0; i <= TT_BUS_BUFFERS_MAX; i++)
        hear_from(i, TT_CONFIRMABLE, TT_PUT, "keep", NULL, NULL);
    EXPECT_EQUAL(runs, TT_BUS_BUFFERS_MAX);
    EXPECT_EQUAL(SERVER->bus.counters.dropped, 1);
    collect(SERVER);
    EXPECT_EQUAL(answer.count, TT_BUS_BUFFERS_MAX);
    next_id--; // the same again
    hear_from(TT_BUS_BUFFERS_MAX, TT_CONFIRMABLE, TT_PUT, "keep", NULL, NULL);
    collect(SERVER);
    EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED);
    EXPECT_EQUAL(runs, TT_BUS_BUFFERS_MAX + 1);
    // TT_BUS_EMPTY_MAX acknowledgements and resets.
    start();
    tt_message_writer w;
    uint8_t bytes[4];
    for (unsigned i = 0; i <= TT_BUS_EMPTY_MAX; i++) {
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, 0, (uint16_t)i, NULL); // a ping
        tt_bus_receive(&SERVER->bus, time_now, &CLIENT->endpoint, bytes, sizeof(bytes));
    }
    EXPECT_EQUAL(SERVER->bus.counters.dropped, 1);
    collect(SERVER);
    EXPECT_EQUAL(answer.count, TT_BUS_EMPTY_MAX);
}

// A handler that answers those who wait does not take the room of its own answer.
static void releases(tt_resource *resource, tt_time now, const tt_request *request,
                     tt_response *response)
{
    (void)resource, (void)request;
    runs++;
    response->code = TT_CHANGED;
    while (owed_count > 0 && tt_bus_answer(&SERVER->bus, now, owed[owed_count - 1],
                                           &(tt_response){.code = TT_CHANGED}) == TT_OK)
        owed_count--;
}

static void test_outbox_of_many_answers(void)
{
    static tt_resource resource = {.path = "release", .handler = releases, .methods = 1 << TT_POST};
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
    for (unsigned i = 0; i < TT_BUS_OWED_MAX - 1; i++) {
        hear_from(i, TT_CONFIRMABLE, TT_POST, "later", NULL, NULL);
        collect(SERVER);
    }
    hear_from(1, TT_CONFIRMABLE, TT_POST, "release", NULL, NULL);
    EXPECT_EQUAL(owed_count, 0); // short ones are their sessions' own
    collect(SERVER);
    EXPECT_EQUAL(answer.count, TT_BUS_OWED_MAX); // its own among them
    next_id--;                                   // the same again gets the same
    hear_from(1, TT_CONFIRMABLE, TT_POST, "release", NULL, NULL);
    collect(SERVER);
    EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED);
}

// One message is under way to a peer: another answer to it waits, as long as a buffer may be held,
// then is TT_FULL; the other peers are answered.
static void test_answers_to_one(void)
{
    tt_response response = {.code = TT_CONTENT, .payload = shown, .length = 1};
    device one = {.endpoint = {.ip = {[14] = 1, [15] = 1}, .port = TT_BUS_PORT}};
    start();
    for (unsigned i = 0; i < ANSWERS_HELD_MAX + 3; i++) {
        bool last = i == ANSWERS_HELD_MAX + 2;
        hear_from(last ? 2 : 1, TT_CONFIRMABLE, TT_POST, "later", NULL, NULL);
        collect(SERVER);
    }
    for (unsigned i = 0; i < ANSWERS_HELD_MAX + 3; i++)
        EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[i], &response),
                     i == ANSWERS_HELD_MAX + 1 ? TT_FULL : TT_OK);
    collect(SERVER);
    EXPECT_EQUAL(answer.count, 2); // the first to each
    uint16_t id = SERVER->bus.sessions[0].out.id;
    hear_empty(&one, TT_ACKNOWLEDGEMENT, id);
    EXPECT(answer.count == 1 && answer.message.type == TT_CONFIRMABLE && answer.message.id != id);
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[ANSWERS_HELD_MAX + 1], &response),
                 TT_OK);
}

// TT_BUS_KEPT_BYTES: a longer answer to POST goes separately, so that it can be repeated.
static size_t answer_length;

static void of_length(tt_resource *resource, tt_time now, const tt_request *request,
                      tt_response *response)
{
    (void)resource, (void)now, (void)request;
    runs++;
    response->code = TT_CHANGED;
    response->payload = shown;
    response->length = answer_length;
}

static void test_long_answers(void)
{
    static tt_resource resource = {.path = "l", .handler = of_length, .methods = 1 << TT_POST};
    static const size_t overhead = 4 + 2 + 1; // the head, the token, the marker
    for (size_t more = 0; more < 2; more++) {
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
        answer_length = TT_BUS_KEPT_BYTES - overhead + more;
        for (int i = 0; i < 2; i++) {
            hear_from(1, TT_CONFIRMABLE, TT_POST, "l", NULL, NULL);
            next_id--; // and once more
            collect(SERVER);
            bool separate = more && i == 0; // its repetition is acknowledged only
            EXPECT_EQUAL(answer.count, separate ? 2 : 1);
            EXPECT_EQUAL(answer.message.code, i == 1 && more ? 0 : TT_CHANGED);
            EXPECT_EQUAL(answer.message.type, separate ? TT_CONFIRMABLE : TT_ACKNOWLEDGEMENT);
        }
        EXPECT_EQUAL(runs, 1);
        next_id++;
    }
}

// TT_BUS_TRANSFERS_MAX bodies come in at a time, each for another resource.
static void test_many_transfers(void)
{
    static tt_resource all[TT_BUS_TRANSFERS_MAX + 1];
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    REQUIRE(TT_COUNT(all) <= TT_COUNT(names));
    start();
    for (unsigned i = 0; i < TT_COUNT(all); i++) {
        all[i] = (tt_resource){.path = names[i], .handler = keep, .methods = 1 << TT_PUT};
        REQUIRE(tt_bus_add(&SERVER->bus, &all[i]) == TT_OK);
        hear_from(i, TT_CONFIRMABLE, TT_PUT, names[i], NULL, &(tt_block){.more = true});
        collect(SERVER);
        bool room = i < TT_BUS_TRANSFERS_MAX;
        EXPECT_EQUAL(answer.message.code, room ? TT_CONTINUE : TT_UNAVAILABLE);
        EXPECT_EQUAL(answer.message.max_age, room ? 60 : 2);
    }
    hear_from(0, TT_CONFIRMABLE, TT_PUT, "a", NULL, &(tt_block){.number = 1}); // the end of one
    collect(SERVER);
    EXPECT_EQUAL(answer.message.code, TT_CHANGED);
    hear_from(9, TT_CONFIRMABLE, TT_PUT, names[TT_BUS_TRANSFERS_MAX], NULL,
              &(tt_block){.more = true});
    collect(SERVER);
    EXPECT_EQUAL(answer.message.code, TT_CONTINUE);
}

// TT_BUS_OWED_LIFETIME: an answer that is owed longer is not any more.
static void test_owed_for_long(void)
{
    tt_response response = {.code = TT_CONTENT, .payload = "x", .length = 1};
    start();
    for (unsigned i = 0; i <= TT_BUS_OWED_MAX; i++)
        hear_from(i, TT_NON_CONFIRMABLE, TT_POST, "later", NULL, NULL);
    EXPECT_EQUAL(owed_count, TT_BUS_OWED_MAX);
    collect(SERVER);
    EXPECT_EQUAL(answer.message.code, TT_UNAVAILABLE);
    EXPECT_EQUAL(answer.message.max_age, 2);
    pass(TT_BUS_OWED_LIFETIME - TT_MS(1));
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), TT_BUS_OWED_MAX);
    pass(TT_MS(2));
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_NOT_FOUND);
    hear_from(1, TT_NON_CONFIRMABLE, TT_POST, "later", NULL, NULL);
    EXPECT_EQUAL(owed_count, TT_BUS_OWED_MAX + 1);
    response.length = TT_BUS_BLOCK_MAX + 1;
    tt_answer_token newest = owed[TT_BUS_OWED_MAX];
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, newest, &response), TT_TOO_LARGE);
    response.length = 1;
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, newest, &response), TT_OK);
}

static void hear_observe(device *from, uint8_t token, const char *path)
{
    static uint8_t bytes[64];
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, next_id++,
                     &(tt_bus_token){.length = 1, .bytes = {token}});
    tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, path, '/');
    hear(from, &w);
}

// TT_BUS_BUFFERS_MAX: all but one may be held by long messages that wait for their acknowledgement.
// Another long notification waits for one to end, a short one does not, nor does an answer.
static void test_full_buffers(void)
{
    device vanished[TT_BUS_BUFFERS_MAX];
    start();
    shown_length = 1000;
    for (uint8_t i = 0; i < TT_BUS_BUFFERS_MAX; i++) {
        vanished[i] =
            (device){.endpoint = {.ip = {[14] = 2, [15] = (uint8_t)(i + 1)}, .port = TT_BUS_PORT}};
        hear_observe(&vanished[i], 1, "show");
        EXPECT(answer.message.has_observe);
    }
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    tt_bus_advance(&SERVER->bus, time_now);
    EXPECT(tt_bus_deadline(&SERVER->bus) < time_now);
    collect(SERVER);
    EXPECT_EQUAL(answer.count, TT_BUS_BUFFERS_MAX - 1);
    EXPECT(tt_bus_deadline(&SERVER->bus) > time_now); // it does not turn for the one that waits
    unsigned before = runs;
    tt_bus_advance(&SERVER->bus, time_now);
    EXPECT_EQUAL(runs, before);
    asked long_call; // nor for a long message of ours
    static uint8_t body[TT_BUS_BLOCK_MAX];
    ask(&long_call, SERVER, OTHER, TT_PUT, "keep", NULL, body, sizeof(body));
    EXPECT(!long_call.done && tt_bus_deadline(&SERVER->bus) > time_now);
    tt_bus_cancel(&SERVER->bus, time_now, &long_call.call);
    hear_from(9, TT_CONFIRMABLE, TT_GET, "show", NULL, NULL);
    collect(SERVER);
    EXPECT(answer.count == 1 && answer.message.length == 1000);
    uint16_t newest = 0;
    for (unsigned i = 0; i < TT_BUS_SESSIONS_MAX; i++)
        if (SERVER->bus.sessions[i].out.buffer != NULL &&
            tt_endpoint_equal(&SERVER->bus.sessions[i].peer, &vanished[0].endpoint))
            newest = SERVER->bus.sessions[i].out.id;
    hear_empty(&vanished[0], TT_ACKNOWLEDGEMENT, newest);
    tt_bus_advance(&SERVER->bus, time_now);
    collect(SERVER);
    EXPECT(answer.count == 1 && answer.message.has_observe && answer.message.length == 1000);
    // Those who have gone do not hold them to the end.
    hear_observe(CLIENT, 1, "show");
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    bool told = false;
    for (unsigned i = 0; i < 10 && !told; i++) {
        time_now += TT_MS(100);
        tt_bus_advance(&SERVER->bus, time_now);
        tt_endpoint to;
        size_t length;
        while (tt_bus_transmit(&SERVER->bus, &to, answer.bytes, sizeof(answer.bytes), &length) ==
               TT_OK)
            told |= tt_endpoint_equal(&to, &CLIENT->endpoint);
    }
    EXPECT(told);
    pass(TT_SECONDS(60));
    for (unsigned i = 0; i < TT_BUS_OBSERVERS_MAX; i++)
        EXPECT(SERVER->bus.observers[i].resource == NULL); // and are missed, in the end
    hear_observe(CLIENT, 1, "show");
    shown_length = 3;
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    tt_bus_advance(&SERVER->bus, time_now);
    collect(SERVER);
    EXPECT(answer.count >= 1 && answer.message.has_observe && answer.message.length == 3);
}

// 2^20 blocks, both ways: what goes on behind the last that has a number ends the call.
static void test_last_block(void)
{
    static uint8_t first_block[TT_BUS_BLOCK_MAX];
    asked a;
    for (uint32_t surplus = 0; surplus < 2; surplus++) {
        start();
        ask_by_hand(&a, TT_GET, false, NULL, 0);
        respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0,
                &(tt_block){.more = true}, TT_OPTION_BLOCK2, 16);
        uint32_t number = 0xffffe + surplus;
        a.call.state.received = 16 * (size_t)number; // as if all those before had come
        respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0,
                &(tt_block){.number = number, .more = true}, TT_OPTION_BLOCK2, 16);
        EXPECT_EQUAL(a.done, surplus);
        EXPECT(surplus ? a.status == TT_TOO_LARGE : answer.message.block2.number == 0xfffff);
        if (!surplus)
            tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
        tt_call call = {.peer = SERVER->endpoint,
                        .method = TT_PUT,
                        .path = "keep",
                        .payload = first_block, // no more is read before it is sent
                        .length = ((size_t)1 << 30) + surplus,
                        .content_format = TT_FORMAT_NONE,
                        .accept = TT_FORMAT_NONE,
                        .on_reply = asked_reply,
                        .context = &a};
        EXPECT_EQUAL(tt_bus_call(&CLIENT->bus, time_now, &call), surplus ? TT_TOO_LARGE : TT_OK);
        if (!surplus)
            tt_bus_cancel(&CLIENT->bus, time_now, &call);
        EXPECT_EQUAL(tt_bus_busy(&CLIENT->bus), 0);
    }
    // A peer that wants blocks of 16 bytes, and there would be too many.
    static uint8_t body[TT_BUS_BLOCK_MAX];
    start();
    ask_by_hand(&a, TT_PUT, false, body, (size_t)1 << 30);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTINUE, 0, NULL, 0, &(tt_block){.exponent = 0},
            TT_OPTION_BLOCK1, 0);
    EXPECT(a.done && a.status == TT_TOO_LARGE);
}

int main(void)
{
    test_last_block();
    test_long_names();
    test_full_outbox();
    test_outbox_of_many_answers();
    test_long_answers();
    test_many_transfers();
    test_owed_for_long();
    test_answers_to_one();
    test_full_buffers();
    test_misuse();
    test_long_requests();
    return test_result();
}
