// Requests that nobody answers: non-confirmable (RFC 7252, 4.3), and with the No-Response option
// (RFC 7967), which asks for silence, whatever comes of it.
//
// Nothing of one is kept: it is written where its caller wants it, goes out once, and waits for no
// other message to its peer. So NSTART and PROBING_RATE (RFC 7252, 4.7) are its caller's affair.

#include <string.h>

#include "bus/internal.h"

#define NO_ANSWER_AT_ALL (2 | 8 | 16) // of classes 2, 4 and 5 (RFC 7967, 2.1)

static bool is_valid(const tt_call *call)
{
    return call->path != NULL && (call->payload != NULL || call->length == 0) &&
           call->method > TT_GET && call->method <= TT_DELETE && !call->observe &&
           call->peer.port != 0 && strlen(call->path) < TT_BUS_PATH_MAX &&
           (call->query == NULL || strlen(call->query) < TT_BUS_QUERY_MAX);
}

tt_status tt_bus_tell(tt_bus *bus, tt_time now, const tt_call *call, void *bytes, size_t capacity,
                      size_t *length)
{
    uint16_t id;
    tt_message_writer w;
    if (!is_valid(call))
        return TT_INVALID;
    if (call->length > TT_BUS_BLOCK_MAX)
        return TT_TOO_LARGE;
    tt_bus_session *session = tt_session_of(bus, now, &call->peer, true);
    if (session == NULL || !tt_session_new_id(session, now, &id))
        return TT_FULL;
    tt_bus_token token = tt_exchange_token(tt_exchange_new_token(bus, session));
    tt_message_begin(&w, bytes, capacity < TT_BUS_MESSAGE_MAX ? capacity : TT_BUS_MESSAGE_MAX,
                     TT_NON_CONFIRMABLE, call->method, id, &token);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, call->path, '/');
    if (call->content_format != TT_FORMAT_NONE)
        tt_message_option_number(&w, TT_OPTION_CONTENT_FORMAT, call->content_format);
    if (call->query != NULL)
        tt_message_option_parts(&w, TT_OPTION_URI_QUERY, call->query, '&');
    tt_message_option_number(&w, TT_OPTION_NO_RESPONSE, NO_ANSWER_AT_ALL);
    tt_message_payload(&w, call->payload, call->length);
    *length = w.out.length;
    return w.out.failed ? TT_TOO_LARGE : TT_OK;
}
