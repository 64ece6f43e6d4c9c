// What the files of the bus share.

#ifndef TUTTI_BUS_INTERNAL_H
#define TUTTI_BUS_INTERNAL_H

#include "bus/message.h"

#define TT_BLOCK_EXPONENT_MAX 6                             // 1024 bytes
#define TT_BLOCK_NUMBER_MAX 0xfffff                         // RFC 7959, 2.2
#define TT_HEAD_MAX (TT_BUS_MESSAGE_MAX - TT_BUS_BLOCK_MAX) // an answer's bytes before its payload

// From the lowest up: each file uses those before it.

// remembered.c
typedef enum tt_id_state {
    TT_ID_NEW,
    TT_ID_TAKEN,
    TT_ID_FULL, // it is not known, and there is no room to remember it
} tt_id_state;
typedef enum tt_outcome_kind {
    TT_OUTCOME_NONE,
    TT_OUTCOME_ACKNOWLEDGED, // the answer goes separately, or it was an answer itself
    TT_OUTCOME_CODE,         // answered by a code alone
    TT_OUTCOME_KEPT,         // answered by the session's `kept`, unless that holds a newer one
} tt_outcome_kind;
// Lets go of what is too old; before `heard` is set anew.
void tt_remembered_age(tt_bus_session *s, tt_time now);
// Takes a message, by its id or its sequence number. `unsafe`: a handler that changes things may
// run for it.
tt_id_state tt_remembered_take(tt_bus_session *s, tt_time now, const tt_message *message,
                               bool unsafe);
// What came of a message with its id and bytes, or NULL.
tt_bus_outcome *tt_remembered_recall(tt_bus_session *s, tt_time now, const tt_message *message);
void tt_remembered_add(tt_bus_session *s, tt_time now, const tt_message *message,
                       tt_outcome_kind kind, unsigned code);
// A session gives way: whether the bus can remember for it; it leaves; it comes back.
bool tt_remembered_can_leave(tt_bus *bus, tt_bus_session *s, tt_time now);
void tt_remembered_leave(tt_bus *bus, const tt_bus_session *s, tt_time now);
void tt_remembered_return(tt_bus *bus, tt_bus_session *s, tt_time now);
void tt_remembered_forget(tt_bus *bus, const tt_endpoint *peer); // a stranger, that has left
uint32_t tt_token_tag(const tt_bus_token *token);                // 0: it has none
// Whether a life with this tag has left.
bool tt_remembered_is_past(tt_bus *bus, uint32_t tag, tt_time now);
// Of a session with a tag: whether a request of it is none that others have overtaken.
bool tt_remembered_is_newest(const tt_bus_session *s, const tt_message *message);
// From now on what is taken is that of the tag in a request's token, or a stranger's (NULL). What
// was taken until now leaves; false: the bus has no room for it.
bool tt_remembered_switch(tt_bus *bus, tt_bus_session *s, tt_time now, const tt_message *message);

// session.c
tt_bus_session *tt_session_find(const tt_bus *bus, const tt_endpoint *peer); // or NULL
// The same, made where there is none, for a call of ours or for a request; NULL: the table is full
// of sessions that are needed.
tt_bus_session *tt_session_of(tt_bus *bus, tt_time now, const tt_endpoint *peer, bool ours);
void tt_session_touch(tt_bus_session *s, tt_time now); // it was heard
// The id of the next message to the peer; false: all were used within EXCHANGE_LIFETIME.
bool tt_session_new_id(tt_bus_session *s, tt_time now, uint16_t *id);
tt_time tt_session_ids_at(const tt_bus_session *s); // from when on there is one
// Whether the next request to the peer says who we are; what it answered, 0: nothing.
bool tt_session_is_to_be_told(const tt_bus *bus, const tt_bus_session *s, tt_time now);
void tt_session_told(tt_bus_session *s, tt_time now, uint64_t identity);
void tt_session_tell_all(tt_bus *bus); // all peers, once more
// Whether it observes, is owed an answer, or sends a body.
bool tt_session_is_served(const tt_bus *bus, const tt_bus_session *s);
void tt_session_drop_claims(tt_bus *bus, tt_bus_session *s);  // by it and on it
void tt_session_forget(tt_bus *bus, const tt_endpoint *peer); // whole

