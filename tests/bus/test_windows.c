// Representations that are asked for window by window: what a handler owes, versions, later
// answers, observers, the own device.

#include "tests/bus/exchange.h"

// Handlers that do not keep to what tutti/bus.h says.
static tt_response given;

static void gives(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    (void)resource, (void)now, (void)request;
    *response = given;
}

static void test_what_a_handler_owes(void)
{
    static const struct {
        tt_response response;
        tt_method method;
        uint32_t number;
        tt_code code;
        const char *sentence;
    } cases[] = {
        {{.length = 64, .more = true},
         TT_GET,
         0,
         TT_INTERNAL_ERROR,
         "longer than a block, and its handler tells no version: gives"},
        {{.length = 10},
         TT_GET,
         1,
         TT_INTERNAL_ERROR,
         "longer than a block, and its handler tells no version: gives"},
        {{.length = 65, .has_version = true},
         TT_GET,
         0,
         TT_INTERNAL_ERROR,
         "its handler gives more bytes than a window: gives"},
        {{.length = 63, .more = true, .has_version = true},
         TT_GET,
         0,
         TT_INTERNAL_ERROR,
         "its handler gives a part of a window: gives"},
        {{.length = TT_BUS_BLOCK_MAX + 1},
         TT_POST,
         0,
         TT_INTERNAL_ERROR,
         "its handler gives more bytes than a window: gives"},
        {{.length = 10, .more = true, .has_version = true},
         TT_POST,
         0,
         TT_INTERNAL_ERROR,
         "its handler gives a part of a window: gives"},
        {{.has_version = true},
         TT_GET,
         1,
         TT_BAD_OPTION,
         "the block lies outside the representation: gives"},
        {{.length = 64, .more = true, .has_version = true}, TT_GET, 0, TT_CONTENT, NULL},
        {{.length = 64, .more = true, .has_version = true}, TT_GET, 9, TT_CONTENT, NULL},
        {{.length = 64}, TT_GET, 0, TT_CONTENT, NULL},
        {{.length = TT_BUS_BLOCK_MAX}, TT_POST, 0, TT_CONTENT, NULL},
    };
    static tt_resource resource = {
        .path = "gives", .handler = gives, .methods = 1 << TT_GET | 1 << TT_POST};
    static collected c;
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        given = cases[i].response;
        given.code = TT_CONTENT;
        given.content_format = TT_FORMAT_NONE;
        given.payload = shown;
        tt_message_writer w = request(TT_CONFIRMABLE, cases[i].method, next_id++, "gives");
        if (cases[i].method == TT_GET)
            tt_message_option_block(&w, TT_OPTION_BLOCK2,
                                    &(tt_block){.number = cases[i].number, .exponent = 2});
        hear(CLIENT, &w);
        const tt_message *m = &answer.message;
        EXPECT_EQUAL(m->code, cases[i].code);
        if (cases[i].sentence != NULL)
            EXPECT(m->length == strlen(cases[i].sentence) &&
                   memcmp(m->payload, cases[i].sentence, m->length) == 0);
        else
            EXPECT_EQUAL(m->length, given.length);
    }
    // The own device is told the same.
    given = (tt_response){.code = TT_CONTENT, .payload = shown, .length = 1024, .more = true};
    get(&c, true, "gives", false);
    pass(TT_MS(1));
    EXPECT(c.final && c.status == TT_OK && c.code == TT_INTERNAL_ERROR);
    // An error has its whole text, however small the blocks that were asked for.
    given = (tt_response){.code = TT_UNAVAILABLE,
                          .content_format = TT_FORMAT_NONE,
                          .payload = shown,
                          .length = 100,
                          .max_age_seconds = 60};
    hear_get("gives", NULL, 0, 0);
    EXPECT(answer.message.code == TT_UNAVAILABLE && answer.message.length == 100);
    EXPECT(!answer.message.block2.present);
}

