// Observers of ours (RFC 7641, 4): who is told what, and until when.
//
// What an observer is told is the newest state, made when its session is free, so changes that come
// faster are told as one. A change by itself is told confirmably and repeated until acknowledged;
// of those that follow one another within TT_BUS_CONFIRM_AFTER most are not, and once it is quiet
// the newest is told again, under the same number, which those who have it pass over. What was not
// acknowledged in time is repeated, or replaced by a newer state (4.5.2), and after the last
// repetition its observer is gone. A long one that was not acknowledged lets others have its
// buffer. While the table is full, whoever wants a place makes the bus ask the silent ones whether
// they live.

#include <string.h>

#include "bus/internal.h"

#define ASK_AGAIN_AFTER TT_MS(100) // where a handler has no state now

void tt_observers_drop(tt_bus *bus, tt_bus_observer *o)
{
    (void)bus;
    if (o->session != NULL && o->session->out.owner == o)
        tt_transmission_end(o->session);
    o->resource = NULL;
    o->call = NULL;
}

void tt_observers_confirmed(tt_bus *bus, tt_time now, tt_bus_observer *o, bool reset)
{
    o->confirmed = now;
    o->attempts = 0;
    if (reset) // not interested any more
        tt_observers_drop(bus, o);
}

// A notification that nobody repeats was rejected: its observer is not interested any more.
void tt_observers_rejected(tt_bus *bus, const tt_bus_session *session, uint16_t message_id)
{
    for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++) {
        tt_bus_observer *o = &bus->observers[i];
        if (o->resource != NULL && o->call == NULL && o->told > 0 && o->message_id == message_id &&
            o->session == session)
            tt_observers_drop(bus, o);
    }
}

// Asks those who were silent whether they are there, by the state that they have.
static void ask_the_silent(tt_bus *bus, tt_time now)
{
    for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++) {
        tt_bus_observer *o = &bus->observers[i];
        if (o->call == NULL && now >= tt_after(o->confirmed, TT_BUS_PROBE_AFTER))
            o->pending = o->confirm = true;
    }
}

bool tt_observers_add(tt_bus *bus, tt_time now, tt_resource *resource, tt_bus_session *session,
                      const tt_message *m, tt_call *call)
{
    tt_bus_observer *slot = NULL;
    const char *path = call != NULL ? call->path : m->path;
    const char *query = call == NULL ? m->query : call->query != NULL ? call->query : "";
    for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++) {
        tt_bus_observer *o = &bus->observers[i];
        if (o->resource == NULL) {
            slot = slot != NULL ? slot : o;
        } else if (call == NULL && o->call == NULL && o->session == session &&
                   tt_token_equal(&o->token, &m->token)) {
            tt_observers_drop(bus, o); // the same observation again (RFC 7641, 4.1)
            slot = o;
            break;
        }
    }
    size_t path_bytes = strlen(path) + 1, query_bytes = strlen(query) + 1;
    if (path_bytes + query_bytes > sizeof(slot->path))
        return false; // the answer then goes without the option: no observation
    if (slot == NULL) {
        ask_the_silent(bus, now);
        return false;
    }
    memset(slot, 0, sizeof(*slot));
    slot->resource = resource;
    slot->session = session;
    slot->call = call;
    slot->block_exponent = TT_BLOCK_EXPONENT_MAX;
    slot->confirm_at = TT_FOREVER;
    slot->confirmed = now;
    if (call != NULL) {
        slot->accept = call->accept;
    } else {
        slot->accept = m->accept;
        slot->token = m->token;
        if (m->block2.present)
            slot->block_exponent = m->block2.exponent;
    }
    memcpy(slot->path, path, path_bytes);
    memcpy(slot->path + path_bytes, query, query_bytes);
    return true;
}

