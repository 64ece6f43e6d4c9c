// Streams: a long body goes piece by piece without waiting for each, where both ends can.
//
// It begins as any block-wise transfer, with the first block in the request (PUT, POST) or in the
// answer (GET). The request has the stream option too, which is elective: whoever does not know it
// goes on in blocks. A server that can says the option back, and from then on the exchange's token
// names the stream: pieces and acknowledgements are non-confirmable messages with codes of ours, so
// that what protects requests protects them. The body's answer is a separate response to the
// request. A piece or an acknowledgement without a payload says that there is no such stream here.
//
//     the option     a number: bits 2 on the window in pieces of 1,024 bytes, bits 0-1 the priority
//     + 1 a piece        stamp, offset (4 bytes each), its bytes: 1,024, fewer at the end only
//     acknowledged   the stamp of the newest piece and the time since, the end of the window, the
//                    first byte that has not come (4 bytes each), a bit for each piece behind that
//
// A stamp is the sender's clock in microseconds. The message ids mean nothing: a piece that comes
// twice is known by its offset.

#include <string.h>

#include "bus/stream.h"

_Static_assert(TT_BUS_STREAM_WINDOW % TT_BUS_BLOCK_MAX == 0 && TT_BUS_STREAM_PIECES >= 1 &&
                   TT_BUS_STREAM_PIECES <= 4096,
               "a window of whole pieces, of which one message can tell");

#define ANSWER_WITHIN TT_MS(2500) // two repetitions of an answer
#define OPTION_BYTES 6            // in a message
#define SIZE_MAX_BYTES ((size_t)TT_BLOCK_NUMBER_MAX * TT_BUS_BLOCK_MAX)
#define WINDOW_MAX 0x100000u // pieces

void tt_stream_free(tt_bus_stream *s)
{
    memset(s, 0, sizeof(*s));
}

static tt_bus_stream *find(tt_bus *bus, const tt_endpoint *peer, const tt_bus_token *token)
{
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++) {
        tt_bus_stream *s = &bus->streams[i];
        if (s->kind != TT_STREAM_FREE && tt_token_equal(&s->token, token) &&
            tt_endpoint_equal(&s->session->peer, peer))
            return s;
    }
    return NULL;
}

static tt_bus_stream *find_of_call(tt_bus *bus, const tt_call *call)
{
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++)
        if (bus->streams[i].kind != TT_STREAM_FREE && bus->streams[i].call == call)
            return &bus->streams[i];
    return NULL;
}

static tt_bus_stream *make(tt_bus *bus, tt_stream_kind kind, tt_bus_session *session,
                           const tt_bus_token *token)
{
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++) {
        tt_bus_stream *s = &bus->streams[i];
        if (s->kind != TT_STREAM_FREE)
            continue;
        tt_stream_free(s);
        s->kind = (uint8_t)kind;
        s->session = session;
        s->token = *token;
        s->next = TT_FOREVER;
        return s;
    }
    return NULL;
}

static uint32_t option_of(int priority)
{
    return (uint32_t)TT_BUS_STREAM_PIECES << 2 | (uint32_t)(priority + 1);
}

// How far the other end lets us send.
static uint32_t limit_of(uint32_t option, uint32_t size)
{
    uint64_t pieces = 1 + (option >> 2 < WINDOW_MAX ? option >> 2 : WINDOW_MAX);
    uint64_t limit = pieces * TT_BUS_BLOCK_MAX;
    return limit < size ? (uint32_t)limit : size;
}

void tt_stream_fail(tt_bus *bus, tt_time now, tt_bus_stream *s, tt_status status)
{
    tt_call *call = s->call;
    tt_stream_release(s);
    tt_owed_forget(bus, s->owed);
    tt_stream_free(s);
    if (call != NULL)
        bus->calling->fail(bus, now, call, status);
}

// Tells a peer that a stream is none here. One waits at a time: another is told when it asks again.
static void tell_stray(tt_bus *bus, const tt_endpoint *peer, const tt_bus_token *token,
                       uint8_t code)
{
    bus->stray.peer = *peer;
    bus->stray.token = *token;
    bus->stray.code = code;
}

