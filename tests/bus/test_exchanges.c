// Whole exchanges between buses joined in memory, with virtual time, and what single datagrams do
// to one bus: duplicates, gaps, full tables, resets. What a faulty network does to them is tested
// by the simulator (tests/sim).

#include "tests/bus/exchange.h"

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
    uint16_t separate = answer.message.id;
    hear(CLIENT, &w);
    EXPECT(answer.count == 1 && answer.message.code == 0);
    EXPECT_EQUAL(runs, 5);
    hear_empty(CLIENT, TT_ACKNOWLEDGEMENT, separate);
    // The answers of the newest TT_BUS_OUTCOMES_MAX are known; a repetition of one before them is
    // passed over, and its handler does not run again.
    for (uint16_t i = 0; i < TT_BUS_OUTCOMES_MAX; i++) {
        w = request(TT_CONFIRMABLE, TT_POST, (uint16_t)(200 + i), "keep");
        hear(CLIENT, &w);
    }
    unsigned before = runs;
    for (uint16_t id = 100; id < 104; id++) {
        w = request(id == 101 ? TT_NON_CONFIRMABLE : TT_CONFIRMABLE, TT_POST, id, "keep");
        hear(CLIENT, &w);
        EXPECT_EQUAL(answer.count, 0);
    }
    EXPECT_EQUAL(runs, before);
}

// No handler runs twice for one request, from however many clients: a session that gives way leaves
// its ids, and once nothing more can be remembered a request is refused before its handler runs.
static void test_many_peers(void)
{
    enum { CLIENTS = TT_BUS_SESSIONS_MAX - TT_BUS_SESSIONS_OURS + TT_BUS_PAST_MAX };
    static device peers[CLIENTS + 1];
    tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, 1, "keep");
    start();
    for (unsigned i = 0; i <= CLIENTS; i++) {
        peers[i].endpoint = (tt_endpoint){.ip = {[14] = 1, [15] = (uint8_t)i}, .port = TT_BUS_PORT};
        hear(&peers[i], &w);
        EXPECT_EQUAL(answer.message.code, i < CLIENTS ? TT_CHANGED : TT_UNAVAILABLE);
        time_now += TT_MS(1);
    }
    EXPECT_EQUAL(answer.message.max_age, 30);
    EXPECT_EQUAL(runs, CLIENTS);
    EXPECT_EQUAL(SERVER->bus.counters.refused, 1);
    for (unsigned i = 0; i <= CLIENTS; i++)
        hear(&peers[i], &w);
    EXPECT_EQUAL(runs, CLIENTS);
    time_now += TT_SECONDS(253); // now it is not remembered any more
    for (unsigned i = 0; i <= CLIENTS; i++)
        hear(&peers[i], &w);
    EXPECT_EQUAL(runs, 2 * CLIENTS);
    // Whoever only reads is not in anyone's way.
    start();
    w = request(TT_CONFIRMABLE, TT_GET, 1, "show");
    for (unsigned i = 0; i <= CLIENTS; i++)
        hear(&peers[i], &w);
    EXPECT_EQUAL(runs, CLIENTS + 1);
    EXPECT_EQUAL(SERVER->bus.counters.refused, 0);
}

// A message id says that a request was taken for EXCHANGE_LIFETIME only, and of another request
// not even that: a peer that restarted counts from the start again (RFC 7252, 4.8.2).
static void test_ids_again(void)
{
    start();
    tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, 1, "keep");
    tt_message_payload(&w, "one", 3);
    hear(CLIENT, &w);
    time_now += TT_SECONDS(247); // still the same
    hear(CLIENT, &w);
    EXPECT(runs == 1 && answer.message.code == TT_CHANGED);
    time_now += TT_SECONDS(253);
    hear(CLIENT, &w);
    EXPECT(runs == 2 && answer.message.code == TT_CHANGED);
    w = request(TT_CONFIRMABLE, TT_POST, 1, "keep");
    tt_message_payload(&w, "two", 3);
    hear(CLIENT, &w);
    EXPECT(runs == 3 && memcmp(kept, "two", 3) == 0);
    hear(CLIENT, &w);
    EXPECT_EQUAL(runs, 3);
    // All ids in turn, and once more: none is taken for a repetition.
    start();
    for (unsigned i = 0; i < 3 * 65536; i++) {
        w = request(TT_CONFIRMABLE, TT_POST, (uint16_t)i, "keep");
        tt_message_payload(&w, &i, sizeof(i));
        hear(CLIENT, &w);
        time_now += TT_US(10);
    }
    EXPECT_EQUAL(runs, 3 * 65536);
    hear(CLIENT, &w);
    EXPECT_EQUAL(runs, 3 * 65536);
}

