// Whole exchanges between buses joined in memory, with virtual time, and what single datagrams do
// to one bus: duplicates, gaps, full tables, resets. What a faulty network does to them is tested
// by the simulator (tests/sim).

#include "bus/message.h"
#include "tests/bus/devices.h"
#include "tutti/check.h"

#define SERVER (&devices[0])
#define CLIENT (&devices[1])
#define OTHER (&devices[2])

static unsigned runs;   // of any handler
static char kept[5000]; // by /keep
static size_t kept_length;
static char shown[3000] = "one"; // by /show
static size_t shown_length = 3;
static tt_answer_token owed[16];
static unsigned owed_count;

static void keep(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    (void)resource;
    (void)now;
    runs++;
    if (request->offset + request->length > sizeof(kept)) {
        response->code = TT_ENTITY_TOO_LARGE;
        response->size_max = sizeof(kept);
        return;
    }
    if (request->length > 0)
        memcpy(kept + request->offset, request->payload, request->length);
    if (request->last)
        kept_length = request->offset + request->length;
    response->code = TT_CHANGED;
}

static void show(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    (void)resource;
    (void)now;
    (void)request;
    runs++;
    response->code = TT_CONTENT;
    response->payload = shown;
    response->length = shown_length;
}

static void later(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    (void)resource;
    (void)now;
    runs++;
    owed[owed_count++ % 16] = request->token;
    response->later = true;
}

static void wordy(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    show(resource, now, request, response); // a long answer to POST: it goes separately
    response->length = 200;
}

static tt_resource resources[] = {
    {.path = "keep", .type = "test", .handler = keep, .methods = 1 << TT_PUT | 1 << TT_POST},
    {.path = "show", .handler = show, .methods = 1 << TT_GET, .observable = true},
    {.path = "tree", .handler = show, .methods = 1 << TT_GET, .subtree = true},
    {.path = "later", .handler = later, .methods = 1 << TT_POST},
    {.path = "wordy", .handler = wordy, .methods = 1 << TT_POST},
};

static void start(void)
{
    devices_init();
    runs = owed_count = 0;
    kept_length = 0;
    strcpy(shown, "one");
    shown_length = 3;
    for (size_t i = 0; i < TT_COUNT(resources); i++)
        REQUIRE(tt_bus_add(&SERVER->bus, &resources[i]) == TT_OK);
}

