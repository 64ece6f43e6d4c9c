// What this side repeats until it is acknowledged: separate responses and notifications; and
// observers.

#include <string.h>

#include "bus/internal.h"
#include "tutti/check.h"

tt_bus_reply *tt_bus_reply_new(tt_bus *bus, tt_time now, const tt_endpoint *peer, bool confirmable)
{
    for (size_t i = 0; i < TT_COUNT(bus->replies); i++) {
        tt_bus_reply *reply = &bus->replies[i];
        if (reply->used)
            continue;
        reply->used = true;
        reply->send = true;
        reply->confirmable = confirmable;
        reply->attempts = 0;
        reply->message_id = tt_bus_new_message_id(bus);
        reply->peer = *peer;
        reply->observer = NULL;
        reply->wait = tt_bus_first_wait(bus);
        reply->next = tt_after(now, reply->wait);
        return reply;
    }
    return NULL;
}

static void end_reply(tt_bus_reply *reply)
{
    reply->used = false;
    if (reply->observer != NULL)
        reply->observer->waiting = false;
    reply->observer = NULL;
}

void tt_bus_drop_observer(tt_bus *bus, tt_bus_observer *observer)
{
    for (size_t i = 0; i < TT_COUNT(bus->replies); i++)
        if (bus->replies[i].used && bus->replies[i].observer == observer)
            end_reply(&bus->replies[i]);
    observer->resource = NULL;
    observer->call = NULL;
}

// A notification that nobody repeats was rejected: its observer is not interested any more.
static void rejected(tt_bus *bus, const tt_endpoint *peer, uint16_t message_id)
{
    for (size_t i = 0; i < TT_COUNT(bus->observers); i++) {
        tt_bus_observer *o = &bus->observers[i];
        if (o->resource != NULL && o->told > 0 && o->message_id == message_id &&
            tt_endpoint_equal(&o->peer, peer))
            tt_bus_drop_observer(bus, o);
    }
}

void tt_bus_reply_empty(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *m)
{
    (void)now;
    for (size_t i = 0; i < TT_COUNT(bus->replies); i++) {
        tt_bus_reply *reply = &bus->replies[i];
        if (!reply->used || reply->message_id != m->id || !tt_endpoint_equal(&reply->peer, peer))
            continue;
        tt_bus_observer *observer = reply->observer;
        end_reply(reply);
        if (m->type == TT_RESET_MESSAGE && observer != NULL) // not interested any more
            tt_bus_drop_observer(bus, observer);
        return;
    }
    if (m->type == TT_RESET_MESSAGE)
        rejected(bus, peer, m->id);
}

bool tt_bus_observe(tt_bus *bus, tt_resource *resource, const tt_endpoint *peer,
                    const tt_message *m, tt_call *call)
{
    tt_bus_observer *slot = NULL;
    const char *path = call != NULL ? call->path : m->path;
    const char *query = call == NULL ? m->query : call->query != NULL ? call->query : "";
    for (size_t i = 0; i < TT_COUNT(bus->observers); i++) {
        tt_bus_observer *o = &bus->observers[i];
        if (o->resource == NULL) {
            slot = slot != NULL ? slot : o;
        } else if (call == NULL && o->call == NULL && tt_endpoint_equal(&o->peer, peer) &&
                   tt_token_equal(&o->token, &m->token)) {
            slot = o; // the same observation again (RFC 7641, 4.1)
            break;
        }
    }
    if (slot == NULL)
        return false; // the answer then goes without the option: no observation
    *slot =
        (tt_bus_observer){.resource = resource,
                          .peer = *peer,
                          .call = call,
                          .accept = call != NULL ? call->accept : m->accept,
                          .block_exponent = m != NULL && m->block2.present ? m->block2.exponent
                                                                           : TT_BLOCK_EXPONENT_MAX};
    if (m != NULL)
        slot->token = m->token;
    strcpy(slot->path, path);
    strcpy(slot->query, query);
    return true;
}

void tt_bus_unobserve(tt_bus *bus, const tt_endpoint *peer, const tt_bus_token *token)
{
    for (size_t i = 0; i < TT_COUNT(bus->observers); i++) {
        tt_bus_observer *o = &bus->observers[i];
        if (o->resource != NULL && o->call == NULL && tt_endpoint_equal(&o->peer, peer) &&
            tt_token_equal(&o->token, token))
            tt_bus_drop_observer(bus, o);
    }
}

