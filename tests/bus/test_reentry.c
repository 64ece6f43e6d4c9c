// Handlers and callbacks that change what they are called for: the peer is forgotten, the resource
// removed, the call cancelled, another begun.

#include "tests/bus/exchange.h"

static device *acting;
static tt_resource *acted_on;
static asked asked_within;
static unsigned long_runs;
static unsigned char long_bytes[5000];

static void forgets(tt_resource *resource, tt_time now, const tt_request *request,
                    tt_response *response)
{
    show(resource, now, request, response);
    if (request->peer->port != 0)
        tt_bus_forget_peer(&SERVER->bus, now, &CLIENT->endpoint);
}

static tt_resource forgetful = {
    .path = "forget", .handler = forgets, .methods = 1 << TT_GET, .observable = true};

// Its place may be another's next: that one is told nothing.
static void peer_forgotten_by_its_handler(void)
{
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &forgetful) == TT_OK);
    tt_message_writer w = request(TT_CONFIRMABLE, TT_GET, 1, "");
    tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "forget", '/');
    hear(CLIENT, &w);
    w = request(TT_CONFIRMABLE, TT_GET, 9, "show");
    hear(OTHER, &w); // takes the place
    EXPECT_EQUAL(answer.count, 1);
    tt_bus_changed(&SERVER->bus, time_now, &forgetful);
    time_now += TT_SECONDS(1);
    tt_bus_advance(&SERVER->bus, time_now);
    collect(SERVER);
    EXPECT_EQUAL(answer.count, 0);
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

static void calls(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    show(resource, now, request, response);
    if (acting == NULL)
        return;
    acting = NULL;
    memset(&asked_within, 0, sizeof(asked_within));
    asked_within.call = (tt_call){.peer = CLIENT->endpoint,
                                  .method = TT_PUT,
                                  .path = "keep",
                                  .payload = long_bytes,
                                  .length = 900,
                                  .content_format = TT_FORMAT_NONE,
                                  .accept = TT_FORMAT_NONE,
                                  .on_reply = asked_reply,
                                  .context = &asked_within};
    REQUIRE(tt_bus_call(&SERVER->bus, now, &asked_within.call) == TT_OK);
}

static tt_resource caller = {
    .path = "call", .handler = calls, .methods = 1 << TT_GET, .observable = true};

// The handler that is asked for a notification calls the observer itself: both come.
static void call_to_the_observer_within(void)
{
    static collected seen;
    static tt_resource keeper = {.path = "keep", .handler = keep, .methods = 1 << TT_PUT};
    start();
    REQUIRE(tt_bus_add(&SERVER->bus, &caller) == TT_OK);
    REQUIRE(tt_bus_add(&CLIENT->bus, &keeper) == TT_OK);
    get(&seen, false, "call", true);
    deliver();
    EXPECT_TEXT(seen.body, "one");
    strcpy(shown, "two");
    acting = SERVER;
    tt_bus_changed(&SERVER->bus, time_now, &caller);
    pass(TT_SECONDS(1));
    EXPECT_TEXT(seen.body, "two");
    EXPECT_ANSWER(asked_within, TT_CHANGED);
    EXPECT_EQUAL(kept_length, 900);
    tt_bus_cancel(&CLIENT->bus, time_now, &seen.call);
    pass(TT_SECONDS(30));
    EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
}

static void cancels(tt_call *call, size_t sent)
{
    (void)sent;
    tt_bus_cancel(&CLIENT->bus, time_now, call);
    memset(call, 0xee, sizeof(*call)); // it is the owner's again
}

static void cancelled_in_on_progress(void)
{
    static asked a;
    start();
    memset(&a, 0, sizeof(a));
    a.call = (tt_call){.peer = SERVER->endpoint,
                       .method = TT_PUT,
                       .path = "keep",
                       .payload = long_bytes,
                       .length = 3000,
                       .content_format = TT_FORMAT_NONE,
                       .accept = TT_FORMAT_NONE,
                       .on_reply = asked_reply,
                       .on_progress = cancels,
                       .context = &a};
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &a.call) == TT_OK);
    deliver();
    EXPECT(a.done && a.status == TT_CANCELLED);
    EXPECT_EQUAL(tt_bus_busy(&CLIENT->bus), 0);
}

static void leaves(tt_resource *resource, tt_time now, const tt_request *request,
                   tt_response *response)
{
    (void)now;
    long_runs++;
    if (request->method == TT_GET)
        tt_respond_bytes(request, response, TT_FORMAT_NONE, long_bytes, sizeof(long_bytes), 1);
    else
        response->code = request->last ? TT_CHANGED : TT_CONTINUE;
    if (acted_on == NULL)
        return;
    acted_on = NULL;
    tt_bus_remove(&SERVER->bus, resource);
}

// It is its owner's again, and is not asked any more, near or far, in blocks or as a stream.
static void resource_removed_by_its_handler(void)
{
    static tt_resource leaving = {.path = "leave",
                                  .handler = leaves,
                                  .methods = 1 << TT_GET | 1 << TT_PUT,
                                  .any_order = true};
    static const tt_endpoint own;
    for (unsigned i = 0; i < 4; i++) {
        static asked a;
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &leaving) == TT_OK);
        acted_on = &leaving;
        long_runs = 0;
        memset(&a, 0, sizeof(a));
        a.call = (tt_call){.peer = i < 2 ? SERVER->endpoint : own,
                           .method = i % 2 ? TT_PUT : TT_GET,
                           .path = "leave",
                           .payload = i % 2 ? long_bytes : NULL,
                           .length = i % 2 ? sizeof(long_bytes) : 0,
                           .content_format = TT_FORMAT_NONE,
                           .accept = TT_FORMAT_NONE,
                           .any_order = true,
                           .on_reply = asked_reply,
                           .context = &a};
        device *from = i < 2 ? CLIENT : SERVER;
        REQUIRE(tt_bus_call(&from->bus, time_now, &a.call) == TT_OK);
        pass(TT_SECONDS(1));
        EXPECT_EQUAL(long_runs, 1);
        EXPECT(a.done && (a.status != TT_OK || a.code >= TT_BAD_REQUEST));
        EXPECT_EQUAL(tt_bus_busy(&SERVER->bus), 0);
    }
}

int main(void)
{
    peer_forgotten_by_its_handler();
    call_to_the_observer_within();
    cancelled_in_on_progress();
    resource_removed_by_its_handler();
    return test_result();
}
