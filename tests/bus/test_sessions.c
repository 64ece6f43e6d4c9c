// What is between two devices: one message at a time whose bytes stay, ids, bodies that are not
// mixed, what a request may ask for, and what came of what was too long.

#include "bus/internal.h"
#include "tests/bus/exchange.h"

static void turn(device *d)
{
    tt_bus_advance(&d->bus, time_now);
    collect(d);
}

// A repetition has the bytes of the first, whatever became of what they were made of; a short
// message and a long one.
static void test_stored_bytes(void)
{
    static uint8_t body[TT_BUS_BLOCK_MAX], first[TT_BUS_MESSAGE_MAX];
    asked a;
    for (size_t length = 8; length <= sizeof(body); length += sizeof(body) - 8) {
        start();
        memset(body, 'x', sizeof(body));
        ask_by_hand(&a, TT_PUT, false, body, length);
        EXPECT(answer.count == 1 && answer.message.length == length);
        memcpy(first, answer.bytes, sizeof(first));
        memset(body, 'y', sizeof(body));
        for (unsigned i = 0; i < TT_BUS_BUFFERS_MAX; i++) // a short one takes no buffer
            EXPECT_EQUAL(CLIENT->bus.buffers[i].state,
                         i == 0 && length > TT_BUS_SMALL_BYTES ? TT_BUFFER_HELD : TT_BUFFER_FREE);
        time_now += TT_SECONDS(1);
        turn(CLIENT);
        EXPECT(answer.count == 1 && memcmp(first, answer.bytes, length + 16) == 0);
        tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
        for (unsigned i = 0; i < TT_BUS_BUFFERS_MAX; i++)
            EXPECT_EQUAL(CLIENT->bus.buffers[i].state, 0);
    }
}

// 65,536 ids, and no more within EXCHANGE_LIFETIME: the next message waits (RFC 7252, 4.4).
static void test_ids_run_out(void)
{
    asked a;
    unsigned sent = 0;
    start();
    tt_time begun = time_now;
    do {
        ask_by_hand(&a, TT_GET, false, NULL, 0);
        if (answer.count == 0)
            break;
        sent++;
        respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0, NULL, 0, 1);
        EXPECT(a.done);
        time_now += TT_MS(1);
    } while (sent < 70000);
    EXPECT(sent > 3 * 16384 && sent <= 65536);
    tt_time next = tt_bus_deadline(&CLIENT->bus);
    EXPECT(next <= time_now + TT_SECONDS(60)); // the call's own end, at the latest
    a.call.state.deadline = TT_FOREVER;
    next = tt_bus_deadline(&CLIENT->bus);
    EXPECT(next >= begun + TT_BUS_EXCHANGE_LIFETIME && next < begun + TT_SECONDS(265));
    time_now = next;
    turn(CLIENT);
    EXPECT_EQUAL(answer.count, 1);
}

static bool puts_block(uint32_t number)
{
    return answer.count == 1 && answer.message.code == TT_PUT && answer.message.block1.present &&
           answer.message.block1.number == number;
}

static void take_block(const asked *a, tt_code code, uint32_t number)
{
    respond(SERVER, a, 0, TT_ACKNOWLEDGEMENT, code, 0, NULL, 0,
            &(tt_block){.number = number, .more = code == TT_CONTINUE, .exponent = 6},
            TT_OPTION_BLOCK1, 0);
}

