// Peers that are heard from another address: what goes on there, and what others cannot make of it.

#include "tests/bus/moving.h"

#define TAG 0x12345678
#define HER 0x1122334455667788

static asked first;

// A client and a server that know each other.
static void meet(void)
{
    start_known();
    ask(&first, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT_ANSWER(first, TT_CHANGED);
    runs = 0;
}

static void move_client(void)
{
    CLIENT->endpoint = elsewhere;
}

// The answer is lost, and the repetition comes from elsewhere.
static void test_in_a_call(void)
{
    for (int is_first = 0; is_first < 2; is_first++) {
        asked a;
        if (is_first)
            start_known();
        else
            meet();
        begin(&a, CLIENT, SERVER, TT_POST, "keep", "x", 1);
        carry(CLIENT, SERVER);
        lose(SERVER);
        move_client();
        pass(TT_SECONDS(3));
        EXPECT_ANSWER(a, TT_CHANGED);
        EXPECT_EQUAL(runs, 1);
        EXPECT_EQUAL(SERVER->bus.counters.moved, 1);
    }
}

// An answer that is owed goes to where its asker is now, though it was on the way already.
static void test_owed_answer(void)
{
    asked a, b;
    tt_response response = {.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
    meet();
    ask(&a, CLIENT, SERVER, TT_POST, "later", NULL, "x", 1);
    EXPECT(!a.done);
    move_client();
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_OK);
    deliver(); // to nobody
    ask(&b, CLIENT, SERVER, TT_GET, "show", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_CHANGED); // resent at once
    EXPECT(session_at(SERVER, &elsewhere) != NULL && runs == 2);
}

static unsigned told;

static void on_notification(tt_call *call, tt_time now, const tt_reply *reply)
{
    asked *a = call->context;
    (void)now;
    told += reply->status == TT_OK;
    a->status = reply->status;
    a->done = reply->final;
}

static void observe(asked *a, device *from)
{
    told = 0;
    memset(a, 0, sizeof(*a));
    a->call = call_to(SERVER, TT_GET, "show", NULL, 0, a);
    a->call.observe = true;
    a->call.on_reply = on_notification;
    REQUIRE(tt_bus_call(&from->bus, time_now, &a->call) == TT_OK);
    deliver();
    EXPECT_EQUAL(told, 1);
}

// It is told where it is now: after its next request, or once it registers again. Others' tokens
// and its own old ones do not bring it back.
static void test_in_an_observation(void)
{
    asked a, b;
    meet();
    observe(&a, CLIENT);
    tt_endpoint before = CLIENT->endpoint;
    move_client();
    ask(&b, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT_ANSWER(b, TT_CHANGED);
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    pass(TT_MS(10));
    EXPECT_EQUAL(told, 2);
    hear_tagged(&before, TT_CONFIRMABLE, 77, session_at(CLIENT, &SERVER->endpoint)->tag, 1, 0);
    EXPECT(session_at(SERVER, &before) == NULL && session_at(SERVER, &elsewhere) != NULL);
    // Registered for again from the first place, by the token that it began with.
    CLIENT->endpoint = before;
    pass(TT_SECONDS(70));
    EXPECT(session_at(SERVER, &before) != NULL && session_at(SERVER, &elsewhere) == NULL);
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    unsigned so_far = told;
    pass(TT_SECONDS(1));
    EXPECT_EQUAL(told, so_far + 1);
    EXPECT(!a.done);
    // Its end is told from elsewhere, not confirmably, since its session is not free.
    begin(&b, CLIENT, SERVER, TT_POST, "keep", "x", 1);
    move_client();
    tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
    deliver();
    EXPECT(SERVER->bus.observers[0].resource == NULL);
}

static void test_in_a_body(void)
{
    static uint8_t body[4000];
    asked a;
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (uint8_t)(i * 7);
    meet();
    begin(&a, CLIENT, SERVER, TT_PUT, "keep", body, sizeof(body));
    carry(CLIENT, SERVER);
    carry(SERVER, CLIENT);
    carry(CLIENT, SERVER); // the second block
    move_client();
    lose(SERVER);
    pass(TT_SECONDS(3));
    EXPECT_ANSWER(a, TT_CHANGED);
    EXPECT(runs == 4 && kept_length == sizeof(body) && memcmp(kept, body, sizeof(body)) == 0);
}

// Who does not know the tag is another, whatever else it says; it has nothing of hers.
static void test_forged_tags(void)
{
    meet();
    uint32_t tag = session_at(CLIENT, &SERVER->endpoint)->tag;
    tt_endpoint place = CLIENT->endpoint;
    hear_tagged(&elsewhere, TT_CONFIRMABLE, 1, tag ^ 1, 2, CLIENT->bus.identity);
    EXPECT(session_at(SERVER, &place)->window.tag == tag);
    EXPECT(session_at(SERVER, &elsewhere)->window.tag == (tag ^ 1));
    EXPECT_EQUAL(SERVER->bus.counters.moved, 0);
    // In her name: her session has its observations still, and she finds what was taken of her.
    asked a, b;
    observe(&a, CLIENT);
    runs = 0;
    hear_tagged(&place, TT_CONFIRMABLE, 1, tag ^ 2, 9, CLIENT->bus.identity ^ 1);
    hear_tagged(&place, TT_CONFIRMABLE, 1, tag, 1, 0);
    EXPECT_EQUAL(runs, 1);
    EXPECT(SERVER->bus.observers[0].session == session_at(SERVER, &place));
    ask(&b, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT_ANSWER(b, TT_CHANGED);
    // Her tag from the address of another who is served: that one stays, she is answered.
    asked c;
    observe(&c, OTHER);
    hear_tagged(&OTHER->endpoint, TT_CONFIRMABLE, 5, tag, 1000, 0);
    EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED);
    EXPECT(session_at(SERVER, &OTHER->endpoint)->window.tag ==
           session_at(OTHER, &SERVER->endpoint)->tag);
    EXPECT(session_at(SERVER, &place)->window.tag == tag);
    EXPECT_EQUAL(SERVER->bus.counters.moved, 0);
    uint8_t bytes[64];
    tt_bus_token token = {.length = 8, .bytes = {[7] = 200}};
    tt_writer t;
    tt_writer_init(&t, token.bytes, 4);
    tt_write_be32(&t, tag);
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, 6, &token);
    tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "show", '/');
    hear(OTHER, &w); // nothing is begun that would be told there
    EXPECT(answer.count == 1 && answer.message.code == TT_CONTENT && !answer.message.has_observe);
}