// outbox.c
typedef enum tt_buffer_state {
    TT_BUFFER_FREE,
    TT_BUFFER_MADE,    // a message is being made
    TT_BUFFER_OUT,     // goes out once
    TT_BUFFER_HELD,    // a transmission's: a request of ours or a notification
    TT_BUFFER_ANSWERS, // a separate answer's that is under way
    TT_BUFFER_WAITS,   // an answer that waits until its session is free
} tt_buffer_state;
tt_bus_buffer *tt_buffer_take(tt_bus *bus); // to make a message in; NULL: none is free
// Whether one more may be held: not the last, and by separate answers not the last but one.
bool tt_buffer_may_stay(const tt_bus *bus, bool of_answer);
void tt_buffer_send(tt_bus_buffer *buffer, const tt_endpoint *peer, size_t length);
void tt_bus_send_empty(tt_bus *bus, const tt_endpoint *peer, tt_message_type type, uint16_t id);
// Rejects an answer that nobody waits for.
void tt_bus_reject(tt_bus *bus, const tt_endpoint *peer, const tt_message *m);
bool tt_outbox_is_empty(const tt_bus *bus);
bool tt_outbox_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                        size_t *length);
extern const tt_endpoint tt_own_endpoint; // all zero: this device itself
bool tt_endpoint_is_own(const tt_endpoint *peer);

// transmission.c
typedef enum tt_transmission_kind {
    TT_FOR_NOBODY,
    TT_FOR_CALL,     // owner: the tt_call
    TT_FOR_ANSWER,   // a separate answer, or an observer's last notification
    TT_FOR_OBSERVER, // owner: the tt_bus_observer
    TT_FOR_CANCEL,   // tells that an observation has ended; what is answered is of no interest
} tt_transmission_kind;
bool tt_transmission_is_free(const tt_bus_session *s, tt_time now); // for the next message
// Where the session's next message is written; NULL: no long buffer is free. It is then started, or
// ended where nothing comes of it.
uint8_t *tt_transmission_place(tt_bus *bus, tt_bus_session *s, bool is_long, size_t *capacity);
// The same of a message that was made in a buffer; false: it is long, and its buffer cannot stay.
bool tt_transmission_adopt(tt_bus *bus, tt_bus_session *s, tt_bus_buffer *buffer, size_t length,
                           bool of_answer);
void tt_transmission_start(tt_bus *bus, tt_bus_session *s, tt_time now, tt_transmission_kind kind,
                           void *owner, bool confirmable, size_t length);
// The message just started takes the place of one that was sent so often without an
// acknowledgement.
void tt_transmission_continue(tt_bus_session *s, tt_time now, uint8_t attempts);
void tt_transmission_end(tt_bus_session *s);
bool tt_transmission_is_due(const tt_bus_session *s, tt_time now);
bool tt_transmission_repeat(tt_bus *bus, tt_bus_session *s, tt_time now); // false: often enough
// The peer does as if it had not come: once more now, unless it went just before.
void tt_transmission_hurry(tt_bus *bus, tt_bus_session *s, tt_time now);
// Whether an acknowledgement or reset of this id is that of the session's message; if it is, and
// the message went once, the round trip was measured.
bool tt_transmission_confirmed(tt_bus_session *s, tt_time now, uint16_t id);
void tt_transmission_measured(tt_bus_session *s, tt_time sample); // a round trip (RFC 6298, 2)
bool tt_transmission_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t *length);
tt_time tt_transmission_deadline(const tt_bus *bus);

// handler.c
// Makes a response a diagnostic: `what` and `which` as text.
void tt_bus_diagnose(tt_bus *bus, tt_response *response, tt_code code, const char *what,
                     const char *which);
// A response of a code alone; and one of a code and a sentence, instead of what was there.
void tt_response_begin(tt_response *response, tt_code code);
void tt_bus_refuse(tt_bus *bus, tt_response *response, tt_code code, const char *what,
                   const char *which);
tt_resource *tt_bus_find_resource(const tt_bus *bus, const char *path);
bool tt_bus_has_resource(const tt_bus *bus, const tt_resource *resource); // it was not removed
// Runs the handler for a request, or makes the answer for no resource or a wrong method.
void tt_bus_run_handler(tt_bus *bus, tt_time now, tt_resource *resource, const tt_request *request,
                        tt_response *response);
// Holds a handler to what it owes (see tt_response); what it must not do becomes 5.00.
void tt_bus_check_response(tt_bus *bus, const tt_request *request, tt_response *response);
// The window that a block option asks for, to be made in a buffer.
void tt_bus_set_window(tt_request *request, const tt_block *block2, tt_bus_buffer *buffer);
// A version as an entity tag: its number, and how many bytes it has.
uint8_t tt_bus_etag(const tt_bus *bus, uint64_t version, uint64_t *etag);
// Writes a response to a request with these block options, or NULL; false: it does not fit.
bool tt_bus_write_response(const tt_bus *bus, tt_message_writer *w, const tt_block *block1,
                           const tt_block *block2, const tt_response *response,
                           const uint32_t *observe);