// Two bodies of ours for one resource: one behind the other.
static void test_two_bodies(void)
{
    static uint8_t one[2048], two[2048];
    asked a, b;
    start();
    ask_by_hand(&a, TT_PUT, false, one, sizeof(one));
    EXPECT(puts_block(0) && answer.message.tag_length == 4);
    uint64_t tag = answer.message.tag;
    ask_by_hand(&b, TT_PUT, false, two, sizeof(two));
    EXPECT_EQUAL(answer.count, 0);
    take_block(&a, TT_CONTINUE, 0);
    EXPECT(puts_block(1) && answer.message.tag == tag);
    take_block(&a, TT_CHANGED, 1);
    EXPECT_ANSWER(a, TT_CHANGED);
    EXPECT(puts_block(0) && answer.message.tag != tag);
    take_block(&b, TT_CONTINUE, 0);
    take_block(&b, TT_CHANGED, 1);
    EXPECT_ANSWER(b, TT_CHANGED);
    // Of another method, or to another peer, it does not wait.
    asked elsewhere;
    start();
    ask_by_hand(&a, TT_PUT, false, one, sizeof(one));
    ask_by_hand(&b, TT_POST, false, two, sizeof(two));
    take_block(&a, TT_CONTINUE, 0);
    EXPECT(answer.count == 1 && answer.message.code == TT_POST);
    memset(&elsewhere, 0, sizeof(elsewhere));
    elsewhere.call = a.call;
    elsewhere.call.peer = OTHER->endpoint;
    elsewhere.call.context = &elsewhere;
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &elsewhere.call) == TT_OK);
    collect(CLIENT);
    EXPECT(puts_block(0));
    // Both behind another message.
    asked first;
    start();
    ask_by_hand(&first, TT_GET, false, NULL, 0);
    ask_by_hand(&a, TT_PUT, false, one, sizeof(one));
    ask_by_hand(&b, TT_PUT, false, two, sizeof(two));
    EXPECT_EQUAL(answer.count, 0);
    respond(SERVER, &first, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0, NULL, 0, 1);
    EXPECT(puts_block(0) && answer.message.id == a.call.state.message_id);
    take_block(&a, TT_CONTINUE, 0);
    take_block(&a, TT_CHANGED, 1);
    EXPECT(a.done && puts_block(0) && answer.message.id == b.call.state.message_id);
    // Of a stranger who mixes them the older is given up, and told so (RFC 9175, 3).
    start();
    static const char letters[] = "ab";
    static const uint8_t order[] = {0, 1, 0, 1}, numbers[] = {0, 0, 1, 1};
    for (unsigned i = 0; i < 4; i++) {
        uint8_t payload[16];
        memset(payload, letters[order[i]], sizeof(payload));
        tt_message_writer w = request(TT_CONFIRMABLE, TT_PUT, (uint16_t)(i + 1), "keep");
        tt_message_option_block(&w, TT_OPTION_BLOCK1,
                                &(tt_block){.number = numbers[i], .more = i < 2});
        tt_message_option(&w, TT_OPTION_REQUEST_TAG, &letters[order[i]], 1);
        tt_message_payload(&w, payload, sizeof(payload));
        hear(CLIENT, &w);
        EXPECT_EQUAL(answer.message.code, i < 2    ? TT_CONTINUE
                                          : i == 2 ? TT_ENTITY_INCOMPLETE
                                                   : TT_CHANGED);
    }
    EXPECT(kept_length == 32 && kept[0] == 'b' && kept[31] == 'b');
}

// Whoever broke off a body is not waited for long where another wants its place.
static void test_broken_off(void)
{
    start();
    for (unsigned i = 0; i < 3; i++) {
        tt_message_writer w = request(TT_CONFIRMABLE, TT_PUT, (uint16_t)(i + 1), "keep");
        tt_message_option_block(&w, TT_OPTION_BLOCK1, &(tt_block){.more = true});
        tt_message_payload(&w, "0123456789abcdef", 16);
        hear(i == 0 ? CLIENT : OTHER, &w);
        EXPECT_EQUAL(answer.message.code, i == 1 ? TT_UNAVAILABLE : TT_CONTINUE);
        time_now += i == 0 ? TT_BUS_TRANSFER_YIELD - TT_MS(1) : TT_MS(1);
    }
}

// A server that does not know blocks has taken the first for the whole.
static void test_server_without_blocks(void)
{
    static uint8_t body[2048];
    asked a;
    start();
    ask_by_hand(&a, TT_PUT, false, body, sizeof(body));
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CHANGED, 0, NULL, 0, NULL, 0, 0);
    EXPECT(a.done && a.status == TT_UNSUPPORTED);
    ask_by_hand(&a, TT_PUT, false, body, sizeof(body));
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_BAD_OPTION, 0, NULL, 0, NULL, 0, 0);
    EXPECT_ANSWER(a, TT_BAD_OPTION);
}

