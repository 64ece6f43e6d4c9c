// Exchanges: requests of ours and whose their answers are, by token; when they end.
//
// A token has a tag, drawn at random for each session, and a number that counts the requests of
// this life, whoever they are for, in the order in which they go out. A server that was told who we
// are knows by it what it has taken, from whatever address it comes. The tag is a secret between
// the two: no other peer of ours can ask in our name.
//
// A call's message waits in `calls`, in the order of the queue, until its peer's session is free;
// blockwise.c writes it then. What OSCORE protects will be put on between the two: on the way out
// where blockwise.c writes a request, on the way in where tt_exchange_receive hands out a response.

#include <string.h>

#include "bus/internal.h"
#include "tutti/check.h"

#define CALL_TIMEOUT TT_SECONDS(60)
#define PING_TIMEOUT TT_SECONDS(1)

// All numbers were used: others with other tags, of which the peers are told.
static void begin_anew(tt_bus *bus)
{
    bus->sequence = 0;
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++)
        bus->sessions[i].tag = 0;
    tt_session_tell_all(bus);
}

uint64_t tt_exchange_new_token(tt_bus *bus, tt_bus_session *session)
{
    uint8_t bytes[8];
    uint64_t number;
    tt_writer w;
    if (bus->sequence == UINT32_MAX)
        begin_anew(bus);
    while (session->tag == 0) // is nobody's
        session->tag = (uint32_t)tt_random_u64(&bus->random);
    tt_writer_init(&w, bytes, sizeof(bytes));
    tt_write_be32(&w, session->tag);
    tt_write_be32(&w, ++bus->sequence);
    memcpy(&number, bytes, 8);
    return number;
}

tt_bus_token tt_exchange_token(uint64_t number)
{
    tt_bus_token token = {.length = 8};
    memcpy(token.bytes, &number, 8);
    return token;
}

tt_call *tt_call_at(const tt_list *node)
{
    return TT_CONTAINER((tt_list *)node, tt_call, state.link);
}

void tt_exchange_renew(tt_call *call, tt_time now)
{
    call->state.deadline = tt_after(now, call->timeout > 0 ? call->timeout : CALL_TIMEOUT);
}

void tt_exchange_begin(tt_bus *bus, tt_time now, tt_call *call)
{
    bus->calling = &tt_bus_calls;
    tt_exchange_renew(call, now);
    tt_list_append(&bus->calls, &call->state.link);
}

tt_status tt_bus_ping(tt_bus *bus, tt_time now, tt_call *call)
{
    if (call->on_reply == NULL || call->peer.port == 0)
        return TT_INVALID;
    struct tt_call_state *s = &call->state;
    tt_bus_session *session = tt_session_find(bus, &call->peer); // none is made for a ping
    bus->calling = &tt_bus_calls;
    memset(s, 0, sizeof(*s));
    s->deadline = tt_after(now, call->timeout > 0 ? call->timeout : PING_TIMEOUT);
    s->phase = TT_CALL_PING;
    s->send = true;
    if (session == NULL || !tt_session_new_id(session, now, &s->message_id))
        s->message_id = bus->first_id++;
    tt_list_append(&bus->calls, &s->link);
    return TT_OK;
}

void tt_exchange_settle(tt_bus *bus, tt_call *call, tt_call_phase phase)
{
    for (size_t i = 0; call->state.phase == TT_CALL_SENT && i < TT_BUS_SESSIONS_MAX; i++) {
        tt_bus_session *s = &bus->sessions[i];
        if (s->out.kind == TT_FOR_CALL && s->out.owner == call)
            tt_transmission_end(s);
    }
    if (phase != TT_CALL_ACCEPTED && phase != TT_CALL_STREAMING)
        tt_stream_let_go(bus, call);
    call->state.phase = (uint8_t)phase;
}

void tt_exchange_queue(tt_bus *bus, tt_call *call)
{
    tt_exchange_settle(bus, call, TT_CALL_QUEUED);
    tt_list_remove(&call->state.link);
    tt_list_append(&bus->calls, &call->state.link);
}