// calling.c: what the bus does for calls (each is one of the functions below).
typedef struct tt_bus_calling {
    void (*receive)(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *response);
    bool (*pong)(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *message);
    void (*confirmed)(tt_bus *bus, tt_time now, tt_call *call, bool reset);
    void (*fail)(tt_bus *bus, tt_time now, tt_call *call, tt_status status);
    void (*take_piece)(tt_bus *bus, tt_time now, tt_call *call, tt_reply *piece);
    void (*went_on)(tt_call *call, tt_time now);
    void (*reply_own)(tt_bus *bus, tt_time now, tt_call *call, const tt_response *response,
                      size_t offset, bool final);
    void (*answer_own)(tt_bus *bus, tt_time now, tt_call *call, const tt_response *response,
                       size_t offset);
    void (*serve_own)(tt_bus *bus, tt_time now);
    void (*send)(tt_bus *bus, tt_time now);
    bool (*transmit_ping)(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                          size_t *length);
    void (*end_all)(tt_bus *bus, tt_time now, const tt_endpoint *peer, bool observations,
                    tt_status status);
    void (*advance)(tt_bus *bus, tt_time now);
    tt_time (*deadline)(const tt_bus *bus);
} tt_bus_calling;
extern const tt_bus_calling tt_bus_calls;

// exchange.c
typedef enum tt_call_phase {
    TT_CALL_NONE,
    TT_CALL_LOCAL, // to the own device: waits for the next advance, or for its answer
    TT_CALL_LOCAL_OWED,
    TT_CALL_PING,
    TT_CALL_QUEUED,    // behind another message to the same peer
    TT_CALL_SENT,      // repeated until acknowledged
    TT_CALL_ACCEPTED,  // acknowledged; the answer comes separately
    TT_CALL_STREAMING, // its body or its answer is a stream
    TT_CALL_OBSERVING,
    TT_CALL_FORGOTTEN, // its peer has gone: about to end
} tt_call_phase;
tt_call *tt_call_at(const tt_list *node);
uint64_t tt_exchange_new_token(tt_bus *bus, tt_bus_session *session); // for one that goes out now
tt_bus_token tt_exchange_token(uint64_t number);
void tt_exchange_begin(tt_bus *bus, tt_time now, tt_call *call);
void tt_exchange_renew(tt_call *call, tt_time now); // it has come on: the whole time once more
// Puts the next message of the call at the end of the queue to its peer.
void tt_exchange_queue(tt_bus *bus, tt_call *call);
void tt_exchange_settle(tt_bus *bus, tt_call *call, tt_call_phase phase); // nothing of it repeated
void tt_exchange_finish(tt_bus *bus, tt_time now, tt_call *call, tt_reply *reply);
void tt_exchange_fail(tt_bus *bus, tt_time now, tt_call *call, tt_status status);
// Gives a call a piece of its answer; with the last it ends.
void tt_exchange_take_piece(tt_bus *bus, tt_time now, tt_call *call, tt_reply *piece);
// Whatever still waits to tell this call something is for one that goes on.
void tt_exchange_let_go(tt_bus *bus, const tt_call *call, bool observer_too);
// The call whose answer a message is, acknowledged where it wants to be; or NULL.
tt_call *tt_exchange_receive(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                             const tt_message *message);
void tt_exchange_confirmed(tt_bus *bus, tt_time now, tt_call *call, bool reset);
bool tt_exchange_pong(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *message);
void tt_exchange_advance(tt_bus *bus, tt_time now);
tt_time tt_exchange_deadline(const tt_bus *bus);
bool tt_exchange_transmit_ping(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                               size_t *length);
void tt_exchange_end_all(tt_bus *bus, tt_time now, const tt_endpoint *peer, bool observations,
                         tt_status status);

// blockwise.c
void tt_blockwise_send(tt_bus *bus, tt_time now); // what waits and can go
void tt_blockwise_response(tt_bus *bus, tt_time now, tt_call *call, const tt_message *message);
tt_time tt_blockwise_deadline(const tt_bus *bus); // when what waits for an id or a buffer can go

// observing.c: observations of ours
void tt_observing_response(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                           const tt_message *message);
void tt_observing_advance(tt_bus *bus, tt_time now);
tt_time tt_observing_deadline(const tt_bus *bus);

// local.c: calls to the own device
// Gives one its answer, or a piece from `offset` on; where more follows, the call is taken up again
// by tt_local_take.
void tt_local_reply(tt_bus *bus, tt_time now, tt_call *call, const tt_response *response,
                    size_t offset, bool final);
// The answer to one: an error is the last that an observer hears, and a call that does not observe
// has one answer.
void tt_local_answer(tt_bus *bus, tt_time now, tt_call *call, const tt_response *response,
                     size_t offset);
void tt_local_advance(tt_bus *bus, tt_time now); // serves those that wait

// observers.c: observers of ours
bool tt_observers_add(tt_bus *bus, tt_time now, tt_resource *resource, tt_bus_session *session,
                      const tt_message *message, tt_call *call);
