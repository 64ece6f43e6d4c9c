// Calls to the own device: their answers, window by window, as if they came from afar.

#include "bus/internal.h"

size_t tt_local_count(const tt_bus *bus)
{
    size_t count = 0;
    for (tt_list *node = bus->calls.next; node != &bus->calls; node = node->next)
        count += tt_call_at(node)->state.phase == TT_CALL_LOCAL;
    return count;
}

tt_call *tt_local_take(tt_bus *bus)
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