// Ids without order, more than can be remembered one by one: refused, not run and forgotten.
static void test_ids_at_random(void)
{
    uint16_t ids[2 * TT_BUS_RANGES_MAX];
    tt_random random;
    start();
    tt_random_seed(&random, 2); // no two of them close together
    for (unsigned i = 0; i < TT_COUNT(ids); i++)
        ids[i] = (uint16_t)tt_random_u64(&random);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < TT_COUNT(ids); i++) {
            tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, ids[i], "keep");
            hear(CLIENT, &w);
            EXPECT_EQUAL(answer.count, 1);
            EXPECT_EQUAL(answer.message.code, i < TT_BUS_RANGES_MAX ? TT_CHANGED : TT_UNAVAILABLE);
        }
    EXPECT_EQUAL(runs, TT_BUS_RANGES_MAX);
    // Ids that are counted for many peers together.
    start();
    for (unsigned i = 0; i < 200; i++) {
        tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, (uint16_t)(i * 100), "keep");
        hear(CLIENT, &w);
        hear(CLIENT, &w);
        EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED);
        time_now += TT_MS(300);
    }
    EXPECT_EQUAL(runs, 200);
    // A lost message here and there is no disorder.
    start();
    for (uint16_t i = 0; i < 1000; i++) {
        tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, (uint16_t)(i + i / 5), "keep");
        hear(CLIENT, &w);
        EXPECT(answer.count == 1 && answer.message.code == TT_CHANGED);
        time_now += TT_MS(100);
    }
    EXPECT_EQUAL(runs, 1000);
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
    for (uint8_t i = 0; i < 2 * TT_BUS_BUFFERS_MAX; i++) {
        device stranger = {.endpoint = {.ip = {[15] = (uint8_t)(100 + i)}, .port = TT_BUS_PORT}};
        tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, i, "wordy");
        hear(&stranger, &w); // separately, as long as buffers for it may be held
        EXPECT_EQUAL(answer.message.type,
                     i < ANSWERS_HELD_MAX ? TT_CONFIRMABLE : TT_ACKNOWLEDGEMENT);
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

