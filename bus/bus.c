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
    bus->next_message_id = (uint16_t)tt_random_u64(&bus->random);
    bus->next_answer = 1;
    bus->version_salt = tt_random_u64(&bus->random);
    bus->well_known = (tt_resource){.path = ".well-known/core",
                                    .handler = tt_bus_links_handler,
                                    .context = bus,
                                    .methods = 1 << TT_GET,
                                    .hidden = true};
    TT_CHECK(tt_bus_add(bus, &bus->well_known) == TT_OK);
    bus->gone = (tt_resource){.handler = not_found, .context = bus, .methods = 1 << TT_GET};
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
    tt_list_append(&bus->resources, &resource->link);
    bus->links_version++;
    return TT_OK;
}

void tt_bus_remove(tt_bus *bus, tt_resource *resource)
{
    for (size_t i = 0; i < TT_COUNT(bus->observers); i++)
        if (bus->observers[i].resource == resource) { // told 4.04 (RFC 7641, 4.2)
            bus->observers[i].resource = &bus->gone;
            bus->observers[i].pending = true;
        }
    for (size_t i = 0; i < TT_COUNT(bus->transfers); i++)
        if (bus->transfers[i].resource == resource)
            bus->transfers[i].resource = NULL;
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

void tt_bus_receive(tt_bus *bus, tt_time now, const tt_endpoint *peer, const void *bytes,
                    size_t length)
{
    tt_message message;
    bus->counters.received++;
    if (tt_endpoint_is_own(peer) || peer->port == 0)
        return; // nobody can answer there
    if (tt_message_parse(&message, bytes, length) != TT_OK) {
        bus->counters.malformed++;
        // A confirmable message that we cannot read is rejected (4.2); anything else is ignored.
        if (length >= 4 && message.type == TT_CONFIRMABLE && ((const uint8_t *)bytes)[0] >> 6 == 1)
            tt_bus_send_empty(bus, peer, TT_RESET_MESSAGE, message.id);
        return;
    }
    bool confirms = message.type == TT_ACKNOWLEDGEMENT || message.type == TT_RESET_MESSAGE;
    if (message.code == 0 && message.type == TT_CONFIRMABLE) {
        tt_bus_send_empty(bus, peer, TT_RESET_MESSAGE, message.id); // a ping (4.3)
    } else if (message.code == 0 && confirms) {
        tt_bus_client_empty(bus, now, peer, &message);
        tt_bus_reply_empty(bus, now, peer, &message);
    } else if (is_request(message.code) && !confirms) {
        tt_bus_server_request(bus, now, peer, &message);
    } else if (is_response(message.code) && message.type != TT_RESET_MESSAGE) {
        tt_bus_client_response(bus, now, peer, &message);
    } else {
        bus->counters.malformed++;
        if (message.type == TT_CONFIRMABLE) // a code of a reserved class (4.2)
            tt_bus_send_empty(bus, peer, TT_RESET_MESSAGE, message.id);
    }
}

void tt_bus_cancel(tt_bus *bus, tt_time now, tt_call *call)
{
    // An observation of another device ends by our reset of its next message.
    tt_bus_client_cancel(bus, now, call);
}

void tt_bus_advance(tt_bus *bus, tt_time now)
{
    tt_bus_client_advance(bus, now);
    // Those that wait now: a callback that starts another must not keep the loop here.
    for (size_t left = tt_bus_client_count_local(bus); left > 0; left--) {
        tt_call *call = tt_bus_client_take_local(bus);
        if (call == NULL)
            break; // cancelled meanwhile
        tt_bus_server_local(bus, now, call);
    }
    tt_bus_reply_advance(bus, now);
    for (size_t i = 0; i < TT_COUNT(bus->owed); i++)
        if (bus->owed[i].id != 0 && now >= bus->owed[i].expires)
            bus->owed[i].id = 0;
    for (size_t i = 0; i < TT_COUNT(bus->transfers); i++)
        if (bus->transfers[i].resource != NULL &&
            now >= tt_after(bus->transfers[i].heard, TT_BUS_TRANSFER_SILENCE))
            bus->transfers[i].resource = NULL;
}

tt_time tt_bus_deadline(const tt_bus *bus)
{
    tt_time deadline = tt_earlier(tt_bus_client_deadline(bus), tt_bus_reply_deadline(bus));
    for (size_t i = 0; i < TT_COUNT(bus->owed); i++)
        if (bus->owed[i].id != 0)
            deadline = tt_earlier(deadline, bus->owed[i].expires);
    for (size_t i = 0; i < TT_COUNT(bus->transfers); i++)
        if (bus->transfers[i].resource != NULL)
            deadline =
                tt_earlier(deadline, tt_after(bus->transfers[i].heard, TT_BUS_TRANSFER_SILENCE));
    return deadline;
}

tt_status tt_bus_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                          size_t *length)
{
    TT_CHECK(capacity >= TT_BUS_MESSAGE_MAX);
    tt_bus_datagram *first = &bus->out[bus->out_first];
    if (first->length > 0) {
        memcpy(bytes, first->bytes, first->length);
        *peer = first->peer;
        *length = first->length;
        first->length = 0;
        bus->out_first = (bus->out_first + 1) % TT_BUS_OUT_MAX;
        return TT_OK;
    }
    for (size_t i = 0; i < TT_COUNT(bus->replies); i++) {
        tt_bus_reply *reply = &bus->replies[i];
        if (!reply->used || !reply->send)
            continue;
        memcpy(bytes, reply->bytes, reply->length);
        *peer = reply->peer;
        *length = reply->length;
        reply->send = false;
        reply->used = reply->confirmable; // others are not repeated
        return TT_OK;
    }
    return tt_bus_client_transmit(bus, peer, bytes, capacity, length) ? TT_OK : TT_EMPTY;
}

void tt_bus_forget_peer(tt_bus *bus, tt_time now, const tt_endpoint *peer)
{
    for (size_t i = 0; i < TT_COUNT(bus->peers); i++)
        if (tt_endpoint_equal(&bus->peers[i].endpoint, peer))
            memset(&bus->peers[i], 0, sizeof(bus->peers[i]));
    for (size_t i = 0; i < TT_COUNT(bus->observers); i++)
        if (bus->observers[i].resource != NULL && tt_endpoint_equal(&bus->observers[i].peer, peer))
            tt_bus_drop_observer(bus, &bus->observers[i]);
    for (size_t i = 0; i < TT_COUNT(bus->replies); i++)
        if (tt_endpoint_equal(&bus->replies[i].peer, peer))
            bus->replies[i].used = false;
    for (size_t i = 0; i < TT_COUNT(bus->owed); i++)
        if (tt_endpoint_equal(&bus->owed[i].peer, peer))
            bus->owed[i].id = 0;
    for (size_t i = 0; i < TT_COUNT(bus->transfers); i++)
        if (tt_endpoint_equal(&bus->transfers[i].peer, peer))
            bus->transfers[i].resource = NULL;
    tt_bus_client_forget(bus, now, peer);
}

size_t tt_bus_busy(const tt_bus *bus)
{
    size_t busy = 0;
    for (size_t i = 0; i < TT_COUNT(bus->replies); i++)
        busy += bus->replies[i].used;
    for (size_t i = 0; i < TT_COUNT(bus->owed); i++)
        busy += bus->owed[i].id != 0;
    for (size_t i = 0; i < TT_COUNT(bus->transfers); i++)
        busy += bus->transfers[i].resource != NULL;
    for (const tt_list *node = bus->calls.next; node != &bus->calls; node = node->next)
        busy++;
    return busy;
}
