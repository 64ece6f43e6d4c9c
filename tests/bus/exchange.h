// What the tests of whole exchanges share: a server with a few resources, and the other side of an
// exchange played by hand, datagram by datagram.

#ifndef TUTTI_TESTS_BUS_EXCHANGE_H
#define TUTTI_TESTS_BUS_EXCHANGE_H

#include "bus/message.h"
#include "tests/bus/devices.h"
#include "tutti/check.h"

#define SERVER (&devices[0])
#define CLIENT (&devices[1])
#define OTHER (&devices[2])
// Long separate answers that may wait for their acknowledgement.
#define ANSWERS_HELD_MAX (TT_BUS_BUFFERS_MAX > 2 ? TT_BUS_BUFFERS_MAX - 2 : 1)

static unsigned runs;   // of any handler
static char kept[5000]; // by /keep
static size_t kept_length;
static char shown[3000] = "one"; // by /show
static size_t shown_length = 3;
static tt_answer_token owed[16];
static unsigned owed_count;

static inline void keep(tt_resource *resource, tt_time now, const tt_request *request,
                        tt_response *response)
{
    (void)resource;
    (void)now;
    runs++;
    if (request->offset + request->length > sizeof(kept)) {
        response->code = TT_ENTITY_TOO_LARGE;
        response->size_max = sizeof(kept);
        return;
    }
    if (request->length > 0)
        memcpy(kept + request->offset, request->payload, request->length);
    if (request->last)
        kept_length = request->offset + request->length;
    response->code = TT_CHANGED;
}

static inline void show(tt_resource *resource, tt_time now, const tt_request *request,
                        tt_response *response)
{
    (void)resource;
    (void)now;
    runs++;
    tt_respond_bytes(request, response, TT_FORMAT_NONE, shown, shown_length,
                     tt_crc32(0, shown, shown_length));
}

static inline void later(tt_resource *resource, tt_time now, const tt_request *request,
                         tt_response *response)
{
    (void)resource;
    (void)now;
    runs++;
    owed[owed_count++ % 16] = request->token;
    response->later = true;
}

static inline void wordy(tt_resource *resource, tt_time now, const tt_request *request,
                         tt_response *response)
{
    show(resource, now, request, response); // a long answer to POST: it goes separately
    *response = (tt_response){.code = TT_CONTENT,
                              .content_format = TT_FORMAT_NONE,
                              .payload = shown,
                              .length = 200,
                              .max_age_seconds = 60};
}

static tt_resource resources[] = {
    {.path = "keep", .type = "test", .handler = keep, .methods = 1 << TT_PUT | 1 << TT_POST},
    {.path = "show", .handler = show, .methods = 1 << TT_GET, .observable = true},
    {.path = "tree", .handler = show, .methods = 1 << TT_GET, .subtree = true},
    {.path = "later", .handler = later, .methods = 1 << TT_POST},
    {.path = "wordy", .handler = wordy, .methods = 1 << TT_POST},
};

static inline void start(void)
{
    devices_init();
    runs = owed_count = 0;
    kept_length = 0;
    strcpy(shown, "one");
    shown_length = 3;
    for (size_t i = 0; i < TT_COUNT(resources); i++)
        REQUIRE(tt_bus_add(&SERVER->bus, &resources[i]) == TT_OK);
}

// Single datagrams. `answer` is the newest thing that was sent back.
static struct {
    tt_message message;
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    unsigned count;
} answer;

// What a device has to say now, to nobody.
static inline void collect(device *d)
{
    tt_endpoint to;
    size_t length;
    answer.count = 0;
    while (tt_bus_transmit(&d->bus, &to, answer.bytes, sizeof(answer.bytes), &length) == TT_OK) {
        EXPECT(tt_message_parse(&answer.message, answer.bytes, length) == TT_OK);
        answer.count++;
    }
}

static inline void tell(device *to, const device *from, const tt_message_writer *w)
{
    REQUIRE(!w->out.failed);
    tt_bus_receive(&to->bus, time_now, &from->endpoint, w->out.data, w->out.length);
    collect(to);
}

static inline void hear(device *from, const tt_message_writer *w)
{
    tell(SERVER, from, w);
}

// The peer says of the server's newest message that it has come, or that it is of no interest.
static inline void hear_empty(device *from, tt_message_type type, uint16_t id)
{
    uint8_t bytes[4];
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), type, 0, id, NULL);
    hear(from, &w);
}