static void test_tree(void)
{
    asked a;
    start();
    ask(&a, CLIENT, SERVER, TT_GET, "show", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT_TEXT(a.payload, "one");
    ask(&a, CLIENT, SERVER, TT_GET, "tree/of/things", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    ask(&a, CLIENT, SERVER, TT_GET, "trees", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    EXPECT_TEXT(a.payload, "no such path: trees");
    ask(&a, CLIENT, SERVER, TT_DELETE, "keep", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_METHOD_NOT_ALLOWED);
    EXPECT_TEXT(a.payload, "method not allowed; allowed here: POST, PUT");
    ask(&a, CLIENT, SERVER, TT_GET, ".well-known/core", "rt=te*", NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT_TEXT(a.payload, "</keep>;rt=\"test\"");
    // Of two branches the longer, in whatever order they were added.
    static tt_resource inner = {.path = "leaf/a", .handler = keep, .subtree = true},
                       outer = {.path = "leaf",
                                .handler = show,
                                .methods = 1 << TT_GET,
                                .subtree = true};
    REQUIRE(tt_bus_add(&SERVER->bus, &inner) == TT_OK && tt_bus_add(&SERVER->bus, &outer) == TT_OK);
    ask(&a, CLIENT, SERVER, TT_GET, "leaf/a/b", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_METHOD_NOT_ALLOWED);
    ask(&a, CLIENT, SERVER, TT_GET, "leaf/b", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    tt_resource again = {.path = "show", .handler = show};
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &again), TT_EXISTS);
    again.path = "/show";
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &again), TT_INVALID);
    tt_bus_remove(&SERVER->bus, &resources[1]);
    ask(&a, CLIENT, SERVER, TT_GET, "show", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    // The own device: the same handlers, without a datagram.
    memset(&a, 0, sizeof(a));
    a.call = (tt_call){.method = TT_GET,
                       .path = "tree/x",
                       .content_format = TT_FORMAT_NONE,
                       .accept = TT_FORMAT_NONE,
                       .on_reply = asked_reply,
                       .context = &a};
    uint64_t before = SERVER->bus.counters.received;
    REQUIRE(tt_bus_call(&SERVER->bus, time_now, &a.call) == TT_OK);
    pass(TT_MS(1));
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT_EQUAL(SERVER->bus.counters.received, before);
}

// The filters of /.well-known/core (RFC 6690, 4.1).
static void test_filters(void)
{
    static tt_resource lamp = {.path = "light/one",
                               .type = "lamp dimmable",
                               .interface_description = "sensor",
                               .handler = show,
                               .methods = 1 << TT_GET,
                               .observable = true},
                       secret = {.path = "light/secret", .handler = show, .hidden = true};
    static const char of_lamp[] = "</light/one>;rt=\"lamp dimmable\";if=\"sensor\";obs";
    static const struct {
        const char *query, *links;
    } cases[] = {
        {"rt=lamp", of_lamp},
        {"rt=dimmable", of_lamp},
        {"rt=dim*", of_lamp},
        {"rt=dim", ""},
        {"rt=lamp dimmable", ""},
        {"if=sensor", of_lamp},
        {"if=s*", of_lamp},
        {"href=/light/one", of_lamp},
        {"href=/light/*", of_lamp},
        {"href=/light", ""},
        {"href=/keep", "</keep>;rt=\"test\""},
        {"title=*", ""}, // no resource has one
    };
    asked a;
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &lamp) == TT_OK);
    REQUIRE(tt_bus_add(&SERVER->bus, &secret) == TT_OK);
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        ask(&a, CLIENT, SERVER, TT_GET, ".well-known/core", cases[i].query, NULL, 0);
        EXPECT_ANSWER(a, TT_CONTENT);
        EXPECT_TEXT(a.payload, cases[i].links);
    }
    ask(&a, CLIENT, SERVER, TT_GET, ".well-known/core", "href=*", NULL, 0);
    EXPECT(strstr(a.payload, of_lamp) != NULL && strstr(a.payload, "</tree>") != NULL);
    EXPECT(strstr(a.payload, "secret") == NULL && strstr(a.payload, "well-known") == NULL);
}

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

// Single datagrams. `answer` is the newest thing that was sent back.
static struct {
    tt_message message;
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    unsigned count;
} answer;

// What a device has to say now, to nobody.
static void collect(device *d)
{
    tt_endpoint to;
    size_t length;
    answer.count = 0;
    while (tt_bus_transmit(&d->bus, &to, answer.bytes, sizeof(answer.bytes), &length) == TT_OK) {
        EXPECT(tt_message_parse(&answer.message, answer.bytes, length) == TT_OK);
        answer.count++;
    }
}

static void tell(device *to, const device *from, const tt_message_writer *w)
{
    REQUIRE(!w->out.failed);
    tt_bus_receive(&to->bus, time_now, &from->endpoint, w->out.data, w->out.length);
    collect(to);
}

static void hear(device *from, const tt_message_writer *w)
{
    tell(SERVER, from, w);
}

static bool was_reset(uint16_t id)
{
    return answer.count == 1 && answer.message.type == TT_RESET_MESSAGE && answer.message.id == id;
}

static tt_message_writer request(tt_message_type type, unsigned method, uint16_t id,
                                 const char *path)
{
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    static const tt_bus_token token = {.length = 2, .bytes = {7, 7}};
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), type, method, id, &token);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, path, '/');
    return w;
}