// An error in the midst of a fetch is the answer, whatever its block option says.
static void test_error_with_block(void)
{
    asked a;
    start();
    ask_by_hand(&a, TT_GET, false, NULL, 0);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0,
            &(tt_block){.more = true, .exponent = 2}, TT_OPTION_BLOCK2, 64);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_PATH_NOT_FOUND, 0, NULL, 0,
            &(tt_block){.number = 1, .more = true, .exponent = 2}, TT_OPTION_BLOCK2, 100);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    EXPECT_EQUAL(a.length, 100);
    static uint8_t bytes[1200], payload[TT_BUS_BLOCK_MAX + 1]; // no caller gets more than a block
    tt_message_writer w;
    ask_by_hand(&a, TT_GET, false, NULL, 0);
    tt_bus_token token = {.length = 8};
    memcpy(token.bytes, &a.call.state.token, 8);
    tt_message_begin(&w, bytes, sizeof(bytes), TT_ACKNOWLEDGEMENT, TT_PATH_NOT_FOUND,
                     a.call.state.message_id, &token);
    tt_message_payload(&w, payload, sizeof(payload));
    tell(CLIENT, SERVER, &w);
    EXPECT(a.done && a.status == TT_TOO_LARGE);
}

// A request that is reset ends so, and one that is pinged goes out at once.
static void test_reset_and_ping(void)
{
    asked a;
    uint8_t bytes[4];
    tt_message_writer w;
    start();
    ask_by_hand(&a, TT_GET, false, NULL, 0);
    tt_message_begin(&w, bytes, sizeof(bytes), TT_RESET_MESSAGE, 0, a.call.state.message_id, NULL);
    tell(CLIENT, SERVER, &w);
    EXPECT(a.done && a.status == TT_RESET);
    memset(&a, 0, sizeof(a));
    a.call = (tt_call){.peer = SERVER->endpoint, .on_reply = asked_reply, .context = &a};
    REQUIRE(tt_bus_ping(&CLIENT->bus, time_now, &a.call) == TT_OK);
    EXPECT(tt_bus_deadline(&CLIENT->bus) <= time_now);
    deliver();
    EXPECT(a.done && a.status == TT_OK);
}

// All blocks of a POST's answer are asked for with what was asked first (RFC 7959, 3.3).
static void test_format_of_fetches(void)
{
    asked a;
    start();
    memset(&a, 0, sizeof(a));
    a.call = (tt_call){.peer = SERVER->endpoint,
                       .method = TT_POST,
                       .path = "keep",
                       .payload = "body",
                       .length = 4,
                       .content_format = TT_FORMAT_CBOR,
                       .accept = TT_FORMAT_JSON,
                       .on_reply = asked_reply,
                       .context = &a};
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &a.call) == TT_OK);
    collect(CLIENT);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0,
            &(tt_block){.more = true, .exponent = 2}, TT_OPTION_BLOCK2, 64);
    EXPECT(answer.count == 1 && answer.message.block2.number == 1 && answer.message.length == 0);
    EXPECT_EQUAL(answer.message.content_format, TT_FORMAT_CBOR);
    EXPECT_EQUAL(answer.message.accept, TT_FORMAT_JSON);
    EXPECT_EQUAL(answer.message.tag_length, 0);
    tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
    static uint8_t body[2048]; // of a long body the Request-Tag, too
    ask_by_hand(&a, TT_POST, false, body, sizeof(body));
    uint64_t tag = answer.message.tag;
    take_block(&a, TT_CONTINUE, 0);
    respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0,
            &(tt_block){.more = true, .exponent = 2}, TT_OPTION_BLOCK2, 64);
    EXPECT(answer.count == 1 && answer.message.block2.number == 1 && answer.message.tag == tag);
    EXPECT(answer.message.tag_length == 4 && !answer.message.block1.present);
    tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
}

static void text_only(tt_resource *resource, tt_time now, const tt_request *request,
                      tt_response *response)
{
    (void)resource, (void)now;
    runs++;
    tt_respond_bytes(request, response, TT_FORMAT_TEXT, "text", 4, 1);
}

