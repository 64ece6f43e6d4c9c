// Sessions that meet at a move: what is under way in both, who was heard where, and who is known by
// what.

#include "bus/internal.h"
#include "tests/bus/moving.h"

#define TAG 0x12345678
#define HER 0x1122334455667788

static tt_resource owing = {.path = "owing", .handler = later, .methods = 1 << TT_POST};
static const tt_endpoint third = {.ip = {0xfe, 0x80, [14] = 9, [15] = 8}, .port = 7777};

static asked first;

static void meet(void)
{
    start_known();
    REQUIRE(tt_bus_add(&CLIENT->bus, &owing) == TT_OK);
    ask(&first, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT_ANSWER(first, TT_CHANGED);
    runs = 0;
}

static tt_response changed(void)
{
    return (tt_response){.code = TT_CHANGED, .content_format = TT_FORMAT_NONE};
}

// An answer is under way to where she was, and a call to where she is said to be: one of the two
// has to end first, and neither is lost.
static void test_both_under_way(void)
{
    asked a, b, c;
    tt_response response = changed();
    meet();
    tt_endpoint before = CLIENT->endpoint;
    ask(&a, CLIENT, SERVER, TT_POST, "later", NULL, "x", 1);
    EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[0], &response), TT_OK);
    lose(SERVER);
    CLIENT->endpoint = elsewhere;
    begin(&b, SERVER, CLIENT, TT_POST, "owing", "x", 1);
    lose(SERVER);
    ask(&c, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT_ANSWER(c, TT_CHANGED);
    EXPECT_EQUAL(SERVER->bus.counters.moved, 0);
    EXPECT(session_at(SERVER, &before)->out.kind == TT_FOR_ANSWER);
    EXPECT(session_at(SERVER, &elsewhere)->out.kind == TT_FOR_CALL);
    pass(TT_SECONDS(1)); // the call is repeated, and acknowledged
    EXPECT(!a.done && !b.done && owed_count == 2);
    EXPECT(session_at(SERVER, &elsewhere)->out.kind == TT_FOR_NOBODY);
    ask(&c, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT_EQUAL(SERVER->bus.counters.moved, 1);
    EXPECT(session_at(SERVER, &before) == NULL);
    EXPECT_ANSWER(a, TT_CHANGED);
    EXPECT_EQUAL(tt_bus_answer(&CLIENT->bus, time_now, owed[1], &response), TT_OK);
    deliver();
    EXPECT_ANSWER(b, TT_CHANGED);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus) + tt_bus_busy(&CLIENT->bus), 0);
}

// What the session that is taken in was for, and what it was told, is the other's from then on.
static void test_taken_in(void)
{
    asked a, b;
    meet();
    tt_bus_session *s = session_at(SERVER, &CLIENT->endpoint);
    EXPECT(!s->ours && s->told_at == 0);
    EXPECT(s->identity == CLIENT->bus.identity);
    CLIENT->endpoint = elsewhere;
    tt_bus_set_identity(&CLIENT->bus, 4711);
    ask(&a, SERVER, CLIENT, TT_GET, ".well-known/core", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    tt_bus_session *other = session_at(SERVER, &elsewhere);
    EXPECT(other != s && other->identity == 4711 && other->told_at != 0);
    uint32_t told_at = other->told_at, tag = other->tag;
    ask(&b, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT_ANSWER(b, TT_CHANGED);
    EXPECT(session_at(SERVER, &elsewhere) == s && SERVER->bus.counters.moved == 1);
    EXPECT(s->ours && s->tag == tag && s->told_at == told_at && s->identity == 4711 && s->tell);
    EXPECT(other->peer.port == 0);
    // One that was told nothing leaves what is known as it is.
    device stranger = {.endpoint = third};
    tt_message_writer w = request(TT_CONFIRMABLE, TT_GET, 5, "show");
    hear(&stranger, &w);
    EXPECT(session_at(SERVER, &third)->told_at == 0);
    CLIENT->endpoint = third;
    ask(&b, CLIENT, SERVER, TT_POST, "keep", NULL, "x", 1);
    EXPECT(session_at(SERVER, &third) == s && SERVER->bus.counters.moved == 2);
    EXPECT(s->ours && s->tag == tag && s->told_at == told_at && s->identity == 4711);
}

// Who it is that asks is noted, until she has answered who she is.
static void test_noted_identity(void)
{
    asked a;
    meet();
    tt_bus_session *s = session_at(SERVER, &CLIENT->endpoint);
    EXPECT(s->identity == CLIENT->bus.identity && s->told_at == 0);
    uint32_t tag = s->window.tag;
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 900, tag, 100, HER);
    EXPECT_EQUAL(s->identity, HER);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 901, tag, 101, 0);
    EXPECT_EQUAL(s->identity, HER);
    ask(&a, SERVER, CLIENT, TT_GET, ".well-known/core", NULL, NULL, 0);
    EXPECT(s->identity == CLIENT->bus.identity && s->told_at != 0);
    hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 902, tag, 102, HER);
    EXPECT_EQUAL(s->identity, CLIENT->bus.identity);
}

