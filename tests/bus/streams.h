// What the tests of streams share: a far node that keeps bodies piece by piece and shows a long
// representation, and calls to it.

#ifndef TUTTI_TESTS_BUS_STREAMS_H
#define TUTTI_TESTS_BUS_STREAMS_H

#include "tests/bus/far.h"
#include "tutti/check.h"

#define BODY_MAX (4 << 20)
#define MIB (1 << 20)

static uint8_t body[BODY_MAX];                                // what is sent, or shown
static uint8_t kept[FAR_NODES][BODY_MAX];                     // what came, by the path's digit
static uint8_t taken[FAR_NODES][BODY_MAX / TT_BUS_BLOCK_MAX]; // times that each piece came
static size_t come[FAR_NODES], whole[FAR_NODES], begun[FAR_NODES];
static size_t shown_length, shown_version;
static unsigned busy_left;

// "sink/1": keeps a body by its offsets.
static void sink(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    unsigned which = (unsigned)(request->path[5] - '0') % FAR_NODES;
    (void)resource;
    (void)now;
    TT_CHECK(request->offset + request->length <= BODY_MAX);
    if (busy_left > 0 && request->offset > 0) {
        busy_left--;
        response->busy = true;
        return;
    }
    if (request->offset == 0) {
        begun[which]++;
        come[which] = 0;
        memset(taken[which], 0, sizeof(taken[which]));
    }
    if (request->length > 0)
        memcpy(kept[which] + request->offset, request->payload, request->length);
    taken[which][request->offset / TT_BUS_BLOCK_MAX]++;
    come[which] += request->length;
    bool is_all = come[which] == request->size;
    TT_CHECK(request->last == is_all || request->size <= TT_BUS_BLOCK_MAX);
    if (request->last)
        whole[which]++;
    response->code = request->last ? TT_CHANGED : TT_CONTINUE;
}

static void show(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    (void)resource;
    (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_OCTETS, body, shown_length, shown_version);
}

static void ping(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    (void)resource;
    (void)now;
    (void)request;
    response->code = TT_CONTENT;
    response->payload = "pong";
    response->length = 4;
}

static tt_resource resources[] = {
    {.path = "sink",
     .handler = sink,
     .methods = 1 << TT_PUT | 1 << TT_POST,
     .subtree = true,
     .any_order = true},
    {.path = "show", .handler = show, .methods = 1 << TT_GET, .any_order = true},
    {.path = "plain", .handler = show, .methods = 1 << TT_GET},
    {.path = "ping", .handler = ping, .methods = 1 << TT_GET},
};

static inline void start(uint64_t seed)
{
    far_init(seed);
    for (size_t i = 0; i < TT_COUNT(resources); i++)
        REQUIRE(tt_bus_add(&far.bus[0], &resources[i]) == TT_OK);
    memset(whole, 0, sizeof(whole));
    memset(come, 0, sizeof(come));
    memset(begun, 0, sizeof(begun));
    memset(taken, 0, sizeof(taken));
    busy_left = 0;
    shown_length = MIB;
    shown_version = 1;
    if (body[1] == 0) // once
        for (size_t i = 0; i < sizeof(body); i++)
            body[i] = (uint8_t)(i * 31 + i / 1024 * 7 + 1);
}

typedef struct transfer {
    tt_call call;
    unsigned which; // of `kept`
    bool done;
    tt_status status;
    tt_code code;
    tt_time begun, ended;
    size_t got;
} transfer;

static void replied(tt_call *call, tt_time now, const tt_reply *reply)
{
    transfer *t = call->context;
    t->status = reply->status;
    t->code = reply->code;
    t->done = reply->final;
    t->ended = now;
    if (reply->status != TT_OK || call->method != TT_GET)
        return;
    REQUIRE(reply->offset + reply->length <= BODY_MAX);
    memcpy(kept[t->which] + reply->offset, reply->payload, reply->length);
    taken[t->which][reply->offset / TT_BUS_BLOCK_MAX]++;
    t->got += reply->length;
    EXPECT(t->got > 0 || reply->offset == 0);
}

static inline void begin(transfer *t, unsigned from, tt_method method, const char *path,
                         size_t length)
{
    memset(t, 0, sizeof(*t));
    t->which = from;
    t->begun = far.now;
    t->call = (tt_call){.peer = far.endpoint[0],
                        .method = method,
                        .path = path,
                        .payload = length > 0 ? body : NULL,
                        .length = length,
                        .content_format = TT_FORMAT_NONE,
                        .accept = TT_FORMAT_NONE,
                        .any_order = true,
                        .on_reply = replied,
                        .context = t};
    REQUIRE(tt_bus_call(&far.bus[from], far.now, &t->call) == TT_OK);
}

static inline void expect_equal(unsigned which, size_t length)
{
    EXPECT(memcmp(kept[which], body, length) == 0);
    for (size_t i = 0; i * TT_BUS_BLOCK_MAX < length; i++)
        EXPECT_EQUAL(taken[which][i], 1);
}

// Nothing is left of what was under way.
static inline void expect_rest(void)
{
    far_pass(NULL, TT_SECONDS(12));
    for (unsigned i = 0; i < FAR_NODES; i++)
        EXPECT_EQUAL(tt_bus_busy(&far.bus[i]), 0);
}

// 1 MiB over 40 ms and 5 % loss each way: how long it took.
static inline tt_time put_far(uint64_t seed)
{
    transfer t;
    start(seed);
    far.delay = TT_MS(20);
    far.lost_per_mille[0] = far.lost_per_mille[1] = 50;
    begin(&t, 1, TT_PUT, "sink/1", MIB);
    far_pass(&t.done, TT_SECONDS(60));
    EXPECT(t.done && t.status == TT_OK && t.code == TT_CHANGED);
    EXPECT_EQUAL(whole[1], 1);
    EXPECT_EQUAL(begun[1], 1);
    EXPECT_EQUAL(far.bus[1].counters.streams, 1);
    expect_equal(1, MIB);
    return t.ended - t.begun;
}

static inline tt_time get_far(uint64_t seed)
{
    transfer t;
    start(seed);
    far.delay = TT_MS(20);
    far.lost_per_mille[0] = far.lost_per_mille[1] = 50;
    begin(&t, 1, TT_GET, "show", 0);
    far_pass(&t.done, TT_SECONDS(60));
    EXPECT(t.done && t.status == TT_OK && t.code == TT_CONTENT);
    EXPECT_EQUAL(t.got, MIB);
    EXPECT_EQUAL(far.bus[1].counters.streams, 1);
    expect_equal(1, MIB);
    return t.ended - t.begun;
}

#endif
