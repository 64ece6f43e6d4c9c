// The sending half of a stream: which piece goes next, and when one is lost.
//
// A piece is taken for lost when one that was sent a quarter of a round trip after it has come
// (RACK, RFC 8985); where nothing comes back, the first that is missing goes again after the
// retransmission timeout (RFC 6298), with growing waits. Pieces are spaced over the round trip, so
// that a window that opens at once does not become a queue. No piece is kept: its bytes are the
// call's body, or the handler is asked for the window once more.

#include <string.h>

#include "bus/stream.h"

#define TIMEOUT_FIRST TT_MS(300) // before anything was measured
#define TIMEOUT_LEAST TT_MS(20)
#define TIMEOUT_MOST TT_SECONDS(1)
#define STALLED 3      // repetitions without an answer, after which the window closes
#define BURST TT_MS(1) // so much may go at once: timers are no finer
// Pieces that may go to one who asked and has acknowledged nothing: the request may be forged.
#define BLIND_MOST 2
#define STAMP_AGE_US 60000000u
#define ASK_AGAIN_AFTER TT_MS(20) // where a handler has no bytes now

static tt_time timeout_of(const tt_bus_stream *s)
{
    const tt_bus_session *session = s->session;
    tt_time wait =
        session->round_trip > 0 ? session->round_trip + 4 * session->deviation : TIMEOUT_FIRST;
    wait = tt_later(wait, TIMEOUT_LEAST);
    for (unsigned i = 0; i < s->backoff && wait < TIMEOUT_MOST; i++)
        wait *= 2;
    return tt_earlier(wait, TIMEOUT_MOST);
}

void tt_stream_send_begin(tt_bus_stream *s, tt_time now, uint32_t limit)
{
    s->kind = TT_STREAM_SENDS;
    s->low = s->end = 1; // the first went with the request, or with the answer
    s->limit = limit;
    s->stamp = tt_stream_us(now);
    s->heard = s->call != NULL; // it has answered our request
    s->blind = 0;
    s->progress = s->pace = now;
    tt_rate_begin(&s->rate, now);
    s->next = tt_after(now, timeout_of(s));
}

static bool is_held_back(const tt_bus_stream *s)
{
    return !s->heard && s->blind >= BLIND_MOST;
}

typedef struct heard {
    uint32_t stamp, limit, next; // `next`: the first piece that has not come
    const uint8_t *bits;         // of those behind it
    size_t length;
} heard;

// False: it tells of pieces that never went, or is malformed otherwise.
static bool read(const tt_bus_stream *s, const tt_message *m, heard *h)
{
    tt_reader r;
    tt_reader_init(&r, m->payload, m->length);
    h->stamp = tt_read_be32(&r);
    h->limit = tt_read_be32(&r);
    uint32_t offset = tt_read_be32(&r);
    if (r.failed || (offset % TT_BUS_BLOCK_MAX != 0 && offset != s->size))
        return false;
    h->length = tt_reader_left(&r);
    h->bits = tt_read_bytes(&r, h->length);
    h->next = (offset + TT_BUS_BLOCK_MAX - 1) / TT_BUS_BLOCK_MAX;
    if (h->next > s->end || h->limit > s->size)
        return false;
    for (size_t i = 0; i < h->length * 8; i++)
        if ((h->bits[i / 8] >> i % 8 & 1) && h->next + 1 + i >= s->end)
            return false;
    return true;
}

// How many pieces are new in it; `newest_us`: when the last sent of them went.
static uint32_t take(tt_bus_stream *s, const heard *h, uint32_t now_us, uint32_t *newest_us,
                     bool *any)
{
    uint32_t taken = 0, least_us = (uint32_t)(s->rate.base != TT_FOREVER ? s->rate.base / 1000 : 0);
    for (uint32_t piece = s->low; piece < s->end; piece++) {
        bool come = piece < h->next;
        uint32_t at = piece - h->next - 1;
        if (piece > h->next && at / 8 < h->length)
            come = h->bits[at / 8] >> at % 8 & 1;
        if (!come || tt_stream_bit(s->have, piece))
            continue;
        tt_stream_set(s->have, piece, true);
        taken++;
        if (tt_stream_bit(s->away, piece)) {
            tt_stream_set(s->away, piece, false);
            s->flying--;
        }
        uint32_t sent_us = s->sent_us[piece % TT_BUS_STREAM_PIECES];
        bool is_of_last = now_us - sent_us >= least_us; // else it is an earlier one that came
        if (is_of_last && (!*any || (int32_t)(sent_us - *newest_us) > 0)) {
            *newest_us = sent_us;
            *any = true;
        }
    }
    for (; s->low < s->end && tt_stream_bit(s->have, s->low); s->low++)
        tt_stream_set(s->have, s->low, false); // its place is another's now
    return taken;
}

