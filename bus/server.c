// The serving half: a request finds its resource, its body arrives in order, its answer goes out
// once.
//
// Deduplication (RFC 7252, 4.5): of each of the newest peers the newest exchanges are remembered
// with their answers. A repeated request gets the same answer and no handler runs. An answer that
// is too long to remember is sent as a separate response, which repeats itself, and only the
// acknowledgement is remembered; GET changes nothing, so its handler may simply be asked again.

#include <string.h>

#include "bus/internal.h"
#include "tutti/check.h"

static tt_bus_peer *find_peer(tt_bus *bus, tt_time now, const tt_endpoint *endpoint)
{
    tt_bus_peer *oldest = &bus->peers[0];
    for (size_t i = 0; i < TT_COUNT(bus->peers); i++) {
        tt_bus_peer *peer = &bus->peers[i];
        if (tt_endpoint_equal(&peer->endpoint, endpoint)) {
            peer->heard = now;
            return peer;
        }
        if (peer->endpoint.port == 0 || (oldest->endpoint.port != 0 && peer->heard < oldest->heard))
            oldest = peer;
    }
    memset(oldest, 0, sizeof(*oldest));
    oldest->endpoint = *endpoint;
    oldest->heard = now;
    return oldest;
}

static tt_bus_remembered *recall(tt_bus_peer *peer, uint16_t id)
{
    for (size_t i = 0; i < TT_COUNT(peer->remembered); i++)
        if (peer->remembered[i].used && peer->remembered[i].message_id == id)
            return &peer->remembered[i];
    return NULL;
}

static tt_bus_remembered *remember(tt_bus_peer *peer, uint16_t id)
{
    tt_bus_remembered *entry = &peer->remembered[peer->newest];
    peer->newest = (peer->newest + 1) % TT_BUS_REMEMBERED_MAX;
    *entry = (tt_bus_remembered){.used = true, .message_id = id};
    return entry;
}

// The body that comes for a resource at this time, or NULL.
static tt_bus_transfer *find_transfer(tt_bus *bus, const tt_resource *resource,
                                      const tt_request *request)
{
    for (size_t i = 0; i < TT_COUNT(bus->transfers); i++) {
        tt_bus_transfer *t = &bus->transfers[i];
        if (t->resource == resource && t->method == request->method &&
            strcmp(t->path, request->path) == 0)
            return t;
    }
    return NULL;
}

// Whether a body may begin or go on: not in the midst of another sender's.
static bool may_send(tt_bus *bus, const tt_bus_transfer *transfer, const tt_request *request,
                     tt_response *response)
{
    if (transfer == NULL || tt_endpoint_equal(&transfer->peer, request->peer))
        return true;
    tt_bus_diagnose(bus, response, TT_UNAVAILABLE,
                    "another transfer is under way: ", request->path);
    response->max_age_seconds = 2;
    return false;
}

// A body that comes whole: whatever its sender has begun before is given up.
static bool place_whole(tt_bus *bus, const tt_resource *resource, const tt_request *request,
                        tt_response *response)
{
    tt_bus_transfer *mine = resource != NULL ? find_transfer(bus, resource, request) : NULL;
    if (!may_send(bus, mine, request, response))
        return false;
    if (mine != NULL)
        mine->resource = NULL;
    return true;
}