// A stranger was at the address before: what it asked is not run again either.
static void test_after_a_stranger(void)
{
    device stranger = {.endpoint = elsewhere};
    meet();
    tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, 5, "keep");
    tt_message_payload(&w, "y", 1);
    hear(&stranger, &w);
    hear_tagged(&elsewhere, TT_CONFIRMABLE, 6, session_at(CLIENT, &SERVER->endpoint)->tag, 50, 0);
    EXPECT(runs == 2 && session_at(SERVER, &CLIENT->endpoint) == NULL);
    w = request(TT_CONFIRMABLE, TT_POST, 5, "keep");
    tt_message_payload(&w, "y", 1);
    hear(&stranger, &w);
    EXPECT_EQUAL(runs, 2);
}

// Two clients that are served change places: each is known by its own numbers at once, and has its
// own observations once both have asked something.
static void test_changing_places(void)
{
    asked a, b, c;
    meet();
    ask(&a, OTHER, SERVER, TT_POST, "keep", NULL, "x", 1);
    observe(&a, CLIENT);
    observe(&b, OTHER);
    tt_bus_session *of_client = session_at(SERVER, &CLIENT->endpoint);
    begin(&c, CLIENT, SERVER, TT_POST, "keep", "x", 1);
    carry(CLIENT, SERVER);
    lose(SERVER);
    tt_endpoint place = CLIENT->endpoint;
    CLIENT->endpoint = OTHER->endpoint;
    OTHER->endpoint = place;
    runs = told = 0;
    pass(TT_SECONDS(2));
    EXPECT_ANSWER(c, TT_CHANGED);
    EXPECT_EQUAL(runs, 0);
    EXPECT_EQUAL(SERVER->bus.counters.moved, 0);
    ask(&c, OTHER, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT_EQUAL(SERVER->bus.counters.moved, 2);
    EXPECT(session_at(SERVER, &CLIENT->endpoint) == of_client);
    told = runs = 0;
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    pass(TT_SECONDS(1));
    EXPECT(told == 2 && !a.done && !b.done);
}

// The server calls the client where it is said to be, before the client was heard there.
static void test_called_before(void)
{
    asked a, b, c;
    meet();
    observe(&a, CLIENT);
    tt_endpoint before = CLIENT->endpoint;
    move_client();
    begin(&b, SERVER, CLIENT, TT_GET, ".well-known/core", NULL, 0);
    lose(SERVER);
    ask(&c, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT_ANSWER(c, TT_CHANGED);
    EXPECT(session_at(SERVER, &before) == NULL);
    EXPECT(session_at(SERVER, &elsewhere)->ours);
    pass(TT_SECONDS(2));
    EXPECT_ANSWER(b, TT_CONTENT);
    // By the tag that she was called with.
    EXPECT(session_at(CLIENT, &SERVER->endpoint)->window.tag ==
           session_at(SERVER, &elsewhere)->tag);
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    pass(TT_SECONDS(1));
    EXPECT(told == 2 && !a.done);
}

// What is under way to where a peer was is not repeated elsewhere: its call ends in its time.
static void test_our_call_to_a_mover(void)
{
    asked a, b;
    meet();
    begin(&a, SERVER, CLIENT, TT_POST, "nothing", "x", 1);
    a.call.timeout = TT_SECONDS(60);
    lose(SERVER);
    move_client();
    ask(&b, CLIENT, SERVER, TT_POST, "later", NULL, "x", 1);
    tt_response response = {.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_OK);
    deliver();
    EXPECT_ANSWER(b, TT_CHANGED);
    pass(TT_SECONDS(59));
    EXPECT(!a.done && SERVER->bus.counters.retransmitted == 0);
    pass(TT_SECONDS(2));
    EXPECT(a.done && a.status == TT_TIMED_OUT);
}

// Another life answers where one was that had answered: what waits for the first ends, and what
// is observed is registered for with the second.
static void test_another_life(void)
{
    asked a, b, c;
    meet();
    observe(&a, CLIENT);
    ask(&b, CLIENT, SERVER, TT_POST, "later", NULL, "x", 1);
    tt_bus_set_identity(&SERVER->bus, 4711); // and has forgotten all
    tt_bus_forget_peer(&SERVER->bus, time_now, &CLIENT->endpoint);
    pass(TT_SECONDS(2));
    EXPECT(!b.done && SERVER->bus.observers[0].resource == NULL);
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    tt_bus_set_identity(&CLIENT->bus, 4712); // so it says it, and is answered
    told = 0;
    ask(&c, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT_ANSWER(c, TT_CHANGED);
    pass(TT_MS(1));
    EXPECT(b.done && b.status == TT_TIMED_OUT);
    EXPECT(!a.done && told == 1 && SERVER->bus.observers[0].resource != NULL);
}

// The same life says once more who it is, or says it no more: nothing that waits for it ends.
static void test_the_same_life(bool says_it)
{
    asked a, b, c;
    meet();
    observe(&a, CLIENT);
    ask(&b, CLIENT, SERVER, TT_POST, "later", NULL, "x", 1);
    tt_bus_set_identity(&CLIENT->bus, 4712); // so it says it, and is answered
    if (!says_it)
        tt_bus_set_identity(&SERVER->bus, 0);
    ask(&c, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT_ANSWER(c, TT_CHANGED);
    EXPECT(session_at(CLIENT, &SERVER->endpoint)->identity == SERVER->bus.identity);
    pass(TT_SECONDS(1));
    EXPECT(!a.done && !b.done && told == 1);
    tt_response response = {.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_OK);
    deliver();
    EXPECT_ANSWER(b, TT_CHANGED);
}

// The first block of a stream, as its server answers with it, and says who it is.
static void say_first_block(const asked *a, tt_message_type type, uint16_t id, uint64_t identity)
{
    static uint8_t bytes[TT_BUS_MESSAGE_MAX], payload[TT_BUS_BLOCK_MAX];
    tt_bus_token token = {.length = 8};
    tt_message_writer w;
    memcpy(token.bytes, &a->call.state.token, 8);
    tt_message_begin(&w, bytes, sizeof(bytes), type, TT_CONTENT, id, &token);
    tt_message_option_block(&w, TT_OPTION_BLOCK2, &(tt_block){.more = true, .exponent = 6});
    tt_message_option_number(&w, TT_OPTION_SIZE2, 5000);
    tt_message_option_number(&w, TT_OPTION_STREAM, 64 << 2);
    tt_message_option_tag(&w, TT_OPTION_IDENTITY, identity, 8);
    tt_message_payload(&w, payload, sizeof(payload));
    tell(CLIENT, SERVER, &w);
}

// What another life says first is no end of the call that it answers.
static void test_answered_by_another_life(void)
{
    asked a;
    meet();
    memset(&a, 0, sizeof(a));
    a.call = call_to(SERVER, TT_GET, "show", NULL, 0, &a);
    a.call.any_order = true;
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &a.call) == TT_OK);
    collect(CLIENT);
    say_first_block(&a, TT_ACKNOWLEDGEMENT, a.call.state.message_id, 4711);
    EXPECT_EQUAL(CLIENT->bus.counters.streams, 1);
    EXPECT(session_at(CLIENT, &SERVER->endpoint)->identity == 4711);
    say_first_block(&a, TT_NON_CONFIRMABLE, 99, 4712); // once more, and by whom
    EXPECT(session_at(CLIENT, &SERVER->endpoint)->identity == 4712);
    time_now += TT_MS(10);
    tt_bus_advance(&CLIENT->bus, time_now);
    EXPECT(!a.done);
    tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
    EXPECT(a.done && a.status == TT_CANCELLED);
}

// Another life, which says who it is, comes to where one was that has only asked so far: that one
// does not know of it, and is known still.
static void test_taken_over(void)
{
    asked a, b, c;
    start_known();
    ask(&a, CLIENT, SERVER, TT_GET, "show", NULL, NULL, 0);
    OTHER->endpoint = CLIENT->endpoint;
    move_client();
    ask(&b, OTHER, SERVER, TT_POST, "keep", NULL, "y", 1);
    EXPECT_ANSWER(b, TT_CHANGED);
    runs = 0;
    begin(&c, CLIENT, SERVER, TT_POST, "keep", "x", 1);
    carry(CLIENT, SERVER);
    lose(SERVER);
    CLIENT->endpoint.port++;
    pass(TT_SECONDS(3));
    EXPECT_ANSWER(c, TT_CHANGED);
    EXPECT_EQUAL(runs, 1);
}

int main(void)
{
    test_taken_over();
    test_in_a_call();
    test_owed_answer();
    test_in_an_observation();
    test_in_a_body();
    test_forged_tags();
    test_after_a_stranger();
    test_changing_places();
    test_called_before();
    test_our_call_to_a_mover();
    test_another_life();
    test_the_same_life(true);
    test_the_same_life(false);
    test_answered_by_another_life();
    return test_result();
}