tt_bus_observer *tt_observers_find(tt_bus *bus, const tt_bus_session *session,
                                   const tt_bus_token *token)
{
    for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++) {
        tt_bus_observer *o = &bus->observers[i];
        if (o->resource != NULL && o->call == NULL && o->session == session &&
            tt_token_equal(&o->token, token))
            return o;
    }
    return NULL;
}

void tt_observers_remove(tt_bus *bus, const tt_bus_session *session, const tt_bus_token *token)
{
    tt_bus_observer *o = tt_observers_find(bus, session, token);
    if (o != NULL)
        tt_observers_drop(bus, o);
}

// The representation for an observer, as its resource's handler gives it.
static void look(tt_bus *bus, tt_time now, tt_bus_observer *o, const tt_block *block2,
                 tt_bus_buffer *buffer, tt_response *response)
{
    tt_request request = {.method = TT_GET,
                          .peer = o->session != NULL ? &o->session->peer : &tt_own_endpoint,
                          .path = o->path,
                          .query = o->path + strlen(o->path) + 1,
                          .content_format = TT_FORMAT_NONE,
                          .accept = o->accept,
                          .last = true};
    tt_bus_set_window(&request, block2, buffer);
    tt_bus_run_handler(bus, now, o->resource, &request, response);
    if (!response->later)
        return;
    tt_bus_refuse(bus, response, TT_INTERNAL_ERROR,
                  "its handler answers an observer later: ", o->path);
}

static bool is_confirmable(const tt_bus_observer *o, tt_time now)
{
    return o->confirm || o->told % TT_BUS_CONFIRM_EVERY == 0 ||
           now >= tt_after(o->told_at, TT_BUS_CONFIRM_AFTER);
}

// Sends what was made for an observer far away.
static void send(tt_bus *bus, tt_time now, tt_bus_observer *o, const tt_block *block2,
                 tt_bus_buffer *buffer, const tt_response *response)
{
    bool error = response->code >= TT_BAD_REQUEST; // the last that it hears (RFC 7641, 4.2)
    bool confirmable = error || is_confirmable(o, now);
    tt_message_writer w;
    tt_message_begin(&w, buffer->bytes, sizeof(buffer->bytes),
                     confirmable ? TT_CONFIRMABLE : TT_NON_CONFIRMABLE, response->code, 0,
                     &o->token);
    (void)tt_bus_write_response(bus, &w, NULL, block2, response,
                                error ? NULL : &o->resource->observe_sequence); // it fits
    o->starved = !tt_transmission_adopt(bus, o->session, buffer, w.out.length, false);
    if (o->starved) {
        o->pending = true; // until a long buffer is free
        return;
    }
    tt_transmission_start(bus, o->session, now, error ? TT_FOR_ANSWER : TT_FOR_OBSERVER,
                          error ? NULL : o, confirmable, w.out.length);
    tt_transmission_continue(o->session, now, o->attempts);
    if (error)
        o->resource = NULL;
    o->told++;
    o->message_id = o->session->out.id;
    o->told_at = now;
    o->confirm = false;
    o->confirm_at = confirmable ? TT_FOREVER : tt_after(now, TT_BUS_CONFIRM_AFTER);
}

// Its handler cannot tell now, which is no end of the observation.
static void put_off(tt_bus_observer *o, tt_time now)
{
    o->pending = true;
    o->again_at = tt_after(now, ASK_AGAIN_AFTER);
}