// Gives up for lost what went a quarter of a round trip before what has come.
static uint32_t lose(tt_bus_stream *s, uint32_t newest_us)
{
    uint32_t lost = 0;
    uint32_t patience_us = (uint32_t)(s->session->round_trip / 4000) + 1;
    for (uint32_t piece = s->low; piece < s->end; piece++) {
        uint32_t sent_us = s->sent_us[piece % TT_BUS_STREAM_PIECES];
        if (!tt_stream_bit(s->away, piece) || (int32_t)(newest_us - sent_us) < (int32_t)patience_us)
            continue;
        tt_stream_set(s->away, piece, false);
        s->flying--;
        lost++;
    }
    return lost;
}

void tt_stream_send_end(tt_bus_stream *s, tt_time answer_until)
{
    s->kind = TT_STREAM_SENT;
    s->next = answer_until;
    s->is_due = false;
}

static void progress(tt_bus *bus, tt_time now, tt_bus_stream *s)
{
    tt_call *call = s->call;
    uint32_t come = s->low < tt_stream_pieces(s) ? s->low * TT_BUS_BLOCK_MAX : s->size;
    s->progress = now;
    if (s->low == tt_stream_pieces(s)) {
        tt_stream_send_end(s, TT_FOREVER);
        if (call == NULL)
            tt_stream_free(s);
    }
    if (call == NULL)
        return;
    call->state.sent = come;
    bus->calling->went_on(call, now);
    if (call->on_progress != NULL)
        call->on_progress(call, come);
}

void tt_stream_send_hear(tt_bus *bus, tt_time now, tt_bus_stream *s, const tt_message *m)
{
    heard h;
    uint32_t now_us = tt_stream_us(now), newest_us = 0;
    bool any = false, was_full = (s->flying + 2) * TT_BUS_BLOCK_MAX >= s->rate.window;
    if (!read(s, m, &h)) {
        bus->counters.malformed++;
        return;
    }
    uint32_t age_us = now_us - h.stamp;
    bool stamped = h.stamp != 0; // else none of our pieces has come
    tt_time sample = stamped && age_us < STAMP_AGE_US ? TT_US(age_us > 0 ? age_us : 1) : 0;
    bool newer = (int32_t)(h.stamp - s->stamp) >= 0 && sample > 0;
    if (sample > 0)
        tt_transmission_measured(s->session, sample);
    if (newer) {
        s->stamp = h.stamp;
        s->limit = h.limit;
    }
    uint32_t low = s->low, taken = take(s, &h, now_us, &newest_us, &any);
    uint32_t lost = any ? lose(s, newest_us) : 0;
    tt_rate_hear(&s->rate, s->session, now, sample, taken, lost, was_full);
    if (taken > 0)
        s->backoff = 0;
    if (taken > 0 || s->next < now || !s->heard)
        s->next = tt_after(now, timeout_of(s));
    s->heard = true;
    if (s->low != low)
        progress(bus, now, s);
    else if (taken > 0 || (s->call != NULL && s->limit <= s->low * TT_BUS_BLOCK_MAX))
        s->progress = now; // it lives, though it may take nothing now: the call's time ends it
}

// The next piece that may go by the receiver's window, a lost one first; the end: none.
static uint32_t choose(const tt_bus_stream *s)
{
    uint32_t pieces = tt_stream_pieces(s), before = s->limit / TT_BUS_BLOCK_MAX;
    before += s->limit == s->size && s->limit % TT_BUS_BLOCK_MAX != 0;
    for (uint32_t piece = s->low; piece < s->end && piece < before; piece++)
        if (!tt_stream_bit(s->away, piece) && !tt_stream_bit(s->have, piece))
            return piece;
    bool may = s->end < before && s->end < pieces && s->end - s->low < TT_BUS_STREAM_PIECES;
    return may ? s->end : pieces;
}