static void test_duplicates(void)
{
    start();
    // A repeated POST: the same answer, and its handler has run once.
    tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, 100, "keep");
    tt_message_payload(&w, "x", 1);
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED && answer.message.id == 100);
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED && answer.message.id == 100);
    EXPECT_EQUAL(runs, 1);
    // The same message id from another peer is another message.
    hear(OTHER, &w);
    EXPECT_EQUAL(runs, 2);
    // A repeated non-confirmable one is not answered again.
    w = request(TT_NON_CONFIRMABLE, TT_POST, 101, "keep");
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.type == TT_NON_CONFIRMABLE);
    hear(CLIENT, &w);
    EXPECT_EQUAL(answer.count, 0);
    EXPECT_EQUAL(runs, 3);
    // Its answer comes later: only the acknowledgement is repeated.
    w = request(TT_CONFIRMABLE, TT_POST, 102, "later");
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.type == TT_ACKNOWLEDGEMENT &&
           answer.message.code == 0);
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == 0);
    EXPECT_EQUAL(runs, 4);
    // An answer too long to be remembered goes separately.
    w = request(TT_CONFIRMABLE, TT_POST, 103, "wordy");
    hear(CLIENT, &w);
    EXPECT_EQUAL(answer.count, 2); // the acknowledgement, then
    EXPECT(answer.message.type == TT_CONFIRMABLE && answer.message.code == TT_CONTENT);
    hear(CLIENT, &w);
    EXPECT_EQUAL(runs, 5);
    // What is given up: of a peer the newest TT_BUS_REMEMBERED_MAX exchanges are remembered.
    for (uint16_t i = 0; i < TT_BUS_REMEMBERED_MAX; i++) {
        w = request(TT_CONFIRMABLE, TT_POST, (uint16_t)(200 + i), "keep");
        hear(CLIENT, &w);
    }
    unsigned before = runs;
    w = request(TT_CONFIRMABLE, TT_POST, 100, "keep");
    hear(CLIENT, &w);
    EXPECT_EQUAL(runs, before + 1);
}

// A new peer takes the place of the one that was silent longest.
static void test_many_peers(void)
{
    device peers[TT_BUS_PEERS_MAX + 1] = {0};
    tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, 1, "keep");
    start();
    for (uint8_t i = 0; i <= TT_BUS_PEERS_MAX; i++) {
        peers[i].endpoint = (tt_endpoint){.ip = {[15] = (uint8_t)(50 + i)}, .port = TT_BUS_PORT};
        if (i == TT_BUS_PEERS_MAX) { // all are known; the first has just been heard again
            pass(TT_MS(1));
            hear(&peers[0], &w);
            pass(TT_MS(1));
        }
        hear(&peers[i], &w);
        pass(TT_MS(1));
    }
    unsigned before = runs;
    EXPECT_EQUAL(before, TT_BUS_PEERS_MAX + 1);
    for (unsigned i = 2; i <= TT_BUS_PEERS_MAX; i++)
        hear(&peers[i], &w);
    hear(&peers[0], &w);
    EXPECT_EQUAL(runs, before);
    hear(&peers[1], &w); // forgotten
    EXPECT_EQUAL(runs, before + 1);
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

// Options that cannot be honoured (RFC 7252, 5.4.1 and 5.10.2; RFC 7959, 2.2).
static void test_options(void)
{
    start();
    tt_message_writer w = request(TT_CONFIRMABLE, TT_GET, 1, "show");
    tt_message_option(&w, 2049, "x", 1); // critical and unknown
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == TT_BAD_OPTION);
    w = request(TT_NON_CONFIRMABLE, TT_GET, 2, "show");
    tt_message_option(&w, 2049, "x", 1);
    hear(CLIENT, &w);
    EXPECT(was_reset(2));
    w = request(TT_CONFIRMABLE, TT_GET, 3, "show");
    tt_message_option_number(&w, TT_OPTION_ACCEPT, 0);
    tt_message_option_number(&w, TT_OPTION_ACCEPT, 0); // may stand once only
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == TT_BAD_OPTION);
    EXPECT_EQUAL(runs, 0);
    w = request(TT_CONFIRMABLE, TT_GET, 4, "show");
    tt_message_option(&w, 2048, "x", 1); // elective
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == TT_CONTENT);
    w = request(TT_CONFIRMABLE, TT_GET, 5, "show");
    tt_message_option(&w, TT_OPTION_BLOCK2, "\x07", 1); // the reserved block size
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == TT_BAD_REQUEST);
    w = request(TT_CONFIRMABLE, TT_GET, 6, "show");
    tt_message_option(&w, TT_OPTION_PROXY_URI, "coap://[::1]/", 13);
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == TT_PROXYING_UNSUPPORTED);
    EXPECT_EQUAL(runs, 1);
    // Codes of the reserved classes 1, 6 and 7: rejected (RFC 7252, 4.2).
    for (unsigned class = 1; class <= 7; class += 5) {
        w = request(TT_CONFIRMABLE, TT_CODE(class, 1), (uint16_t)(6 + class), "show");
        hear(CLIENT, &w);
        EXPECT(was_reset((uint16_t)(6 + class)));
    }
    // A response with a critical option that is unknown is rejected, and the call fails.
    asked a;
    ask(&a, CLIENT, SERVER, TT_POST, "later", NULL, "q", 1);
    static uint8_t bytes[64];
    tt_bus_token token = {.length = 8};
    memcpy(token.bytes, &a.call.state.token, 8);
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_CONTENT, 20, &token);
    tt_message_option(&w, 2049, "x", 1);
    tell(CLIENT, SERVER, &w);
    EXPECT(was_reset(20));
    EXPECT(a.done && a.status == TT_MALFORMED);
}

