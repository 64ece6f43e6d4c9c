// Observations that neither lock a table nor delay others nor end in silence: who is missed, what
// is told last, what is asked again.

#include "bus/internal.h"
#include "tests/bus/exchange.h"

static tt_message_writer observe_by(uint16_t id, uint8_t token, const char *path, uint32_t value)
{
    static uint8_t bytes[96];
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, id,
                     &(tt_bus_token){.length = 1, .bytes = {token}});
    tt_message_option_number(&w, TT_OPTION_OBSERVE, value);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, path, '/');
    return w;
}

static void turn(device *d)
{
    tt_bus_advance(&d->bus, time_now);
    collect(d);
}

static void change_shown(const char *text)
{
    strcpy(shown, text);
    shown_length = strlen(text);
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    turn(SERVER);
}

static unsigned observer_count(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < TT_BUS_OBSERVERS_MAX; i++)
        count += SERVER->bus.observers[i].resource != NULL;
    return count;
}

// A full table of observers who have gone is free again once they were asked; those who live stay.
static void test_full_of_the_gone(void)
{
    device one;
    start();
    for (uint16_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++) {
        one = (device){.endpoint = {.ip = {[15] = (uint8_t)(100 + i)}, .port = TT_BUS_PORT}};
        tt_message_writer w = observe_by(1, 1, "show", 0);
        hear(&one, &w);
        EXPECT(answer.message.has_observe);
    }
    tt_message_writer w;
    for (uint16_t late = 0; late < 2; late++) {
        time_now += late ? TT_MS(1) : TT_BUS_PROBE_AFTER - TT_MS(1);
        w = observe_by((uint16_t)(late + 1), 9, "show", 0);
        hear(OTHER, &w);
        EXPECT(answer.message.code == TT_CONTENT && !answer.message.has_observe);
        turn(SERVER);
        EXPECT_EQUAL(answer.count, late ? TT_BUS_OBSERVERS_MAX : 0);
    }
    EXPECT_EQUAL(answer.count, TT_BUS_OBSERVERS_MAX); // each is asked
    EXPECT_EQUAL(answer.message.type, TT_CONFIRMABLE);
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++) // the last one lives
        if (tt_endpoint_equal(&SERVER->bus.sessions[i].peer, &one.endpoint))
            hear_empty(&one, TT_ACKNOWLEDGEMENT, SERVER->bus.sessions[i].out.id);
    pass(TT_SECONDS(24));
    EXPECT_EQUAL(observer_count(), 1);
    w = observe_by(3, 9, "show", 0);
    hear(OTHER, &w);
    EXPECT(answer.message.has_observe);
}

// One who has gone is missed, though what it is to be told changes all the time; one who answers,
// however late, is not.
static void test_missed_at_last(void)
{
    for (int answers = 0; answers < 2; answers++) {
        start();
        tt_message_writer w = observe_by(1, 1, "show", 0);
        hear(CLIENT, &w);
        tt_time begun = time_now;
        unsigned told = 0;
        while (observer_count() > 0 && time_now - begun < TT_SECONDS(60)) {
            change_shown("x");
            time_now += TT_MS(50);
            told += answer.count;
            if (answers && answer.count > 0 && told % 2 == 0)
                hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, answer.message.id);
        }
        EXPECT_EQUAL(observer_count(), answers);
        if (!answers) {
            EXPECT_EQUAL(told, 1 + TT_BUS_RETRANSMITS_MAX);
            EXPECT(time_now - begun > TT_SECONDS(15) && time_now - begun < TT_SECONDS(24));
        }
    }
}

// Observers who have gone delay nobody.
static void test_the_gone_delay_nobody(void)
{
    start();
    for (uint16_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++) {
        device one = {.endpoint = {.ip = {[15] = (uint8_t)(100 + i)}, .port = TT_BUS_PORT}};
        tt_message_writer w = observe_by(1, 1, "show", 0);
        hear(i == 0 ? CLIENT : &one, &w);
    }
    for (unsigned i = 0; i < 5; i++) {
        change_shown(i % 2 ? "two" : "one");
        EXPECT(answer.count == (i == 0 ? TT_BUS_OBSERVERS_MAX : 1));
        for (size_t k = 0; k < TT_BUS_SESSIONS_MAX; k++)
            if (tt_endpoint_equal(&SERVER->bus.sessions[k].peer, &CLIENT->endpoint))
                hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, SERVER->bus.sessions[k].out.id);
        time_now += TT_MS(1);
    }
}

