// The asking half: a call's message is repeated until acknowledged, its body goes and its answer
// comes block by block.
//
// A call's message is never stored: everything that it is made of stays in the tt_call, so each
// (re)transmission writes the same bytes again. That is what lets a call of 64 KB cost no buffer
// here.

#include <string.h>

#include "bus/internal.h"
#include "tutti/check.h"

#define CALL_TIMEOUT TT_SECONDS(60)
#define PING_TIMEOUT TT_SECONDS(1)

typedef enum phase {
    PHASE_NONE,
    PHASE_LOCAL, // to the own device: waits for the next advance, or for its answer
    PHASE_LOCAL_OWED,
    PHASE_PING,
    PHASE_QUEUED,   // behind another message to the same peer
    PHASE_SENT,     // repeated until acknowledged
    PHASE_ACCEPTED, // acknowledged; the answer comes separately
    PHASE_OBSERVING,
    PHASE_FORGOTTEN, // its peer has gone: about to end
} phase;

static tt_bus_token token_of(uint64_t number)
{
    tt_bus_token token = {.length = 8};
    memcpy(token.bytes, &number, 8);
    return token;
}

static tt_call *call_at(tt_list *node)
{
    return TT_CONTAINER(node, tt_call, state.link);
}

// Whether a message to that peer waits for its acknowledgement.
static bool is_outstanding(tt_bus *bus, const tt_endpoint *peer)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next)
        if (call_at(node)->state.phase == PHASE_SENT &&
            tt_endpoint_equal(&call_at(node)->peer, peer))
            return true;
    return false;
}

// Sends the queued messages whose turn has come. One message at a time is outstanding to each peer
// (NSTART of RFC 7252, 4.7): so a peer that remembers few exchanges remembers enough, for what is
// repeated is always the newest.
static void send_queued(tt_bus *bus, tt_time now)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        tt_call *call = call_at(node);
        struct tt_call_state *s = &call->state;
        if (s->phase != PHASE_QUEUED || is_outstanding(bus, &call->peer))
            continue;
        s->phase = PHASE_SENT;
        s->message_id = tt_bus_new_message_id(bus);
        s->attempts = 0;
        s->send = true;
        s->wait = tt_bus_first_wait(bus);
        s->next = tt_after(now, s->wait);
    }
}

// Puts the next message of the call at the end of the queue to its peer.
static void start_message(tt_bus *bus, tt_time now, tt_call *call)
{
    call->state.phase = PHASE_QUEUED;
    call->state.send = false;
    tt_list_remove(&call->state.link);
    tt_list_append(&bus->calls, &call->state.link);
    send_queued(bus, now);
}

static tt_time deadline_of(const tt_call *call, tt_time now)
{
    return tt_after(now, call->timeout > 0 ? call->timeout : CALL_TIMEOUT);
}

// Whether the block that begins at an offset has a number that no option holds (RFC 7959, 2.2).
static bool is_too_far(const struct tt_call_state *s, size_t offset)
{
    return offset / ((size_t)16 << s->block_exponent) > TT_BLOCK_NUMBER_MAX;
}

static bool is_valid(const tt_call *call)
{
    return call->on_reply != NULL && call->path != NULL &&
           (call->payload != NULL || call->length == 0) && call->method >= TT_GET &&
           call->method <= TT_DELETE && (!call->observe || call->method == TT_GET) &&
           strlen(call->path) < TT_BUS_PATH_MAX &&
           (call->query == NULL || strlen(call->query) < TT_BUS_QUERY_MAX);
}

// A path and a query that leave no room for a whole block in a message get half of one. An option
// has its bytes, one or two before them, and its separator is not sent; the others of a request
// with a body (token, Content-Format, Accept, Block1, Size1) have at most 30.
static uint8_t first_exponent(const tt_call *call)
{
    size_t path = strlen(call->path), query = call->query != NULL ? strlen(call->query) : 0;
    size_t options = path + path / 13 + 3 + query + query / 13 + 3;
    bool fits = 4 + 30 + options + 1 + TT_BUS_BLOCK_MAX <= TT_BUS_MESSAGE_MAX;
    return fits ? TT_BLOCK_EXPONENT_MAX : TT_BLOCK_EXPONENT_MAX - 1;
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
    s->token = tt_random_u64(&bus->random);
    s->deadline = deadline_of(call, now);
    tt_list_append(&bus->calls, &s->link);
    if (tt_endpoint_is_own(&call->peer)) {
        s->phase = PHASE_LOCAL;
        s->next = now;
    } else {
        start_message(bus, now, call);
    }
    return TT_OK;
}

