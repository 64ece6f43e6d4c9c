// Calls, block by block: a body goes and an answer comes in blocks (RFC 7959), each an exchange.
//
// What a message is made of stays in the tt_call, so a body costs no buffer here but that of the
// block under way. A body has its own Request-Tag (RFC 9175, 3), and one waits for another of ours
// to the same resource, so that two are never put together.

#include <string.h>

#include "bus/internal.h"
#include "tutti/check.h"

// Whether the block that begins at an offset has a number that no option holds (RFC 7959, 2.2).
static bool is_too_far(const struct tt_call_state *s, size_t offset)
{
    return offset / ((size_t)16 << s->block_exponent) > TT_BLOCK_NUMBER_MAX;
}

static bool is_valid(const tt_call *call)
{
    return (call->peer.port != 0 || tt_endpoint_is_own(&call->peer)) && call->on_reply != NULL &&
           call->path != NULL && (call->payload != NULL || call->length == 0) &&
           call->method >= TT_GET && call->method <= TT_DELETE &&
           call->priority >= TT_PRIORITY_LOW && call->priority <= TT_PRIORITY_URGENT &&
           (!call->observe || call->method == TT_GET) && strlen(call->path) < TT_BUS_PATH_MAX &&
           (call->query == NULL || strlen(call->query) < TT_BUS_QUERY_MAX);
}

// A path and a query that leave no room for a whole block in a message get half of one. An option
// has its bytes, one or two before them, and its separator is not sent; the others of a request
// with a body (token, Content-Format, Accept, Block1, Size1, Request-Tag) have at most 36.
static uint8_t first_exponent(const tt_call *call)
{
    size_t path = strlen(call->path), query = call->query != NULL ? strlen(call->query) : 0;
    size_t options = path + path / 13 + 3 + query + query / 13 + 3;
    bool fits = 4 + 36 + options + 1 + TT_BUS_BLOCK_MAX <= TT_BUS_MESSAGE_MAX;
    return fits ? TT_BLOCK_EXPONENT_MAX : TT_BLOCK_EXPONENT_MAX - 1;
}

static size_t block_bytes(const tt_call *call)
{
    return (size_t)16 << call->state.block_exponent;
}

static bool has_blocks(const tt_call *call)
{
    return call->length > block_bytes(call);
}

tt_status tt_bus_call(tt_bus *bus, tt_time now, tt_call *call)
{
    if (!is_valid(call))
        return TT_INVALID;
    struct tt_call_state *s = &call->state;
    memset(s, 0, sizeof(*s));
    s->block_exponent = first_exponent(call);
    if (is_too_far(s, call->length > 0 ? call->length - 1 : 0))
        return TT_TOO_LARGE;
    s->tagged = has_blocks(call);
    tt_exchange_begin(bus, now, call);
    if (tt_endpoint_is_own(&call->peer)) {
        s->phase = TT_CALL_LOCAL;
        s->next = now;
    } else {
        s->phase = TT_CALL_QUEUED;
        tt_blockwise_send(bus, now);
    }
    return TT_OK;
}

static void write_tag(const tt_call *call, tt_message_writer *w)
{
    if (call->state.tagged)
        tt_message_option_tag(w, TT_OPTION_REQUEST_TAG, call->state.tag, 4);
}

static void write_identity(const tt_bus *bus, const tt_call *call, tt_message_writer *w)
{
    if (call->state.introduces)
        tt_message_option_tag(w, TT_OPTION_IDENTITY, bus->identity, 8);
}

static void write_body(const tt_bus *bus, const tt_call *call, tt_message_writer *w)
{
    const struct tt_call_state *s = &call->state;
    size_t block = block_bytes(call), left = call->length - s->sent;
    size_t length = left < block ? left : block;
    if (has_blocks(call)) {
        tt_message_option_block(w, TT_OPTION_BLOCK1,
                                &(tt_block){.more = left > block,
                                            .exponent = s->block_exponent,
                                            .number = (uint32_t)(s->sent / block)});
        if (s->sent == 0)
            tt_message_option_number(w, TT_OPTION_SIZE1, (uint32_t)call->length);
    }
    write_tag(call, w);
    tt_stream_write_offer(call, w);
    write_identity(bus, call, w);
    if (length > 0)
        tt_message_payload(w, (const uint8_t *)call->payload + s->sent, length);
}

