// Calls to the own device: served, and answered window by window, as if they came from afar.

#include "bus/internal.h"

static size_t count(const tt_bus *bus)
{
    size_t count = 0;
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next)
        count += tt_call_at(node)->state.phase == TT_CALL_LOCAL;
    return count;
}

static tt_call *take_next(tt_bus *bus)
{
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next) {
        if (tt_call_at(node)->state.phase != TT_CALL_LOCAL)
            continue;
        tt_call_at(node)->state.phase = TT_CALL_LOCAL_OWED;
        return tt_call_at(node);
    }
    return NULL;
}

// Takes a call up again, behind the others.
static void go_on(tt_bus *bus, tt_time now, tt_call *call, size_t received)
{
    call->state.phase = TT_CALL_LOCAL;
    call->state.next = now;
    call->state.received = received;
    tt_list_remove(&call->state.link);
    tt_list_append(&bus->calls, &call->state.link);
}

static void give_piece(tt_bus *bus, tt_time now, tt_call *call, const tt_response *response,
                       size_t offset, bool final)
{
    struct tt_call_state *s = &call->state;
    bool success = response->code < TT_BAD_REQUEST;
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
        if (offset + response->length > s->reached) { // else it goes round in circles
            s->reached = offset + response->length;
            tt_exchange_renew(call, now);
        }
        go_on(bus, now, call, offset + response->length);
    } else if (final) {
        tt_exchange_finish(bus, now, call, &reply);
        return;
    } else {
        s->phase = TT_CALL_OBSERVING;
        s->received = s->reached = 0;
    }
    call->on_reply(call, now, &reply); // last: the owner may cancel the call in it
}

void tt_local_reply(tt_bus *bus, tt_time now, tt_call *call, const tt_response *response,
                    size_t offset, bool final)
{
    struct tt_call_state *s = &call->state;
    bool success = response->code < TT_BAD_REQUEST;
    tt_exchange_let_go(bus, call, false);
    if (s->phase != TT_CALL_LOCAL_OWED) { // a notification: each representation has the whole time
        s->reached = 0;
        tt_exchange_renew(call, now);
    }
    bool cut = response->code == TT_BAD_OPTION; // it ends before this window: it is another
    if (offset == 0 || (success ? response->version == s->etag : !cut))
        give_piece(bus, now, call, response, offset, final);
    else if (s->observing)
        go_on(bus, now, call, 0);
    else
        tt_exchange_fail(bus, now, call, TT_DAMAGED);
}

void tt_local_answer(tt_bus *bus, tt_time now, tt_call *call, const tt_response *response,
                     size_t offset)
{
    bool error = response->code >= TT_BAD_REQUEST;
    tt_local_reply(bus, now, call, response, offset, error || !call->state.observing);
}

// A body from the own device: in pieces as from any other, one behind the other.
static void take_body(tt_bus *bus, tt_time now, tt_resource *resource, const tt_call *call,
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
             tt_owed_is_open(bus, request->token) &&
             tt_bus_has_resource(bus, resource)); // else its handler removed it
    if (!request->last && response->code < TT_BAD_REQUEST && !response->later)
        tt_response_begin(response, TT_ENTITY_INCOMPLETE);
}

static void serve(tt_bus *bus, tt_time now, tt_call *call, tt_bus_buffer *buffer)
{
    tt_resource *resource = tt_bus_find_resource(bus, call->path);
    bool observable = resource != NULL && resource->observable; // its handler may remove it
    tt_answer_token id = tt_owed_new(bus, now, NULL, NULL, call);
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
    tt_bus_set_window(&request, NULL, buffer);
    request.window_offset = call->state.received;
    tt_response response;
    tt_response_begin(&response, TT_INTERNAL_ERROR);
    if (id == 0)
        tt_server_refuse_busy(bus, &response);
    else if (tt_bodies_place_whole(bus, now, resource, NULL, &request, &response))
        take_body(bus, now, resource, call, &request, &response);
    if (id != 0 && !tt_owed_is_open(bus, id)) // its handler answered or cancelled it
        return;
    bool error = response.code >= TT_BAD_REQUEST && !response.later;
    if (observable && call->observe && !call->state.observing && !error &&
        tt_bus_has_resource(bus, resource))
        call->state.observing = tt_observers_add(bus, now, resource, NULL, NULL, call);
    if (response.later)
        return;
    tt_owed_forget(bus, id);
    tt_local_answer(bus, now, call, &response, request.window_offset);
}

void tt_local_advance(tt_bus *bus, tt_time now)
{
    // Those that wait now: a callback that starts another must not keep the loop here.
    for (size_t left = count(bus); left > 0; left--) {
        tt_bus_buffer *buffer = tt_buffer_take(bus);
        tt_call *call = buffer != NULL ? take_next(bus) : NULL;
        if (call != NULL)
            serve(bus, now, call, buffer);
        if (buffer != NULL)
            buffer->state = TT_BUFFER_FREE;
    }
}