// An ICMP error ends what waits for that endpoint, at once, and nothing else.
static void test_unreachable(void)
{
    asked waiting, queued, elsewhere, ping, observing;
    start();
    ask_by_hand(&observing, TT_GET, true, NULL, 0);
    respond(SERVER, &observing, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, TT_OPTION_OBSERVE, "\5", 1, NULL,
            0, 1);
    EXPECT(!observing.done && observing.status == TT_OK);
    ask_by_hand(&waiting, TT_GET, false, NULL, 0);
    ask_by_hand(&queued, TT_GET, false, NULL, 0);
    device nobody = {.endpoint = {.ip = {[15] = 99}, .port = TT_BUS_PORT}};
    ask(&elsewhere, CLIENT, &nobody, TT_GET, "show", NULL, NULL, 0);
    memset(&ping, 0, sizeof(ping));
    ping.call = (tt_call){.peer = SERVER->endpoint, .on_reply = asked_reply, .context = &ping};
    REQUIRE(tt_bus_ping(&CLIENT->bus, time_now, &ping.call) == TT_OK);
    tt_endpoint other_port = SERVER->endpoint;
    other_port.port++;
    tt_bus_unreachable(&CLIENT->bus, time_now, &other_port);
    EXPECT(!waiting.done && !queued.done && !ping.done);
    tt_bus_unreachable(&CLIENT->bus, time_now, &SERVER->endpoint);
    EXPECT(waiting.done && waiting.status == TT_UNREACHABLE);
    EXPECT(queued.done && queued.status == TT_UNREACHABLE);
    EXPECT(ping.done && ping.status == TT_UNREACHABLE);
    EXPECT(!elsewhere.done && !observing.done);
    // The observation goes on.
    observing.length = 0;
    respond(SERVER, &observing, 9, TT_NON_CONFIRMABLE, TT_CONTENT, TT_OPTION_OBSERVE, "\6", 1, NULL,
            0, 1);
    EXPECT(!observing.done && observing.length == 1);
    // In the midst of a long notification, too.
    static uint8_t bytes[128];
    static const uint8_t payload[64];
    tt_bus_token token = {.length = 8};
    tt_message_writer w;
    memcpy(token.bytes, &observing.call.state.token, 8);
    tt_message_begin(&w, bytes, sizeof(bytes), TT_NON_CONFIRMABLE, TT_CONTENT, 10, &token);
    tt_message_option(&w, TT_OPTION_OBSERVE, "\7", 1);
    tt_message_option_block(&w, TT_OPTION_BLOCK2, &(tt_block){.more = true, .exponent = 2});
    tt_message_payload(&w, payload, sizeof(payload));
    tell(CLIENT, SERVER, &w);
    tt_bus_unreachable(&CLIENT->bus, time_now, &SERVER->endpoint);
    EXPECT(!observing.done);
    respond(SERVER, &observing, 0, TT_ACKNOWLEDGEMENT, TT_CONTENT, 0, NULL, 0,
            &(tt_block){.number = 1, .exponent = 2}, TT_OPTION_BLOCK2, 10);
    EXPECT(!observing.done && observing.length == 74);
    // Whoever asks again in the reply handler asks once.
    tt_call call = {.peer = SERVER->endpoint,
                    .method = TT_GET,
                    .path = "show",
                    .content_format = TT_FORMAT_NONE,
                    .accept = TT_FORMAT_NONE,
                    .on_reply = retry,
                    .context = &CLIENT->bus};
    retries = 0;
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &call) == TT_OK);
    tt_bus_unreachable(&CLIENT->bus, time_now, &SERVER->endpoint);
    EXPECT_EQUAL(retries, 1);
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

// To who never called nothing is owed: an answer is rejected where its sender wants to know, and
// nothing waits for a time.
static void test_never_called(void)
{
    start();
    for (unsigned i = 0; i < 4; i++) {
        static uint8_t bytes[32];
        tt_message_writer w;
        tt_message_begin(&w, bytes, sizeof(bytes), i % 2 == 0 ? TT_CONFIRMABLE : TT_NON_CONFIRMABLE,
                         TT_CONTENT, (uint16_t)(i + 1), &(tt_bus_token){.length = 8});
        if (i >= 2)
            tt_message_option_number(&w, TT_OPTION_OBSERVE, 3);
        hear(CLIENT, &w);
        EXPECT(i == 1 ? answer.count == 0 : was_reset((uint16_t)(i + 1)));
    }
    hear_empty(CLIENT, TT_RESET_MESSAGE, 9);
    EXPECT_EQUAL(answer.count, 0);
    hear_empty(CLIENT, TT_CONFIRMABLE, 10); // a ping
    EXPECT(was_reset(10));
    tt_bus_advance(&SERVER->bus, time_now);
    tt_bus_unreachable(&SERVER->bus, time_now, &CLIENT->endpoint);
    tt_bus_forget_peer(&SERVER->bus, time_now, &CLIENT->endpoint);
    EXPECT_EQUAL(tt_bus_deadline(&SERVER->bus), TT_FOREVER);
    EXPECT(SERVER->bus.calling == NULL);
}

int main(void)
{
    test_never_called();
    test_tree();
    test_filters();
    test_duplicates();
    test_many_peers();
    test_ids_again();
    test_ids_at_random();
    test_options();
    test_separate_answers();
    test_vanished_askers();
    test_whose_answer();
    test_one_at_a_time();
    test_asking_again();
    test_unreachable();
    test_silence();
    return test_result();
}
