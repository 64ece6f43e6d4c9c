// A few devices on one wire, in memory: a bus and a platform each, and virtual time. Datagrams
// arrive at once and in order; workers finish only when the test lets them.

#ifndef TUTTI_TESTS_BUS_DEVICES_H
#define TUTTI_TESTS_BUS_DEVICES_H

#include "tests/test.h"
#include "tutti/bus_storage.h"
#include "tutti/platform.h"

#define DEVICES 4

typedef struct device {
    tt_platform platform; // first
    tt_bus bus;
    tt_endpoint endpoint;
    tt_work *works[TT_WORKS_MAX];
    unsigned work_count, works_max;
} device;

static device devices[DEVICES];
static tt_time time_now;

static tt_time device_now(tt_platform *platform)
{
    (void)platform;
    return time_now;
}

static tt_status device_work(tt_platform *platform, tt_work *work)
{
    device *d = (device *)platform;
    if (d->work_count == d->works_max)
        return TT_FULL;
    d->works[d->work_count++] = work;
    return TT_OK;
}

static const tt_platform_operations device_operations = {.now = device_now, .work = device_work};

static inline void devices_init(void)
{
    time_now = TT_SECONDS(1);
    for (unsigned i = 0; i < DEVICES; i++) {
        device *d = &devices[i];
        *d = (device){.platform = {&device_operations}, .works_max = TT_WORKS_MAX};
        tt_bus_init(&d->bus, time_now, i + 1);
        d->endpoint.ip[0] = 0xfe;
        d->endpoint.ip[1] = 0x80;
        d->endpoint.ip[15] = (uint8_t)(i + 1);
        d->endpoint.port = TT_BUS_PORT;
    }
}

// Carries datagrams until nobody has one to send.
static inline void deliver(void)
{
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    bool sent = true;
    while (sent) {
        sent = false;
        for (unsigned i = 0; i < DEVICES; i++) {
            tt_endpoint to;
            size_t length;
            while (tt_bus_transmit(&devices[i].bus, &to, bytes, sizeof(bytes), &length) == TT_OK) {
                sent = true;
                for (unsigned k = 0; k < DEVICES; k++)
                    if (tt_endpoint_equal(&to, &devices[k].endpoint))
                        tt_bus_receive(&devices[k].bus, time_now, &devices[i].endpoint, bytes,
                                       length);
            }
        }
    }
}

// Lets a device's worker finish its oldest work.
static inline void finish_work(device *d)
{
    REQUIRE(d->work_count > 0);
    tt_work *work = d->works[0];
    d->work_count--;
    memmove(d->works, d->works + 1, d->work_count * sizeof(d->works[0]));
    work->run(work);
    work->done(work, time_now);
    deliver();
}

// Virtual time passes, step by step from deadline to deadline.
static inline void pass(tt_time duration)
{
    tt_time end = time_now + duration;
    while (time_now < end) {
        tt_time next = end;
        for (unsigned i = 0; i < DEVICES; i++)
            next = tt_earlier(next, tt_bus_deadline(&devices[i].bus));
        time_now = next > time_now ? next : time_now + 1;
        for (unsigned i = 0; i < DEVICES; i++)
            tt_bus_advance(&devices[i].bus, time_now);
        deliver();
    }
}

// A request and what came of it.
typedef struct asked {
    tt_call call;
    bool done;
    tt_status status;
    tt_code code;
    char payload[2048]; // terminated
    size_t length;
} asked;

static void asked_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    asked *a = call->context;
    (void)now;
    a->status = reply->status;
    a->code = reply->code;
    if (reply->status == TT_OK && reply->offset + reply->length < sizeof(a->payload)) {
        if (reply->length > 0)
            memcpy(a->payload + reply->offset, reply->payload, reply->length);
        a->length = reply->offset + reply->length;
        a->payload[a->length] = '\0';
    }
    a->done |= reply->final;
}

// Starts a request from `from` to `to` and carries datagrams; it may be answered later.
static inline void ask(asked *a, device *from, const device *to, tt_method method, const char *path,
                       const char *query, const void *payload, size_t length)
{
    memset(a, 0, sizeof(*a));
    a->call = (tt_call){.peer = to->endpoint,
                        .method = method,
                        .path = path,
                        .query = query,
                        .payload = payload,
                        .length = length,
                        .content_format = length > 0 ? TT_FORMAT_OCTETS : TT_FORMAT_NONE,
                        .accept = TT_FORMAT_NONE,
                        .on_reply = asked_reply,
                        .context = a};
    REQUIRE(tt_bus_call(&from->bus, time_now, &a->call) == TT_OK);
    deliver();
}

#define EXPECT_ANSWER(asked, expected_code)                                                        \
    do {                                                                                           \
        EXPECT((asked).done);                                                                      \
        EXPECT_EQUAL((asked).status, TT_OK);                                                       \
        EXPECT_EQUAL((asked).code, expected_code);                                                 \
    } while (0)

#endif
