// The serving half: a request finds its resource, its body arrives in order, its answer goes out
// once.
//
// Deduplication (RFC 7252, 4.5): a repeated request gets the same answer and no handler runs. An
// answer that is too long to keep is sent as a separate response, which repeats itself, and only
// the acknowledgement is remembered; GET changes nothing, so its handler may simply be asked again.
// A repetition whose answer is not known any more is passed over in silence, as if it were lost,
// and a request that cannot be remembered is refused before its handler runs.

#include <string.h>

#include "bus/internal.h"
#include "tutti/check.h"

#define BUSY_SECONDS 2     // Max-Age of an answer that the same request may get another one
#define REFUSED_SECONDS 30 // and to whom there is no room to remember

tt_answer_token tt_owed_new(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_message *m,
                            tt_call *call)
{
    for (size_t i = 0; i < TT_BUS_OWED_MAX; i++) {
        tt_bus_owed *owed = &bus->owed[i];
        if (owed->id != 0)
            continue;
        memset(owed, 0, sizeof(*owed));
        owed->id = bus->next_answer++;
        owed->session = session;
        owed->call = call;
        owed->expires = tt_after(now, TT_BUS_OWED_LIFETIME);
        if (bus->next_answer == 0)
            bus->next_answer = 1;
        if (call != NULL) {
            owed->method = call->method;
        } else {
            owed->method = (tt_method)m->code;
            owed->token = m->token;
            owed->block2 = m->block2;
            owed->confirmable = m->type == TT_CONFIRMABLE;
            owed->no_response = m->no_response;
        }
        return owed->id;
    }
    return 0;
}

static tt_bus_owed *find_owed(tt_bus *bus, tt_answer_token id)
{
    for (size_t i = 0; id != 0 && i < TT_BUS_OWED_MAX; i++)
        if (bus->owed[i].id == id)
            return &bus->owed[i];
    return NULL;
}

bool tt_owed_is_open(const tt_bus *bus, tt_answer_token id)
{
    return find_owed((tt_bus *)bus, id) != NULL;
}

void tt_owed_renew(tt_bus *bus, tt_time now, tt_answer_token id)
{
    tt_bus_owed *owed = find_owed(bus, id);
    if (owed != NULL)
        owed->expires = tt_after(now, TT_BUS_OWED_LIFETIME);
}

void tt_owed_forget(tt_bus *bus, tt_answer_token id)
{
    tt_bus_owed *owed = find_owed(bus, id);
    if (owed != NULL)
        owed->id = 0;
}

// Whether its asker wants no answer of this code (RFC 7967, 2.1).
static bool is_unwanted(uint8_t no_response, tt_code code)
{
    return (no_response >> ((unsigned)code / TT_CODE(1, 0) - 1) & 1) != 0;
}

void tt_server_refuse_busy(tt_bus *bus, tt_response *response)
{
    tt_bus_refuse(bus, response, TT_UNAVAILABLE, "too many requests wait for their answers", "");
    response->max_age_seconds = BUSY_SECONDS;
}