// Calls of ours.

void tt_stream_offer(tt_bus *bus, tt_bus_session *session, tt_call *call)
{
    struct tt_call_state *state = &call->state;
    bool is_body = call->method == TT_PUT || call->method == TT_POST;
    bool wants = is_body ? call->length > TT_BUS_BLOCK_MAX && call->length <= SIZE_MAX_BYTES
                         : call->method == TT_GET && call->any_order && !call->observe;
    size_t query = call->query != NULL ? strlen(call->query) : 0;
    bool fits = strlen(call->path) + query + OPTION_BYTES <= TT_BUS_PATH_MAX;
    tt_bus_token token = tt_exchange_token(state->token);
    tt_bus_stream *offered = state->streams ? find_of_call(bus, call) : NULL;
    if (offered != NULL) // its request has not gone yet
        offered->token = token;
    if (!wants || !fits || state->sent > 0 || state->fetch_token != 0 || state->streams ||
        state->block_exponent != TT_BLOCK_EXPONENT_MAX)
        return;
    tt_bus_stream *s = make(bus, TT_STREAM_OFFERED, session, &token);
    state->streams = s != NULL;
    if (s == NULL)
        return;
    s->call = call;
    s->priority = call->priority;
}

void tt_stream_write_offer(const tt_call *call, tt_message_writer *w)
{
    if (call->state.streams && call->state.sent == 0 && call->state.fetch_token == 0)
        tt_message_option_number(w, TT_OPTION_STREAM, option_of(call->priority));
}

void tt_stream_let_go(tt_bus *bus, tt_call *call)
{
    tt_bus_stream *s = call->state.streams ? find_of_call(bus, call) : NULL;
    call->state.streams = false;
    if (s == NULL)
        return;
    if (s->kind == TT_STREAM_SENDS)
        tell_stray(bus, &s->session->peer, &s->token, TT_STREAM_PIECE);
    tt_stream_free(s);
}

static void begin_sending(tt_bus *bus, tt_time now, tt_bus_stream *s, const tt_message *m)
{
    tt_call *call = s->call;
    s->size = (uint32_t)call->length;
    tt_stream_send_begin(s, now, limit_of(m->stream, s->size));
    bus->counters.streams++;
    call->state.sent = TT_BUS_BLOCK_MAX;
    tt_exchange_settle(bus, call, TT_CALL_STREAMING);
    tt_exchange_renew(call, now);
    if (call->on_progress != NULL)
        call->on_progress(call, call->state.sent);
}

static void begin_taking(tt_bus *bus, tt_time now, tt_bus_stream *s, const tt_message *m)
{
    tt_call *call = s->call;
    const tt_block *block = &m->block2;
    if (!block->present || !block->more || block->number > 0 || m->length != TT_BUS_BLOCK_MAX ||
        block->exponent != TT_BLOCK_EXPONENT_MAX || m->size2 <= TT_BUS_BLOCK_MAX ||
        m->size2 > SIZE_MAX_BYTES) {
        tt_exchange_fail(bus, now, call, TT_MALFORMED);
        return;
    }
    s->size = m->size2;
    s->content_format = m->content_format;
    tt_stream_take_begin(s, now);
    bus->counters.streams++;
    tt_exchange_settle(bus, call, TT_CALL_STREAMING);
    tt_exchange_renew(call, now);
    tt_reply reply = {.status = TT_OK,
                      .code = (tt_code)m->code,
                      .content_format = m->content_format,
                      .payload = m->payload,
                      .length = m->length};
    call->on_reply(call, now, &reply); // last: the owner may cancel the call in it
}