// Finds or begins the transfer that a block belongs to. NULL with the answer set: not acceptable.
static tt_bus_transfer *place_block(tt_bus *bus, tt_time now, tt_resource *resource,
                                    const tt_request *request, const tt_message *m,
                                    tt_response *response)
{
    tt_bus_transfer *mine = find_transfer(bus, resource, request), *free_slot = NULL;
    size_t offset = m->block1.number * tt_block_bytes(&m->block1);
    if (!may_send(bus, mine, request, response))
        return NULL;
    for (size_t i = 0; i < TT_COUNT(bus->transfers); i++)
        if (bus->transfers[i].resource == NULL)
            free_slot = &bus->transfers[i];
    if (offset > 0 && (mine == NULL || mine->next != offset)) {
        tt_bus_diagnose(bus, response, TT_ENTITY_INCOMPLETE,
                        "a block is missing before this one of ", m->path);
        return NULL;
    }
    if (mine == NULL && free_slot == NULL) {
        tt_bus_diagnose(bus, response, TT_UNAVAILABLE, "too many transfers under way", "");
        response->max_age_seconds = 2;
        return NULL;
    }
    mine = mine != NULL ? mine : free_slot;
    *mine = (tt_bus_transfer){.resource = resource,
                              .peer = *request->peer,
                              .method = request->method,
                              .next = offset + m->length,
                              .heard = now};
    strcpy(mine->path, m->path);
    return mine;
}

static tt_answer_token new_owed(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                                const tt_message *m, tt_call *call)
{
    for (size_t i = 0; i < TT_COUNT(bus->owed); i++) {
        tt_bus_owed *owed = &bus->owed[i];
        if (owed->id != 0)
            continue;
        *owed = (tt_bus_owed){.id = bus->next_answer++,
                              .call = call,
                              .method = call != NULL ? call->method : TT_GET,
                              .expires = tt_after(now, TT_BUS_OWED_LIFETIME)};
        if (bus->next_answer == 0)
            bus->next_answer = 1;
        if (peer != NULL) {
            owed->peer = *peer;
            owed->token = m->token;
            owed->method = (tt_method)m->code;
            owed->block2 = m->block2;
            owed->confirmable = m->type == TT_CONFIRMABLE;
        }
        return owed->id;
    }
    return 0;
}

static tt_bus_owed *find_owed(tt_bus *bus, tt_answer_token id)
{
    for (size_t i = 0; id != 0 && i < TT_COUNT(bus->owed); i++)
        if (bus->owed[i].id == id)
            return &bus->owed[i];
    return NULL;
}

// Answers a request that asks for what nobody here can do, whatever its path.
static bool refuse_options(tt_bus *bus, tt_message *m, tt_response *response)
{
    if (m->bad_option) {
        tt_bus_diagnose(bus, response, TT_BAD_OPTION, "an option is critical and not supported",
                        "");
    } else if (m->bad_block) {
        tt_bus_diagnose(bus, response, TT_BAD_REQUEST, "block size 7 is reserved", "");
    } else if (m->length > TT_BUS_BLOCK_MAX) { // blocks of this size are welcome (RFC 7959, 2.9.3)
        tt_bus_diagnose(bus, response, TT_ENTITY_TOO_LARGE,
                        "more than 1024 bytes in one message: send it in blocks", "");
        m->block1 = (tt_block){.present = true, .exponent = TT_BLOCK_EXPONENT_MAX};
    } else if (m->block2.number > 0 && m->code != TT_GET) {
        tt_bus_diagnose(bus, response, TT_NOT_IMPLEMENTED, "only answers to GET come in blocks",
                        "");
    } else if (m->proxy) {
        tt_bus_diagnose(bus, response, TT_PROXYING_UNSUPPORTED, "this device is no proxy", "");
    } else {
        return false;
    }
    return true;
}

// Whether the asker has this representation already, by the (last) ETag of its request (RFC 7252,
// 5.10.6.2).
static bool still_has(const tt_bus *bus, const tt_message *m, const tt_response *response)
{
    uint64_t etag;
    return m->code == TT_GET && m->etag_length > 0 && !m->has_observe && m->block2.number == 0 &&
           response->code == TT_CONTENT && !response->later && response->has_version &&
           tt_bus_etag(bus, response->version, &etag) == m->etag_length && etag == m->etag;
}