// Answers a request that asks for what nobody here can do, whatever its path.
static bool refuse_options(tt_bus *bus, tt_message *m, tt_response *response)
{
    if (m->bad_option) {
        tt_bus_diagnose(bus, response, TT_BAD_OPTION,
                        "a critical option is malformed or not supported", "");
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
    } else if (m->too_long) {
        tt_bus_diagnose(bus, response, TT_PATH_NOT_FOUND,
                        "a path or a query of more than 63 bytes is nobody's here", "");
    } else if (m->alias) {
        tt_bus_diagnose(bus, response, TT_PATH_NOT_FOUND,
                        "a path with an empty part is nobody's here", "");
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

// Begins or ends an observation; the resource that is observed from now on, or NULL.
static tt_resource *observe(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_message *m,
                            tt_resource *resource, const tt_response *response)
{
    if (m->observe == 1)
        tt_observers_remove(bus, session, &m->token);
    bool error = response->code >= TT_BAD_REQUEST && !response->later;
    if (m->observe != 0 || m->block2.number != 0 || error ||
        !tt_observers_add(bus, now, resource, session, m, NULL))
        return NULL;
    return resource;
}

// Everything up to the response: body blocks in order, the handler, observation.
static void handle(tt_bus *bus, tt_time now, tt_bus_session *session, tt_message *m,
                   tt_request *request, tt_response *response, tt_resource **observed)
{
    tt_bus_transfer *transfer = NULL;
    if (refuse_options(bus, m, response))
        return;
    tt_resource *resource = tt_bus_find_resource(bus, m->path);
    bool serves = resource != NULL && m->code <= TT_DELETE && (resource->methods >> m->code & 1);
    bool observable = serves && resource->observable;
    if (serves && m->block1.present) {
        transfer = tt_bodies_place_block(bus, now, resource, session, request, m, response);
        if (transfer == NULL)
            return;
        request->offset = transfer->next - m->length;
        request->last = !m->block1.more;
        request->size = request->last ? transfer->next : m->size1;
    } else if (serves && !tt_bodies_place_whole(bus, now, resource, session, request, response)) {
        return;
    }
    tt_bus_run_handler(bus, now, resource, request, response);
    if (transfer != NULL && m->block1.more && response->code < TT_BAD_REQUEST && !response->later) {
        tt_response_begin(response, TT_CONTINUE);
    } else if (transfer != NULL) {
        transfer->resource = NULL; // whole, or refused
    }
    if (still_has(bus, m, response)) { // the version and its age alone
        response->code = TT_STILL_VALID;
        response->content_format = TT_FORMAT_NONE;
        response->length = response->size = 0;
        response->more = false;
    }
    // Its handler may have answered, or forgotten the peer, or removed the resource.
    if (!serves || !tt_owed_is_open(bus, request->token) || !tt_bus_has_resource(bus, resource))
        return;
    tt_stream_open(bus, now, session, m, resource, transfer, request, response);
    if (m->code == TT_GET && m->has_observe && observable)
        *observed = observe(bus, now, session, m, resource, response);
}

// Sends what was made in a buffer as a message of its own, now or once the session is free; false:
// there is no room for it to wait.
static bool send_separately(tt_bus *bus, tt_time now, tt_bus_session *session,
                            tt_bus_buffer *buffer, bool confirmable, size_t length)
{
    uint8_t type = (uint8_t)((confirmable ? TT_CONFIRMABLE : TT_NON_CONFIRMABLE) << 4);
    buffer->bytes[0] = (uint8_t)((buffer->bytes[0] & ~0x30) | type);
    buffer->confirmable = confirmable;
    buffer->length = (uint16_t)length;
    if (tt_transmission_is_free(session, now)) {
        if (!tt_transmission_adopt(bus, session, buffer, length, true))
            return false;
        tt_transmission_start(bus, session, now, TT_FOR_ANSWER, NULL, confirmable, length);
        return true;
    }
    if (!tt_buffer_may_stay(bus, true))
        return false;
    buffer->session = session;
    buffer->state = TT_BUFFER_WAITS;
    return true;
}

void tt_server_send_waiting(tt_bus *bus, tt_time now)
{
    for (size_t i = 0; i < TT_BUS_BUFFERS_MAX; i++) {
        tt_bus_buffer *buffer = &bus->buffers[i];
        if (buffer->state == TT_BUFFER_WAITS && tt_transmission_is_free(buffer->session, now))
            (void)send_separately(bus, now, buffer->session, buffer, buffer->confirmable,
                                  buffer->length); // it stayed, so it may stay
    }
}

// Whether an answer is made of its code and what its request says.
static bool is_bare(const tt_response *response)
{
    return response->length == 0 && !response->has_version && response->max_age_seconds == 60 &&
           response->size_max == 0 && response->stream == 0 &&
           response->content_format == TT_FORMAT_NONE;
}

// Who has said who it is and asks who we are is told once.
static void introduce(const tt_bus *bus, tt_bus_session *session, tt_response *response)
{
    response->introduces = session != NULL && session->asks && bus->identity != 0;
    if (session != NULL)
        session->asks = false;
}

// An answer as it goes at once: in the acknowledgement, or as a non-confirmable message.
static size_t write_at_once(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_message *m,
                            tt_response *response, const uint32_t *observe, tt_bus_buffer *buffer)
{
    bool confirmable = m->type == TT_CONFIRMABLE;
    uint16_t id = m->id;
    tt_message_writer w;
    introduce(bus, session, response);
    if (!confirmable && (session == NULL || !tt_session_new_id(session, now, &id)))
        id = bus->first_id++;
    tt_message_begin(&w, buffer->bytes, sizeof(buffer->bytes),
                     confirmable ? TT_ACKNOWLEDGEMENT : TT_NON_CONFIRMABLE, response->code, id,
                     &m->token);
    bool fits = tt_bus_write_response(bus, &w, &m->block1, &m->block2, response, observe);
    TT_CHECK(fits); // the payload is a block at most, and the options of an answer are few
    return w.out.length;
}

// Answers at once, and what is remembered of that: of a GET nothing, its handler may run again.
static void send_at_once(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_endpoint *peer,
                         const tt_message *m, tt_response *response, const uint32_t *observe,
                         tt_bus_buffer *buffer)
{
    size_t length = write_at_once(bus, now, session, m, response, observe, buffer);
    uint8_t head = buffer->bytes[0];
    tt_outcome_kind kind = TT_OUTCOME_ACKNOWLEDGED;
    if (is_bare(response)) {
        kind = TT_OUTCOME_CODE;
    } else if (m->code != TT_GET && length <= sizeof(session->kept)) {
        kind = TT_OUTCOME_KEPT;
        memcpy(session->kept, buffer->bytes, length);
        session->kept_id = m->id;
        session->kept_length = (uint8_t)length;
    }
    if (m->code != TT_GET)
        tt_remembered_add(session, now, m, kind, response->code);
    bool apart = m->code != TT_GET && kind == TT_OUTCOME_ACKNOWLEDGED && m->type == TT_CONFIRMABLE;
    if (apart && send_separately(bus, now, session, buffer, true, length)) {
        tt_bus_send_empty(bus, peer, TT_ACKNOWLEDGEMENT, m->id);
        return; // too long to keep: acknowledged now, answered apart
    }
    buffer->bytes[0] = head; // where nothing can wait: once, better than not at all
    tt_buffer_send(buffer, peer, length);
}

// The same answer once more.
static void repeat_answer(tt_bus *bus, tt_time now, tt_bus_session *session,
                          const tt_endpoint *peer, const tt_message *m,
                          const tt_bus_outcome *outcome, tt_bus_buffer *buffer)
{
    bool kept = outcome->kind == TT_OUTCOME_KEPT && session->kept_id == m->id;
    bool error = outcome->code >= TT_BAD_REQUEST; // its code is told, without its sentence
    if (m->type != TT_CONFIRMABLE)
        return;
    if (outcome->kind == TT_OUTCOME_ACKNOWLEDGED) {
        tt_bus_send_empty(bus, peer, TT_ACKNOWLEDGEMENT, m->id);
    } else if (kept) {
        memcpy(buffer->bytes, session->kept, session->kept_length);
        tt_buffer_send(buffer, peer, session->kept_length);
    } else if (outcome->kind == TT_OUTCOME_CODE || error) {
        tt_response response;
        tt_response_begin(&response, (tt_code)outcome->code);
        tt_buffer_send(buffer, peer, write_at_once(bus, now, session, m, &response, NULL, buffer));
    }
}

// A request that could not be remembered.
static void refuse(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_endpoint *peer,
                   const tt_message *m, tt_bus_buffer *buffer)
{
    tt_response response;
    tt_bus_refuse(bus, &response, TT_UNAVAILABLE, "too many have asked of late", "");
    response.max_age_seconds = REFUSED_SECONDS;
    bus->counters.refused++;
    if (m->type == TT_CONFIRMABLE || !is_unwanted(m->no_response, response.code))
        tt_buffer_send(buffer, peer, write_at_once(bus, now, session, m, &response, NULL, buffer));
}

// What of a request is left where there is no session to keep anything of it: a GET that is
// answered at once. False: nothing.
static bool without_session(tt_message *m)
{
    m->has_observe = m->has_stream = false;
    return m->code == TT_GET && !m->block1.present;
}

// Runs a request that is new, and answers it. Without a session it is one that asks only.
static void serve(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_endpoint *peer,
                  tt_message *m, tt_bus_buffer *buffer)
{
    tt_answer_token id = session != NULL ? tt_owed_new(bus, now, session, m, NULL) : 0;
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
    tt_bus_set_window(&request, &m->block2, buffer);
    tt_response response;
    tt_response_begin(&response, TT_INTERNAL_ERROR);
    tt_resource *observed = NULL;
    if (id != 0 || session == NULL)
        handle(bus, now, session, m, &request, &response, &observed);
    if (id == 0 && (session != NULL || response.later))
        tt_server_refuse_busy(bus, &response);
    tt_bus_owed *owed = find_owed(bus, id);
    bool silent = is_unwanted(m->no_response, response.code);
    if (response.later || silent || (id != 0 && owed == NULL)) { // or answered by its handler
        if (!response.later && owed != NULL)
            owed->id = 0;
        // Of one that is known by its number, and whose repetition is silent, no more is wanted.
        if (session != NULL && (m->type == TT_CONFIRMABLE || !session->has_tag))
            tt_remembered_add(session, now, m, TT_OUTCOME_ACKNOWLEDGED, 0);
        if (m->type == TT_CONFIRMABLE)
            tt_bus_send_empty(bus, peer, TT_ACKNOWLEDGEMENT, m->id);
        return;
    }
    if (owed != NULL && !tt_stream_owes(bus, id))
        owed->id = 0;
    send_at_once(bus, now, session, peer, m, &response,
                 observed != NULL ? &observed->observe_sequence : NULL, buffer);
}

// Whether a handler may run for it that changes things: what matters when its id is forgotten.
static bool may_change(const tt_bus *bus, const tt_message *m)
{
    const tt_resource *resource = tt_bus_find_resource(bus, m->path);
    return m->code != TT_GET && m->code <= TT_DELETE && resource != NULL &&
           (resource->methods >> m->code & 1);
}

// Whether a request is new; where it is not, it has been answered as it should.
static bool is_new(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_endpoint *peer,
                   const tt_message *m, tt_bus_buffer *buffer)
{
    bool safe = m->code == TT_GET;
    const tt_bus_outcome *outcome = tt_remembered_recall(session, now, m);
    if (outcome != NULL) {
        bus->counters.duplicates++;
        repeat_answer(bus, now, session, peer, m, outcome, buffer);
        return false;
    }
    tt_id_state state = tt_remembered_take(session, now, m, may_change(bus, m));
    // What changes nothing is done again; the token of an observation comes with more than one.
    bool again = m->type == TT_CONFIRMABLE || (session->has_tag && m->has_observe);
    if (state == TT_ID_NEW || (safe && (state == TT_ID_FULL || again)))
        return true;
    if (state == TT_ID_FULL)
        refuse(bus, now, session, peer, m, buffer);
    else
        bus->counters.duplicates++;
    return false;
}

void tt_server_request(tt_bus *bus, tt_time now, const tt_endpoint *peer, tt_message *m)
{
    if (m->bad_option && m->type == TT_NON_CONFIRMABLE) { // rejected, not answered (5.4.1)
        tt_bus_send_empty(bus, peer, TT_RESET_MESSAGE, m->id);
        return;
    }
    if (m->has_observe) // what comes of it is wanted
        m->no_response = 0;
    m->has_stream = m->has_stream && m->no_response == 0;
    tt_bus_buffer *buffer = tt_buffer_take(bus);
    if (buffer == NULL) { // no room for an answer: as if it were lost, nothing is run
        bus->counters.dropped++;
        return;
    }
    tt_bus_session *session = tt_moving_session(bus, now, peer, m);
    if (session == NULL && !without_session(m))
        refuse(bus, now, NULL, peer, m, buffer);
    else if (session == NULL)
        serve(bus, now, NULL, peer, m, buffer);
    else if (bus->plant_deduplication_bug || is_new(bus, now, session, peer, m, buffer))
        serve(bus, now, session, peer, m, buffer);
    if (buffer->state == TT_BUFFER_MADE)
        buffer->state = TT_BUFFER_FREE;
}

static tt_status answer_far(tt_bus *bus, tt_time now, const tt_bus_owed *owed,
                            tt_response *response)
{
    tt_bus_buffer *buffer = tt_buffer_take(bus);
    if (buffer == NULL)
        return TT_FULL;
    tt_bus_observer *o = owed->method == TT_GET
                             ? tt_observers_find(bus, owed->session, &owed->token)
                             : NULL; // the answer begins its observation
    if (o != NULL && response->code >= TT_BAD_REQUEST) {
        tt_observers_drop(bus, o);
        o = NULL;
    }
    tt_message_writer w;
    introduce(bus, owed->session, response);
    tt_message_begin(&w, buffer->bytes, sizeof(buffer->bytes), TT_CONFIRMABLE, response->code, 0,
                     &owed->token);
    bool fits = tt_bus_write_response(bus, &w, NULL, &owed->block2, response,
                                      o != NULL ? &o->resource->observe_sequence : NULL);
    bool sent =
        fits && send_separately(bus, now, owed->session, buffer, owed->confirmable, w.out.length);
    if (!sent)
        buffer->state = TT_BUFFER_FREE;
    return sent ? TT_OK : fits ? TT_FULL : TT_TOO_LARGE;
}

uint8_t *tt_bus_answer_space(tt_bus *bus)
{
    tt_bus_buffer *buffer = tt_buffer_take(bus); // the one that answer_far takes next
    if (buffer == NULL)
        return NULL;
    buffer->state = TT_BUFFER_FREE;
    return buffer->bytes + TT_HEAD_MAX;
}

tt_status tt_bus_answer(tt_bus *bus, tt_time now, tt_answer_token token, const tt_response *given)
{
    tt_bus_owed *owed = find_owed(bus, token);
    if (owed == NULL)
        return TT_NOT_FOUND;
    if (given->length > TT_BUS_BLOCK_MAX)
        return TT_TOO_LARGE;
    tt_response response = *given;
    tt_request request = {
        .method = owed->method, .path = "", .accept = TT_FORMAT_NONE, .last = true};
    tt_bus_set_window(&request, &owed->block2, NULL);
    if (owed->call != NULL)
        request.window_offset = owed->call->state.received;
    tt_bus_check_response(bus, &request, &response);
    if (owed->call != NULL) {
        tt_bus_buffer *buffer = tt_buffer_take(bus); // what was made in it stays as it is
        owed->id = 0;
        bus->calling->answer_own(bus, now, owed->call, &response, request.window_offset);
        if (buffer != NULL)
            buffer->state = TT_BUFFER_FREE;
        return TT_OK;
    }
    bool unwanted = is_unwanted(owed->no_response, response.code);
    tt_status status = unwanted ? TT_OK : answer_far(bus, now, owed, &response);
    if (status == TT_OK) {
        owed->id = 0;
        tt_stream_answered(bus, token);
    }
    return status;
}

void tt_server_advance(tt_bus *bus, tt_time now)
{
    for (size_t i = 0; i < TT_BUS_OWED_MAX; i++)
        if (bus->owed[i].id != 0 && now >= bus->owed[i].expires)
            bus->owed[i].id = 0;
}

tt_time tt_server_deadline(const tt_bus *bus)
{
    tt_time deadline = TT_FOREVER;
    for (size_t i = 0; i < TT_BUS_OWED_MAX; i++)
        if (bus->owed[i].id != 0)
            deadline = tt_earlier(deadline, bus->owed[i].expires);
    for (size_t i = 0; i < TT_BUS_BUFFERS_MAX; i++)
        if (bus->buffers[i].state == TT_BUFFER_WAITS &&
            bus->buffers[i].session->out.kind == TT_FOR_NOBODY)
            deadline = tt_earlier(deadline, tt_session_ids_at(bus->buffers[i].session));
    return deadline;
}
