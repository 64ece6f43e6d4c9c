// The bus at its limits (docs/limits.md): misuse of its calls, the longest messages, and every
// table one past full.

#include "tests/bus/exchange.h"

// A path and a query of every length, with a body of more and of less than a block: it goes, in
// halves of blocks where a whole one would not fit (a failed check, before).
static void test_long_requests(void)
{
    static char body[TT_BUS_BLOCK_MAX + 1], path[TT_BUS_PATH_MAX], query[TT_BUS_QUERY_MAX];
    static tt_resource resource = {.handler = keep, .methods = 1 << TT_PUT};
    static const char *const segments[] = {"aaaaaaaaaaaaaaaaaaaaaaa", "a/", "aaaaaaaaaaaa/",
                                           "aaaaaaaaaaaaa/"};
    for (size_t kind = 0; kind < TT_COUNT(segments); kind++)
        for (size_t length = 1; length < TT_BUS_PATH_MAX; length++) {
            asked a;
            start();
            for (size_t i = 0; i < length; i++) {
                path[i] = segments[kind][i % strlen(segments[kind])];
                query[i] = path[i] == '/' ? '&' : 'q';
            }
            path[length] = query[length] = '\0';
            path[length - 1] = query[length - 1] = 'z';
            resource.path = path;
            REQUIRE(tt_bus_add(&SERVER->bus, &resource) == TT_OK);
            for (size_t bytes = TT_BUS_BLOCK_MAX; bytes <= sizeof(body); bytes++) {
                ask(&a, CLIENT, SERVER, TT_PUT, path, query, body, bytes);
                EXPECT_ANSWER(a, TT_CHANGED);
                EXPECT_EQUAL(kept_length, bytes);
            }
        }
}

// What a call and a resource must have.
static void test_misuse(void)
{
    static char long_text[TT_BUS_PATH_MAX + 1];
    asked a;
    start();
    memset(long_text, 'a', sizeof(long_text) - 1);
    const tt_call good = {.peer = SERVER->endpoint,
                          .method = TT_GET,
                          .path = "show",
                          .content_format = TT_FORMAT_NONE,
                          .accept = TT_FORMAT_NONE,
                          .on_reply = asked_reply,
                          .context = &a};
    for (int i = 0; i < 9; i++) {
        tt_call call = good;
        call.path = i == 0 ? NULL : i == 1 ? long_text : call.path;
        call.query = i == 2 ? long_text : NULL;
        call.on_reply = i == 3 ? NULL : call.on_reply;
        call.method = i == 4 ? (tt_method)0 : i == 5 ? (tt_method)5 : i == 6 ? TT_PUT : TT_GET;
        call.observe = i == 6;
        call.length = i == 7;
        EXPECT_EQUAL(tt_bus_call(&CLIENT->bus, time_now, &call), i < 8 ? TT_INVALID : TT_OK);
        if (i == 8)
            tt_bus_cancel(&CLIENT->bus, time_now, &call);
    }
    tt_call ping = {.peer = SERVER->endpoint};
    EXPECT_EQUAL(tt_bus_ping(&CLIENT->bus, time_now, &ping), TT_INVALID);
    ping = (tt_call){.on_reply = asked_reply, .context = &a};
    EXPECT_EQUAL(tt_bus_ping(&CLIENT->bus, time_now, &ping), TT_INVALID);
    EXPECT_EQUAL(tt_bus_busy(&CLIENT->bus), 0);
    tt_resource resource = {.handler = show};
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_INVALID);
    resource.path = "x";
    resource.handler = NULL;
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_INVALID);
    resource.handler = show;
    resource.path = "";
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_INVALID);
    resource.path = "/x";
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_INVALID);
    resource.path = long_text;
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_INVALID);
    resource.path = "show";
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_EXISTS);
    resource.path = long_text + 1;
    EXPECT_EQUAL(tt_bus_add(&SERVER->bus, &resource), TT_OK);
    tt_bus_remove(&SERVER->bus, &resource);
}

int main(void)
{
    test_misuse();
    test_long_requests();
    return test_result();
}