// Everything up to the response: body blocks in order, observation, the handler.
static void handle(tt_bus *bus, tt_time now, const tt_endpoint *peer, tt_message *m,
                   tt_request *request, tt_response *response, tt_resource **observed)
{
    tt_resource *resource = tt_bus_find_resource(bus, m->path);
    tt_bus_transfer *transfer = NULL;
    *response = (tt_response){.content_format = TT_FORMAT_NONE, .max_age_seconds = 60};
    if (refuse_options(bus, m, response))
        return;
    if (m->too_long) {
        tt_bus_diagnose(bus, response, TT_PATH_NOT_FOUND,
                        "a path or a query of more than 63 bytes is nobody's here", "");
        return;
    }
    bool serves = resource != NULL && m->code <= TT_DELETE && (resource->methods >> m->code & 1);
    bool observable = serves && resource->observable; // its handler may remove it
    if (serves && m->block1.present) {
        size_t block = tt_block_bytes(&m->block1);
        if (m->block1.more ? m->length != block : m->length > block) {
            tt_bus_diagnose(bus, response, TT_BAD_REQUEST, "a block is not as long as it says", "");
            return;
        }
        transfer = place_block(bus, now, resource, request, m, response);
        if (transfer == NULL)
            return;
        request->offset = transfer->next - m->length;
        request->last = !m->block1.more;
        request->size = request->last ? transfer->next : m->size1;
    } else if (serves && !place_whole(bus, resource, request, response)) {
        return;
    }
    tt_bus_run_handler(bus, now, resource, request, response);
    if (transfer != NULL && m->block1.more && response->code < TT_BAD_REQUEST && !response->later) {
        *response = (tt_response){
            .code = TT_CONTINUE, .content_format = TT_FORMAT_NONE, .max_age_seconds = 60};
    } else if (transfer != NULL) {
        transfer->resource = NULL; // whole, or refused
    }
    if (still_has(bus, m, response))
        *response = (tt_response){.code = TT_STILL_VALID,
                                  .content_format = TT_FORMAT_NONE,
                                  .max_age_seconds = response->max_age_seconds,
                                  .has_version = true,
                                  .version = response->version};
    if (m->code == TT_GET && m->has_observe && observable &&
        tt_bus_find_resource(bus, m->path) == resource) {
        if (m->observe == 0 && m->block2.number == 0 && response->code < TT_BAD_REQUEST &&
            !response->later && tt_bus_observe(bus, resource, peer, m, NULL))
            *observed = resource;
        else if (m->observe == 1)
            tt_bus_unobserve(bus, peer, &m->token);
    }
}

// Where four others wait for their acknowledgements, once and without: better than not at all.
static tt_status send_once(tt_bus *bus, const tt_endpoint *peer, const tt_bus_token *token,
                           const tt_block *block1, const tt_block *block2,
                           const tt_response *response)
{
    tt_bus_datagram *slot = tt_bus_out(bus, peer);
    if (slot == NULL)
        return TT_FULL;
    tt_message_writer w;
    tt_message_begin(&w, slot->bytes, sizeof(slot->bytes), TT_NON_CONFIRMABLE, response->code,
                     tt_bus_new_message_id(bus), token);
    if (!tt_bus_write_response(bus, &w, block1, block2, response, NULL))
        return TT_TOO_LARGE;
    slot->length = (uint16_t)w.out.length;
    return TT_OK;
}

// Sends a response as a message of its own, repeated until acknowledged where the request was.
static tt_status send_separately(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                                 const tt_bus_token *token, bool confirmable,
                                 const tt_block *block1, const tt_block *block2,
                                 const tt_response *response)
{
    tt_bus_reply *reply = tt_bus_reply_new(bus, now, peer, confirmable);
    if (reply == NULL)
        return send_once(bus, peer, token, block1, block2, response);
    tt_message_writer w;
    tt_message_begin(&w, reply->bytes, sizeof(reply->bytes),
                     confirmable ? TT_CONFIRMABLE : TT_NON_CONFIRMABLE, response->code,
                     reply->message_id, token);
    if (!tt_bus_write_response(bus, &w, block1, block2, response, NULL)) {
        reply->used = false;
        return TT_TOO_LARGE;
    }
    reply->length = (uint16_t)w.out.length;
    return TT_OK;
}