bool tt_stream_response(tt_bus *bus, tt_time now, tt_call *call, const tt_message *m)
{
    tt_bus_stream *s = call->state.streams ? find_of_call(bus, call) : NULL;
    if (s == NULL)
        return false;
    if (call->state.phase == TT_CALL_STREAMING) {
        if (s->kind == TT_STREAM_TAKES && m->code < TT_BAD_REQUEST)
            return true; // the first block once more
        if (m->code == TT_CONTINUE)
            return true;
        call->state.sent = call->length; // the answer; nothing more of the body is wanted
    } else if (m->has_stream && m->code == TT_CONTINUE && m->block1.present &&
               call->length > TT_BUS_BLOCK_MAX) {
        begin_sending(bus, now, s, m);
        return true;
    } else if (m->has_stream && m->code == TT_CONTENT && call->length == 0) {
        begin_taking(bus, now, s, m);
        return true;
    }
    tt_stream_let_go(bus, call); // in blocks, then, or at once
    return false;
}

// Requests of others.

static void end_served(tt_bus *bus, tt_bus_stream *s)
{
    tt_owed_forget(bus, s->owed);
    tt_stream_free(s);
}

static tt_bus_stream *serve(tt_bus *bus, tt_stream_kind kind, tt_bus_session *session,
                            const tt_message *m, tt_resource *resource)
{
    tt_bus_stream *s = find(bus, &session->peer, &m->token);
    if (s != NULL && s->call != NULL)
        return NULL; // a token of ours
    if (s != NULL)   // a request that was repeated
        end_served(bus, s);
    s = make(bus, kind, session, &m->token);
    if (s == NULL)
        return NULL;
    s->resource = resource;
    s->method = (tt_method)m->code;
    s->accept = m->accept;
    s->content_format = m->content_format;
    strcpy(s->path, m->path);
    strcpy(s->query, m->query);
    return s;
}

static void open_body(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_message *m,
                      tt_resource *resource, tt_bus_transfer *transfer, const tt_request *request,
                      tt_response *response)
{
    bool can = m->block1.number == 0 && m->block1.exponent == TT_BLOCK_EXPONENT_MAX &&
               response->code == TT_CONTINUE && m->size1 > TT_BUS_BLOCK_MAX &&
               m->size1 <= SIZE_MAX_BYTES && request->token != 0 && m->token.length == 8 &&
               transfer->tag_length == 4;
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++)
        if (bus->streams[i].kind == TT_STREAM_TAKES && bus->streams[i].transfer == transfer)
            end_served(bus, &bus->streams[i]); // its place was taken: by this body
    tt_bus_stream *s = can ? serve(bus, TT_STREAM_TAKES, session, m, resource) : NULL;
    if (s == NULL)
        return;
    s->size = m->size1;
    s->transfer = transfer;
    s->version = m->tag;
    transfer->next = SIZE_MAX; // no block has its place in it
    s->owed = request->token;
    tt_stream_take_begin(s, now);
    response->stream = option_of(0);
}

static void open_answer(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_message *m,
                        tt_resource *resource, const tt_request *request, tt_response *response)
{
    bool can = m->code == TT_GET && !m->has_observe && request->window_offset == 0 &&
               request->window_length == TT_BUS_BLOCK_MAX && response->code == TT_CONTENT &&
               response->more && response->has_version && response->size > TT_BUS_BLOCK_MAX &&
               response->size <= SIZE_MAX_BYTES && !response->later && m->token.length == 8;
    tt_bus_stream *s = can ? serve(bus, TT_STREAM_SENDS, session, m, resource) : NULL;
    if (s == NULL)
        return;
    s->size = (uint32_t)response->size;
    s->version = response->version;
    s->priority = (int8_t)((m->stream & 3) - 1);
    tt_stream_send_begin(s, now, limit_of(m->stream, s->size));
    response->stream = option_of(s->priority);
}

void tt_stream_open(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_message *m,
                    tt_resource *resource, tt_bus_transfer *transfer, const tt_request *request,
                    tt_response *response)
{
    response->stream = 0;
    if (!m->has_stream || resource == NULL || !resource->any_order)
        return;
    if (m->block1.present && transfer != NULL)
        open_body(bus, now, session, m, resource, transfer, request, response);
    else if (!m->block1.present)
        open_answer(bus, now, session, m, resource, request, response);
    bus->counters.streams += response->stream != 0;
}

bool tt_stream_owes(const tt_bus *bus, tt_answer_token owed)
{
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++)
        if (bus->streams[i].kind != TT_STREAM_FREE && bus->streams[i].owed == owed && owed != 0)
            return true;
    return false;
}