// Writes the call's message as it stands; its id is put in when it is sent.
static void write_request(const tt_bus *bus, const tt_call *call, tt_message_writer *w, void *bytes,
                          size_t capacity)
{
    const struct tt_call_state *s = &call->state;
    bool fetching = s->fetch_token != 0;
    tt_bus_token token = tt_exchange_token(fetching ? s->fetch_token : s->token);
    tt_message_begin(w, bytes, capacity, TT_CONFIRMABLE, call->method, 0, &token);
    if (call->observe && !fetching)
        tt_message_option_number(w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(w, TT_OPTION_URI_PATH, call->path, '/');
    if (call->content_format != TT_FORMAT_NONE && call->length > 0)
        tt_message_option_number(w, TT_OPTION_CONTENT_FORMAT, call->content_format);
    if (call->query != NULL)
        tt_message_option_parts(w, TT_OPTION_URI_QUERY, call->query, '&');
    if (call->accept != TT_FORMAT_NONE)
        tt_message_option_number(w, TT_OPTION_ACCEPT, call->accept);
    if (!fetching) {
        write_body(bus, call, w);
        return;
    }
    tt_message_option_block(w, TT_OPTION_BLOCK2,
                            &(tt_block){.exponent = s->block_exponent,
                                        .number = (uint32_t)(s->received / block_bytes(call))});
    write_tag(call, w); // what is fetched is the answer to that body
    write_identity(bus, call, w);
}

// Each request has a token of its own, but for an observation that is registered for again (RFC
// 7641, 3.3.1). A body's first gives it its tag.
static void renew_token(tt_bus *bus, tt_bus_session *session, struct tt_call_state *s)
{
    if (s->refreshing && s->fetch_token == 0)
        return;
    uint64_t token = tt_exchange_new_token(bus, session);
    if (s->fetch_token != 0) {
        s->fetch_token = token;
        return;
    }
    s->token = token;
    s->tag = s->sent == 0 ? session->tag ^ bus->sequence : s->tag; // no other life's either
}

// Two bodies of ours to one resource: the second waits for the first.
static bool waits_for_body(const tt_bus *bus, const tt_call *call)
{
    if (!has_blocks(call) || call->state.sent > 0)
        return false;
    bool before = true;
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        const tt_call *other = tt_call_at(node);
        const struct tt_call_state *s = &other->state;
        before &= other != call;
        if (other != call && s->phase >= TT_CALL_QUEUED && has_blocks(other) &&
            s->sent < other->length && (before || s->sent > 0 || s->phase != TT_CALL_QUEUED) &&
            other->method == call->method && tt_endpoint_equal(&other->peer, &call->peer) &&
            strcmp(other->path, call->path) == 0)
            return true;
    }
    return false;
}

static void send(tt_bus *bus, tt_time now, tt_bus_session *session, tt_call *call)
{
    renew_token(bus, session, &call->state);
    tt_stream_offer(bus, session, call);
    call->state.introduces = tt_session_is_to_be_told(bus, session, now);
    for (int is_long = 0; is_long < 2; is_long++) {
        size_t capacity;
        uint8_t *place = tt_transmission_place(bus, session, is_long, &capacity);
        if (place == NULL)
            return; // until a long buffer is free
        tt_message_writer w;
        write_request(bus, call, &w, place, capacity);
        if (w.out.failed && !is_long)
            continue;
        if (w.out.failed) { // a path so long that the next request has to say who we are
            call->state.introduces = false;
            write_request(bus, call, &w, place, capacity);
        }
        TT_CHECK(!w.out.failed); // first_exponent saw to it
        tt_transmission_start(bus, session, now, TT_FOR_CALL, call, true, w.out.length);
        call->state.message_id = session->out.id;
        call->state.phase = TT_CALL_SENT;
        return;
    }
}

static void send_those_of(tt_bus *bus, tt_time now, int priority)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        tt_call *call = tt_call_at(node);
        if (call->state.phase != TT_CALL_QUEUED || call->priority != priority ||
            waits_for_body(bus, call))
            continue;
        tt_bus_session *session = tt_session_of(bus, now, &call->peer, true);
        if (session != NULL && tt_transmission_is_free(session, now))
            send(bus, now, session, call);
    }
}

void tt_blockwise_send(tt_bus *bus, tt_time now)
{
    for (int priority = TT_PRIORITY_URGENT; priority >= TT_PRIORITY_LOW; priority--)
        send_those_of(bus, now, priority);
}

static bool can_go(const tt_bus *bus, const tt_call *call, const tt_bus_session *session)
{
    return session != NULL && session->out.kind == TT_FOR_NOBODY &&
           tt_buffer_may_stay(bus, false) && !waits_for_body(bus, call);
}

tt_time tt_blockwise_deadline(const tt_bus *bus)
{
    tt_time deadline = TT_FOREVER;
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        const tt_call *call = tt_call_at(node);
        if (call->state.phase != TT_CALL_QUEUED)
            continue;
        const tt_bus_session *session = tt_session_find(bus, &call->peer);
        if (can_go(bus, call, session))
            deadline = tt_earlier(deadline, tt_session_ids_at(session));
    }
    return deadline;
}

