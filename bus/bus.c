// The bus itself: what arrives is sorted, what is due is done, what goes out is collected.

#include <string.h>

#include "bus/internal.h"
#include "tutti/check.h"

static void not_found(tt_resource *gone, tt_time now, const tt_request *request,
                      tt_response *response)
{
    (void)now;
    tt_bus_diagnose(gone->context, response, TT_PATH_NOT_FOUND, "no such path: ", request->path);
}

void tt_bus_init(tt_bus *bus, tt_time now, uint64_t seed)
{
    (void)now;
    memset(bus, 0, sizeof(*bus));
    tt_list_init(&bus->resources);
    tt_list_init(&bus->calls);
    tt_random_seed(&bus->random, seed);
    bus->first_id = (uint16_t)tt_random_u64(&bus->random);
    bus->observe_sequence =
        (uint32_t)tt_random_below(&bus->random, 1 << 24); // other than the last start's
    bus->next_answer = 1;
    bus->version_salt = tt_random_u64(&bus->random);
    bus->well_known.path = ".well-known/core";
    bus->well_known.handler = tt_bus_links_handler;
    bus->well_known.hidden = true;
    bus->gone.handler = not_found;
    bus->well_known.context = bus->gone.context = bus;
    bus->well_known.methods = bus->gone.methods = 1 << TT_GET;
    tt_status status = tt_bus_add(bus, &bus->well_known);
    TT_CHECK(status == TT_OK);
}

tt_status tt_bus_add(tt_bus *bus, tt_resource *resource)
{
    if (resource->path == NULL || resource->handler == NULL)
        return TT_INVALID;
    size_t length = strlen(resource->path);
    if (length == 0 || length >= TT_BUS_PATH_MAX || resource->path[0] == '/')
        return TT_INVALID;
    for (tt_list *node = bus->resources.next; node != &bus->resources; node = node->next)
        if (strcmp(TT_CONTAINER(node, tt_resource, link)->path, resource->path) == 0)
            return TT_EXISTS;
    resource->observe_sequence = bus->observe_sequence;
    tt_list_append(&bus->resources, &resource->link);
    bus->links_version++;
    return TT_OK;
}

void tt_bus_remove(tt_bus *bus, tt_resource *resource)
{
    for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++)
        if (bus->observers[i].resource == resource) { // told 4.04 (RFC 7641, 4.2)
            bus->observers[i].resource = &bus->gone;
            bus->observers[i].pending = true;
        }
    for (size_t i = 0; i < TT_BUS_TRANSFERS_MAX; i++)
        if (bus->transfers[i].resource == resource)
            bus->transfers[i].resource = NULL;
    tt_stream_remove(bus, resource);
    tt_list_remove(&resource->link);
    bus->links_version++;
}

static bool is_request(unsigned code)
{
    return code >= TT_GET && code < TT_CODE(1, 0);
}

static bool is_response(unsigned code)
{
    return code >= TT_CODE(2, 0) && code < TT_CODE(6, 0);
}

// Messages whose session is free now.
static void send_what_waited(tt_bus *bus, tt_time now)
{
    tt_server_send_waiting(bus, now);
    if (bus->calling != NULL)
        bus->calling->send(bus, now);
}

// An acknowledgement or reset of the message that is under way to a peer.
static void confirm(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_message *m)
{
    void *owner = session->out.owner;
    bool reset = m->type == TT_RESET_MESSAGE;
    if (session->out.kind == TT_FOR_CALL) {
        if (m->code == 0) // else the answer is in it
            bus->calling->confirmed(bus, now, owner, reset);
        return;
    }
    bool observed = session->out.kind == TT_FOR_OBSERVER;
    tt_transmission_end(session);
    if (observed)
        tt_observers_confirmed(bus, now, owner, reset);
}

static void receive_empty(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                          tt_bus_session *session, const tt_message *m)
{
    if (m->type == TT_CONFIRMABLE)
        tt_bus_send_empty(bus, peer, TT_RESET_MESSAGE, m->id); // a ping (4.3)
    else if ((bus->calling != NULL && bus->calling->pong(bus, now, peer, m)) || session == NULL)
        return;
    else if (tt_transmission_confirmed(session, now, m->id))
        confirm(bus, now, session, m);
    else if (m->type == TT_RESET_MESSAGE)
        tt_observers_rejected(bus, session, m->id);
}

static void receive_message(tt_bus *bus, tt_time now, const tt_endpoint *peer, tt_message *m)
{
    tt_bus_session *session = tt_session_find(bus, peer);
    bool confirms = m->type == TT_ACKNOWLEDGEMENT || m->type == TT_RESET_MESSAGE;
    if (session != NULL)
        tt_session_touch(session, now);
    if (m->code == 0 && (confirms || m->type == TT_CONFIRMABLE)) {
        receive_empty(bus, now, peer, session, m);
    } else if (m->code == TT_STREAM_PIECE || m->code == TT_STREAM_ACKNOWLEDGE) {
        tt_stream_receive(bus, now, tt_moving_stream(bus, now, peer, m), m);
    } else if (is_request(m->code) && !confirms) {
        tt_server_request(bus, now, peer, m);
    } else if (is_response(m->code) && m->type != TT_RESET_MESSAGE) {
        if (m->type == TT_ACKNOWLEDGEMENT && tt_transmission_confirmed(session, now, m->id))
            confirm(bus, now, session, m);
        if (bus->calling != NULL)
            bus->calling->receive(bus, now, peer, m);
        else
            tt_bus_reject(bus, peer, m);
    } else {
        bus->counters.malformed++;
        if (m->type == TT_CONFIRMABLE) // a code of a reserved class (4.2)
            tt_bus_send_empty(bus, peer, TT_RESET_MESSAGE, m->id);
    }
    send_what_waited(bus, now);
}