static void test_separate_answers(void)
{
    asked a[TT_BUS_OWED_MAX + 1];
    start();
    for (unsigned i = 0; i < TT_BUS_OWED_MAX; i++)
        ask(&a[i], &devices[1 + i % 3], SERVER, TT_POST, "later", NULL, "q", 1);
    pass(TT_MS(10));
    EXPECT_EQUAL(owed_count, TT_BUS_OWED_MAX);
    // One more than can be owed is told so at once.
    ask(&a[TT_BUS_OWED_MAX], CLIENT, SERVER, TT_POST, "later", NULL, "q", 1);
    EXPECT_ANSWER(a[TT_BUS_OWED_MAX], TT_UNAVAILABLE);
    for (unsigned i = 0; i < TT_BUS_OWED_MAX; i++) {
        char text[2] = {(char)('a' + i), 0};
        tt_response response = {
            .code = TT_CONTENT, .content_format = TT_FORMAT_NONE, .payload = text, .length = 1};
        EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[i], &response), TT_OK);
        deliver();
        EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[i], &response), TT_NOT_FOUND);
    }
    for (unsigned i = 0; i < TT_BUS_OWED_MAX; i++) {
        char text[2] = {(char)('a' + i), 0};
        EXPECT_ANSWER(a[i], TT_CONTENT);
        EXPECT_TEXT(a[i].payload, text);
    }
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

// Askers that vanish hold the table of answers under way; the others are answered all the same.
static void test_vanished_askers(void)
{
    asked a;
    start();
    for (uint8_t i = 0; i < TT_BUS_REPLIES_MAX; i++) {
        device stranger = {.endpoint = {.ip = {[15] = (uint8_t)(100 + i)}, .port = TT_BUS_PORT}};
        tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, i, "wordy");
        hear(&stranger, &w);
        EXPECT_EQUAL(answer.message.type, TT_CONFIRMABLE);
    }
    ask(&a, CLIENT, SERVER, TT_POST, "later", NULL, "q", 1);
    tt_response response = {.code = TT_CONTENT, .payload = "here", .length = 4};
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_OK);
    deliver();
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT_TEXT(a.payload, "here");
    ask(&a, CLIENT, SERVER, TT_POST, "wordy", NULL, "q", 1);
    EXPECT_ANSWER(a, TT_CONTENT);
    pass(TT_SECONDS(60));
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

static void carry_one(device *from, device *to)
{
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_endpoint peer;
    size_t length;
    REQUIRE(tt_bus_transmit(&from->bus, &peer, bytes, sizeof(bytes), &length) == TT_OK);
    tt_bus_receive(&to->bus, time_now, &from->endpoint, bytes, length);
}

