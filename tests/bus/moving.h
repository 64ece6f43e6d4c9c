// What the tests of identities and of peers that move share: devices that have said who they are,
// a client that changes its address, and its requests by hand with a tag and a number.

#ifndef TUTTI_TESTS_BUS_MOVING_H
#define TUTTI_TESTS_BUS_MOVING_H

#include "tests/bus/exchange.h"

static const tt_endpoint elsewhere = {.ip = {0xfe, 0x80, [14] = 9, [15] = 9}, .port = 7777};

static inline void start_known(void)
{
    start();
    for (unsigned i = 0; i < 3; i++)
        tt_bus_set_identity(&devices[i].bus, tt_bus_identity("device", i + 1));
}

// What a device has to say is lost on the way.
static inline unsigned lose(device *d)
{
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_endpoint to;
    size_t length;
    unsigned count = 0;
    while (tt_bus_transmit(&d->bus, &to, bytes, sizeof(bytes), &length) == TT_OK)
        count++;
    return count;
}

// Carries what a device has to say to another, once, and nothing further.
static inline void carry(device *from, device *to)
{
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_endpoint peer;
    size_t length;
    while (tt_bus_transmit(&from->bus, &peer, bytes, sizeof(bytes), &length) == TT_OK)
        if (tt_endpoint_equal(&peer, &to->endpoint))
            tt_bus_receive(&to->bus, time_now, &from->endpoint, bytes, length);
}

static inline tt_bus_session *session_at(device *d, const tt_endpoint *peer)
{
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++)
        if (tt_endpoint_equal(&d->bus.sessions[i].peer, peer))
            return &d->bus.sessions[i];
    return NULL;
}

static inline tt_call call_to(const device *to, tt_method method, const char *path,
                              const void *payload, size_t length, asked *a)
{
    return (tt_call){.peer = to->endpoint,
                     .method = method,
                     .path = path,
                     .payload = payload,
                     .length = length,
                     .content_format = TT_FORMAT_NONE,
                     .accept = TT_FORMAT_NONE,
                     .on_reply = asked_reply,
                     .context = a};
}

static inline void begin(asked *a, device *from, const device *to, tt_method method,
                         const char *path, const void *payload, size_t length)
{
    memset(a, 0, sizeof(*a));
    a->call = call_to(to, method, path, payload, length, a);
    REQUIRE(tt_bus_call(&from->bus, time_now, &a->call) == TT_OK);
}

// A POST by hand, of a life with a tag, from any place. With `identity` it says who it is.
static inline void hear_tagged(const tt_endpoint *from, tt_message_type type, uint16_t id,
                               uint32_t tag, uint32_t number, uint64_t identity)
{
    uint8_t bytes[64];
    tt_bus_token token = {.length = 8};
    tt_writer t;
    tt_message_writer w;
    device peer = {.endpoint = *from};
    tt_writer_init(&t, token.bytes, 8);
    tt_write_be32(&t, tag);
    tt_write_be32(&t, number);
    tt_message_begin(&w, bytes, sizeof(bytes), type, TT_POST, id, &token);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, "keep", '/');
    if (identity != 0)
        tt_message_option_tag(&w, TT_OPTION_IDENTITY, identity, 8);
    tt_message_payload(&w, "x", 1);
    hear(&peer, &w);
}

#endif