void tt_exchange_let_go(tt_bus *bus, const tt_call *call, bool observer_too)
{
    for (size_t i = 0; i < TT_BUS_OWED_MAX; i++)
        if (bus->owed[i].id != 0 && bus->owed[i].call == call)
            bus->owed[i].id = 0;
    for (size_t i = 0; observer_too && i < TT_BUS_OBSERVERS_MAX; i++)
        if (bus->observers[i].resource != NULL && bus->observers[i].call == call)
            bus->observers[i].resource = NULL;
}

// The call is over: out of the list first, so that its owner may start it again in the callback.
void tt_exchange_finish(tt_bus *bus, tt_time now, tt_call *call, tt_reply *reply)
{
    tt_exchange_let_go(bus, call, true);
    tt_exchange_settle(bus, call, TT_CALL_NONE);
    tt_list_remove(&call->state.link);
    reply->final = true;
    call->on_reply(call, now, reply);
}

void tt_exchange_fail(tt_bus *bus, tt_time now, tt_call *call, tt_status status)
{
    tt_reply reply = {.status = status, .content_format = TT_FORMAT_NONE, .last = true};
    tt_exchange_finish(bus, now, call, &reply);
}

void tt_exchange_take_piece(tt_bus *bus, tt_time now, tt_call *call, tt_reply *piece)
{
    if (piece->last) {
        tt_exchange_finish(bus, now, call, piece); // what its peer still sends is a stray's
        return;
    }
    tt_exchange_renew(call, now);
    call->on_reply(call, now, piece); // last: the owner may cancel the call in it
}

static tt_call *find_by_token(tt_bus *bus, const tt_endpoint *peer, const tt_bus_token *token)
{
    uint64_t number;
    if (token->length != 8)
        return NULL;
    memcpy(&number, token->bytes, 8);
    if (number == 0) // a call's that has not gone out
        return NULL;
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        tt_call *call = tt_call_at(node);
        const struct tt_call_state *s = &call->state;
        if (s->phase >= TT_CALL_QUEUED && tt_endpoint_equal(&call->peer, peer) &&
            (s->token == number || s->fetch_token == number))
            return call;
    }
    return NULL;
}

// An answer that nobody waits for: a repeated one is acknowledged again, another is rejected.
static void reject(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *m)
{
    tt_bus_session *session = tt_session_find(bus, peer);
    bool known = session != NULL && tt_remembered_recall(session, now, m) != NULL;
    if (m->type == TT_CONFIRMABLE && known)
        tt_bus_send_empty(bus, peer, TT_ACKNOWLEDGEMENT, m->id);
    else
        tt_bus_reject(bus, peer, m);
}

static void acknowledge(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *m)
{
    tt_bus_session *session = tt_session_find(bus, peer);
    tt_bus_send_empty(bus, peer, TT_ACKNOWLEDGEMENT, m->id);
    if (session == NULL || tt_remembered_recall(session, now, m) != NULL)
        return;
    if (!session->has_tag)
        (void)tt_remembered_take(session, now, m, false);
    tt_remembered_add(session, now, m, TT_OUTCOME_ACKNOWLEDGED, 0);
}

// Another life answers where one was that has answered before: what waits there for an answer ends
// as it would by TT_CALL_FORGOTTEN, but by its deadline, and observations are registered for again.
static void end_last_life(tt_bus *bus, tt_time now, const tt_call *answered)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        tt_call *call = tt_call_at(node);
        struct tt_call_state *s = &call->state;
        if (call == answered || !tt_endpoint_equal(&call->peer, &answered->peer))
            continue;
        if (s->phase == TT_CALL_OBSERVING)
            s->next = now;
        else if (s->phase == TT_CALL_ACCEPTED || s->phase == TT_CALL_STREAMING)
            s->deadline = now;
    }
}

// What an answer says of who gives it.
static void note_identity(tt_bus *bus, tt_time now, tt_call *call, const tt_message *m)
{
    tt_bus_session *session = tt_session_find(bus, &call->peer);
    bool was_told = call->state.introduces;
    call->state.introduces = false;
    bool is_stranger = was_told && m->identity == 0; // unless another answer has said it meanwhile
    if (session == NULL || (m->identity == 0 && !is_stranger) ||
        (is_stranger && !tt_session_is_to_be_told(bus, session, now)))
        return;
    if (m->identity != 0 && session->told_at != 0 && session->identity != m->identity)
        end_last_life(bus, now, call);
    tt_session_told(session, now, m->identity);
}