// The first answer of a peer that says who it is ends nothing, whoever was thought to be there.
static void test_first_answer(void)
{
    asked a, b;
    tt_response response = changed();
    meet();
    begin(&a, SERVER, CLIENT, TT_POST, "owing", "x", 1);
    deliver();
    EXPECT(!a.done && session_at(SERVER, &CLIENT->endpoint)->told_at == 0);
    tt_bus_set_identity(&CLIENT->bus, 4711);
    ask(&b, SERVER, CLIENT, TT_GET, ".well-known/core", NULL, NULL, 0);
    EXPECT_ANSWER(b, TT_CONTENT);
    EXPECT_EQUAL(session_at(SERVER, &CLIENT->endpoint)->identity, 4711);
    pass(TT_SECONDS(1));
    EXPECT(!a.done);
    EXPECT_EQUAL(tt_bus_answer(&CLIENT->bus, time_now, owed[0], &response), TT_OK);
    deliver();
    EXPECT_ANSWER(a, TT_CHANGED);
    // The next one that says another name ends what waits there.
    begin(&a, SERVER, CLIENT, TT_POST, "owing", "x", 1);
    deliver();
    tt_bus_set_identity(&CLIENT->bus, 4712);
    tt_bus_set_identity(&SERVER->bus, 4713); // so it says it, and is answered
    ask(&b, SERVER, CLIENT, TT_GET, ".well-known/core", NULL, NULL, 0);
    EXPECT_ANSWER(b, TT_CONTENT);
    pass(TT_MS(1));
    EXPECT(a.done && a.status == TT_TIMED_OUT);
}

static void observe(asked *a, device *from)
{
    memset(a, 0, sizeof(*a));
    a->call = call_to(SERVER, TT_GET, "show", NULL, 0, a);
    a->call.observe = true;
    REQUIRE(tt_bus_call(&from->bus, time_now, &a->call) == TT_OK);
    deliver();
    EXPECT(!a->done && a->code == TT_CONTENT);
}

static void hear_newer(const tt_endpoint *from, uint32_t tag)
{
    static uint32_t number = 1000;
    hear_tagged(from, TT_CONFIRMABLE, next_id++, tag, ++number, 0);
    EXPECT(answer.count > 0);
}

// Who was heard at another's address and has moved since has not changed places with it, whichever
// of the two it was.
static void test_old_claims(void)
{
    for (int which = 0; which < 3; which++) {
        asked a, b;
        start_known();
        observe(&a, CLIENT);
        observe(&b, OTHER);
        tt_endpoint x = CLIENT->endpoint, y = OTHER->endpoint;
        tt_bus_session *s = session_at(SERVER, &x), *t = session_at(SERVER, &y);
        uint32_t of_s = s->window.tag, of_t = t->window.tag;
        hear_newer(&y, of_s); // s claims t's place
        EXPECT(SERVER->bus.counters.moved == 0 && s->claims == t - SERVER->bus.sessions + 1);
        if (which == 0) {
            hear_newer(&third, of_s); // and moves
            EXPECT(SERVER->bus.counters.moved == 1 && s->claims == 0);
            hear_newer(&third, of_t);
        } else if (which == 1) {
            hear_newer(&third, of_t); // who was claimed moves
            EXPECT(SERVER->bus.counters.moved == 1 && s->claims == 0);
            hear_newer(&x, of_t);
        } else {
            hear_newer(&x, of_t); // both: they change places
            EXPECT(SERVER->bus.counters.moved == 2);
            EXPECT(tt_endpoint_equal(&s->peer, &y) && tt_endpoint_equal(&t->peer, &x));
            EXPECT(s->claims == 0 && t->claims == 0);
            hear_newer(&x, of_s); // one of them again: not yet
            EXPECT(SERVER->bus.counters.moved == 2 && tt_endpoint_equal(&s->peer, &y));
            continue;
        }
        EXPECT_EQUAL(SERVER->bus.counters.moved, 1);
        EXPECT(!tt_endpoint_equal(&s->peer, &t->peer));
    }
}

