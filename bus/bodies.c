// Bodies that come in block by block (RFC 7959): in order, without gaps, never two in one.
//
// A body is known by its sender, its Request-Tag (RFC 9175, 3), its method and its path. While one
// comes, another sender for the same path gets 5.03, and another of the same sender takes its
// place. A sender that has broken off gives way to another after TT_BUS_TRANSFER_YIELD, and is
// forgotten after TT_BUS_TRANSFER_SILENCE.

#include <string.h>

#include "bus/internal.h"

// The body that comes for a resource at this time, or NULL.
static tt_bus_transfer *find_transfer(tt_bus *bus, const tt_resource *resource,
                                      const tt_request *request)
{
    for (size_t i = 0; i < TT_BUS_TRANSFERS_MAX; i++) {
        tt_bus_transfer *t = &bus->transfers[i];
        if (t->resource == resource && t->method == request->method &&
            strcmp(t->path, request->path) == 0)
            return t;
    }
    return NULL;
}

// Whether a body may begin or go on: not in the midst of another's.
static bool may_send(tt_bus *bus, tt_time now, tt_bus_transfer *t, bool mine,
                     const tt_request *request, tt_response *response)
{
    if (t == NULL || mine)
        return true;
    if (now >= tt_after(t->heard, TT_BUS_TRANSFER_YIELD)) {
        t->resource = NULL;
        return true;
    }
    tt_bus_diagnose(bus, response, TT_UNAVAILABLE,
                    "another transfer is under way: ", request->path);
    response->max_age_seconds = 2;
    return false;
}

// A body that comes whole: whatever its sender has begun before is given up.
bool tt_bodies_place_whole(tt_bus *bus, tt_time now, const tt_resource *resource,
                           const tt_bus_session *session, const tt_request *request,
                           tt_response *response)
{
    tt_bus_transfer *t = resource != NULL ? find_transfer(bus, resource, request) : NULL;
    if (!may_send(bus, now, t, t != NULL && t->session == session, request, response))
        return false;
    if (t != NULL)
        t->resource = NULL;
    return true;
}

static tt_bus_transfer *find_free(tt_bus *bus, tt_response *response)
{
    for (size_t i = 0; i < TT_BUS_TRANSFERS_MAX; i++)
        if (bus->transfers[i].resource == NULL)
            return &bus->transfers[i];
    tt_bus_diagnose(bus, response, TT_UNAVAILABLE, "too many transfers under way", "");
    response->max_age_seconds = 2;
    return NULL;
}

// Finds or begins the transfer that a block belongs to. NULL with the answer set: not acceptable.
tt_bus_transfer *tt_bodies_place_block(tt_bus *bus, tt_time now, tt_resource *resource,
                                       tt_bus_session *session, const tt_request *request,
                                       const tt_message *m, tt_response *response)
{
    size_t block = tt_block_bytes(&m->block1), offset = m->block1.number * block;
    if (m->block1.more ? m->length != block : m->length > block) {
        tt_bus_diagnose(bus, response, TT_BAD_REQUEST, "a block is not as long as it says", "");
        return NULL;
    }
    tt_bus_transfer *t = find_transfer(bus, resource, request);
    bool mine = t != NULL && t->session == session;
    if (!may_send(bus, now, t, mine, request, response))
        return NULL;
    bool next = mine && t->next == offset && t->tag_length == m->tag_length && t->tag == m->tag;
    if (offset > 0 && !next) {
        tt_bus_diagnose(bus, response, TT_ENTITY_INCOMPLETE,
                        "a block is missing before this one of ", m->path);
        return NULL;
    }
    t = mine ? t : find_free(bus, response); // whoever begins anew gives up what it began before
    if (t == NULL)
        return NULL;
    t->resource = resource;
    t->session = session;
    t->method = request->method;
    t->next = offset + m->length;
    t->heard = now;
    t->tag = m->tag;
    t->tag_length = m->tag_length;
    strcpy(t->path, m->path);
    return t;
}

void tt_bodies_advance(tt_bus *bus, tt_time now)
{
    for (size_t i = 0; i < TT_BUS_TRANSFERS_MAX; i++)
        if (bus->transfers[i].resource != NULL &&
            now >= tt_after(bus->transfers[i].heard, TT_BUS_TRANSFER_SILENCE))
            bus->transfers[i].resource = NULL;
}

tt_time tt_bodies_deadline(const tt_bus *bus)
{
    tt_time deadline = TT_FOREVER;
    for (size_t i = 0; i < TT_BUS_TRANSFERS_MAX; i++)
        if (bus->transfers[i].resource != NULL)
            deadline =
                tt_earlier(deadline, tt_after(bus->transfers[i].heard, TT_BUS_TRANSFER_SILENCE));
    return deadline;
}