// What would make a message that is none, or read at NULL.
static void test_no_answers(void)
{
    static const struct {
        tt_response response;
        const char *sentence;
    } cases[] = {
        {{.code = 0}, "its handler gives no code of an answer: gives"},
        {{.code = TT_CODE(0, 1)}, "its handler gives no code of an answer: gives"},
        {{.code = TT_CODE(2, 0)}, "its handler gives no code of an answer: gives"},
        {{.code = TT_CODE(3, 31)}, "its handler gives no code of an answer: gives"},
        {{.code = TT_CODE(6, 0)}, "its handler gives no code of an answer: gives"},
        {{.code = TT_CONTINUE}, "its handler gives no code of an answer: gives"},
        {{.code = TT_CONTENT, .length = 1}, "its handler gives a length without a payload: gives"},
        {{.code = TT_CODE(2, 1)}, NULL},
        {{.code = TT_CODE(2, 30)}, NULL},
        {{.code = TT_BAD_REQUEST}, NULL},
        {{.code = TT_CODE(5, 31)}, NULL},
    };
    static tt_resource resource = {
        .path = "gives", .handler = gives, .methods = 1 << TT_GET | 1 << TT_POST};
    for (size_t i = 0; i < 2 * TT_COUNT(cases); i++) {
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
        given = cases[i / 2].response;
        given.content_format = TT_FORMAT_NONE;
        tt_message_writer w = request(TT_CONFIRMABLE, i % 2 ? TT_POST : TT_GET, next_id++, "gives");
        hear(CLIENT, &w);
        const tt_message *m = &answer.message;
        const char *sentence = cases[i / 2].sentence;
        EXPECT_EQUAL(m->code, sentence != NULL ? TT_INTERNAL_ERROR : given.code);
        EXPECT(sentence == NULL ||
               (m->length == strlen(sentence) && memcmp(m->payload, sentence, m->length) == 0));
    }
}

static bool observing; // with Observe: the representation is sent whatever the asker has

static void hear_etag(const void *etag, size_t length)
{
    tt_message_writer w;
    static uint8_t bytes[64];
    static const tt_bus_token token = {.length = 1, .bytes = {3}};
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, next_id++, &token);
    if (length > 0)
        tt_message_option(&w, TT_OPTION_ETAG, etag, length);
    if (observing)
        tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "gives", '/');
    hear(CLIENT, &w);
}

static size_t etag_bytes(uint8_t bytes[8])
{
    const tt_message *m = &answer.message;
    for (unsigned i = 0; i < m->etag_length; i++)
        bytes[i] = (uint8_t)(m->etag >> 8 * (m->etag_length - 1u - i));
    return m->etag_length;
}

// Entity tags (RFC 7252, 5.10.6): whoever has the representation is told so, and not after a change
// or a restart, which may count its versions from the same number on.
static void test_versions(void)
{
    static tt_resource resource = {
        .path = "gives", .handler = gives, .methods = 1 << TT_GET, .observable = true};
    static const uint64_t versions[] = {0, 1, UINT32_MAX, UINT32_MAX + 1ull, UINT64_MAX};
    uint8_t etag[8];
    given = (tt_response){.code = TT_CONTENT,
                          .content_format = TT_FORMAT_NONE,
                          .payload = shown,
                          .length = 100,
                          .max_age_seconds = 7,
                          .has_version = true};
    for (size_t i = 0; i < TT_COUNT(versions); i++) {
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
        given.version = versions[i];
        hear_etag(NULL, 0);
        size_t length = etag_bytes(etag);
        EXPECT_EQUAL(length, versions[i] > UINT32_MAX ? 8 : 4);
        hear_etag(etag, length);
        EXPECT(answer.message.code == TT_STILL_VALID && answer.message.length == 0);
        EXPECT(answer.message.etag_length == length && answer.message.max_age == 7);
        observing = true;
        hear_etag(etag, length);
        observing = false;
        EXPECT(answer.message.code == TT_CONTENT && answer.message.has_observe);
        tt_bus_forget_peer(&SERVER->bus, time_now, &CLIENT->endpoint);
        // Of a later window it is sent, too: it is asked for to be put behind the others.
        static uint8_t bytes[64];
        static const tt_bus_token token = {.length = 1, .bytes = {3}};
        tt_message_writer w;
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, next_id++, &token);
        tt_message_option(&w, TT_OPTION_ETAG, etag, length);
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, "gives", '/');
        tt_message_option_block(&w, TT_OPTION_BLOCK2, &(tt_block){.number = 1, .exponent = 6});
        hear(CLIENT, &w);
        EXPECT(answer.message.code == TT_CONTENT && answer.message.length == 100);
        hear_etag(etag, length - 1);
        EXPECT(answer.message.code == TT_CONTENT && answer.message.length == 100);
        given.version ^= 1;
        hear_etag(etag, length);
        EXPECT(answer.message.code == TT_CONTENT && answer.message.length == 100);
        given.version ^= 1;
        tt_bus_remove(&SERVER->bus, &resource);
        tt_bus_init(&SERVER->bus, time_now, 77 + i);
        REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
        hear_etag(etag, length);
        EXPECT(answer.message.code == TT_CONTENT && answer.message.length == 100);
    }
}