// A block of our body was taken: sends the next. True where that is all that the response says.
static bool continue_body(tt_bus *bus, tt_time now, tt_call *call, const tt_message *m)
{
    struct tt_call_state *s = &call->state;
    size_t block = block_bytes(call), left = call->length - s->sent;
    if (!has_blocks(call))
        return false;
    if (!m->block1.present && left > block && m->code < TT_BAD_REQUEST) {
        tt_exchange_fail(bus, now, call, TT_UNSUPPORTED); // it took this block for the whole body
        return true;
    }
    if (!m->block1.present)
        return false;
    if (m->code == TT_ENTITY_TOO_LARGE && s->sent == 0 && m->block1.exponent < s->block_exponent) {
        s->block_exponent = m->block1.exponent; // the peer wants smaller blocks (RFC 7959, 2.9.3)
        tt_exchange_queue(bus, call);
        return true;
    }
    // A success before the end is that of this block alone (RFC 7959, 2.3).
    if (m->code >= TT_BAD_REQUEST || (m->code != TT_CONTINUE && left <= block))
        return false;
    if (m->block1.number != s->sent / block)
        return true; // a late repetition about a block before this one
    s->sent += left < block ? left : block;
    if (m->block1.exponent < s->block_exponent)
        s->block_exponent = m->block1.exponent;
    tt_exchange_renew(call, now);
    if (s->sent >= call->length)
        return false; // it said to go on, and there is no more: let the caller see it
    if (is_too_far(s, call->length - 1)) { // by the smaller blocks that the peer wants
        tt_exchange_fail(bus, now, call, TT_TOO_LARGE);
        return true;
    }
    tt_exchange_queue(bus, call);
    if (call->on_progress != NULL)
        call->on_progress(call, s->sent); // last: the owner may cancel the call in it
    return true;
}

// Fetches the representation from `received` on.
static void fetch(tt_bus *bus, tt_call *call, size_t received)
{
    call->state.received = received;
    call->state.sent = call->length;
    call->state.fetch_token = tt_random_u64(&bus->random) | 1; // its own when it goes
    tt_exchange_queue(bus, call);
}

// Said of a block in the midst: the representation ends before it, so it is another than was begun.
static bool is_cut(unsigned code)
{
    return code == TT_BAD_OPTION;
}

// Another representation than the one whose blocks came before.
static void begin_anew(tt_bus *bus, tt_time now, tt_call *call)
{
    if (call->state.observing)
        fetch(bus, call, 0); // what comes of it has the time that is left
    else
        tt_exchange_fail(bus, now, call, TT_DAMAGED);
}

static void take_error(tt_bus *bus, tt_time now, tt_call *call, const tt_message *m)
{
    if (call->state.received > 0 && is_cut(m->code)) {
        begin_anew(bus, now, call);
    } else if (m->length > TT_BUS_BLOCK_MAX) {
        tt_exchange_fail(bus, now, call, TT_TOO_LARGE);
    } else {
        tt_reply reply = {.status = TT_OK,
                          .code = (tt_code)m->code,
                          .content_format = m->content_format,
                          .payload = m->payload,
                          .length = m->length,
                          .last = true,
                          .observe_sequence = call->state.sequence};
        tt_exchange_finish(bus, now, call, &reply);
    }
}

// Takes a response's payload; asks for the next block where there is one.
static void take_payload(tt_bus *bus, tt_time now, tt_call *call, const tt_message *m)
{
    struct tt_call_state *s = &call->state;
    size_t offset = m->block2.present ? m->block2.number * tt_block_bytes(&m->block2) : 0;
    bool more = m->block2.present && m->block2.more;
    size_t block = m->block2.present ? tt_block_bytes(&m->block2) : TT_BUS_BLOCK_MAX;
    if (offset != s->received || (more && m->length != block) || m->length > block) {
        tt_exchange_fail(bus, now, call, m->block2.present ? TT_MALFORMED : TT_TOO_LARGE);
        return;
    }
    bool tagged = m->etag_length > 0 && s->etag_length > 0;
    if (s->received > 0 && tagged && (m->etag != s->etag || m->etag_length != s->etag_length)) {
        begin_anew(bus, now, call);
        return;
    }
    s->etag = m->etag;
    s->etag_length = m->etag_length;
    tt_reply reply = {.status = TT_OK,
                      .code = (tt_code)m->code,
                      .location = m->path[0] != '\0' && !m->too_long ? m->path : NULL,
                      .content_format = m->content_format,
                      .payload = m->payload,
                      .length = m->length,
                      .offset = offset,
                      .last = !more,
                      .observe_sequence = s->sequence};
    if (!more && !s->observing) {
        tt_exchange_finish(bus, now, call, &reply);
        return;
    }
    if (more) {
        s->block_exponent = m->block2.exponent;
        if (is_too_far(s, offset + m->length)) {
            tt_exchange_fail(bus, now, call, TT_TOO_LARGE);
            return;
        }
        if (offset + m->length > s->reached) { // else it goes round in circles
            s->reached = offset + m->length;
            tt_exchange_renew(call, now);
        }
        fetch(bus, call, offset + m->length);
    } else {
        s->received = 0;
        s->fetch_token = 0;
        tt_exchange_settle(bus, call, TT_CALL_OBSERVING);
    }
    call->on_reply(call, now, &reply); // last: the owner may cancel the call in it
}

void tt_blockwise_response(tt_bus *bus, tt_time now, tt_call *call, const tt_message *m)
{
    if (tt_stream_response(bus, now, call, m) || continue_body(bus, now, call, m))
        return;
    if (m->code >= TT_BAD_REQUEST)
        take_error(bus, now, call, m);
    else
        take_payload(bus, now, call, m);
}