// 4.06 and 4.15 (RFC 7252, 5.10.3 and 5.10.4), by what a resource states or its handler gives.
static void test_formats(void)
{
    static const uint16_t json[] = {TT_FORMAT_JSON, TT_FORMAT_CBOR, TT_FORMAT_NONE};
    static tt_resource stated = {.path = "stated",
                                 .handler = keep,
                                 .methods = 1 << TT_PUT,
                                 .gives = json,
                                 .takes = json},
                       plain = {.path = "plain", .handler = text_only, .methods = 1 << TT_GET};
    static const struct {
        uint16_t format, accept, code;
    } cases[] = {
        {TT_FORMAT_JSON, TT_FORMAT_NONE, TT_CHANGED},
        {TT_FORMAT_CBOR, TT_FORMAT_CBOR, TT_CHANGED},
        {TT_FORMAT_NONE, TT_FORMAT_NONE, TT_CHANGED},
        {TT_FORMAT_TEXT, TT_FORMAT_NONE, TT_FORMAT_UNSUPPORTED},
        {TT_FORMAT_JSON, TT_FORMAT_TEXT, TT_NOT_ACCEPTABLE},
    };
    asked a;
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &stated) == TT_OK &&
            tt_bus_add(&SERVER->bus, &plain) == TT_OK);
    for (size_t i = 0; i < 2 * TT_COUNT(cases); i++) {
        static const tt_endpoint own_device;
        bool own = i % 2;
        unsigned before = runs;
        memset(&a, 0, sizeof(a));
        a.call = (tt_call){.peer = own ? own_device : SERVER->endpoint,
                           .method = TT_PUT,
                           .path = "stated",
                           .payload = "x",
                           .length = 1,
                           .content_format = cases[i / 2].format,
                           .accept = cases[i / 2].accept,
                           .on_reply = asked_reply,
                           .context = &a};
        REQUIRE(tt_bus_call(own ? &SERVER->bus : &CLIENT->bus, time_now, &a.call) == TT_OK);
        deliver();
        pass(TT_MS(1));
        EXPECT_ANSWER(a, cases[i / 2].code);
        EXPECT_EQUAL(runs, before + (cases[i / 2].code == TT_CHANGED));
    }
    for (unsigned accept = TT_FORMAT_TEXT; accept <= TT_FORMAT_LINKS; accept += TT_FORMAT_LINKS) {
        tt_message_writer w = request(TT_CONFIRMABLE, TT_GET, next_id++, "plain");
        tt_message_option_number(&w, TT_OPTION_ACCEPT, accept);
        hear(CLIENT, &w);
        EXPECT_EQUAL(answer.message.code,
                     accept == TT_FORMAT_TEXT ? TT_CONTENT : TT_NOT_ACCEPTABLE);
    }
}

// Other names of a path are nobody's, near and far.
static void test_aliases(void)
{
    static const struct {
        const char *parts[3];
        tt_code code;
    } cases[] = {
        {{"show"}, TT_CONTENT},
        {{"", "show"}, TT_PATH_NOT_FOUND},
        {{"show", ""}, TT_PATH_NOT_FOUND},
        {{"tree", "", "x"}, TT_PATH_NOT_FOUND},
        {{"tree", "x"}, TT_CONTENT},
        {{"tree", ""}, TT_PATH_NOT_FOUND},
        {{".", "show"}, TT_BAD_OPTION},
        {{"tree", "..", "x"}, TT_BAD_OPTION},
    };
    static const char *const near[] = {"/show", "show/", "tree//x", "tree/", "tree/./x", "tree/.."};
    asked a;
    start();
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        tt_message_writer w = request(TT_CONFIRMABLE, TT_GET, next_id++, "");
        for (unsigned k = 0; k < 3 && cases[i].parts[k] != NULL; k++)
            tt_message_option(&w, TT_OPTION_URI_PATH, cases[i].parts[k], strlen(cases[i].parts[k]));
        hear(CLIENT, &w);
        EXPECT_EQUAL(answer.message.code, cases[i].code);
    }
    for (size_t i = 0; i < TT_COUNT(near); i++) {
        memset(&a, 0, sizeof(a));
        a.call = (tt_call){.method = TT_GET,
                           .path = near[i],
                           .content_format = TT_FORMAT_NONE,
                           .accept = TT_FORMAT_NONE,
                           .on_reply = asked_reply,
                           .context = &a};
        REQUIRE(tt_bus_call(&SERVER->bus, time_now, &a.call) == TT_OK);
        pass(TT_MS(1));
        EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    }
}