static inline bool was_reset(uint16_t id)
{
    return answer.count == 1 && answer.message.type == TT_RESET_MESSAGE && answer.message.id == id;
}

static inline tt_message_writer request(tt_message_type type, unsigned method, uint16_t id,
                                        const char *path)
{
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    static const tt_bus_token token = {.length = 2, .bytes = {7, 7}};
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), type, method, id, &token);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, path, '/');
    return w;
}

// What the other side of a call says, by hand: a response to its newest message.
static inline void respond(device *from, const asked *a, uint16_t id, tt_message_type type,
                           tt_code code, unsigned option, const void *value, size_t value_length,
                           const tt_block *block, unsigned block_option, size_t length)
{
    static uint8_t bytes[TT_BUS_MESSAGE_MAX], payload[TT_BUS_BLOCK_MAX];
    const struct tt_call_state *s = &a->call.state;
    uint64_t number = s->fetch_token != 0 ? s->fetch_token : s->token;
    tt_bus_token token = {.length = 8};
    tt_message_writer w;
    memcpy(token.bytes, &number, 8);
    tt_message_begin(&w, bytes, sizeof(bytes), type, code,
                     type == TT_ACKNOWLEDGEMENT ? s->message_id : id, &token);
    if (option != 0)
        tt_message_option(&w, option, value, value_length);
    if (block != NULL)
        tt_message_option_block(&w, block_option, block);
    tt_message_payload(&w, payload, length);
    tell(CLIENT, from, &w);
}

// Starts a request to the server, which hears nothing of it.
static inline void ask_by_hand(asked *a, tt_method method, bool observe, const void *payload,
                               size_t length)
{
    memset(a, 0, sizeof(*a));
    a->call = (tt_call){.peer = SERVER->endpoint,
                        .method = method,
                        .path = "keep",
                        .payload = payload,
                        .length = length,
                        .content_format = TT_FORMAT_NONE,
                        .accept = TT_FORMAT_NONE,
                        .observe = observe,
                        .on_reply = asked_reply,
                        .context = a};
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &a->call) == TT_OK);
    collect(CLIENT);
}

#define COLLECTED_MAX 65536

static uint16_t next_id = 1;

static inline void hear_get(const char *path, const char *query, uint32_t number, uint8_t exponent)
{
    tt_message_writer w = request(TT_CONFIRMABLE, TT_GET, next_id++, path);
    if (query != NULL)
        tt_message_option_parts(&w, TT_OPTION_URI_QUERY, query, '&');
    tt_message_option_block(&w, TT_OPTION_BLOCK2,
                            &(tt_block){.number = number, .exponent = exponent});
    hear(CLIENT, &w);
    REQUIRE(answer.count == 1);
}

// A body that comes in pieces, as a caller sees it.
typedef struct collected {
    tt_call call;
    char body[COLLECTED_MAX];
    size_t length, starts, pieces;
    tt_status status;
    tt_code code;
    bool last, final;
} collected;

static inline void collect_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    collected *c = call->context;
    (void)now;
    c->pieces++;
    c->starts += reply->offset == 0;
    c->status = reply->status;
    c->code = reply->code;
    c->final = reply->final;
    c->last = reply->last;
    EXPECT(reply->status != TT_OK || reply->offset == 0 || reply->offset == c->length);
    if (reply->status != TT_OK)
        return;
    REQUIRE(reply->offset + reply->length <= sizeof(c->body));
    if (reply->length > 0)
        memcpy(c->body + reply->offset, reply->payload, reply->length);
    c->length = reply->offset + reply->length;
}

// From the server itself, or from the client over the wire.
static inline void get(collected *c, bool own, const char *path, bool observe)
{
    static const tt_endpoint own_device;
    memset(c, 0, sizeof(*c));
    c->call = (tt_call){.peer = own ? own_device : SERVER->endpoint,
                        .method = TT_GET,
                        .path = path,
                        .observe = observe,
                        .content_format = TT_FORMAT_NONE,
                        .accept = TT_FORMAT_NONE,
                        .on_reply = collect_reply,
                        .context = c};
    REQUIRE(tt_bus_call(own ? &SERVER->bus : &CLIENT->bus, time_now, &c->call) == TT_OK);
}

#endif