// The last of several changes arrives, though notifications were lost (RFC 7641, 1.3 and 4.5.2).
static void test_last_state(void)
{
    start();
    tt_message_writer w = observe_by(1, 1, "show", 0);
    hear(CLIENT, &w);
    change_shown("two"); // confirmable, and lost
    EXPECT(answer.count == 1 && answer.message.type == TT_CONFIRMABLE);
    uint16_t id = answer.message.id;
    uint32_t number = answer.message.observe;
    change_shown("three");
    EXPECT_EQUAL(answer.count, 0);
    time_now += TT_SECONDS(1); // not "two" again, but what is true now
    turn(SERVER);
    EXPECT(answer.count == 1 && answer.message.length == 5 && answer.message.id != id);
    EXPECT(answer.message.type == TT_CONFIRMABLE && answer.message.observe == number + 1);
    hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, answer.message.id);
    change_shown("four"); // soon after: without, and lost
    EXPECT(answer.count == 1 && answer.message.type == TT_NON_CONFIRMABLE);
    number = answer.message.observe;
    time_now += TT_BUS_CONFIRM_AFTER;
    EXPECT_EQUAL(tt_bus_deadline(&SERVER->bus), time_now);
    turn(SERVER);
    EXPECT(answer.count == 1 && answer.message.type == TT_CONFIRMABLE);
    EXPECT(answer.message.observe == number && answer.message.length == 4);
    hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, answer.message.id);
    EXPECT_EQUAL(tt_bus_deadline(&SERVER->bus), TT_FOREVER);
    time_now += TT_SECONDS(5); // one by itself is confirmable at once
    change_shown("five");
    EXPECT(answer.count == 1 && answer.message.type == TT_CONFIRMABLE);
}

static void observe_far(collected *c)
{
    get(c, false, "show", true);
    deliver();
    EXPECT(c->pieces == 1 && !c->final);
}

// Whoever ends an observation says so, and the place is free at once.
static void test_end_is_told(void)
{
    static collected c;
    asked waiting;
    for (int busy = 0; busy < 2; busy++) {
        start();
        observe_far(&c);
        EXPECT_EQUAL(observer_count(), 1);
        if (busy) // by a message that waits for its acknowledgement
            ask_by_hand(&waiting, TT_GET, false, NULL, 0);
        tt_bus_cancel(&CLIENT->bus, time_now, &c.call);
        EXPECT(c.final && c.status == TT_CANCELLED);
        EXPECT_EQUAL(CLIENT->bus.sessions[0].out.kind, busy ? TT_FOR_CALL : TT_FOR_CANCEL);
        EXPECT_EQUAL(tt_bus_busy(&CLIENT->bus), busy);
        memset(&c, 0xee, sizeof(c)); // it is its owner's again
        deliver();
        EXPECT_EQUAL(observer_count(), 0);
        EXPECT_EQUAL(CLIENT->bus.sessions[0].out.kind, busy);
    }
    // One that was not confirmed yet, and one whose session has given way since.
    start();
    ask_by_hand(&waiting, TT_GET, true, NULL, 0);
    tt_bus_cancel(&CLIENT->bus, time_now, &waiting.call);
    collect(CLIENT);
    EXPECT(answer.count == 1 && answer.message.has_observe && answer.message.observe == 1);
    start();
    observe_far(&c);
    for (unsigned i = 0; i < TT_BUS_SESSIONS_MAX; i++) {
        waiting.call = (tt_call){.peer = {.ip = {[15] = (uint8_t)(100 + i)}, .port = TT_BUS_PORT},
                                 .method = TT_GET,
                                 .path = "nothing",
                                 .content_format = TT_FORMAT_NONE,
                                 .accept = TT_FORMAT_NONE,
                                 .on_reply = asked_reply,
                                 .context = &waiting};
        time_now++;
        REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &waiting.call) == TT_OK);
        collect(CLIENT);
        tt_bus_cancel(&CLIENT->bus, time_now, &waiting.call);
    }
    EXPECT(!tt_endpoint_equal(&CLIENT->bus.sessions[0].peer, &SERVER->endpoint));
    tt_bus_cancel(&CLIENT->bus, time_now, &c.call);
    deliver();
    EXPECT_EQUAL(observer_count(), 0);
}

// An observation whose server has gone ends; one whose server is there is kept without a word to
// its owner, and brings what was lost.
static void test_refresh(void)
{
    static collected c;
    start();
    observe_far(&c);
    pass(TT_SECONDS(200));
    EXPECT(c.pieces == 1 && !c.final);
    EXPECT(CLIENT->bus.counters.received >= 4); // it has asked
    strcpy(shown, "new");                       // and nobody was told
    SERVER->bus.observers[0].resource = NULL;
    resources[1].observe_sequence++;
    pass(TT_SECONDS(61));
    EXPECT(c.pieces == 2 && !c.final && memcmp(c.body, "new", 3) == 0);
    EXPECT_EQUAL(observer_count(), 1);
    devices[0].endpoint.port++; // nobody is there any more
    pass(TT_SECONDS(60 + 25));
    EXPECT(c.final && c.status == TT_TIMED_OUT);
    EXPECT_EQUAL(tt_bus_deadline(&CLIENT->bus), TT_FOREVER);
    // Of a long representation it is the first block that is asked for, and no more where it is the
    // same.
    start();
    shown_length = 1500;
    get(&c, false, "show", true);
    deliver();
    EXPECT(c.pieces == 2 && c.length == 1500);
    SERVER->bus.observers[0].resource = NULL;
    pass(TT_SECONDS(61));
    EXPECT(c.pieces == 2 && !c.final);
    EXPECT_EQUAL(observer_count(), 1);
    // A server that takes no observer any more: its answer is the last.
    start();
    observe_far(&c);
    resources[1].observable = false;
    SERVER->bus.observers[0].resource = NULL;
    pass(TT_SECONDS(61));
    resources[1].observable = true;
    EXPECT(c.final && c.status == TT_OK && c.code == TT_CONTENT);
}