// Asks the handler for the representation and tells one observer.
static void notify(tt_bus *bus, tt_time now, tt_bus_observer *o)
{
    tt_request request = {.method = TT_GET,
                          .peer = &o->peer,
                          .path = o->path,
                          .query = o->query,
                          .content_format = TT_FORMAT_NONE,
                          .accept = o->accept,
                          .last = true};
    tt_block block2 = {.present = o->block_exponent < TT_BLOCK_EXPONENT_MAX,
                       .exponent = o->block_exponent};
    tt_response response;
    tt_resource *resource = o->resource;
    o->pending = false;
    tt_bus_set_window(bus, &request, &block2);
    tt_bus_run_handler(bus, now, resource, &request, &response);
    if (response.later) {
        response = (tt_response){.content_format = TT_FORMAT_NONE, .max_age_seconds = 60};
        tt_bus_diagnose(bus, &response, TT_INTERNAL_ERROR,
                        "its handler answers an observer later: ", o->path);
    }
    bool error = response.code >= TT_BAD_REQUEST; // the last that it hears (RFC 7641, 4.2)
    if (o->call != NULL) {
        tt_bus_client_local(bus, now, o->call, &response, 0, error);
        return;
    }
    bool confirmable = o->told % TT_BUS_CONFIRM_EVERY == 0 || now >= o->confirm_at || error;
    tt_bus_reply *reply = tt_bus_reply_new(bus, now, &o->peer, confirmable);
    if (reply == NULL) {
        o->pending = true; // when one of the replies under way ends
        return;
    }
    tt_message_writer w;
    tt_message_begin(&w, reply->bytes, sizeof(reply->bytes),
                     confirmable ? TT_CONFIRMABLE : TT_NON_CONFIRMABLE, response.code,
                     reply->message_id, &o->token);
    if (!tt_bus_write_response(bus, &w, NULL, &block2, &response,
                               error ? NULL : &resource->observe_sequence)) {
        reply->used = false;
        tt_bus_drop_observer(bus, o);
        return;
    }
    reply->length = (uint16_t)w.out.length;
    if (error) {
        tt_bus_drop_observer(bus, o);
        return;
    }
    o->told++;
    o->message_id = reply->message_id;
    if (confirmable) {
        reply->observer = o;
        o->waiting = true;
        o->confirm_at = tt_after(now, TT_BUS_CONFIRM_WITHIN);
    }
}

static void notify_pending(tt_bus *bus, tt_time now)
{
    for (size_t i = 0; i < TT_COUNT(bus->observers); i++) {
        tt_bus_observer *o = &bus->observers[i];
        if (o->resource != NULL && o->pending && !o->waiting)
            notify(bus, now, o);
    }
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
    for (size_t i = 0; i < TT_COUNT(bus->observers); i++)
        if (bus->observers[i].resource == resource &&
            (path == NULL || is_at_or_below(path, bus->observers[i].path)))
            bus->observers[i].pending = true;
}

void tt_bus_changed(tt_bus *bus, tt_time now, tt_resource *resource)
{
    tt_bus_changed_path(bus, now, resource, NULL);
}

void tt_bus_reply_advance(tt_bus *bus, tt_time now)
{
    for (size_t i = 0; i < TT_COUNT(bus->replies); i++) {
        tt_bus_reply *reply = &bus->replies[i];
        if (!reply->used || !reply->confirmable || now < reply->next)
            continue;
        if (reply->attempts < TT_BUS_RETRANSMITS_MAX) {
            reply->attempts++;
            reply->wait *= 2;
            reply->next = tt_after(now, reply->wait);
            reply->send = true;
            bus->counters.retransmitted++;
            continue;
        }
        tt_bus_observer *observer = reply->observer;
        end_reply(reply);
        if (observer != NULL) // gone: RFC 7641, 4.5
            tt_bus_drop_observer(bus, observer);
    }
    notify_pending(bus, now);
}

tt_time tt_bus_reply_deadline(const tt_bus *bus)
{
    tt_time deadline = TT_FOREVER;
    bool room = false;
    for (size_t i = 0; i < TT_COUNT(bus->replies); i++) {
        const tt_bus_reply *reply = &bus->replies[i];
        room |= !reply->used;
        if (reply->used && reply->confirmable)
            deadline = tt_earlier(deadline, reply->next);
    }
    for (size_t i = 0; i < TT_COUNT(bus->observers); i++) {
        const tt_bus_observer *o = &bus->observers[i];
        if (o->resource != NULL && o->pending && !o->waiting && (room || o->call != NULL))
            deadline = INT64_MIN; // at once
    }
    return deadline;
}