tt_status tt_bus_ping(tt_bus *bus, tt_time now, tt_call *call)
{
    if (call->on_reply == NULL || tt_endpoint_is_own(&call->peer))
        return TT_INVALID;
    struct tt_call_state *s = &call->state;
    memset(s, 0, sizeof(*s));
    s->deadline = tt_after(now, call->timeout > 0 ? call->timeout : PING_TIMEOUT);
    s->phase = PHASE_PING;
    s->message_id = tt_bus_new_message_id(bus);
    s->send = true;
    s->next = s->deadline;
    tt_list_append(&bus->calls, &s->link);
    return TT_OK;
}

// Whatever still waits to tell this call something, an answer that is owed or an observer on the
// own device, is for a call that goes on.
static void let_go(tt_bus *bus, const tt_call *call, bool observer_too)
{
    for (size_t i = 0; i < TT_COUNT(bus->owed); i++)
        if (bus->owed[i].id != 0 && bus->owed[i].call == call)
            bus->owed[i].id = 0;
    for (size_t i = 0; observer_too && i < TT_COUNT(bus->observers); i++)
        if (bus->observers[i].resource != NULL && bus->observers[i].call == call)
            bus->observers[i].resource = NULL;
}

// The call is over: out of the list first, so that its owner may start it again in the callback.
static void finish(tt_bus *bus, tt_time now, tt_call *call, tt_reply *reply)
{
    let_go(bus, call, true);
    tt_list_remove(&call->state.link);
    call->state.phase = PHASE_NONE;
    send_queued(bus, now);
    reply->final = true;
    call->on_reply(call, now, reply);
}

static void fail(tt_bus *bus, tt_time now, tt_call *call, tt_status status)
{
    tt_reply reply = {.status = status, .content_format = TT_FORMAT_NONE, .last = true};
    finish(bus, now, call, &reply);
}

void tt_bus_client_cancel(tt_bus *bus, tt_time now, tt_call *call)
{
    if (call->state.phase != PHASE_NONE)
        fail(bus, now, call, TT_CANCELLED);
}

size_t tt_bus_client_count_local(const tt_bus *bus)
{
    size_t count = 0;
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next)
        count += call_at(node)->state.phase == PHASE_LOCAL;
    return count;
}

tt_call *tt_bus_client_take_local(tt_bus *bus)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        if (call_at(node)->state.phase != PHASE_LOCAL)
            continue;
        call_at(node)->state.phase = PHASE_LOCAL_OWED;
        return call_at(node);
    }
    return NULL;
}

// Said of a block in the midst: the representation ends before it, so it is another than was begun.
static bool is_cut(unsigned code)
{
    return code == TT_BAD_OPTION;
}

// Takes a call to the own device up again, behind the others.
static void go_on_local(tt_bus *bus, tt_time now, tt_call *call, size_t received)
{
    call->state.phase = PHASE_LOCAL;
    call->state.next = now;
    call->state.received = received;
    tt_list_remove(&call->state.link);
    tt_list_append(&bus->calls, &call->state.link);
}

void tt_bus_client_local(tt_bus *bus, tt_time now, tt_call *call, const tt_response *response,
                         size_t offset, bool final)
{
    struct tt_call_state *s = &call->state;
    bool success = response->code < TT_BAD_REQUEST;
    let_go(bus, call, false);
    if (s->phase != PHASE_LOCAL_OWED) // a notification: each representation has the whole time
        s->deadline = deadline_of(call, now);
    if (offset > 0 && (success ? response->version != s->etag : is_cut(response->code))) {
        if (s->observing)
            go_on_local(bus, now, call, 0);
        else
            fail(bus, now, call, TT_DAMAGED);
        return;
    }
    s->etag = response->version;
    s->observing = !final;
    tt_reply reply = {.status = TT_OK,
                      .code = response->code,
                      .content_format = response->content_format,
                      .payload = response->payload,
                      .length = response->length,
                      .offset = success ? offset : 0,
                      .last = !response->more};
    if (response->more) {
        go_on_local(bus, now, call, offset + response->length);
    } else if (final) {
        finish(bus, now, call, &reply);
        return;
    } else {
        s->phase = PHASE_OBSERVING;
        s->received = 0;
    }
    call->on_reply(call, now, &reply); // last: the owner may cancel the call in it
}