// Its answer has gone: its handler gave it, at the end or before.
void tt_stream_answered(tt_bus *bus, tt_answer_token owed)
{
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++) {
        tt_bus_stream *s = &bus->streams[i];
        if (s->kind == TT_STREAM_FREE || s->owed != owed)
            continue;
        tt_stream_release(s);
        tt_stream_free(s);
    }
}

// What comes in.

void tt_stream_receive(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *m)
{
    tt_bus_stream *s = find(bus, peer, &m->token);
    bool is_piece = m->code == TT_STREAM_PIECE, none = m->length == 0;
    if (m->bad_option || m->type != TT_NON_CONFIRMABLE) {
        bus->counters.malformed++;
    } else if (s == NULL) {
        tt_bus_session *session = tt_session_find(bus, peer);
        bool answered = session != NULL && session->out.kind == TT_FOR_ANSWER; // it says more
        if (!none && answered)
            tt_transmission_hurry(bus, session, now);
        else if (!none)
            tell_stray(bus, peer, &m->token, is_piece ? TT_STREAM_ACKNOWLEDGE : TT_STREAM_PIECE);
    } else if (is_piece && (s->kind == TT_STREAM_TAKES || s->kind == TT_STREAM_TAKEN)) {
        if (!none)
            tt_stream_take(bus, now, s, m);
        else // another representation, or a body that was given up
            tt_stream_fail(bus, now, s, TT_DAMAGED);
    } else if (!is_piece && s->kind == TT_STREAM_SENDS) {
        if (!none)
            tt_stream_send_hear(bus, now, s, m);
        else if (s->call == NULL)
            tt_stream_free(s); // it has all, or wants no more
        else                   // it has all and its answer is on the way, or it has forgotten
            tt_stream_send_end(s, tt_after(now, ANSWER_WITHIN));
    }
}

// What is due, and what goes out.

static tt_time deadline_of(const tt_bus_stream *s)
{
    bool moves = s->kind == TT_STREAM_SENDS || s->kind == TT_STREAM_TAKES;
    if (s->kind == TT_STREAM_FREE || s->kind == TT_STREAM_OFFERED)
        return TT_FOREVER;
    if (s->is_due)
        return INT64_MIN;
    tt_time at = tt_earlier(s->next, tt_stream_send_at(s));
    return moves ? tt_earlier(at, tt_after(s->progress, TT_BUS_STREAM_SILENCE)) : at;
}

tt_time tt_stream_deadline(const tt_bus *bus)
{
    tt_time deadline = bus->stray.peer.port != 0 ? INT64_MIN : TT_FOREVER;
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++)
        deadline = tt_earlier(deadline, deadline_of(&bus->streams[i]));
    return deadline;
}

void tt_stream_advance(tt_bus *bus, tt_time now)
{
    bus->stream_time = now;
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++) {
        tt_bus_stream *s = &bus->streams[i];
        bool moves = s->kind == TT_STREAM_SENDS || s->kind == TT_STREAM_TAKES;
        if (moves && now >= tt_after(s->progress, TT_BUS_STREAM_SILENCE))
            tt_stream_fail(bus, now, s, TT_TIMED_OUT);
        else if (s->kind == TT_STREAM_TAKEN && !tt_owed_is_open(bus, s->owed))
            tt_stream_free(s);
        else if (s->kind == TT_STREAM_SENT && now >= s->next)
            tt_stream_fail(bus, now, s, TT_RESET);
        else if (s->kind == TT_STREAM_SENDS)
            tt_stream_send_advance(s, now);
        else if (s->kind == TT_STREAM_TAKES || s->kind == TT_STREAM_TAKEN)
            tt_stream_take_advance(s, now);
    }
}

static bool has_something(const tt_bus_stream *s, tt_time now)
{
    if (s->kind == TT_STREAM_SENDS)
        return now >= tt_stream_send_at(s);
    return (s->kind == TT_STREAM_TAKES || s->kind == TT_STREAM_TAKEN) && s->is_due;
}