tt_call *tt_exchange_receive(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *m)
{
    tt_call *call = find_by_token(bus, peer, &m->token);
    struct tt_call_state *s = call != NULL ? &call->state : NULL;
    bool piggybacked = m->type == TT_ACKNOWLEDGEMENT;
    if (call == NULL || (piggybacked && (s->phase != TT_CALL_SENT || s->message_id != m->id))) {
        reject(bus, now, peer, m);
        return NULL;
    }
    if (m->bad_option || m->bad_block) { // rejected (RFC 7252, 5.4.1)
        if (m->type == TT_CONFIRMABLE)
            tt_bus_send_empty(bus, peer, TT_RESET_MESSAGE, m->id);
        tt_exchange_fail(bus, now, call, TT_MALFORMED);
        return NULL;
    }
    if (m->type == TT_CONFIRMABLE)
        acknowledge(bus, now, peer, m);
    note_identity(bus, now, call, m);
    return call;
}

void tt_exchange_confirmed(tt_bus *bus, tt_time now, tt_call *call, bool reset)
{
    if (reset)
        tt_exchange_fail(bus, now, call, TT_RESET);
    else
        tt_exchange_settle(bus, call, TT_CALL_ACCEPTED);
}

bool tt_exchange_pong(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *m)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        tt_call *call = tt_call_at(node);
        if (call->state.phase != TT_CALL_PING || call->state.message_id != m->id ||
            !tt_endpoint_equal(&call->peer, peer))
            continue;
        tt_exchange_fail(bus, now, call, m->type == TT_RESET_MESSAGE ? TT_OK : TT_MALFORMED);
        return true;
    }
    return false;
}

bool tt_exchange_transmit_ping(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                               size_t *length)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        tt_call *call = tt_call_at(node);
        if (!call->state.send)
            continue;
        tt_message_writer w;
        tt_message_begin(&w, bytes, capacity, TT_CONFIRMABLE, 0, call->state.message_id, NULL);
        call->state.send = false;
        *peer = call->peer;
        *length = w.out.length;
        return true;
    }
    return false;
}

void tt_exchange_advance(tt_bus *bus, tt_time now)
{
    // A callback may start, end or cancel any call, so after each the walk begins again. It ends:
    // what was ended is not due any more.
    for (tt_list *node = bus->calls.next; node != &bus->calls;) {
        tt_call *call = tt_call_at(node);
        node = node->next;
        if (call->state.phase == TT_CALL_OBSERVING || now < call->state.deadline)
            continue;
        tt_exchange_fail(bus, now, call, TT_TIMED_OUT);
        node = bus->calls.next;
    }
}

tt_time tt_exchange_deadline(const tt_bus *bus)
{
    tt_time deadline = TT_FOREVER;
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        const struct tt_call_state *s = &tt_call_at(node)->state;
        if (s->send)
            return INT64_MIN;
        if (s->phase == TT_CALL_LOCAL)
            deadline = tt_earlier(deadline, s->next);
        if (s->phase != TT_CALL_OBSERVING)
            deadline = tt_earlier(deadline, s->deadline);
    }
    return deadline;
}

// Marked first: a callback may start another call to the same peer, which is not meant.
void tt_exchange_end_all(tt_bus *bus, tt_time now, const tt_endpoint *peer, bool observations,
                         tt_status status)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        tt_call *call = tt_call_at(node);
        if (!tt_endpoint_equal(&call->peer, peer) || (!observations && call->state.observing))
            continue;
        tt_exchange_settle(bus, call, TT_CALL_FORGOTTEN);
        call->state.send = false;
    }
    for (tt_list *node = bus->calls.next; node != &bus->calls;) {
        tt_call *call = tt_call_at(node);
        node = node->next;
        if (call->state.phase != TT_CALL_FORGOTTEN)
            continue;
        tt_exchange_fail(bus, now, call, status);
        node = bus->calls.next;
    }
}