static tt_call *find_by_message(tt_bus *bus, const tt_endpoint *peer, uint16_t id)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        tt_call *call = call_at(node);
        bool waits = call->state.phase == PHASE_SENT || call->state.phase == PHASE_PING;
        if (waits && call->state.message_id == id && tt_endpoint_equal(&call->peer, peer))
            return call;
    }
    return NULL;
}

static tt_call *find_by_token(tt_bus *bus, const tt_endpoint *peer, const tt_bus_token *token)
{
    uint64_t number;
    if (token->length != 8)
        return NULL;
    memcpy(&number, token->bytes, 8);
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        tt_call *call = call_at(node);
        if (call->state.phase >= PHASE_QUEUED && tt_endpoint_equal(&call->peer, peer) &&
            (call->state.token == number || (call->state.fetch_token == number && number != 0)))
            return call;
    }
    return NULL;
}

void tt_bus_client_empty(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                         const tt_message *message)
{
    tt_call *call = find_by_message(bus, peer, message->id);
    if (call == NULL)
        return;
    if (call->state.phase == PHASE_PING) {
        fail(bus, now, call, message->type == TT_RESET_MESSAGE ? TT_OK : TT_MALFORMED);
    } else if (message->type == TT_RESET_MESSAGE) {
        fail(bus, now, call, TT_RESET);
    } else {
        call->state.phase = PHASE_ACCEPTED;
        call->state.send = false;
        send_queued(bus, now);
    }
}