static void test_observing(void)
{
    asked a;
    start();
    memset(&a, 0, sizeof(a));
    a.call = (tt_call){.peer = SERVER->endpoint,
                       .method = TT_GET,
                       .path = "show",
                       .content_format = TT_FORMAT_NONE,
                       .accept = TT_FORMAT_NONE,
                       .observe = true,
                       .on_reply = asked_reply,
                       .context = &a};
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &a.call) == TT_OK);
    deliver();
    EXPECT_TEXT(a.payload, "one");
    for (int i = 0; i < 20; i++) {
        shown_length = (size_t)snprintf(shown, sizeof(shown), "number %d", i);
        tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
        pass(TT_MS(1));
        EXPECT_TEXT(a.payload, shown);
        EXPECT(!a.done);
    }
    // Longer than a block: the first is pushed, the rest fetched, however long ago it began.
    pass(TT_SECONDS(100));
    memset(shown, 'x', sizeof(shown));
    shown_length = 1500;
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    tt_bus_advance(&SERVER->bus, time_now);
    carry_one(SERVER, CLIENT);
    tt_bus_advance(&CLIENT->bus, time_now);
    deliver();
    EXPECT_EQUAL(a.length, 1500);
    EXPECT(!a.done);
    // The observer cancels; the next notification is answered by a reset, and is the last.
    tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
    EXPECT(a.done && a.status == TT_CANCELLED);
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    pass(TT_MS(1));
    EXPECT(SERVER->bus.observers[0].resource == NULL);
    // A full table: the answer comes, the observation does not.
    for (uint16_t i = 0; i <= TT_BUS_OBSERVERS_MAX; i++) {
        static uint8_t bytes[64];
        tt_bus_token token = {.length = 1, .bytes = {(uint8_t)i}};
        tt_message_writer w;
        shown_length = 3;
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, (uint16_t)(300 + i),
                         &token);
        tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, "show", '/');
        hear(CLIENT, &w);
        EXPECT(answer.message.code == TT_CONTENT &&
               answer.message.has_observe == (i < TT_BUS_OBSERVERS_MAX));
    }
    tt_bus_forget_peer(&SERVER->bus, time_now, &CLIENT->endpoint);
    for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++)
        EXPECT(SERVER->bus.observers[i].resource == NULL);
}

// What the other side of a call says, by hand: a response to its newest message.
static void respond(device *from, const asked *a, uint16_t id, tt_message_type type, tt_code code,
                    unsigned option, const void *value, size_t value_length, const tt_block *block,
                    unsigned block_option, size_t length)
{
    static uint8_t bytes[TT_BUS_MESSAGE_MAX], payload[TT_BUS_BLOCK_MAX];
    const struct tt_call_state *s = &a->call.state;
    uint64_t number = s->fetch_token != 0 ? s->fetch_token : s->token;
    tt_bus_token token = {.length = 8};
    tt_message_writer w;
    memcpy(token.bytes, &number, 8);
    tt_message_begin(&w, bytes, sizeof(bytes), type, code,
                     type == TT_ACKNOWLEDGEMENT ? s->message_id : id, &token);
    if (option != 0)
        tt_message_option(&w, option, value, value_length);
    if (block != NULL)
        tt_message_option_block(&w, block_option, block);
    tt_message_payload(&w, payload, length);
    tell(CLIENT, from, &w);
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

// Starts a request to the server, which hears nothing of it.
static void ask_by_hand(asked *a, tt_method method, bool observe, const void *payload,
                        size_t length)
{
    memset(a, 0, sizeof(*a));
    a->call = (tt_call){.peer = SERVER->endpoint,
                        .method = method,
                        .path = "keep",
                        .payload = payload,
                        .length = length,
                        .content_format = TT_FORMAT_NONE,
                        .accept = TT_FORMAT_NONE,
                        .observe = observe,
                        .on_reply = asked_reply,
                        .context = a};
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &a->call) == TT_OK);
    collect(CLIENT);
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

// Which answers are a call's: its peer's, with its token, and in an acknowledgement with its id.
static void test_whose_answer(void)
{
    asked a;
    start();
    ask_by_hand(&a, TT_GET, false, NULL, 0);
    respond(OTHER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0, NULL, 0, 1);
    respond(OTHER, &a, 1, TT_NON_CONFIRMABLE, TT_CONTENT, 0, NULL, 0, NULL, 0, 1);
    EXPECT(!a.done && answer.count == 0);
    respond(OTHER, &a, 2, TT_CONFIRMABLE, TT_CONTENT, 0, NULL, 0, NULL, 0, 1);
    EXPECT(!a.done && was_reset(2));
    asked other = a; // an acknowledgement of another message
    other.call.state.message_id++;
    respond(SERVER, &other, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0, NULL, 0, 1);
    EXPECT(!a.done && answer.count == 0);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0, NULL, 0, 1);
    EXPECT_ANSWER(a, TT_CONTENT);
}

