// Observations of ours (RFC 7641, 3): which notification is newer, asking again, and the end.
//
// A notification may be lost for ever, and its server may be gone. So once what it told is older
// than its Max-Age it is registered for again (3.3.1): that brings the newest state, or the end.

#include <string.h>

#include "bus/internal.h"

// Whether a notification is newer than the last (RFC 7641, 3.4).
static bool is_newer(const struct tt_call_state *s, tt_time now, uint32_t sequence)
{
    if (!s->has_sequence || now > tt_after(s->sequence_time, TT_SECONDS(128)))
        return true;
    uint32_t ahead = (sequence - s->sequence) & 0xffffff;
    return ahead != 0 && ahead < 1u << 23;
}

static void note(struct tt_call_state *s, tt_time now, const tt_message *m)
{
    tt_time age = (tt_time)m->max_age * TT_SECONDS(1);
    age = age < TT_BUS_REFRESH_SOONEST ? TT_BUS_REFRESH_SOONEST : age;
    age = age > TT_BUS_REFRESH_LATEST ? TT_BUS_REFRESH_LATEST : age;
    s->observing = s->has_sequence = true;
    s->refreshing = false;
    s->sequence = m->observe;
    s->sequence_time = now;
    s->next = tt_after(now, age);
}

static bool is_same(const struct tt_call_state *s, const tt_message *m)
{
    return m->observe == s->sequence && m->etag == s->etag && m->etag_length == s->etag_length;
}

// Whether a response to the call is to be taken further.
static bool is_wanted(tt_bus *bus, tt_time now, tt_call *call, const tt_message *m)
{
    struct tt_call_state *s = &call->state;
    uint64_t number;
    memcpy(&number, m->token.bytes, 8);
    bool success = m->code < TT_BAD_REQUEST;
    if (!call->observe || number != s->token || (success && !m->has_observe)) {
        if (s->phase == TT_CALL_OBSERVING && success)
            return false; // a repeated answer to a fetch that is over
        if (number == s->token && s->refreshing && m->type == TT_ACKNOWLEDGEMENT)
            s->observing = false; // not any more
        return true;
    }
    if (!success)
        return true; // the last word
    bool answers = s->refreshing && m->type == TT_ACKNOWLEDGEMENT;
    if ((answers || (s->refreshing && s->phase == TT_CALL_ACCEPTED)) && is_same(s, m)) {
        note(s, now, m);
        tt_exchange_settle(bus, call, TT_CALL_OBSERVING);
        return false;
    }
    if (s->observing && !answers && !is_newer(s, now, m->observe))
        return false;
    if (s->observing) { // a newer representation: what was being fetched is of no interest
        s->received = s->reached = 0;
        s->fetch_token = 0;
    }
    note(s, now, m);
    return true;
}

void tt_observing_response(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *m)
{
    tt_call *call = tt_exchange_receive(bus, now, peer, m);
    if (call != NULL && is_wanted(bus, now, call, m))
        tt_blockwise_response(bus, now, call, m);
}

void tt_observing_advance(tt_bus *bus, tt_time now)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls;) {
        tt_call *call = tt_call_at(node);
        struct tt_call_state *s = &call->state;
        node = node->next;
        if (s->phase != TT_CALL_OBSERVING || tt_endpoint_is_own(&call->peer) || now < s->next)
            continue;
        s->refreshing = true;
        tt_exchange_renew(call, now);
        tt_exchange_queue(bus, call);
    }
}

tt_time tt_observing_deadline(const tt_bus *bus)
{
    tt_time deadline = TT_FOREVER;
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        const tt_call *call = tt_call_at(node);
        if (call->state.phase == TT_CALL_OBSERVING && !tt_endpoint_is_own(&call->peer))
            deadline = tt_earlier(deadline, call->state.next);
    }
    return deadline;
}

static size_t write_end(const tt_call *call, tt_message_type type, uint8_t *bytes, size_t capacity)
{
    tt_bus_token token = tt_exchange_token(call->state.token);
    tt_message_writer w;
    tt_message_begin(&w, bytes, capacity, type, TT_GET, 0, &token);
    tt_message_option_number(&w, TT_OPTION_OBSERVE, 1);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, call->path, '/');
    if (call->query != NULL)
        tt_message_option_parts(&w, TT_OPTION_URI_QUERY, call->query, '&');
    if (call->accept != TT_FORMAT_NONE)
        tt_message_option_number(&w, TT_OPTION_ACCEPT, call->accept);
    return w.out.failed ? 0 : w.out.length;
}

// Tells a server that an observation has ended (3.6): confirmably where its session is free, else
// once. Where neither can be, its next notification is rejected.
static void tell_end(tt_bus *bus, tt_time now, const tt_call *call)
{
    tt_bus_session *session = tt_session_of(bus, now, &call->peer, true);
    if (session == NULL)
        return;
    if (tt_transmission_is_free(session, now)) {
        size_t capacity;
        uint8_t *place = tt_transmission_place(bus, session, false, &capacity);
        size_t length = write_end(call, TT_CONFIRMABLE, place, capacity);
        if (length > 0) {
            tt_transmission_start(bus, session, now, TT_FOR_CANCEL, NULL, true, length);
            return;
        }
    }
    tt_bus_buffer *buffer = tt_buffer_take(bus);
    if (buffer == NULL)
        return;
    size_t length = write_end(call, TT_NON_CONFIRMABLE, buffer->bytes, sizeof(buffer->bytes));
    uint16_t id;
    buffer->state = TT_BUFFER_FREE;
    if (length == 0 || !tt_session_new_id(session, now, &id))
        return;
    buffer->bytes[2] = (uint8_t)(id >> 8);
    buffer->bytes[3] = (uint8_t)id;
    tt_buffer_send(buffer, &call->peer, length);
}

void tt_bus_cancel(tt_bus *bus, tt_time now, tt_call *call)
{
    struct tt_call_state *s = &call->state;
    if (s->phase == TT_CALL_NONE)
        return;
    bool asked = s->observing || s->phase == TT_CALL_SENT || s->phase == TT_CALL_ACCEPTED;
    if (call->observe && asked && !tt_endpoint_is_own(&call->peer)) {
        tt_exchange_settle(bus, call, TT_CALL_FORGOTTEN);
        tell_end(bus, now, call);
    }
    tt_exchange_fail(bus, now, call, TT_CANCELLED);
    tt_blockwise_send(bus, now);
}