// A block of our body was taken: sends the next. True where that is all that the response says.
static bool continue_body(tt_bus *bus, tt_time now, tt_call *call, const tt_message *m)
{
    struct tt_call_state *s = &call->state;
    size_t block = (size_t)16 << s->block_exponent, left = call->length - s->sent;
    if (!m->block1.present || call->length <= block)
        return false;
    if (m->code == TT_ENTITY_TOO_LARGE && s->sent == 0 && m->block1.exponent < s->block_exponent) {
        s->block_exponent = m->block1.exponent; // the peer wants smaller blocks (RFC 7959, 2.9.3)
        start_message(bus, now, call);
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
    if (call->on_progress != NULL)
        call->on_progress(call, s->sent);
    if (s->sent >= call->length)
        return false; // it said to go on, and there is no more: let the caller see it
    if (is_too_far(s, call->length - 1)) // by the smaller blocks that the peer wants
        fail(bus, now, call, TT_TOO_LARGE);
    else
        start_message(bus, now, call);
    return true;
}

// Whether a notification is newer than the last (RFC 7641, 3.4).
static bool is_newer(const struct tt_call_state *s, tt_time now, uint32_t sequence)
{
    if (!s->has_sequence || now > tt_after(s->sequence_time, TT_SECONDS(128)))
        return true;
    uint32_t ahead = (sequence - s->sequence) & 0xffffff;
    return ahead != 0 && ahead < 1u << 23;
}

// Fetches the representation from `received` on.
static void fetch(tt_bus *bus, tt_time now, tt_call *call, size_t received)
{
    call->state.received = received;
    call->state.sent = call->length;
    call->state.fetch_token = tt_random_u64(&bus->random);
    start_message(bus, now, call);
}

// Takes a response's payload; asks for the next block where there is one.
static void take_payload(tt_bus *bus, tt_time now, tt_call *call, const tt_message *m)
{
    struct tt_call_state *s = &call->state;
    size_t offset = m->block2.present ? m->block2.number * tt_block_bytes(&m->block2) : 0;
    bool more = m->block2.present && m->block2.more, success = m->code < TT_BAD_REQUEST;
    size_t block = m->block2.present ? tt_block_bytes(&m->block2) : TT_BUS_BLOCK_MAX;
    if ((success && offset != s->received) || (more && m->length != block) || m->length > block) {
        fail(bus, now, call, m->block2.present ? TT_MALFORMED : TT_TOO_LARGE);
        return;
    }
    bool tagged = m->etag_length > 0 && s->etag_length > 0;
    bool other = tagged && (m->etag != s->etag || m->etag_length != s->etag_length);
    if (s->received > 0 && (success ? other : is_cut(m->code))) {
        if (s->observing) // anew; what comes of it has the time that is left
            fetch(bus, now, call, 0);
        else
            fail(bus, now, call, TT_DAMAGED);
        return;
    }
    s->etag = m->etag;
    s->etag_length = m->etag_length;
    if (call->observe && m->has_observe) {
        s->observing = true;
        s->has_sequence = true;
        s->sequence = m->observe;
        s->sequence_time = now;
    }
    tt_reply reply = {.status = TT_OK,
                      .code = (tt_code)m->code,
                      .content_format = m->content_format,
                      .payload = m->payload,
                      .length = m->length,
                      .offset = success ? offset : 0,
                      .last = !more,
                      .observe_sequence = s->sequence};
    bool observing = s->observing && success;
    if (!more && !observing) {
        finish(bus, now, call, &reply);
        return;
    }
    if (more) {
        s->block_exponent = m->block2.exponent;
        if (is_too_far(s, offset + m->length)) {
            fail(bus, now, call, TT_TOO_LARGE);
            return;
        }
        if (observing && m->has_observe) // each representation has the whole time
            s->deadline = deadline_of(call, now);
        fetch(bus, now, call, offset + m->length);
    } else {
        s->received = 0;
        s->fetch_token = 0;
        s->send = false;
        s->phase = PHASE_OBSERVING;
        send_queued(bus, now);
    }
    call->on_reply(call, now, &reply); // last: the owner may cancel the call in it
}

void tt_bus_client_response(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *m)
{
    tt_call *call = find_by_token(bus, peer, &m->token);
    struct tt_call_state *s = call != NULL ? &call->state : NULL;
    bool piggybacked = m->type == TT_ACKNOWLEDGEMENT;
    if (call == NULL || (piggybacked && (s->phase != PHASE_SENT || s->message_id != m->id))) {
        if (!piggybacked && (m->type == TT_CONFIRMABLE || m->has_observe)) // nobody waits for it
            tt_bus_send_empty(bus, peer, TT_RESET_MESSAGE, m->id);
        return;
    }
    bool readable = !m->bad_option && !m->bad_block; // else rejected (RFC 7252, 5.4.1)
    if (m->type == TT_CONFIRMABLE)
        tt_bus_send_empty(bus, peer, readable ? TT_ACKNOWLEDGEMENT : TT_RESET_MESSAGE, m->id);
    if (!readable) {
        fail(bus, now, call, TT_MALFORMED);
        return;
    }
    uint64_t number;
    memcpy(&number, m->token.bytes, 8);
    bool notification = s->observing && m->has_observe && number == s->token;
    if (notification) {
        if (!is_newer(s, now, m->observe))
            return;
        s->received = 0; // a newer representation: what was being fetched is of no interest
        s->fetch_token = 0;
    } else if (s->phase == PHASE_OBSERVING && m->code < TT_BAD_REQUEST) {
        return; // a repeated answer to a fetch that is over
    }
    if (!continue_body(bus, now, call, m))
        take_payload(bus, now, call, m);
}

// Writes the call's message as it stands.
static void write_request(tt_call *call, tt_message_writer *w, void *bytes, size_t capacity)
{
    struct tt_call_state *s = &call->state;
    if (s->phase == PHASE_PING) {
        tt_message_begin(w, bytes, capacity, TT_CONFIRMABLE, 0, s->message_id, NULL);
        return;
    }
    bool fetching = s->fetch_token != 0;
    tt_bus_token token = token_of(fetching ? s->fetch_token : s->token);
    size_t block = (size_t)16 << s->block_exponent;
    size_t left = call->length - s->sent, length = left < block ? left : block;
    tt_message_begin(w, bytes, capacity, TT_CONFIRMABLE, call->method, s->message_id, &token);
    if (call->observe && !fetching)
        tt_message_option_number(w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(w, TT_OPTION_URI_PATH, call->path, '/');
    if (call->content_format != TT_FORMAT_NONE && length > 0)
        tt_message_option_number(w, TT_OPTION_CONTENT_FORMAT, call->content_format);
    if (call->query != NULL)
        tt_message_option_parts(w, TT_OPTION_URI_QUERY, call->query, '&');
    if (call->accept != TT_FORMAT_NONE)
        tt_message_option_number(w, TT_OPTION_ACCEPT, call->accept);
    if (fetching)
        tt_message_option_block(
            w, TT_OPTION_BLOCK2,
            &(tt_block){.exponent = s->block_exponent, .number = (uint32_t)(s->received / block)});
    if (call->length > block && !fetching) {
        tt_message_option_block(w, TT_OPTION_BLOCK1,
                                &(tt_block){.more = left > block,
                                            .exponent = s->block_exponent,
                                            .number = (uint32_t)(s->sent / block)});
        if (s->sent == 0)
            tt_message_option_number(w, TT_OPTION_SIZE1, (uint32_t)call->length);
    }
    if (!fetching && length > 0)
        tt_message_payload(w, (const uint8_t *)call->payload + s->sent, length);
}

bool tt_bus_client_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                            size_t *length)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        tt_call *call = call_at(node);
        if (!call->state.send)
            continue;
        tt_message_writer w;
        write_request(call, &w, bytes, capacity);
        TT_CHECK(!w.out.failed); // first_exponent saw to it
        call->state.send = false;
        *peer = call->peer;
        *length = w.out.length;
        return true;
    }
    return false;
}

