// Datagrams from two peers to a bus that has something of everything: a resource that answers at
// once, one that answers later, one that can be observed, one that takes long bodies, and calls of
// its own under way. The input is a row of datagrams: a byte that says who sends and how much time
// passes before, two bytes of length, the bytes.

#include <stdlib.h>
#include <string.h>

#include "bus/message.h"
#include "tutti/bus_storage.h"
#include "tutti/check.h"
#include "tutti/links.h"

static tt_bus bus;
static tt_answer_token later;
static char representation[3000];

static void at_once(tt_resource *resource, tt_time now, const tt_request *request,
                    tt_response *response)
{
    (void)now;
    size_t length = strlen(request->path);
    TT_CHECK(length < TT_BUS_PATH_MAX && strlen(request->query) < TT_BUS_QUERY_MAX);
    TT_CHECK(strncmp(request->path, resource->path, strlen(resource->path)) == 0);
    TT_CHECK(request->window_length >= 16 && request->window_length <= TT_BUS_BLOCK_MAX);
    tt_respond_bytes(request, response, TT_FORMAT_OCTETS, representation, sizeof(representation),
                     (uint64_t)representation[0]);
}

static void keeps(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    static size_t expected;
    (void)now;
    (void)resource;
    TT_CHECK(request->offset == 0 || request->offset == expected); // in order, without gaps
    expected = request->offset + request->length;
    for (size_t i = 0; i < request->length && i < sizeof(representation); i++)
        representation[i] = (char)request->payload[i];
    response->code = TT_CHANGED;
}

static void answers_later(tt_resource *resource, tt_time now, const tt_request *request,
                          tt_response *response)
{
    (void)resource;
    (void)now;
    later = request->token;
    response->later = true;
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)now;
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < reply->length; i++)
        sum = (uint8_t)(sum + reply->payload[i]);
    *(bool *)call->context = !reply->final;
}

// Whatever the bus sends can be parsed again.
static void send_all(void)
{
    tt_endpoint peer;
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    size_t length;
    tt_message message;
    while (tt_bus_transmit(&bus, &peer, bytes, sizeof(bytes), &length) == TT_OK)
        TT_CHECK(tt_message_parse(&message, bytes, length) == TT_OK);
}

static void read_links(const uint8_t *data, size_t size)
{
    tt_link link;
    size_t at = 0;
    while (tt_link_next((const char *)data, size, &at, &link) == TT_OK)
        ;
    // In pieces whose length the first byte says.
    tt_links links;
    char text[64];
    size_t piece = 1 + (size > 0 ? data[0] : 0u);
    tt_links_init(&links, text, sizeof(text));
    for (size_t begin = 0; begin < size; begin += piece) {
        size_t left = size - begin, length = left < piece ? left : piece;
        at = 0;
        while (tt_links_take(&links, (const char *)data + begin, length, &at, length == left,
                             &link) != TT_EMPTY)
            TT_CHECK(at <= length && links.length <= sizeof(text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tt_resource resources[] = {
        {.path = "now",
         .handler = at_once,
         .methods = 1 << TT_GET,
         .observable = true,
         .any_order = true},
        {.path = "tree", .handler = at_once, .methods = 1 << TT_GET, .subtree = true},
        {.path = "keep", .handler = keeps, .methods = 1 << TT_PUT | 1 << TT_POST},
        {.path = "later", .handler = answers_later, .methods = 1 << TT_POST}};
    static tt_endpoint peers[2];
    tt_time now = TT_SECONDS(1);
    read_links(data, size);
    tt_bus_init(&bus, now, 1);
    tt_bus_set_identity(&bus, 1);
    for (size_t i = 0; i < TT_COUNT(resources); i++)
        tt_bus_add(&bus, &resources[i]);
    for (uint8_t i = 0; i < 2; i++)
        peers[i] = (tt_endpoint){.ip = {[15] = (uint8_t)(i + 1)}, .port = TT_BUS_PORT};
    bool busy[3] = {false, false, false}; // the last is a call to the own device
    tt_call calls[3];
    for (size_t at = 0; at + 3 <= size;) {
        unsigned head = data[at], length = data[at + 1] << 8 | data[at + 2];
        at += 3;
        if (length > size - at)
            length = (unsigned)(size - at);
        now += (tt_time)(head >> 1 & 7) * TT_MS(300);
        uint8_t *datagram = malloc(length + 1); // of this size, so that reading past it is seen
        memcpy(datagram, data + at, length);
        tt_bus_receive(&bus, now, &peers[head & 1], datagram, length);
        free(datagram);
        at += length;
        if (head & 0x10 && !busy[head & 1]) {
            calls[head & 1] = (tt_call){.peer = peers[head & 1],
                                        .method = head & 0x20 ? TT_PUT : TT_GET,
                                        .path = "far",
                                        .payload = representation,
                                        .length = head & 0x20 ? sizeof(representation) : 0,
                                        .content_format = TT_FORMAT_OCTETS,
                                        .accept = TT_FORMAT_NONE,
                                        .observe = !(head & 0x20),
                                        .on_reply = on_reply,
                                        .context = &busy[head & 1]};
            busy[head & 1] = tt_bus_call(&bus, now, &calls[head & 1]) == TT_OK;
        }
        if (head & 0x20 && !busy[2]) {
            calls[2] = (tt_call){.method = TT_GET,
                                 .path = head & 0x10 ? ".well-known/core" : "now",
                                 .content_format = TT_FORMAT_NONE,
                                 .accept = TT_FORMAT_NONE,
                                 .observe = !(head & 0x10),
                                 .on_reply = on_reply,
                                 .context = &busy[2]};
            busy[2] = tt_bus_call(&bus, now, &calls[2]) == TT_OK;
        }
        if (head & 0x40)
            tt_bus_changed(&bus, now, &resources[0]);
        if (head & 0x80)
            tt_bus_answer(&bus, now, later,
                          &(tt_response){.code = TT_CONTENT, .payload = "x", .length = 1});
        tt_bus_advance(&bus, now);
        send_all();
    }
    for (int i = 0; i < 3; i++)
        if (busy[i])
            tt_bus_cancel(&bus, now, &calls[i]);
    return 0;
}