static void receive(tt_bus *bus, tt_time now, const tt_endpoint *peer, const void *bytes,
                    size_t length, bool cut)
{
    tt_message message;
    bus->counters.received++;
    bus->stream_time = now;
    if (tt_endpoint_is_own(peer) || peer->port == 0)
        return; // nobody can answer there
    if (tt_message_parse(&message, bytes, length) == TT_OK) {
        if (cut) // more than any message may have, however much of it is here
            message.length = TT_BUS_MESSAGE_MAX;
        receive_message(bus, now, peer, &message);
        return;
    }
    bus->counters.malformed++;
    // A confirmable message that we cannot read is rejected (4.2); anything else is ignored.
    if (length >= 4 && message.type == TT_CONFIRMABLE && ((const uint8_t *)bytes)[0] >> 6 == 1)
        tt_bus_send_empty(bus, peer, TT_RESET_MESSAGE, message.id);
}

void tt_bus_receive(tt_bus *bus, tt_time now, const tt_endpoint *peer, const void *bytes,
                    size_t length)
{
    receive(bus, now, peer, bytes, length, false);
}

void tt_bus_receive_cut(tt_bus *bus, tt_time now, const tt_endpoint *peer, const void *bytes,
                        size_t length)
{
    receive(bus, now, peer, bytes, length, true);
}

// A message that was not acknowledged in time: once more, or its end.
static void repeat(tt_bus *bus, tt_time now, tt_bus_session *session)
{
    void *owner = session->out.owner;
    tt_transmission_kind kind = (tt_transmission_kind)session->out.kind;
    if (session->out.attempts < TT_BUS_RETRANSMITS_MAX &&
        tt_observers_renew(bus, now, session)) // by a newer state
        return;
    if (tt_transmission_repeat(bus, session, now))
        return;
    tt_transmission_end(session);
    if (kind == TT_FOR_CALL)
        bus->calling->fail(bus, now, owner, TT_TIMED_OUT);
    else if (kind == TT_FOR_OBSERVER) // gone: RFC 7641, 4.5
        tt_observers_drop(bus, owner);
}

void tt_bus_advance(tt_bus *bus, tt_time now)
{
    if (bus->calling != NULL)
        bus->calling->advance(bus, now);
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++)
        if (tt_transmission_is_due(&bus->sessions[i], now))
            repeat(bus, now, &bus->sessions[i]);
    if (bus->calling != NULL)
        bus->calling->serve_own(bus, now);
    tt_server_advance(bus, now);
    tt_bodies_advance(bus, now);
    tt_stream_advance(bus, now);
    tt_observers_advance(bus, now);
    send_what_waited(bus, now);
}

tt_time tt_bus_deadline(const tt_bus *bus)
{
    tt_time deadline = tt_outbox_is_empty(bus) ? TT_FOREVER : INT64_MIN;
    deadline = tt_earlier(deadline, tt_transmission_deadline(bus));
    if (bus->calling != NULL)
        deadline = tt_earlier(deadline, bus->calling->deadline(bus));
    deadline = tt_earlier(deadline, tt_server_deadline(bus));
    deadline = tt_earlier(deadline, tt_bodies_deadline(bus));
    deadline = tt_earlier(deadline, tt_stream_deadline(bus));
    return tt_earlier(deadline, tt_observers_deadline(bus));
}

tt_status tt_bus_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                          size_t *length)
{
    bool fits = capacity >= TT_BUS_MESSAGE_MAX;
    TT_CHECK(fits);
    bool sent =
        tt_outbox_transmit(bus, peer, bytes, capacity, length) ||
        tt_transmission_transmit(bus, peer, bytes, length) ||
        (bus->calling != NULL && bus->calling->transmit_ping(bus, peer, bytes, capacity, length)) ||
        tt_stream_transmit(bus, peer, bytes, capacity, length);
    return sent ? TT_OK : TT_EMPTY;
}

void tt_bus_forget_peer(tt_bus *bus, tt_time now, const tt_endpoint *peer)
{
    tt_session_forget(bus, peer);
    if (bus->calling != NULL)
        bus->calling->end_all(bus, now, peer, true, TT_TIMED_OUT);
    send_what_waited(bus, now);
}

void tt_bus_unreachable(tt_bus *bus, tt_time now, const tt_endpoint *peer)
{
    tt_stream_unreachable(bus, peer);
    if (bus->calling != NULL)
        bus->calling->end_all(bus, now, peer, false, TT_UNREACHABLE);
    send_what_waited(bus, now);
}

size_t tt_bus_busy(const tt_bus *bus)
{
    size_t busy = tt_stream_count(bus);
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++)
        busy += bus->sessions[i].out.kind == TT_FOR_ANSWER ||
                bus->sessions[i].out.kind == TT_FOR_OBSERVER;
    for (size_t i = 0; i < TT_BUS_BUFFERS_MAX; i++)
        busy += bus->buffers[i].state == TT_BUFFER_WAITS;
    for (size_t i = 0; i < TT_BUS_OWED_MAX; i++)
        busy += bus->owed[i].id != 0;
    for (size_t i = 0; i < TT_BUS_TRANSFERS_MAX; i++)
        busy += bus->transfers[i].resource != NULL;
    for (const tt_list *node = bus->calls.next; node != &bus->calls; node = node->next)
        busy++;
    return busy;
}
