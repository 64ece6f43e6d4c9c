// The receiving half of a stream: each piece is handed over as it comes, at its offset, once.
//
// What is kept of a body is one bit a piece, as many as the window has. An acknowledgement says
// which has come: at once where a piece is missing or comes twice, else with every second piece, or
// after a moment. A handler that cannot take a piece closes the window: its sender tries again.

#include <string.h>

#include "bus/stream.h"

#define ACKNOWLEDGE_EVERY 2
#define ACKNOWLEDGE_AFTER TT_MS(5)
// Quiet after which a caller says again what it has, doubled each time: what was said may be lost,
// and a sender that has heard nothing sends no more.
#define ASK_SOONEST TT_MS(100)
#define ASK_LATEST TT_MS(1000)

static void ask_later(tt_bus_stream *s, tt_time now)
{
    tt_time wait = ASK_SOONEST << (s->backoff < 4 ? s->backoff : 4);
    bool asks = s->call != NULL && s->kind == TT_STREAM_TAKES;
    s->next = asks ? tt_after(now, tt_earlier(wait, ASK_LATEST)) : TT_FOREVER;
}

void tt_stream_take_begin(tt_bus_stream *s, tt_time now)
{
    s->kind = TT_STREAM_TAKES;
    s->low = 1; // the first came with the request, or with the answer
    s->progress = s->stamped = now;
    s->stamp = 0; // none
    s->backoff = 0;
    ask_later(s, now);
}

typedef struct piece {
    uint32_t stamp, number;
    const uint8_t *data;
    uint32_t length;
} piece;

static bool read(const tt_bus_stream *s, const tt_message *m, piece *p)
{
    tt_reader r;
    tt_reader_init(&r, m->payload, m->length);
    p->stamp = tt_read_be32(&r);
    uint32_t offset = tt_read_be32(&r);
    p->length = (uint32_t)tt_reader_left(&r);
    p->data = tt_read_bytes(&r, p->length);
    p->number = offset / TT_BUS_BLOCK_MAX;
    return !r.failed && offset % TT_BUS_BLOCK_MAX == 0 && offset < s->size &&
           p->length == tt_stream_length(s, p->number);
}

static void acknowledge(tt_bus_stream *s, tt_time now, bool at_once)
{
    s->unsaid++;
    if (at_once || s->unsaid >= ACKNOWLEDGE_EVERY)
        s->is_due = true;
    else
        s->next = tt_earlier(s->next, tt_after(now, ACKNOWLEDGE_AFTER));
}

static uint32_t count(const tt_bus_stream *s) // of pieces from low on that have come
{
    uint32_t have = 0;
    for (uint32_t i = 0; i < TT_BUS_STREAM_PIECES; i++)
        have += tt_stream_bit(s->have, i);
    return have;
}

// Notes that a piece has come; whether the body is whole with it.
static bool mark(tt_bus_stream *s, tt_time now, uint32_t number)
{
    tt_stream_set(s->have, number, true);
    for (; tt_stream_bit(s->have, s->low); s->low++)
        tt_stream_set(s->have, s->low, false);
    s->progress = now;
    s->is_closed = false;
    s->backoff = 0;
    return s->low == tt_stream_pieces(s);
}

static void give_caller(tt_bus *bus, tt_time now, tt_bus_stream *s, const piece *p)
{
    bool whole = mark(s, now, p->number);
    tt_reply reply = {.status = TT_OK,
                      .code = TT_CONTENT,
                      .content_format = s->content_format,
                      .payload = p->data,
                      .length = p->length,
                      .offset = (size_t)p->number * TT_BUS_BLOCK_MAX,
                      .last = whole};
    bus->calling->take_piece(bus, now, s->call,
                             &reply); // last: the owner may cancel the call in it
}

// Whether the transfer is still this stream's, by its Request-Tag.
static bool is_mine(const tt_bus_stream *s)
{
    const tt_bus_transfer *t = s->transfer;
    return t != NULL && s->resource != NULL && t->resource == s->resource &&
           t->session == s->session && t->method == s->method && t->tag_length == 4 &&
           t->tag == s->version && t->next == SIZE_MAX;
}

void tt_stream_release(tt_bus_stream *s)
{
    if (is_mine(s))
        s->transfer->resource = NULL;
    s->transfer = NULL;
}

// The body is whole, or was refused: its answer goes, or is owed.
static void answer(tt_bus *bus, tt_time now, tt_bus_stream *s, const tt_response *response)
{
    tt_answer_token owed = s->owed;
    tt_stream_release(s);
    if (response->later) {
        s->kind = TT_STREAM_TAKEN;
        s->next = TT_FOREVER;
        s->is_due = true; // that all has come: the answer may take its time
        return;
    }
    tt_stream_free(s);
    if (tt_bus_answer(bus, now, owed, response) == TT_OK)
        return;
    tt_response bare = *response; // there is no room for a long one
    bare.length = 0;
    if (tt_bus_answer(bus, now, owed, &bare) != TT_OK)
        bus->counters.dropped++;
}