// The time of a call is that without progress: a slow transfer ends well, one that stands still or
// goes round in circles does not.
static void test_progress(void)
{
    static uint8_t body[20 * TT_BUS_BLOCK_MAX];
    asked a;
    start();
    ask_by_hand(&a, TT_PUT, false, body, sizeof(body));
    for (uint32_t i = 0; i < 20; i++) {
        EXPECT(puts_block(i));
        time_now += TT_SECONDS(10);
        tt_bus_advance(&CLIENT->bus, time_now); // and that late
        collect(CLIENT);
        take_block(&a, i < 19 ? TT_CONTINUE : TT_CHANGED, i);
    }
    EXPECT_ANSWER(a, TT_CHANGED);
    ask_by_hand(&a, TT_GET, false, NULL, 0);
    for (uint32_t i = 0; i < 20; i++) {
        time_now += TT_SECONDS(10);
        turn(CLIENT);
        respond(SERVER, &a, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0,
                &(tt_block){.number = i, .more = i < 19, .exponent = 2}, TT_OPTION_BLOCK2, 64);
    }
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT_EQUAL(a.length, 20 * 64);
}

// A long body over a network that loses one datagram in twenty, each way: it takes longer than a
// call's time, comes whole, and no block's handler runs twice.
static uint8_t sent_body[1 << 20], got_body[1 << 20];

static void take_long(tt_resource *resource, tt_time now, const tt_request *request,
                      tt_response *response)
{
    (void)resource, (void)now;
    runs++;
    memcpy(got_body + request->offset, request->payload, request->length);
    response->code = TT_CHANGED;
}

static void carry_with_loss(tt_random *random)
{
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_endpoint to;
    size_t length;
    for (bool any = true; any;) {
        any = false;
        for (unsigned i = 0; i < 2; i++)
            while (tt_bus_transmit(&devices[i].bus, &to, bytes, sizeof(bytes), &length) == TT_OK) {
                any = true;
                if (tt_random_below(random, 100) >= 5)
                    tt_bus_receive(&devices[1 - i].bus, time_now, &devices[i].endpoint, bytes,
                                   length);
            }
    }
}

static void test_long_body_with_loss(void)
{
    static tt_resource resource = {.path = "long", .handler = take_long, .methods = 1 << TT_PUT};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        asked a;
        tt_random random;
        start();
        tt_random_seed(&random, seed);
        tt_random_bytes(&random, sent_body, sizeof(sent_body));
        REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
        memset(&a, 0, sizeof(a));
        a.call = (tt_call){.peer = SERVER->endpoint,
                           .method = TT_PUT,
                           .path = "long",
                           .payload = sent_body,
                           .length = sizeof(sent_body),
                           .content_format = TT_FORMAT_OCTETS,
                           .accept = TT_FORMAT_NONE,
                           .on_reply = asked_reply,
                           .context = &a};
        tt_time begun = time_now;
        REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &a.call) == TT_OK);
        while (!a.done) {
            carry_with_loss(&random);
            tt_time next = tt_earlier(tt_bus_deadline(&SERVER->bus), tt_bus_deadline(&CLIENT->bus));
            time_now = next > time_now ? next : time_now + 1;
            tt_bus_advance(&SERVER->bus, time_now);
            tt_bus_advance(&CLIENT->bus, time_now);
        }
        EXPECT_ANSWER(a, TT_CHANGED);
        EXPECT(time_now - begun > TT_SECONDS(60));
        EXPECT_EQUAL(runs, sizeof(sent_body) / TT_BUS_BLOCK_MAX);
        EXPECT(memcmp(sent_body, got_body, sizeof(sent_body)) == 0);
    }
}

int main(void)
{
    test_stored_bytes();
    test_ids_run_out();
    test_two_bodies();
    test_broken_off();
    test_server_without_blocks();
    test_error_with_block();
    test_reset_and_ping();
    test_format_of_fetches();
    test_formats();
    test_aliases();
    test_progress();
    test_long_body_with_loss();
    return test_result();
}