// One message is outstanding to a peer (RFC 7252, 4.7); another waits for its end.
static void test_one_at_a_time(void)
{
    asked first, second;
    start();
    ask_by_hand(&first, TT_GET, false, NULL, 0);
    EXPECT_EQUAL(answer.count, 1);
    ask_by_hand(&second, TT_GET, false, NULL, 0);
    EXPECT_EQUAL(answer.count, 0);
    respond(SERVER, &first, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0, NULL, 0, 1);
    EXPECT(first.done && answer.count == 1 && answer.message.id == second.call.state.message_id);
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

static void notify_by_hand(const asked *a, uint16_t id, uint32_t sequence, size_t length)
{
    uint8_t value[3] = {(uint8_t)(sequence >> 16), (uint8_t)(sequence >> 8), (uint8_t)sequence};
    respond(SERVER, a, id, TT_NON_CONFIRMABLE, TT_CONTENT, TT_OPTION_OBSERVE, value, 3, NULL, 0,
            length);
}

// Which of two notifications is newer, across the wrap of their numbers (RFC 7641, 3.4).
static void test_order_of_notifications(void)
{
    asked a;
    start();
    ask_by_hand(&a, TT_GET, true, NULL, 0);
    notify_by_hand(&a, 1, 0xfffffe, 1);
    EXPECT_EQUAL(a.length, 1);
    notify_by_hand(&a, 2, 2, 2);
    EXPECT_EQUAL(a.length, 2);
    notify_by_hand(&a, 3, 0xffffff, 3); // overtaken
    notify_by_hand(&a, 4, 2, 4);        // doubled
    EXPECT_EQUAL(a.length, 2);
    pass(TT_SECONDS(129)); // after so long the number says nothing
    notify_by_hand(&a, 5, 1, 5);
    EXPECT_EQUAL(a.length, 5);
    EXPECT(!a.done);
    // What is no notification changes nothing.
    respond(SERVER, &a, 6, TT_NON_CONFIRMABLE, TT_CONTENT, 0, NULL, 0, NULL, 0, 6);
    EXPECT_EQUAL(a.length, 5);
    // A newer one comes while the blocks of one before it are fetched.
    respond(SERVER, &a, 7, TT_NON_CONFIRMABLE, TT_CONTENT, TT_OPTION_OBSERVE, "\2", 1,
            &(tt_block){.more = true, .exponent = 2}, TT_OPTION_BLOCK2, 64);
    EXPECT(answer.count == 1 && answer.message.block2.number == 1);
    a.call.state.fetch_token = 0; // for its token to be the observation's
    notify_by_hand(&a, 8, 3, 8);
    EXPECT_EQUAL(a.length, 8);
    EXPECT(!a.done);
    // An error ends it (4.2).
    respond(SERVER, &a, 6, TT_CONFIRMABLE, TT_PATH_NOT_FOUND, 0, NULL, 0, NULL, 0, 0);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    notify_by_hand(&a, 7, 3, 1); // nobody waits for it
    EXPECT(was_reset(7));
}

static void hear_observe(device *from, uint16_t id, uint32_t value)
{
    static uint8_t bytes[64];
    static const tt_bus_token token = {.length = 1, .bytes = {5}};
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, id, &token);
    tt_message_option_number(&w, TT_OPTION_OBSERVE, value);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "show", '/');
    hear(from, &w);
}

static void hear_empty(device *from, tt_message_type type, uint16_t id)
{
    uint8_t bytes[4];
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), type, 0, id, NULL);
    hear(from, &w);
}

static void change_shown(void)
{
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    tt_bus_advance(&SERVER->bus, time_now);
    collect(SERVER);
}

