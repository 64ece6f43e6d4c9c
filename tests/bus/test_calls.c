// What tutti/bus.h promises to callers: progress, time, whose answers, how a local call is seen,
// what is forgotten, and that changes are told as one.

#include "tests/bus/exchange.h"

static size_t progress[8];
static unsigned progress_count;

static void on_progress(tt_call *call, size_t sent)
{
    (void)call;
    progress[progress_count++ % 8] = sent;
}

static void test_progress(void)
{
    static const char body[2500];
    asked a;
    start();
    progress_count = 0;
    memset(&a, 0, sizeof(a));
    a.call = (tt_call){.peer = SERVER->endpoint,
                       .method = TT_PUT,
                       .path = "keep",
                       .payload = body,
                       .length = sizeof(body),
                       .content_format = TT_FORMAT_OCTETS,
                       .accept = TT_FORMAT_NONE,
                       .on_reply = asked_reply,
                       .on_progress = on_progress,
                       .context = &a};
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &a.call) == TT_OK);
    deliver();
    EXPECT_ANSWER(a, TT_CHANGED);
    EXPECT_EQUAL(progress_count, 2); // the last block is told by the answer
    EXPECT(progress[0] == 1024 && progress[1] == 2048);
}

// A call has 60 s unless it says otherwise, separate answers included: not less, not much more.
static void test_time_of_a_call(void)
{
    asked a;
    for (int given = 0; given < 2; given++) {
        tt_time whole = given ? TT_SECONDS(3) : TT_SECONDS(60);
        start();
        ask(&a, CLIENT, SERVER, TT_POST, "later", NULL, "q", 1);
        if (given) {
            tt_bus_cancel(&CLIENT->bus, time_now, &a.call);
            EXPECT(a.done && a.status == TT_CANCELLED);
            a.call.timeout = whole;
            a.done = false;
            REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &a.call) == TT_OK);
            deliver();
        }
        tt_time begun = time_now;
        pass(whole - TT_MS(1));
        EXPECT(!a.done && tt_bus_deadline(&CLIENT->bus) <= begun + whole);
        pass(TT_MS(2));
        EXPECT(a.done && a.status == TT_TIMED_OUT);
        EXPECT_EQUAL(tt_bus_busy(&CLIENT->bus), 0);
        tt_response late = {.code = TT_CONTENT}; // nobody waits for it, and that is told
        EXPECT_EQUAL(tt_bus_answer(&SERVER->bus, time_now, owed[owed_count - 1], &late), TT_OK);
        deliver();
        EXPECT_EQUAL(a.status, TT_TIMED_OUT);
        EXPECT_EQUAL(SERVER->bus.sessions[0].out.kind, 0); // not repeated any more
    }
}

static tt_request seen_request;
static char seen_path[TT_BUS_PATH_MAX], seen_query[TT_BUS_QUERY_MAX];

static void look(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    (void)resource, (void)now;
    seen_request = *request;
    strcpy(seen_path, request->path);
    strcpy(seen_query, request->query);
    response->code = TT_CHANGED;
}

// A call to the own device and one from afar differ in their peer alone.
static void test_what_a_handler_sees(void)
{
    static tt_resource resource = {
        .path = "look", .handler = look, .methods = 1 << TT_PUT | 1 << TT_GET, .subtree = true};
    static const char body[1500];
    static const tt_endpoint nobody;
    asked a;
    for (int own = 0; own < 2; own++) {
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
        memset(&a, 0, sizeof(a));
        a.call = (tt_call){.peer = own ? nobody : SERVER->endpoint,
                           .method = TT_PUT,
                           .path = "look/at/this",
                           .query = "a=1&b",
                           .payload = body,
                           .length = sizeof(body),
                           .content_format = TT_FORMAT_JSON,
                           .accept = TT_FORMAT_CBOR,
                           .on_reply = asked_reply,
                           .context = &a};
        REQUIRE(tt_bus_call(own ? &SERVER->bus : &CLIENT->bus, time_now, &a.call) == TT_OK);
        deliver();
        pass(TT_MS(1));
        EXPECT_ANSWER(a, TT_CHANGED);
        EXPECT_TEXT(seen_path, "look/at/this");
        EXPECT_TEXT(seen_query, "a=1&b");
        EXPECT(seen_request.method == TT_PUT && seen_request.last && seen_request.token != 0);
        EXPECT(seen_request.content_format == TT_FORMAT_JSON);
        EXPECT(seen_request.accept == TT_FORMAT_CBOR);
        EXPECT_EQUAL(seen_request.offset, 1024);
        EXPECT_EQUAL(seen_request.length, 476);
        EXPECT_EQUAL(seen_request.size, 1500);
        EXPECT(seen_request.window_offset == 0 && seen_request.space != NULL);
    }
}

// Several changes before a notification are told as one, the newest.
static void test_changes_as_one(void)
{
    static collected c;
    start();
    get(&c, false, "show", true);
    deliver();
    EXPECT(c.pieces == 1 && !c.final);
    for (int i = 0; i < 5; i++) {
        shown[0] = (char)('0' + i);
        tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    }
    unsigned before = runs;
    pass(TT_MS(1));
    EXPECT(c.pieces == 2 && c.body[0] == '4');
    EXPECT_EQUAL(runs, before + 1);
    tt_bus_cancel(&CLIENT->bus, time_now, &c.call);
}

// A peer that is forgotten: calls to it end, and what was remembered of it is not any more.
static void test_forgotten(void)
{
    asked waiting, elsewhere;
    start();
    tt_message_writer w = request(TT_CONFIRMABLE, TT_POST, 100, "keep");
    hear(OTHER, &w);
    hear(OTHER, &w);
    EXPECT_EQUAL(runs, 1);
    ask(&waiting, SERVER, OTHER, TT_GET, "nothing", NULL, NULL, 0);
    device nobody = {.endpoint = {.ip = {[15] = 99}, .port = TT_BUS_PORT}};
    ask(&waiting, SERVER, &nobody, TT_GET, "nothing", NULL, NULL, 0);
    ask(&elsewhere, SERVER, &devices[3], TT_POST, "nothing", NULL, NULL, 0);
    tt_bus_forget_peer(&SERVER->bus, time_now, &OTHER->endpoint);
    EXPECT(!waiting.done);
    tt_bus_forget_peer(&SERVER->bus, time_now, &nobody.endpoint);
    EXPECT(waiting.done && waiting.status == TT_TIMED_OUT);
    hear(OTHER, &w);
    EXPECT_EQUAL(runs, 2);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

int main(void)
{
    test_progress();
    test_time_of_a_call();
    test_what_a_handler_sees();
    test_changes_as_one();
    test_forgotten();
    return test_result();
}