// Answers at once: in the acknowledgement, or as a non-confirmable message.
static void send_at_once(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *m,
                         const tt_response *response, const uint32_t *observe,
                         tt_bus_remembered *entry)
{
    bool confirmable = m->type == TT_CONFIRMABLE;
    bool repeatable = m->code == TT_GET; // its handler may run again for a duplicate
    tt_bus_datagram *slot = tt_bus_out(bus, peer);
    if (slot == NULL) {
        entry->used = !repeatable && entry->used;
        return;
    }
    tt_message_writer w;
    tt_message_begin(&w, slot->bytes, sizeof(slot->bytes),
                     confirmable ? TT_ACKNOWLEDGEMENT : TT_NON_CONFIRMABLE, response->code,
                     confirmable ? m->id : tt_bus_new_message_id(bus), &m->token);
    // It fits: the payload is a block at most, and the options of an answer are few.
    TT_CHECK(tt_bus_write_response(bus, &w, &m->block1, &m->block2, response, observe));
    slot->length = (uint16_t)w.out.length;
    if (confirmable && w.out.length <= sizeof(entry->answer)) {
        memcpy(entry->answer, slot->bytes, w.out.length);
        entry->length = (uint16_t)w.out.length;
    } else if (confirmable && repeatable) {
        entry->used = false;
    } else if (confirmable &&
               send_separately(bus, now, peer, &m->token, true, &m->block1, &m->block2, response) ==
                   TT_OK) { // too long to remember: acknowledge now, answer apart
        slot->length = 0;
        tt_bus_send_empty(bus, peer, TT_ACKNOWLEDGEMENT, m->id);
    }
}

void tt_bus_server_request(tt_bus *bus, tt_time now, const tt_endpoint *peer, tt_message *m)
{
    if (m->bad_option && m->type == TT_NON_CONFIRMABLE) { // rejected, not answered (5.4.1)
        tt_bus_send_empty(bus, peer, TT_RESET_MESSAGE, m->id);
        return;
    }
    if (tt_bus_out(bus, peer) == NULL) // no room for an answer: as if it were lost, nothing is run
        return;
    tt_bus_peer *known = find_peer(bus, now, peer);
    tt_bus_remembered *entry = bus->plant_deduplication_bug ? NULL : recall(known, m->id);
    if (entry != NULL) {
        bus->counters.duplicates++;
        if (m->type != TT_CONFIRMABLE)
            return;
        if (entry->length == 0) {
            tt_bus_send_empty(bus, peer, TT_ACKNOWLEDGEMENT, m->id);
            return;
        }
        tt_bus_datagram *slot = tt_bus_out(bus, peer);
        if (slot == NULL)
            return;
        memcpy(slot->bytes, entry->answer, entry->length);
        slot->length = entry->length;
        return;
    }
    bus->out_reserved = 1; // its handler may answer others
    entry = remember(known, m->id);
    tt_answer_token id = new_owed(bus, now, peer, m, NULL);
    tt_request request = {
        .method = (tt_method)m->code,
        .peer = peer,
        .path = m->path,
        .query = m->query,
        .content_format = m->content_format,
        .accept = m->accept,
        .payload = m->payload,
        .length = m->length,
        .size = m->length,
        .last = true,
        .token = id,
    };
    tt_bus_set_window(bus, &request, &m->block2);
    tt_response response = {.content_format = TT_FORMAT_NONE, .max_age_seconds = 2};
    tt_resource *observed = NULL;
    if (id == 0)
        tt_bus_diagnose(bus, &response, TT_UNAVAILABLE, "too many requests wait for their answers",
                        "");
    else
        handle(bus, now, peer, m, &request, &response, &observed);
    bus->out_reserved = 0;
    tt_bus_owed *owed = find_owed(bus, id);
    if (response.later || (id != 0 && owed == NULL)) { // or answered by its handler already
        if (m->type == TT_CONFIRMABLE)
            tt_bus_send_empty(bus, peer, TT_ACKNOWLEDGEMENT, m->id);
        return;
    }
    if (owed != NULL)
        owed->id = 0;
    send_at_once(bus, now, peer, m, &response,
                 observed != NULL ? &observed->observe_sequence : NULL, entry);
}