static tt_answer_token owed_get;
static size_t owed_offset, owed_length;

static void gives_later(tt_resource *resource, tt_time now, const tt_request *request,
                        tt_response *response)
{
    (void)resource, (void)now;
    owed_get = request->token;
    owed_offset = request->window_offset;
    owed_length = request->window_length;
    response->later = true;
}

// A later answer to a GET is one to its window.
static void test_later_windows(void)
{
    static tt_resource resource = {
        .path = "gives", .handler = gives_later, .methods = 1 << TT_GET, .observable = true};
    static collected c;
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
    memset(shown, 's', sizeof(shown));
    hear_get("gives", NULL, 3, 2);
    EXPECT(owed_offset == 192 && owed_length == 64);
    tt_response later_answer = {.code = TT_CONTENT,
                                .content_format = TT_FORMAT_NONE,
                                .payload = shown,
                                .length = 64,
                                .more = true,
                                .max_age_seconds = 60,
                                .has_version = true};
    EXPECT(tt_bus_answer(&SERVER->bus, time_now, owed_get, &later_answer) == TT_OK);
    collect(SERVER);
    EXPECT(answer.count == 1 && answer.message.length == 64 && answer.message.block2.more);
    EXPECT(answer.message.block2.number == 3 && answer.message.block2.exponent == 2);
    hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, answer.message.id);
    hear_get("gives", NULL, 3, 2);
    later_answer.length = 65;
    EXPECT(tt_bus_answer(&SERVER->bus, time_now, owed_get, &later_answer) == TT_OK);
    collect(SERVER);
    EXPECT(answer.count == 1 && answer.message.code == TT_INTERNAL_ERROR);
    hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, answer.message.id);
    // To a call of our own, near and far, window by window.
    for (int own = 0; own < 2; own++) {
        get(&c, own, "gives", false);
        for (size_t offset = 0; offset < sizeof(shown); offset += TT_BUS_BLOCK_MAX) {
            deliver();
            pass(TT_MS(1));
            EXPECT(owed_offset == offset && owed_length == TT_BUS_BLOCK_MAX);
            size_t left = sizeof(shown) - offset;
            later_answer.more = left > TT_BUS_BLOCK_MAX;
            later_answer.length = later_answer.more ? TT_BUS_BLOCK_MAX : left;
            EXPECT(tt_bus_answer(&SERVER->bus, time_now, owed_get, &later_answer) == TT_OK);
            deliver();
        }
        EXPECT(c.final && c.status == TT_OK && c.length == sizeof(shown));
    }
}

// An observer cannot be told later: it hears that the handler is at fault, and no more.
static bool is_late;

static void sometimes_late(tt_resource *resource, tt_time now, const tt_request *request,
                           tt_response *response)
{
    show(resource, now, request, response);
    response->later = is_late;
}