// Tells one observer, where it can be told now.
static void tell(tt_bus *bus, tt_time now, tt_bus_observer *o)
{
    if (now < o->again_at || (o->session != NULL && !tt_transmission_is_free(o->session, now)))
        return;
    if (o->starved && !tt_buffer_may_stay(bus, false))
        return;
    tt_bus_buffer *buffer = tt_buffer_take(bus);
    if (buffer == NULL)
        return; // until one has gone out
    tt_block block2 = {.present = o->block_exponent < TT_BLOCK_EXPONENT_MAX,
                       .exponent = o->block_exponent};
    tt_response response;
    o->pending = false;
    look(bus, now, o, &block2, buffer, &response);
    if (o->resource != NULL && o->session != NULL && !tt_transmission_is_free(o->session, now))
        o->pending = true; // its handler has sent the observer something: behind that
    else if (o->resource != NULL && response.busy)
        put_off(o, now);
    else if (o->resource != NULL && o->call != NULL)
        bus->calling->reply_own(bus, now, o->call, &response, 0, response.code >= TT_BAD_REQUEST);
    else if (o->resource != NULL)
        send(bus, now, o, &block2, buffer, &response);
    if (buffer->state == TT_BUFFER_MADE)
        buffer->state = TT_BUFFER_FREE;
}

// Whether another waits for a long buffer.
static bool is_buffer_wanted(const tt_bus *bus, const tt_bus_observer *o)
{
    bool wanted = false;
    for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++) {
        const tt_bus_observer *other = &bus->observers[i];
        wanted |= other != o && other->resource != NULL && other->pending && other->starved;
    }
    return wanted;
}

bool tt_observers_renew(tt_bus *bus, tt_time now, tt_bus_session *s)
{
    tt_bus_observer *o = s->out.owner;
    bool is_observer = s->out.kind == TT_FOR_OBSERVER;
    bool yields = is_observer && s->out.buffer != NULL && is_buffer_wanted(bus, o);
    if (!is_observer || !(o->pending || yields))
        return false;
    o->attempts = (uint8_t)(s->out.attempts + 1);
    o->again_at = yields ? tt_after(now, s->out.wait) : now;
    o->pending = o->confirm = true;
    tt_transmission_end(s);
    tell(bus, now, o);
    bus->counters.retransmitted++;
    return true;
}

static bool is_at_or_below(const char *path, const char *above)
{
    size_t length = strlen(above);
    return strncmp(path, above, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

void tt_bus_changed_path(tt_bus *bus, tt_time now, tt_resource *resource, const char *path)
{
    (void)now;
    bus->observe_sequence = (bus->observe_sequence + 1) & 0xffffff;
    resource->observe_sequence = bus->observe_sequence;
    for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++)
        if (bus->observers[i].resource == resource &&
            (path == NULL || is_at_or_below(path, bus->observers[i].path)))
            bus->observers[i].pending = true;
}

void tt_bus_changed(tt_bus *bus, tt_time now, tt_resource *resource)
{
    tt_bus_changed_path(bus, now, resource, NULL);
}

void tt_observers_advance(tt_bus *bus, tt_time now)
{
    unsigned first = bus->next_observer++ % TT_BUS_OBSERVERS_MAX;
    for (unsigned i = 0; i < TT_BUS_OBSERVERS_MAX; i++) {
        tt_bus_observer *o = &bus->observers[(first + i) % TT_BUS_OBSERVERS_MAX];
        if (o->resource == NULL)
            continue;
        if (now >= o->confirm_at) {
            o->confirm_at = TT_FOREVER;
            o->pending = o->confirm = true;
        }
        if (o->pending)
            tell(bus, now, o);
    }
}

// When one that is not stuck can be told.
static tt_time ready_at(const tt_bus_observer *o)
{
    tt_time ids_at = o->session != NULL ? tt_session_ids_at(o->session) : INT64_MIN;
    return tt_later(ids_at, o->again_at);
}

tt_time tt_observers_deadline(const tt_bus *bus)
{
    tt_time deadline = TT_FOREVER;
    for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++) {
        const tt_bus_observer *o = &bus->observers[i];
        if (o->resource == NULL)
            continue;
        bool stuck = o->session != NULL && o->session->out.kind != TT_FOR_NOBODY;
        stuck |= o->starved && !tt_buffer_may_stay(bus, false);
        if (!o->pending)
            deadline = tt_earlier(deadline, o->confirm_at);
        else if (!stuck)
            deadline = tt_earlier(deadline, ready_at(o));
    }
    return deadline;
}