// Its sender tries this piece again in a while; meanwhile its patience counts.
static void close(tt_bus_stream *s, tt_time now)
{
    s->is_closed = s->is_due = true;
    s->progress = s->transfer->heard = now;
}

static void give_handler(tt_bus *bus, tt_time now, tt_bus_stream *s, const piece *p)
{
    bool missing = count(s) + s->low + 1 < tt_stream_pieces(s);
    bool can_answer = tt_buffer_may_stay(bus, true) || tt_transmission_is_free(s->session, now);
    tt_bus_buffer *buffer = missing || can_answer ? tt_buffer_take(bus) : NULL;
    tt_response response;
    if (buffer == NULL) {
        close(s, now);
        return;
    }
    tt_request request = {.method = s->method,
                          .peer = &s->session->peer,
                          .path = s->path,
                          .query = s->query,
                          .content_format = s->content_format,
                          .accept = s->accept,
                          .payload = p->data,
                          .length = p->length,
                          .offset = (size_t)p->number * TT_BUS_BLOCK_MAX,
                          .size = s->size,
                          .last = !missing,
                          .token = s->owed};
    tt_bus_set_window(&request, NULL, buffer);
    tt_bus_run_handler(bus, now, s->resource, &request, &response);
    buffer->state = TT_BUFFER_FREE;
    if (s->kind != TT_STREAM_TAKES || s->owed != request.token)
        return; // its handler ended it
    if (response.busy) {
        close(s, now);
        return;
    }
    (void)mark(s, now, p->number);
    s->transfer->heard = now;
    tt_owed_renew(bus, now, s->owed);
    if (!missing || response.later || response.code >= TT_BAD_REQUEST)
        answer(bus, now, s, &response);
}

static void refuse_rest(tt_bus *bus, tt_time now, tt_bus_stream *s)
{
    tt_response response;
    tt_response_begin(&response, TT_ENTITY_INCOMPLETE);
    answer(bus, now, s, &response);
}

void tt_stream_take(tt_bus *bus, tt_time now, tt_bus_stream *s, const tt_message *m)
{
    piece p;
    if (!read(s, m, &p)) {
        bus->counters.malformed++;
        return;
    }
    bool again = p.number < s->low;
    if (!again && p.number - s->low >= TT_BUS_STREAM_PIECES) { // over the window
        bus->counters.pieces_refused++;
        return;
    }
    again = again || tt_stream_bit(s->have, p.number);
    if (s->stamp == 0 || (int32_t)(p.stamp - s->stamp) >= 0) { // the newest
        s->stamp = p.stamp;
        s->stamped = now;
    }
    acknowledge(s, now, again || p.number != s->low || count(s) > 0 || s->is_closed);
    if (again || s->kind != TT_STREAM_TAKES)
        return;
    if (s->call != NULL)
        give_caller(bus, now, s, &p);
    else if (is_mine(s))
        give_handler(bus, now, s, &p);
    else // another took its place: the sender was silent too long, or the resource is gone
        refuse_rest(bus, now, s);
}

void tt_stream_take_advance(tt_bus_stream *s, tt_time now)
{
    if (now < s->next)
        return;
    s->is_due = true;
    s->next = TT_FOREVER;
    s->backoff += s->unsaid == 0 && s->backoff < UINT8_MAX; // nothing has come since
}

// What the sender's clock says now, by its newest stamp; 0: no piece has come.
static uint32_t stamp_now(const tt_bus_stream *s, tt_time now)
{
    return s->stamp != 0 ? s->stamp + tt_stream_us(now) - tt_stream_us(s->stamped) : 0;
}

static uint32_t limit_of(const tt_bus_stream *s)
{
    uint64_t pieces = s->low + (s->is_closed ? 0 : (uint32_t)TT_BUS_STREAM_PIECES);
    uint64_t limit = pieces * TT_BUS_BLOCK_MAX;
    return limit < s->size ? (uint32_t)limit : s->size;
}

size_t tt_stream_take_write(tt_bus_stream *s, tt_time now, void *bytes, size_t capacity)
{
    uint8_t said[12 + sizeof(s->have)] = {0};
    size_t length = 12;
    uint32_t come = s->low * TT_BUS_BLOCK_MAX;
    tt_writer w;
    tt_writer_init(&w, said, 12);
    tt_write_be32(&w, stamp_now(s, now));
    tt_write_be32(&w, limit_of(s));
    tt_write_be32(&w, s->low < tt_stream_pieces(s) ? come : s->size);
    for (unsigned i = 0; i + 1 < TT_BUS_STREAM_PIECES; i++) {
        if (!tt_stream_bit(s->have, s->low + 1 + i))
            continue;
        said[12 + i / 8] |= (uint8_t)(1u << i % 8);
        length = 12 + i / 8 + 1;
    }
    tt_message_writer out;
    tt_message_begin(&out, bytes, capacity, TT_NON_CONFIRMABLE, TT_STREAM_ACKNOWLEDGE,
                     (uint16_t)s->stamp, &s->token);
    tt_message_payload(&out, said, length);
    s->unsaid = 0;
    s->is_due = false;
    ask_later(s, now);
    return out.out.length;
}
