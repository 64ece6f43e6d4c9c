// Observing a resource (RFC 7641): who is told what, in which order, and how it ends.

#include "tests/bus/exchange.h"

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
    time_now += TT_SECONDS(129); // after so long the number says nothing
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
    time_now += TT_BUS_CONFIRM_AFTER; // the newest is told again, once it is quiet (4.5)
    tt_bus_advance(&SERVER->bus, time_now);
    collect(SERVER);
    EXPECT(answer.count == 1 && answer.message.type == TT_CONFIRMABLE);
    EXPECT_EQUAL(answer.message.observe, sequence + 1);
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

// A notification is made for what its observer asked: path, query, format.
static tt_request seen;
static char seen_path[TT_BUS_PATH_MAX], seen_query[TT_BUS_QUERY_MAX];

static void look(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    (void)resource, (void)now;
    seen = *request;
    strcpy(seen_path, request->path);
    strcpy(seen_query, request->query);
    response->code = TT_CONTENT;
}

static void test_what_was_asked(void)
{
    static tt_resource resource = {.path = "look",
                                   .handler = look,
                                   .methods = 1 << TT_GET,
                                   .observable = true,
                                   .subtree = true};
    static const tt_endpoint own_device;
    asked a;
    for (int own = 0; own < 2; own++) {
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
        memset(&a, 0, sizeof(a));
        a.call = (tt_call){.peer = own ? own_device : SERVER->endpoint,
                           .method = TT_GET,
                           .path = "look/there",
                           .query = "a&b=1",
                           .content_format = TT_FORMAT_NONE,
                           .accept = TT_FORMAT_CBOR,
                           .observe = true,
                           .on_reply = asked_reply,
                           .context = &a};
        REQUIRE(tt_bus_call(own ? &SERVER->bus : &CLIENT->bus, time_now, &a.call) == TT_OK);
        deliver();
        pass(TT_MS(1));
        for (int told = 0; told < 2; told++) {
            EXPECT(seen.method == TT_GET && seen.accept == TT_FORMAT_CBOR && seen.last);
            EXPECT(seen.window_offset == 0 && seen.window_length == TT_BUS_BLOCK_MAX);
            EXPECT_TEXT(seen_path, "look/there");
            EXPECT_TEXT(seen_query, "a&b=1");
            memset(&seen, 0, sizeof(seen));
            seen_path[0] = seen_query[0] = '\0';
            if (told == 0)
                tt_bus_changed(&SERVER->bus, time_now, &resource);
            pass(TT_MS(1));
        }
        EXPECT(!a.done);
        tt_bus_cancel(own ? &SERVER->bus : &CLIENT->bus, time_now, &a.call);
    }
}

// Where a message is under way to the server the end is told beside it, not confirmably: with an id
// of its own, by the token and the path of what ends.
static void test_telling_the_end(bool with_accept)
{
    asked a, b;
    tt_endpoint to;
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    size_t length;
    start();
    CLIENT->bus.first_id = 0x1234; // two different bytes
    memset(&a, 0, sizeof(a));
    a.call = (tt_call){.peer = SERVER->endpoint,
                       .method = TT_GET,
                       .path = "show",
                       .query = "q=1",
                       .content_format = TT_FORMAT_NONE,
                       .accept = with_accept ? TT_FORMAT_CBOR : TT_FORMAT_NONE,
                       .observe = true,
                       .on_reply = asked_reply,
                       .context = &a};
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &a.call) == TT_OK);
    deliver();
    EXPECT(!a.done && a.code == TT_CONTENT);
    uint64_t token = a.call.state.token;
    ask_by_hand(&b, TT_POST, false, "x", 1);
    uint16_t id = b.call.state.message_id;
    EXPECT_EQUAL(id, 0x1235);
    tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
    EXPECT(a.done && a.status == TT_CANCELLED);
    REQUIRE(tt_bus_transmit(&CLIENT->bus, &to, bytes, sizeof(bytes), &length) == TT_OK);
    EXPECT(tt_message_parse(&answer.message, bytes, length) == TT_OK);
    const tt_message *m = &answer.message;
    EXPECT(tt_endpoint_equal(&to, &SERVER->endpoint));
    EXPECT(m->type == TT_NON_CONFIRMABLE && m->code == TT_GET && m->id == 0x1236);
    EXPECT(m->has_observe && m->observe == 1);
    EXPECT(m->token.length == 8 && memcmp(m->token.bytes, &token, 8) == 0);
    EXPECT_TEXT(m->path, "show");
    EXPECT_TEXT(m->query, "q=1");
    EXPECT_EQUAL(m->accept, with_accept ? TT_FORMAT_CBOR : TT_FORMAT_NONE);
    tt_bus_receive(&SERVER->bus, time_now, &CLIENT->endpoint, bytes, length);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
    tt_bus_cancel(&CLIENT->bus, time_now, &b.call);
}

// What is told while the observation waits to be registered for again is told all the same.
static void test_told_in_between(void)
{
    asked a, b;
    start();
    ask_by_hand(&a, TT_GET, true, NULL, 0);
    uint8_t sequence = 5;
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, TT_OPTION_OBSERVE, &sequence, 1, NULL, 0,
            3);
    EXPECT(!a.done && a.length == 3);
    ask_by_hand(&b, TT_POST, false, "x", 1); // and is not acknowledged
    time_now += TT_SECONDS(61);
    CLIENT->bus.sessions[0].out.next = TT_FOREVER;
    b.call.state.deadline = TT_FOREVER;
    tt_bus_advance(&CLIENT->bus, time_now);
    collect(CLIENT);
    EXPECT(answer.count == 0 && !b.done);
    sequence = 6;
    respond(SERVER, &a, 77, TT_NON_CONFIRMABLE, TT_CONTENT, TT_OPTION_OBSERVE, &sequence, 1, NULL,
            0, 4);
    EXPECT(answer.count == 0 && a.length == 4);
    tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
    tt_bus_cancel(&CLIENT->bus, time_now, &b.call);
}

// The answer to an observation that is given later, and is an error: none begins.
static void test_refused_later(void)
{
    static tt_resource slow = {
        .path = "slow", .handler = later, .methods = 1 << TT_GET, .observable = true};
    static const struct {
        tt_code code;
        bool begins;
    } cases[] = {{TT_CONTENT, true}, {TT_BAD_REQUEST, false}, {TT_UNAVAILABLE, false}};
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        tt_response response = {.code = cases[i].code, .content_format = TT_FORMAT_NONE};
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &slow) == TT_OK);
        tt_message_writer w = request(TT_CONFIRMABLE, TT_GET, 1, "");
        tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, "slow", '/');
        hear(CLIENT, &w);
        EXPECT(runs == 1 && SERVER->bus.observers[0].resource == &slow);
        EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_OK);
        collect(SERVER);
        EXPECT(answer.count == 1 && answer.message.code == cases[i].code);
        EXPECT_EQUAL(answer.message.has_observe, cases[i].begins);
        EXPECT_EQUAL(SERVER->bus.observers[0].resource != NULL, cases[i].begins);
        hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, answer.message.id);
        tt_bus_remove(&SERVER->bus, &slow);
    }
}

int main(void)
{
    test_observing();
    test_order_of_notifications();
    test_observers();
    test_last_notification();
    test_what_was_asked();
    test_telling_the_end(false);
    test_telling_the_end(true);
    test_told_in_between();
    test_refused_later();
    return test_result();
}