static void test_late_notifications(void)
{
    static tt_resource resource = {
        .path = "late", .handler = sometimes_late, .methods = 1 << TT_GET, .observable = true};
    static collected near, far;
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
    is_late = false;
    get(&near, true, "late", true);
    get(&far, false, "late", true);
    deliver();
    pass(TT_MS(1));
    EXPECT(!near.final && near.code == TT_CONTENT && !far.final && far.code == TT_CONTENT);
    is_late = true;
    tt_bus_changed(&SERVER->bus, time_now, &resource);
    pass(TT_MS(1));
    EXPECT(near.final && near.code == TT_INTERNAL_ERROR);
    EXPECT(far.final && far.code == TT_INTERNAL_ERROR);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus) + tt_bus_busy(&CLIENT->bus), 0);
}

// A long representation is observed on the own device, in pieces; a change while it is read begins
// it anew, whether it was told or not, and cancelling in the midst is fine.
static void test_own_observer(void)
{
    static collected c;
    for (int told = 0; told < 2; told++) {
        start();
        memset(shown, 'a', sizeof(shown));
        shown_length = sizeof(shown);
        get(&c, true, "show", true);
        tt_bus_advance(&SERVER->bus, time_now);
        EXPECT(c.pieces == 1 && !c.last);
        memset(shown, 'b', sizeof(shown));
        if (told)
            tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
        pass(TT_MS(1));
        EXPECT(c.starts == 2 && c.last && !c.final && c.status == TT_OK);
        EXPECT(c.length == sizeof(shown) && memcmp(c.body, shown, c.length) == 0);
        memset(shown, 'c', sizeof(shown));
        tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
        pass(TT_MS(1));
        EXPECT(c.starts == 3 && c.last && !c.final);
        EXPECT(c.length == sizeof(shown) && memcmp(c.body, shown, c.length) == 0);
        tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
        tt_bus_advance(&SERVER->bus, time_now);
        EXPECT(c.starts == 4 && !c.last);
        if (told) { // cut short in the midst, or cancelled
            shown_length = 3;
            tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
            pass(TT_MS(1));
            EXPECT(c.starts == 5 && c.last && c.length == 3 && !c.final);
        }
        tt_bus_cancel(&SERVER->bus, time_now, &c.call);
        EXPECT(c.final && c.status == TT_CANCELLED);
        EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
    }
}

// The same over the wire, without a word from the server: the fetch begins anew.
static void test_far_observer(void)
{
    asked a;
    start();
    ask_by_hand(&a, TT_GET, true, NULL, 0);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, TT_OPTION_OBSERVE, "\1", 1, NULL, 0, 1);
    for (int cut = 0; cut < 2; cut++) {
        const uint8_t sequence = (uint8_t)(2 + cut);
        static uint8_t bytes[128], payload[64];
        tt_bus_token token = {.length = 8};
        tt_message_writer w;
        memcpy(token.bytes, &a.call.state.token, 8);
        tt_message_begin(&w, bytes, sizeof(bytes), TT_NON_CONFIRMABLE, TT_CONTENT, sequence,
                         &token);
        tt_message_option(&w, TT_OPTION_ETAG, "A", 1);
        tt_message_option(&w, TT_OPTION_OBSERVE, &sequence, 1);
        tt_message_option_block(&w, TT_OPTION_BLOCK2, &(tt_block){.more = true, .exponent = 2});
        tt_message_payload(&w, payload, sizeof(payload));
        tell(CLIENT, SERVER, &w);
        EXPECT(answer.count == 1 && answer.message.block2.number == 1);
        respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, cut ? TT_BAD_OPTION : TT_CONTENT,
                cut ? 0 : TT_OPTION_ETAG, "B", 1,
                cut ? NULL : &(tt_block){.number = 1, .exponent = 2}, TT_OPTION_BLOCK2, 10);
        EXPECT(answer.count == 1 && answer.message.block2.present);
        EXPECT_EQUAL(answer.message.block2.number, 0);
        EXPECT(!answer.message.has_observe && !a.done);
        respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, TT_OPTION_ETAG, "B", 1, NULL, 0, 9);
        EXPECT(!a.done && a.length == 9);
    }
    tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
    EXPECT(a.done && a.status == TT_CANCELLED);
    EXPECT_EQUAL(tt_bus_busy(&CLIENT->bus), 0);
}