// A session that is made where a forgotten one was claims nothing, and is not claimed.
static void test_claims_of_nobody(void)
{
    asked a, b;
    start_known();
    observe(&a, CLIENT);
    observe(&b, OTHER);
    tt_bus_session *s = session_at(SERVER, &CLIENT->endpoint);
    tt_bus_session *t = session_at(SERVER, &OTHER->endpoint);
    s->claims = (uint8_t)(t - SERVER->bus.sessions + 1);
    t->claims = (uint8_t)(s - SERVER->bus.sessions + 1);
    memset(s, 0, sizeof(*s)); // as one that gave way
    SERVER->bus.observers[0].resource = NULL;
    hear_tagged(&third, TT_CONFIRMABLE, 1, TAG, 1, HER);
    EXPECT(session_at(SERVER, &third) == s && s->claims == 0 && t->claims == 0);
}

// One who asks was heard, at its own place and at another: it is not the first to give way, and
// what became of its newest request is known for its whole time.
static void test_heard(void)
{
    for (int moves = 0; moves < 2; moves++) {
        start_known();
        hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 1, HER);
        time_now += TT_SECONDS(240);
        const tt_endpoint *at = moves ? &elsewhere : &CLIENT->endpoint;
        hear_tagged(at, TT_CONFIRMABLE, 2, TAG, 2, 0);
        EXPECT_EQUAL(session_at(SERVER, at)->heard, time_now);
        time_now += TT_SECONDS(200);
        hear_tagged(at, TT_CONFIRMABLE, 2, TAG, 2, 0);
        EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED && runs == 2);
        EXPECT_EQUAL(session_at(SERVER, at)->heard, time_now);
    }
}

// Only what others have not overtaken moves a session: a confirmable request that is repeated, too,
// one that is not confirmable only when it is newer than all.
static void test_newest(void)
{
    static const struct {
        tt_message_type type;
        uint32_t number;
        bool moves;
    } cases[] = {
        {TT_CONFIRMABLE, 9, false},      {TT_CONFIRMABLE, 10, true},
        {TT_CONFIRMABLE, 11, true},      {TT_NON_CONFIRMABLE, 19, false},
        {TT_NON_CONFIRMABLE, 20, false}, {TT_NON_CONFIRMABLE, 21, true},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        start_known();
        hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, 10, HER);
        hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, 2, TAG, 20, 0);
        hear_tagged(&elsewhere, cases[i].type, 1, TAG, cases[i].number, 0);
        EXPECT_EQUAL(SERVER->bus.counters.moved, cases[i].moves);
        EXPECT_EQUAL(session_at(SERVER, &elsewhere) != NULL, cases[i].moves);
        EXPECT_EQUAL(session_at(SERVER, &CLIENT->endpoint) != NULL, !cases[i].moves);
    }
}

// A life that left and comes back: all up to its greatest number is taken, and nothing else,
// wherever that stands in the window.
static void test_window_of_a_life(void)
{
    for (uint32_t greatest = 300; greatest < 340; greatest++) {
        start_known();
        hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG, greatest, HER);
        hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 1, TAG + 1, 1, HER + 1);
        EXPECT_EQUAL(session_at(SERVER, &CLIENT->endpoint)->window.tag, TAG + 1);
        runs = 0;
        hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 2, TAG, greatest, 0);
        EXPECT_EQUAL(session_at(SERVER, &CLIENT->endpoint)->window.tag, TAG);
        for (uint32_t back = 0; back < 40; back++)
            hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, (uint16_t)(10 + back), TAG,
                        greatest - back, 0);
        EXPECT_EQUAL(runs, 0);
        for (uint32_t on = 1; on <= 40; on++)
            hear_tagged(&CLIENT->endpoint, TT_NON_CONFIRMABLE, (uint16_t)(100 + on), TAG,
                        greatest + on, 0);
        EXPECT_EQUAL(runs, 40);
        hear_tagged(&CLIENT->endpoint, TT_CONFIRMABLE, 3, TAG, greatest + 1, 0);
        EXPECT_EQUAL(runs, 41);
    }
}

int main(void)
{
    test_both_under_way();
    test_taken_in();
    test_noted_identity();
    test_first_answer();
    test_old_claims();
    test_claims_of_nobody();
    test_heard();
    test_newest();
    test_window_of_a_life();
    return test_result();
}