// Acknowledgements first, since others wait for them; then the highest priority, each in turn.
static tt_bus_stream *choose(tt_bus *bus)
{
    tt_bus_stream *best = NULL;
    int best_rank = 0;
    unsigned count = TT_BUS_STREAMS_MAX;
    for (unsigned i = 0, at = bus->next_stream; i < count; i++) {
        tt_bus_stream *s = &bus->streams[at];
        at = at + 1 < count ? at + 1 : 0;
        int rank = s->kind == TT_STREAM_SENDS ? s->priority : INT8_MAX;
        if (!has_something(s, bus->stream_time) || (best != NULL && rank <= best_rank))
            continue;
        best = s;
        best_rank = rank;
    }
    if (best != NULL)
        bus->next_stream = (unsigned)(best - bus->streams + 1) % count;
    return best;
}

static size_t write_stray(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity)
{
    tt_message_writer w;
    tt_message_begin(&w, bytes, capacity, TT_NON_CONFIRMABLE, bus->stray.code, bus->first_id,
                     &bus->stray.token);
    *peer = bus->stray.peer;
    bus->stray.peer.port = 0;
    return w.out.length;
}

bool tt_stream_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                        size_t *length)
{
    tt_bus_stream *s;
    *length = 0;
    while (*length == 0 && bus->stray.peer.port == 0 && (s = choose(bus)) != NULL) {
        tt_bus_token token = s->token;
        bool ended = false;
        *peer = s->session->peer;
        if (s->kind == TT_STREAM_SENDS)
            *length = tt_stream_send_write(bus, bus->stream_time, s, bytes, capacity, &ended);
        else
            *length = tt_stream_take_write(s, bus->stream_time, bytes, capacity);
        if (!ended)
            continue;
        tt_stream_free(s); // its representation is another now: the peer is told
        tell_stray(bus, peer, &token, TT_STREAM_PIECE);
    }
    if (*length == 0 && bus->stray.peer.port != 0)
        *length = write_stray(bus, peer, bytes, capacity);
    return *length > 0;
}

// What ends with others.

bool tt_stream_is_of(const tt_bus *bus, const tt_bus_session *session, bool call)
{
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++)
        if (bus->streams[i].kind != TT_STREAM_FREE && bus->streams[i].session == session &&
            (bus->streams[i].call != NULL) == call)
            return true;
    return false;
}

void tt_stream_hand_over(tt_bus *bus, const tt_bus_session *from, tt_bus_session *to)
{
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++)
        if (bus->streams[i].session == from)
            bus->streams[i].session = to;
}

bool tt_stream_is_served(const tt_bus *bus, const tt_bus_session *session, const tt_message *m,
                         bool *is_newer)
{
    const tt_bus_stream *s = find((tt_bus *)bus, &session->peer, &m->token);
    tt_reader r;
    tt_reader_init(&r, m->payload, m->length);
    uint32_t stamp = tt_read_be32(&r);
    *is_newer = s != NULL && !r.failed && (s->stamp == 0 || (int32_t)(stamp - s->stamp) > 0);
    return s != NULL && s->call == NULL;
}

void tt_stream_forget(tt_bus *bus, const tt_bus_session *session)
{
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++)
        if (bus->streams[i].session == session)
            tt_stream_free(&bus->streams[i]);
}

// Nothing listens there; one that has acknowledged something may, whatever a datagram says.
void tt_stream_unreachable(tt_bus *bus, const tt_endpoint *peer)
{
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++) {
        tt_bus_stream *s = &bus->streams[i];
        if (s->kind == TT_STREAM_SENDS && s->call == NULL && !s->heard &&
            tt_endpoint_equal(&s->session->peer, peer))
            tt_stream_free(s);
    }
}

void tt_stream_remove(tt_bus *bus, const tt_resource *resource)
{
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++)
        if (bus->streams[i].resource == resource)
            bus->streams[i].resource = NULL;
}

size_t tt_stream_count(const tt_bus *bus)
{
    size_t count = 0;
    for (size_t i = 0; i < TT_BUS_STREAMS_MAX; i++)
        count += bus->streams[i].kind != TT_STREAM_FREE;
    return count;
}