// An error is the last that an observer hears, and a call that does not observe has one answer.
static void answer_local(tt_bus *bus, tt_time now, tt_call *call, const tt_response *response,
                         size_t offset)
{
    bool error = response->code >= TT_BAD_REQUEST;
    tt_bus_client_local(bus, now, call, response, offset, error || !call->state.observing);
}

tt_status tt_bus_answer(tt_bus *bus, tt_time now, tt_answer_token token, const tt_response *given)
{
    tt_bus_owed *owed = find_owed(bus, token);
    if (owed == NULL)
        return TT_NOT_FOUND;
    if (given->length > TT_BUS_BLOCK_MAX)
        return TT_TOO_LARGE;
    tt_bus_owed taken = *owed;
    tt_response response = *given;
    tt_request request = {.method = taken.method, .path = "", .last = true};
    tt_bus_set_window(bus, &request, &taken.block2);
    if (taken.call != NULL)
        request.window_offset = taken.call->state.received;
    tt_bus_check_response(bus, &request, &response);
    if (taken.call != NULL) {
        owed->id = 0;
        answer_local(bus, now, taken.call, &response, request.window_offset);
        return TT_OK;
    }
    tt_status status = send_separately(bus, now, &taken.peer, &taken.token, taken.confirmable, NULL,
                                       &taken.block2, &response);
    if (status == TT_OK)
        owed->id = 0;
    return status;
}

// A body from the own device: in pieces as from any other, one behind the other.
static void take_local(tt_bus *bus, tt_time now, tt_resource *resource, const tt_call *call,
                       tt_request *request, tt_response *response)
{
    do {
        size_t left = call->length - request->offset;
        request->last = left <= TT_BUS_BLOCK_MAX;
        request->length = request->last ? left : TT_BUS_BLOCK_MAX;
        request->payload =
            left > 0 ? (const uint8_t *)call->payload + request->offset : (const uint8_t *)NULL;
        tt_bus_run_handler(bus, now, resource, request, response);
        request->offset += request->length;
    } while (!request->last && !response->later && response->code < TT_BAD_REQUEST &&
             find_owed(bus, request->token) != NULL);
}

// A call from the own device: the same handlers, the answer window by window.
void tt_bus_server_local(tt_bus *bus, tt_time now, tt_call *call)
{
    tt_resource *resource = tt_bus_find_resource(bus, call->path);
    bool observable = resource != NULL && resource->observable; // its handler may remove it
    tt_answer_token id = new_owed(bus, now, NULL, NULL, call);
    tt_request request = {
        .method = call->method,
        .peer = &call->peer,
        .path = call->path,
        .query = call->query != NULL ? call->query : "",
        .content_format = call->content_format,
        .accept = call->accept,
        .size = call->length,
        .token = id,
    };
    tt_bus_set_window(bus, &request, NULL);
    request.window_offset = call->state.received;
    tt_response response = {.content_format = TT_FORMAT_NONE, .max_age_seconds = 2};
    if (id == 0)
        tt_bus_diagnose(bus, &response, TT_UNAVAILABLE, "too many requests wait for their answers",
                        "");
    else if (place_whole(bus, resource, &request, &response))
        take_local(bus, now, resource, call, &request, &response);
    tt_bus_owed *owed = find_owed(bus, id);
    if (response.later || (id != 0 && owed == NULL)) // or its handler answered or cancelled it
        return;
    if (owed != NULL)
        owed->id = 0;
    if (observable && call->observe && !call->state.observing && response.code < TT_BAD_REQUEST &&
        tt_bus_find_resource(bus, call->path) == resource)
        call->state.observing = tt_bus_observe(bus, resource, &call->peer, NULL, call);
    answer_local(bus, now, call, &response, request.window_offset);
}