// An error in the midst of a fetch is the answer.
static void test_error_midway(void)
{
    asked a;
    start();
    ask_by_hand(&a, TT_GET, false, NULL, 0);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, TT_OPTION_ETAG, "A", 1,
            &(tt_block){.more = true, .exponent = 2}, TT_OPTION_BLOCK2, 64);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_UNAVAILABLE, 0, NULL, 0, NULL, 0, 5);
    EXPECT_ANSWER(a, TT_UNAVAILABLE);
    EXPECT_EQUAL(a.length, 5);
}

// Who observes in small blocks is told in such (RFC 7959, 2.6).
static void test_small_notifications(void)
{
    start();
    memset(shown, 'n', sizeof(shown));
    shown_length = 100;
    static uint8_t bytes[64];
    static const tt_bus_token token = {.length = 1, .bytes = {9}};
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, next_id++, &token);
    tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "show", '/');
    tt_message_option_block(&w, TT_OPTION_BLOCK2, &(tt_block){.exponent = 1});
    hear(CLIENT, &w);
    EXPECT(answer.message.has_observe && answer.message.length == 32);
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    tt_bus_advance(&SERVER->bus, time_now);
    collect(SERVER);
    EXPECT(answer.count == 1 && answer.message.has_observe && answer.message.length == 32);
    EXPECT(answer.message.block2.more && answer.message.block2.exponent == 1);
    EXPECT(answer.message.etag_length == 4 && answer.message.size2 == 100);
}

// A representation that ends with a block, and whoever asks for a later block does not observe.
static void test_ends(void)
{
    start();
    shown_length = 128;
    for (uint32_t number = 0; number < 2; number++) {
        hear_get("show", NULL, number, 2);
        EXPECT(answer.message.code == TT_CONTENT && answer.message.length == 64);
        EXPECT_EQUAL(answer.message.block2.more, number == 0);
    }
    hear_get("show", NULL, 2, 2);
    EXPECT_EQUAL(answer.message.code, TT_BAD_OPTION);
    shown_length = TT_BUS_BLOCK_MAX; // and without the option it is no block at all
    tt_message_writer w = request(TT_CONFIRMABLE, TT_GET, next_id++, "show");
    hear(CLIENT, &w);
    EXPECT(answer.message.length == TT_BUS_BLOCK_MAX && !answer.message.block2.present);
    for (uint32_t number = 0; number < 2; number++) {
        static uint8_t bytes[64];
        static const tt_bus_token token = {.length = 1, .bytes = {8}};
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, next_id++, &token);
        tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, "show", '/');
        tt_message_option_block(&w, TT_OPTION_BLOCK2,
                                &(tt_block){.number = 1 - number, .exponent = 2});
        hear(CLIENT, &w);
        EXPECT_EQUAL(answer.message.has_observe, number == 1);
    }
}

// An observer on the own device whose resource fails while it is read hears that, and no more.
static void test_own_observer_fails(void)
{
    static tt_resource resource = {
        .path = "gives", .handler = gives, .methods = 1 << TT_GET, .observable = true};
    static collected c;
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
    given = (tt_response){.code = TT_CONTENT,
                          .payload = shown,
                          .length = TT_BUS_BLOCK_MAX,
                          .more = true,
                          .has_version = true};
    get(&c, true, "gives", true);
    tt_bus_advance(&SERVER->bus, time_now);
    EXPECT(c.pieces == 1 && !c.last && SERVER->bus.observers[0].resource == &resource);
    given = (tt_response){.code = TT_UNAVAILABLE, .payload = shown, .length = 3};
    tt_bus_advance(&SERVER->bus, time_now);
    EXPECT(c.final && c.status == TT_OK && c.code == TT_UNAVAILABLE && c.length == 3);
    EXPECT(SERVER->bus.observers[0].resource == NULL);
}

int main(void)
{
    test_ends();
    test_own_observer_fails();
    test_what_a_handler_owes();
    test_no_answers();
    test_versions();
    test_later_windows();
    test_late_notifications();
    test_own_observer();
    test_far_observer();
    test_error_midway();
    test_small_notifications();
    return test_result();
}
