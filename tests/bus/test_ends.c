// How calls end, near and far, when what they ask for answers late, goes away, is cancelled in its
// own handler, or never stays the same.

#include "tests/bus/exchange.h"

// A call that has ended is its owner's: a later answer, a change and a second answer are nothing to
// it.
static tt_bus *own_bus;
static tt_call *own_call;

static void first_now(tt_resource *resource, tt_time now, const tt_request *request,
                      tt_response *response)
{
    tt_respond_bytes(request, response, TT_FORMAT_NONE, shown, sizeof(shown), 1);
    if (request->window_offset > 0)
        later(resource, now, request, response);
}

static void cancels(tt_resource *resource, tt_time now, const tt_request *request,
                    tt_response *response)
{
    (void)resource, (void)request;
    tt_bus_cancel(own_bus, now, own_call);
    response->code = TT_CONTENT;
}

static void answers_twice(tt_resource *resource, tt_time now, const tt_request *request,
                          tt_response *response)
{
    (void)resource;
    EXPECT_EQUAL(tt_bus_answer(own_bus, now, request->token, &(tt_response){.code = TT_CHANGED}),
                 TT_OK);
    response->code = TT_CONTENT;
}

static void test_ended_calls(void)
{
    static tt_resource first = {
        .path = "first", .handler = first_now, .methods = 1 << TT_GET, .observable = true};
    static tt_resource cancel = {.path = "cancel", .handler = cancels, .methods = 1 << TT_GET};
    static tt_resource twice = {.path = "twice", .handler = answers_twice, .methods = 1 << TT_GET};
    static const char *const paths[] = {"first", "first", "cancel", "twice"};
    static collected c;
    tt_response late = {.code = TT_CONTENT};
    for (size_t i = 0; i < TT_COUNT(paths); i++) {
        start();
        own_bus = &SERVER->bus;
        own_call = &c.call;
        REQUIRE(tt_bus_add(own_bus, &first) == TT_OK && tt_bus_add(own_bus, &cancel) == TT_OK &&
                tt_bus_add(own_bus, &twice) == TT_OK);
        get(&c, true, paths[i], i < 2);
        pass(TT_MS(1));
        if (i == 0) // told that it is gone, while its second window is owed
            tt_bus_remove(own_bus, &first);
        else if (i == 1) // or not answered in time
            pass(TT_SECONDS(61));
        pass(TT_MS(1));
        EXPECT(c.final && c.status == (i == 1 ? TT_TIMED_OUT : i == 2 ? TT_CANCELLED : TT_OK));
        EXPECT_EQUAL(c.pieces, i < 2 ? 2 : 1);
        memset(&c.call, 0xee, sizeof(c.call));
        if (i < 2)
            EXPECT_EQUAL(tt_bus_answer(own_bus, time_now, owed[owed_count - 1], &late),
                         TT_NOT_FOUND);
        tt_bus_changed(own_bus, time_now, &first);
        pass(TT_MS(1));
        EXPECT_EQUAL(tt_bus_busy(own_bus), 0);
    }
    // From afar an answer that was given is the only one.
    for (int confirmable = 0; confirmable < 2; confirmable++) {
        tt_message_writer w =
            request(confirmable ? TT_CONFIRMABLE : TT_NON_CONFIRMABLE, TT_GET, next_id++, "twice");
        unsigned changed = 0;
        tt_bus_receive(own_bus, time_now, &CLIENT->endpoint, w.out.data, w.out.length);
        tt_endpoint to;
        size_t length;
        while (tt_bus_transmit(own_bus, &to, answer.bytes, sizeof(answer.bytes), &length) == TT_OK)
            changed += length > 1 && answer.bytes[1] != 0;
        EXPECT_EQUAL(changed, 1);
    }
}

// A representation that is another at each look is not read for ever.
static uint64_t looks;

static void changes(tt_resource *resource, tt_time now, const tt_request *request,
                    tt_response *response)
{
    (void)resource, (void)now;
    time_now += TT_MS(20); // as long as a look takes
    tt_respond_bytes(request, response, TT_FORMAT_NONE, shown, sizeof(shown), looks++);
}

static void test_never_the_same(void)
{
    static tt_resource resource = {
        .path = "changes", .handler = changes, .methods = 1 << TT_GET, .observable = true};
    static collected c;
    for (int own = 0; own < 2; own++) {
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
        get(&c, own, "changes", true);
        tt_time begun = time_now;
        for (int turn = 0; turn < 5000 && !c.final; turn++) {
            tt_endpoint to;
            size_t length;
            for (int i = 0; i < 2; i++) {
                tt_bus_advance(&devices[i].bus, time_now);
                while (tt_bus_transmit(&devices[i].bus, &to, answer.bytes, sizeof(answer.bytes),
                                       &length) == TT_OK)
                    tt_bus_receive(&devices[1 - i].bus, time_now, &devices[i].endpoint,
                                   answer.bytes, length);
            }
        }
        EXPECT(c.final && c.status == TT_TIMED_OUT);
        EXPECT(time_now - begun >= TT_SECONDS(60) && time_now - begun < TT_SECONDS(61));
    }
    // Each change that is told has the whole time for its own device.
    start();
    shown_length = sizeof(shown);
    get(&c, true, "show", true);
    pass(TT_SECONDS(50));
    tt_bus_changed(&SERVER->bus, time_now, &resources[1]);
    tt_bus_advance(&SERVER->bus, time_now);
    EXPECT(!c.last);
    time_now += TT_SECONDS(50);
    pass(TT_MS(1));
    EXPECT(c.last && !c.final && c.length == sizeof(shown));
    tt_bus_cancel(&SERVER->bus, time_now, &c.call);
}

// Who asks to observe what its own handler takes away does not.
static void leaves(tt_resource *resource, tt_time now, const tt_request *request,
                   tt_response *response)
{
    show(resource, now, request, response);
    tt_bus_remove(&SERVER->bus, resource);
}

static void test_leaving(void)
{
    static tt_resource resource = {
        .path = "leaves", .handler = leaves, .methods = 1 << TT_GET, .observable = true};
    static collected c;
    for (int own = 0; own < 2; own++) {
        start();
        REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
        get(&c, own, "leaves", true);
        deliver();
        pass(TT_MS(1));
        EXPECT(c.final && c.status == TT_OK && c.code == TT_CONTENT);
        EXPECT(SERVER->bus.observers[0].resource == NULL);
    }
}

int main(void)
{
    test_ended_calls();
    test_never_the_same();
    test_leaving();
    return test_result();
}