tt_time tt_stream_send_at(const tt_bus_stream *s)
{
    if (s->kind != TT_STREAM_SENDS || is_held_back(s))
        return TT_FOREVER;
    if (s->is_due)
        return INT64_MIN;
    if ((s->flying + 1) * TT_BUS_BLOCK_MAX > s->rate.window || choose(s) == tt_stream_pieces(s))
        return TT_FOREVER;
    return s->pace - BURST;
}

void tt_stream_send_advance(tt_bus_stream *s, tt_time now)
{
    if (s->kind != TT_STREAM_SENDS || now < s->next)
        return;
    if (is_held_back(s)) {
        s->next = TT_FOREVER; // until something comes back
        return;
    }
    if (s->backoff < UINT8_MAX)
        s->backoff++;
    if (s->backoff == STALLED)
        tt_rate_stall(&s->rate);
    s->is_due = true; // the first that is missing, whatever the windows say
    s->next = tt_after(now, timeout_of(s));
}

// The bytes of a piece: the call's, or those that its handler gives now. NULL: none now, and
// `ended` where the representation is another, or is not to be had.
static const void *bytes_of(tt_bus *bus, tt_time now, tt_bus_stream *s, uint32_t piece,
                            uint8_t *space, bool *ended)
{
    uint32_t offset = piece * TT_BUS_BLOCK_MAX, length = tt_stream_length(s, piece);
    if (s->call != NULL)
        return (const uint8_t *)s->call->payload + offset;
    *ended = s->resource == NULL;
    if (*ended)
        return NULL;
    tt_request request = {.method = TT_GET,
                          .peer = &s->session->peer,
                          .path = s->path,
                          .query = s->query,
                          .content_format = TT_FORMAT_NONE,
                          .accept = s->accept,
                          .last = true,
                          .window_offset = offset,
                          .window_length = TT_BUS_BLOCK_MAX,
                          .space = space};
    tt_response response;
    tt_bus_run_handler(bus, now, s->resource, &request, &response);
    if (s->kind != TT_STREAM_SENDS)
        return NULL; // its handler ended it
    bool same = response.code == TT_CONTENT && response.has_version &&
                response.version == s->version && response.length == length &&
                response.more == (offset + length < s->size);
    bool waits = response.later || response.code == TT_UNAVAILABLE;
    *ended = !same && !waits;
    if (waits) {
        s->is_due = false;
        s->pace = tt_after(now, BURST + ASK_AGAIN_AFTER);
    }
    return same && !waits ? response.payload : NULL;
}

static void sent(tt_bus *bus, tt_time now, tt_bus_stream *s, uint32_t piece)
{
    tt_time gap = tt_rate_gap(&s->rate, s->session);
    bool again = piece < s->end;
    if (!tt_stream_bit(s->away, piece))
        s->flying++;
    tt_stream_set(s->away, piece, true);
    s->sent_us[piece % TT_BUS_STREAM_PIECES] = tt_stream_us(now);
    s->end += !again;
    s->is_due = false;
    s->blind += !s->heard;
    s->pace = (s->pace > now ? s->pace : now) + gap;
    if (s->flying == 1)
        s->next = tt_after(now, timeout_of(s));
    bus->counters.pieces_sent++;
    bus->counters.pieces_again += again;
}

size_t tt_stream_send_write(tt_bus *bus, tt_time now, tt_bus_stream *s, void *bytes,
                            size_t capacity, bool *ended)
{
    uint32_t piece = s->is_due ? s->low : choose(s);
    uint8_t head[8], *space = (uint8_t *)bytes + TT_HEAD_MAX;
    tt_writer w;
    const uint8_t *data = bytes_of(bus, now, s, piece, space, ended);
    if (data == NULL)
        return 0;
    tt_writer_init(&w, head, sizeof(head));
    uint32_t stamp = tt_stream_us(now);
    tt_write_be32(&w, stamp != 0 ? stamp : UINT32_MAX); // 0 is none
    tt_write_be32(&w, piece * TT_BUS_BLOCK_MAX);
    tt_message_writer out;
    tt_message_begin(&out, bytes, capacity, TT_NON_CONFIRMABLE, TT_STREAM_PIECE,
                     (uint16_t)bus->counters.pieces_sent, &s->token);
    uint8_t marker = 0xff;
    tt_write_bytes(&out.out, &marker, 1);
    tt_write_bytes(&out.out, head, sizeof(head));
    uint32_t length = tt_stream_length(s, piece);
    memmove(out.out.data + out.out.length, data, length); // it may lie in the same place, behind
    sent(bus, now, s, piece);
    return out.out.length + length;
}