// How an observer stays, and how it goes (RFC 7641, 3.6, 4.1 and 4.5).
static void test_observers(void)
{
    const tt_bus_observer *observers = SERVER->bus.observers;
    start();
    hear_observe(CLIENT, 1, 0);
    hear_observe(CLIENT, 2, 0); // again: still one observation
    EXPECT(answer.message.has_observe && observers[0].resource != NULL);
    EXPECT(observers[1].resource == NULL);
    hear_observe(CLIENT, 3, 1); // the last word
    EXPECT(answer.message.code == TT_CONTENT && !answer.message.has_observe);
    EXPECT(observers[0].resource == NULL);
    hear_observe(CLIENT, 4, 0);
    change_shown();
    EXPECT(answer.count == 1 && answer.message.type == TT_CONFIRMABLE);
    uint32_t sequence = answer.message.observe;
    hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, answer.message.id);
    change_shown();
    EXPECT(answer.count == 1 && answer.message.type == TT_NON_CONFIRMABLE);
    EXPECT(answer.message.observe > sequence);
    pass(TT_SECONDS(25 * 3600)); // at least once a day it is asked whether it is there (4.5)
    change_shown();
    EXPECT(answer.count == 1 && answer.message.type == TT_CONFIRMABLE);
    hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, answer.message.id);
    hear_empty(OTHER, TT_RESET_MESSAGE, answer.message.id); // not its to refuse
    EXPECT(observers[0].resource != NULL);
    change_shown();
    EXPECT(answer.count == 1 && answer.message.type == TT_NON_CONFIRMABLE);
    hear_empty(CLIENT, TT_RESET_MESSAGE, answer.message.id);
    EXPECT(observers[0].resource == NULL);
    // Every so-manieth is confirmable, and the next waits for its acknowledgement.
    hear_observe(CLIENT, 5, 0);
    for (unsigned i = 0; i < 2 * TT_BUS_CONFIRM_EVERY; i++) {
        change_shown();
        EXPECT_EQUAL(answer.count, 1);
        bool confirmable = i % TT_BUS_CONFIRM_EVERY == 0;
        EXPECT_EQUAL(answer.message.type, confirmable ? TT_CONFIRMABLE : TT_NON_CONFIRMABLE);
        if (!confirmable)
            continue;
        uint16_t id = answer.message.id;
        change_shown();
        EXPECT_EQUAL(answer.count, 0);
        hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, id);
        tt_bus_advance(&SERVER->bus, time_now);
        collect(SERVER);
        EXPECT(answer.count == 1 && answer.message.observe == resources[1].observe_sequence);
        i++;
    }
    tt_bus_forget_peer(&SERVER->bus, time_now, &CLIENT->endpoint);
    device nobody = {.endpoint = {.ip = {[15] = 99}, .port = TT_BUS_PORT}};
    hear_observe(&nobody, 6, 0); // one that is silent is given up
    change_shown();
    pass(TT_SECONDS(60));
    EXPECT(observers[0].resource == NULL);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

static void fickle(tt_resource *resource, tt_time now, const tt_request *request,
                   tt_response *response)
{
    show(resource, now, request, response);
    if (strcmp(shown, "none") == 0)
        response->code = TT_UNAVAILABLE;
}

// An error, or the end of the resource, is the last that an observer hears, near or far.
static void test_last_notification(void)
{
    for (int removed = 0; removed < 2; removed++) {
        static asked near, far;
        static tt_resource resource;
        start();
        resource = (tt_resource){
            .path = "fickle", .handler = fickle, .methods = 1 << TT_GET, .observable = true};
        REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
        ask_by_hand(&far, TT_GET, true, NULL, 0);
        tt_bus_cancel(&CLIENT->bus, time_now, &far.call);
        far.call.path = "fickle";
        near = (asked){.call = far.call};
        near.call.context = &near;
        near.call.peer = (tt_endpoint){0};
        far.done = false;
        REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &far.call) == TT_OK);
        REQUIRE(tt_bus_call(&SERVER->bus, time_now, &near.call) == TT_OK);
        pass(TT_MS(1));
        EXPECT(!near.done && !far.done);
        EXPECT_TEXT(near.payload, "one");
        EXPECT_TEXT(far.payload, "one");
        strcpy(shown, "none");
        if (removed)
            tt_bus_remove(&SERVER->bus, &resource);
        else
            tt_bus_changed(&SERVER->bus, time_now, &resource);
        pass(TT_MS(1));
        EXPECT_ANSWER(near, removed ? TT_PATH_NOT_FOUND : TT_UNAVAILABLE);
        EXPECT_ANSWER(far, removed ? TT_PATH_NOT_FOUND : TT_UNAVAILABLE);
        for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++)
            EXPECT(SERVER->bus.observers[i].resource == NULL);
        EXPECT_EQUAL(tt_bus_busy(&SERVER->bus) + tt_bus_busy(&CLIENT->bus), 0);
    }
}

