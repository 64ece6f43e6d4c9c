// What a peer says within streams: a body that it sends, an answer that it fetches, and a body and
// an answer of calls to it. Its tokens are right, all else is the input's: a row of messages, each
// of which has a byte that says which stream, what and how much time passes before, two bytes of
// how many bytes follow the head, and twelve bytes of head. No piece may be handed over twice or
// beyond the body.

#include <string.h>

#include "bus/message.h"
#include "tutti/bus_storage.h"
#include "tutti/check.h"

#define SIZE 70001
#define PIECES ((SIZE + TT_BUS_BLOCK_MAX - 1) / TT_BUS_BLOCK_MAX)

static tt_bus bus;
static uint8_t body[SIZE], come[2][PIECES];
static const tt_endpoint peer = {.ip = {[15] = 1}, .port = TT_BUS_PORT};
static unsigned whims;

static void take(unsigned which, size_t offset, size_t length, size_t size)
{
    TT_CHECK(offset % TT_BUS_BLOCK_MAX == 0 && offset + length <= size && size <= SIZE);
    if (offset == 0)
        memset(come[which], 0, sizeof(come[which]));
    TT_CHECK(come[which][offset / TT_BUS_BLOCK_MAX]++ == 0);
}

static void handle(tt_resource *resource, tt_time now, const tt_request *request,
                   tt_response *response)
{
    (void)resource;
    (void)now;
    if (request->method == TT_GET) {
        tt_respond_bytes(request, response, TT_FORMAT_NONE, body, SIZE, whims & 1);
        return;
    }
    response->busy = (whims & 6) == 2 && request->offset > 0;
    response->code = (whims & 6) == 4 ? TT_FORBIDDEN : request->last ? TT_CHANGED : TT_CONTINUE;
    if (!response->busy)
        take(0, request->offset, request->length, request->size);
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)now;
    if (reply->status == TT_OK && call->method == TT_GET && reply->code == TT_CONTENT &&
        reply->length > 0)
        take(1, reply->offset, reply->length, SIZE);
    *(bool *)call->context = !reply->final;
}

static void send_all(tt_time now)
{
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_endpoint to;
    tt_message message;
    size_t length, count = 0;
    while (count++ < 200 && tt_bus_transmit(&bus, &to, bytes, sizeof(bytes), &length) == TT_OK)
        TT_CHECK(tt_message_parse(&message, bytes, length) == TT_OK);
    (void)now;
}

// Opens what the peer asks for, or what it says of a call of ours.
static void open(tt_time now, unsigned which, const tt_bus_token *token, uint16_t id)
{
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    bool answers = which >= 2;
    tt_message_writer w;
    tt_message_begin(&w, bytes, sizeof(bytes), answers ? TT_ACKNOWLEDGEMENT : TT_CONFIRMABLE,
                     which == 0   ? TT_PUT
                     : which == 1 ? TT_GET
                     : which == 2 ? TT_CONTINUE
                                  : TT_CONTENT,
                     id, token);
    if (!answers)
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, "a", '/');
    tt_block first = {.more = true, .exponent = 6};
    if (which == 3)
        tt_message_option_block(&w, TT_OPTION_BLOCK2, &first);
    if (which == 0 || which == 2)
        tt_message_option_block(&w, TT_OPTION_BLOCK1, &first);
    if (which == 3)
        tt_message_option_number(&w, TT_OPTION_SIZE2, SIZE);
    if (which == 0)
        tt_message_option_number(&w, TT_OPTION_SIZE1, SIZE);
    if (which == 0)
        tt_message_option(&w, TT_OPTION_REQUEST_TAG, token->bytes, 4);
    tt_message_option_number(&w, TT_OPTION_STREAM, 64 << 2 | 1);
    if (which == 0 || which == 3)
        tt_message_payload(&w, body, TT_BUS_BLOCK_MAX);
    TT_CHECK(!w.out.failed);
    tt_bus_receive(&bus, now, &peer, bytes, w.out.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tt_resource resource = {
        .path = "a", .handler = handle, .methods = 1 << TT_GET | 1 << TT_PUT, .any_order = true};
    tt_time now = TT_SECONDS(1);
    tt_bus_token tokens[4];
    tt_call calls[2];
    bool busy[2] = {false, false};
    tt_bus_init(&bus, now, 1);
    tt_bus_set_identity(&bus, 1);
    tt_bus_add(&bus, &resource);
    memset(come, 0, sizeof(come));
    whims = 0;
    for (uint8_t i = 0; i < 2; i++) {
        tokens[i] = (tt_bus_token){.length = 8, .bytes = {1, 2, 3, i}};
        open(now, i, &tokens[i], i);
        send_all(now);
    }
    for (unsigned i = 0; i < 2; i++) {
        calls[i] = (tt_call){.peer = peer,
                             .method = i == 0 ? TT_PUT : TT_GET,
                             .path = "far",
                             .payload = i == 0 ? body : NULL,
                             .length = i == 0 ? SIZE : 0,
                             .content_format = TT_FORMAT_NONE,
                             .accept = TT_FORMAT_NONE,
                             .any_order = true,
                             .on_reply = on_reply,
                             .context = &busy[i]};
        busy[i] = tt_bus_call(&bus, now, &calls[i]) == TT_OK;
        send_all(now);
        tokens[2 + i] = (tt_bus_token){.length = 8};
        memcpy(tokens[2 + i].bytes, &calls[i].state.token, 8);
        open(now, 2 + i, &tokens[2 + i], calls[i].state.message_id);
        send_all(now);
    }
    TT_CHECK(bus.counters.streams == 4);
    for (size_t at = 0; at + 15 <= size; at += 15) {
        uint8_t bytes[TT_BUS_MESSAGE_MAX];
        unsigned head = data[at], which = head & 3;
        size_t follow = (size_t)(data[at + 1] << 8 | data[at + 2]) % 1040;
        now += (tt_time)(head >> 4 & 7) * TT_MS(7);
        whims = head >> 5;
        tt_message_writer w;
        tt_message_begin(&w, bytes, sizeof(bytes), TT_NON_CONFIRMABLE,
                         head & 4 ? TT_STREAM_PIECE : TT_STREAM_ACKNOWLEDGE, 1, &tokens[which]);
        uint8_t payload[12 + 1040] = {0};
        memcpy(payload, data + at + 3, 12);
        memset(payload + 12, head & 8 ? 0xff : 0, follow);
        tt_message_payload(&w, payload, follow < 12 ? follow : follow - 4);
        tt_bus_receive(&bus, now, &peer, bytes, w.out.length);
        send_all(now);
        if (tt_bus_deadline(&bus) <= now)
            tt_bus_advance(&bus, now);
        send_all(now);
    }
    for (unsigned i = 0; i < 2; i++)
        if (busy[i])
            tt_bus_cancel(&bus, now, &calls[i]);
    for (int i = 0; i < 10; i++) { // nothing stays
        tt_bus_advance(&bus, now += TT_SECONDS(50));
        send_all(now);
    }
    TT_CHECK(tt_bus_busy(&bus) == 0);
    return 0;
}