// The end of a resource is told as no notification (RFC 7641, 4.2).
static void test_last_word(void)
{
    static tt_resource resource = {
        .path = "ends", .handler = show, .methods = 1 << TT_GET, .observable = true};
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
    tt_message_writer w = observe_by(1, 1, "ends", 0);
    hear(CLIENT, &w);
    EXPECT(answer.message.has_observe);
    tt_bus_remove(&SERVER->bus, &resource);
    turn(SERVER);
    EXPECT(answer.count == 1 && answer.message.code == TT_PATH_NOT_FOUND);
    EXPECT(answer.message.type == TT_CONFIRMABLE && !answer.message.has_observe);
}

// A path and a query for which an observer has no room: answered, and not observed.
static void test_long_name(void)
{
    static char path[TT_BUS_PATH_MAX];
    static tt_resource resource = {
        .path = path, .handler = show, .methods = 1 << TT_GET, .observable = true};
    static uint8_t bytes[2 * TT_BUS_OBSERVED_MAX];
    memset(path, 'p', sizeof(path) - 1);
    for (size_t over = 0; over < 2; over++) {
        char query[TT_BUS_QUERY_MAX] = {0};
        memset(query, 'q', TT_BUS_OBSERVED_MAX - sizeof(path) - 1 + over);
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
        tt_message_writer w;
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, 1,
                         &(tt_bus_token){.length = 1, .bytes = {1}});
        tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, path, '/');
        tt_message_option_parts(&w, TT_OPTION_URI_QUERY, query, '&');
        hear(CLIENT, &w);
        EXPECT(answer.message.code == TT_CONTENT && answer.message.has_observe == (over == 0));
        EXPECT_EQUAL(observer_count(), 1 - over);
        if (over == 0) {
            EXPECT_TEXT(SERVER->bus.observers[0].path, path);
            EXPECT_TEXT(SERVER->bus.observers[0].path + sizeof(path), query);
        }
        tt_bus_remove(&SERVER->bus, &resource);
    }
}

static void notify_by_hand(const asked *a, tt_message_type type, uint32_t max_age)
{
    static uint8_t bytes[64];
    tt_bus_token token = {.length = 8};
    tt_message_writer w;
    memcpy(token.bytes, &a->call.state.token, 8);
    tt_message_begin(&w, bytes, sizeof(bytes), type, TT_CONTENT, a->call.state.message_id, &token);
    tt_message_option_number(&w, TT_OPTION_OBSERVE, 5);
    tt_message_option_number(&w, TT_OPTION_MAX_AGE, max_age);
    tell(CLIENT, SERVER, &w);
}

// How soon and how late an observation is registered for again, whatever its Max-Age; its answer
// may come separately.
static void test_when_to_refresh(void)
{
    static const uint32_t ages[] = {0, 1, 100, 100000, UINT32_MAX}, waits[] = {5, 5, 100, 300, 300};
    asked a;
    for (size_t i = 0; i < TT_COUNT(ages); i++) {
        start();
        ask_by_hand(&a, TT_GET, true, NULL, 0);
        notify_by_hand(&a, TT_ACKNOWLEDGEMENT, ages[i]);
        EXPECT_EQUAL(tt_bus_deadline(&CLIENT->bus), time_now + TT_SECONDS(waits[i]));
    }
    time_now += TT_SECONDS(300);
    turn(CLIENT);
    EXPECT(answer.count == 1 && answer.message.has_observe && answer.message.observe == 0);
    uint16_t id = answer.message.id;
    uint8_t bytes[4];
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_ACKNOWLEDGEMENT, 0, id, NULL);
    tell(CLIENT, SERVER, &w);
    notify_by_hand(&a, TT_CONFIRMABLE, 60);
    EXPECT(answer.count == 1 && answer.message.type == TT_ACKNOWLEDGEMENT);
    EXPECT_EQUAL(tt_bus_deadline(&CLIENT->bus), time_now + TT_SECONDS(60));
    EXPECT(!a.done);
}

int main(void)
{
    test_full_of_the_gone();
    test_long_name();
    test_missed_at_last();
    test_the_gone_delay_nobody();
    test_last_state();
    test_end_is_told();
    test_refresh();
    test_when_to_refresh();
    test_last_word();
    return test_result();
}