static unsigned retries;

static void retry(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)reply;
    if (++retries < 100) // whoever does not give up
        REQUIRE(tt_bus_call(call->context, now, call) == TT_OK);
}

// A caller that asks again in its reply handler does not hold up the loop.
static void test_asking_again(void)
{
    start();
    tt_call call = {.peer = SERVER->endpoint,
                    .method = TT_GET,
                    .path = "show",
                    .content_format = TT_FORMAT_NONE,
                    .accept = TT_FORMAT_NONE,
                    .on_reply = retry,
                    .context = &CLIENT->bus};
    retries = 0;
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &call) == TT_OK);
    tt_bus_forget_peer(&CLIENT->bus, time_now, &SERVER->endpoint);
    EXPECT_EQUAL(retries, 1);
    start();
    retries = 0;
    call.peer = (tt_endpoint){0};
    call.context = &SERVER->bus;
    REQUIRE(tt_bus_call(&SERVER->bus, time_now, &call) == TT_OK);
    tt_bus_advance(&SERVER->bus, time_now);
    EXPECT_EQUAL(retries, 1);
    EXPECT(tt_bus_deadline(&SERVER->bus) <= time_now);
    tt_bus_advance(&SERVER->bus, time_now);
    EXPECT_EQUAL(retries, 2);
}

static void test_silence(void)
{
    asked a;
    start();
    device nobody = {.endpoint = {.ip = {[15] = 99}, .port = TT_BUS_PORT}};
    ask(&a, CLIENT, &nobody, TT_GET, "show", NULL, NULL, 0);
    // The waits double: 1 + 2 + 4 + 8 + 16 times 0.5 to 0.75 s (RFC 7252, 4.2).
    pass(TT_MS(15400));
    EXPECT(!a.done);
    pass(TT_MS(8000));
    EXPECT(a.done && a.status == TT_TIMED_OUT);
    EXPECT_EQUAL(CLIENT->bus.counters.retransmitted, TT_BUS_RETRANSMITS_MAX);
    // Pings: whoever lives answers with a reset.
    asked ping;
    for (int i = 0; i < 2; i++) {
        memset(&ping, 0, sizeof(ping));
        ping.call = (tt_call){.peer = i == 0 ? SERVER->endpoint : nobody.endpoint,
                              .on_reply = asked_reply,
                              .context = &ping,
                              .timeout = TT_MS(500)};
        REQUIRE(tt_bus_ping(&CLIENT->bus, time_now, &ping.call) == TT_OK);
        deliver();
        pass(TT_SECONDS(1));
        EXPECT(ping.done && ping.status == (i == 0 ? TT_OK : TT_TIMED_OUT));
    }
    EXPECT_EQUAL(tt_bus_busy(&CLIENT->bus), 0);
    EXPECT_EQUAL(tt_bus_deadline(&CLIENT->bus), TT_FOREVER);
    // A request that is malformed but confirmable is rejected; noise is counted.
    tt_message_writer w = request(TT_CONFIRMABLE, TT_GET, 400, "show");
    w.out.data[w.out.length++] = 0xff; // a payload marker without payload
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.type == TT_RESET_MESSAGE &&
           answer.message.id == 400);
    EXPECT_EQUAL(SERVER->bus.counters.malformed, 1);
}

int main(void)
{
    test_tree();
    test_filters();
    test_long_bodies();
    test_duplicates();
    test_many_peers();
    test_block_order();
    test_options();
    test_separate_answers();
    test_vanished_askers();
    test_sizes_of_blocks();
    test_change_midway();
    test_whose_answer();
    test_one_at_a_time();
    test_short_block();
    test_observing();
    test_order_of_notifications();
    test_observers();
    test_last_notification();
    test_asking_again();
    test_silence();
    return test_result();
}