static bool is_due(const tt_call *call, tt_time now)
{
    const struct tt_call_state *s = &call->state;
    if (s->phase != PHASE_OBSERVING && now >= s->deadline)
        return true;
    return s->phase == PHASE_SENT && now >= s->next;
}

static void advance_call(tt_bus *bus, tt_time now, tt_call *call)
{
    struct tt_call_state *s = &call->state;
    if (now >= s->deadline || s->attempts >= TT_BUS_RETRANSMITS_MAX) {
        fail(bus, now, call, TT_TIMED_OUT);
    } else {
        s->attempts++;
        s->wait *= 2;
        s->next = tt_after(now, s->wait);
        s->send = true;
        bus->counters.retransmitted++;
    }
}

void tt_bus_client_advance(tt_bus *bus, tt_time now)
{
    // A callback may start, end or cancel any call, so after each the walk begins again. It ends:
    // whatever is advanced is not due any more.
    for (tt_list *node = bus->calls.next; node != &bus->calls;) {
        tt_call *call = call_at(node);
        node = node->next;
        if (!is_due(call, now))
            continue;
        advance_call(bus, now, call);
        node = bus->calls.next;
    }
}

tt_time tt_bus_client_deadline(const tt_bus *bus)
{
    tt_time deadline = TT_FOREVER;
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        const struct tt_call_state *s = &call_at(node)->state;
        if (s->phase == PHASE_LOCAL)
            return s->next;
        if (s->phase != PHASE_OBSERVING)
            deadline = tt_earlier(deadline, s->deadline);
        if (s->phase == PHASE_SENT)
            deadline = tt_earlier(deadline, s->next);
    }
    return deadline;
}

// Ends calls to a peer. Marked first: a callback may start another call to the same peer, which is
// not meant.
static void end_calls(tt_bus *bus, tt_time now, const tt_endpoint *peer, bool observations,
                      tt_status status)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        struct tt_call_state *s = &call_at(node)->state;
        if (tt_endpoint_equal(&call_at(node)->peer, peer) && (observations || !s->observing)) {
            s->phase = PHASE_FORGOTTEN;
            s->send = false;
        }
    }
    for (tt_list *node = bus->calls.next; node != &bus->calls;) {
        tt_call *call = call_at(node);
        node = node->next;
        if (call->state.phase != PHASE_FORGOTTEN)
            continue;
        fail(bus, now, call, status);
        node = bus->calls.next;
    }
}

void tt_bus_client_forget(tt_bus *bus, tt_time now, const tt_endpoint *peer)
{
    end_calls(bus, now, peer, true, TT_TIMED_OUT);
}

void tt_bus_unreachable(tt_bus *bus, tt_time now, const tt_endpoint *peer)
{
    end_calls(bus, now, peer, false, TT_UNREACHABLE);
}