tt_bus_observer *tt_observers_find(tt_bus *bus, const tt_bus_session *session,
                                   const tt_bus_token *token); // or NULL
void tt_observers_remove(tt_bus *bus, const tt_bus_session *session, const tt_bus_token *token);
void tt_observers_drop(tt_bus *bus, tt_bus_observer *observer);
void tt_observers_confirmed(tt_bus *bus, tt_time now, tt_bus_observer *observer, bool reset);
void tt_observers_rejected(tt_bus *bus, const tt_bus_session *session, uint16_t message_id);
// The newest state instead of one that was not acknowledged; false: nothing changed since.
bool tt_observers_renew(tt_bus *bus, tt_time now, tt_bus_session *session);
void tt_observers_advance(tt_bus *bus, tt_time now);
tt_time tt_observers_deadline(const tt_bus *bus);

// stream.c: long bodies, piece by piece
void tt_stream_offer(tt_bus *bus, tt_bus_session *session, tt_call *call); // where it may be one
void tt_stream_write_offer(const tt_call *call, tt_message_writer *w);
void tt_stream_let_go(tt_bus *bus, tt_call *call);
// Whether a response to a call is the stream's affair.
bool tt_stream_response(tt_bus *bus, tt_time now, tt_call *call, const tt_message *message);
// Accepts a stream with the answer to a request, where it can be one; `transfer`: of its body.
void tt_stream_open(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_message *message,
                    tt_resource *resource, tt_bus_transfer *transfer, const tt_request *request,
                    tt_response *response);
bool tt_stream_owes(const tt_bus *bus, tt_answer_token owed); // the answer to a body that comes
void tt_stream_answered(tt_bus *bus, tt_answer_token owed);
void tt_stream_receive(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                       const tt_message *message);
void tt_stream_advance(tt_bus *bus, tt_time now);
tt_time tt_stream_deadline(const tt_bus *bus);
bool tt_stream_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                        size_t *length);
// Whether one of a call of ours, or one that is served, is with a peer.
bool tt_stream_is_of(const tt_bus *bus, const tt_bus_session *session, bool call);
void tt_stream_hand_over(tt_bus *bus, const tt_bus_session *from, tt_bus_session *to);
// Whether a message is of a stream that is served to a peer, and newer than all that came of it.
bool tt_stream_is_served(const tt_bus *bus, const tt_bus_session *session,
                         const tt_message *message, bool *is_newer);
void tt_stream_forget(tt_bus *bus, const tt_bus_session *session);
void tt_stream_unreachable(tt_bus *bus, const tt_endpoint *peer); // what nobody there has heard of
void tt_stream_remove(tt_bus *bus, const tt_resource *resource);
size_t tt_stream_count(const tt_bus *bus);

// bodies.c: bodies that come in
bool tt_bodies_place_whole(tt_bus *bus, tt_time now, const tt_resource *resource,
                           const tt_bus_session *session, const tt_request *request,
                           tt_response *response);
tt_bus_transfer *tt_bodies_place_block(tt_bus *bus, tt_time now, tt_resource *resource,
                                       tt_bus_session *session, const tt_request *request,
                                       const tt_message *message, tt_response *response);
void tt_bodies_advance(tt_bus *bus, tt_time now);
tt_time tt_bodies_deadline(const tt_bus *bus);

// moving.c
// The session of a request, wherever it comes from, moved there or made; NULL: there is no room for
// it. What cannot be begun from there is taken out of the message.
tt_bus_session *tt_moving_session(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                                  tt_message *message);
// Moves the session of a stream that is served where a message of it came from, if that is newer.
// Returns where the session is: the message is of that.
const tt_endpoint *tt_moving_stream(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                                    const tt_message *message);

// server.c
void tt_server_request(tt_bus *bus, tt_time now, const tt_endpoint *peer, tt_message *message);
void tt_server_send_waiting(tt_bus *bus, tt_time now); // answers whose session is free now
void tt_server_refuse_busy(tt_bus *bus, tt_response *response);
// The place of an answer to a far request or to a call of ours; 0: all are taken.
tt_answer_token tt_owed_new(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_message *m,
                            tt_call *call);
bool tt_owed_is_open(const tt_bus *bus, tt_answer_token id);
void tt_owed_renew(tt_bus *bus, tt_time now, tt_answer_token id); // the whole time once more
void tt_owed_forget(tt_bus *bus, tt_answer_token id);
void tt_server_advance(tt_bus *bus, tt_time now);
tt_time tt_server_deadline(const tt_bus *bus);

// links.c: the handler of /.well-known/core
void tt_bus_links_handler(tt_resource *resource, tt_time now, const tt_request *request,
                          tt_response *response);

#endif
