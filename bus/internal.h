// What the files of the bus share.

#ifndef TUTTI_BUS_INTERNAL_H
#define TUTTI_BUS_INTERNAL_H

#include "bus/message.h"

#define TT_BLOCK_EXPONENT_MAX 6     // 1024 bytes
#define TT_BLOCK_NUMBER_MAX 0xfffff // RFC 7959, 2.2

// From the lowest up: each file uses those before it.

// outbox.c
uint16_t tt_bus_new_message_id(tt_bus *bus);
tt_time tt_bus_first_wait(tt_bus *bus); // until the first retransmission, RFC 7252, 4.2
tt_bus_datagram *tt_bus_out(tt_bus *bus, const tt_endpoint *peer); // NULL: no room, counted
void tt_bus_send_empty(tt_bus *bus, const tt_endpoint *peer, tt_message_type type, uint16_t id);
bool tt_endpoint_is_own(const tt_endpoint *peer);

// handler.c
// Makes a response a diagnostic: `what` and `which` as text.
void tt_bus_diagnose(tt_bus *bus, tt_response *response, tt_code code, const char *what,
                     const char *which);
tt_resource *tt_bus_find_resource(const tt_bus *bus, const char *path);
// Runs the handler for a request, or makes the answer for no resource or a wrong method.
void tt_bus_run_handler(tt_bus *bus, tt_time now, tt_resource *resource, const tt_request *request,
                        tt_response *response);
// Holds a handler to what it owes (see tt_response); what it must not do becomes 5.00.
void tt_bus_check_response(tt_bus *bus, const tt_request *request, tt_response *response);
// The window that a block option asks for.
void tt_bus_set_window(tt_bus *bus, tt_request *request, const tt_block *block2);
// A version as an entity tag: its number, and how many bytes it has.
uint8_t tt_bus_etag(const tt_bus *bus, uint64_t version, uint64_t *etag);
// Writes a response to a request with these block options, or NULL; false: it does not fit.
bool tt_bus_write_response(const tt_bus *bus, tt_message_writer *w, const tt_block *block1,
                           const tt_block *block2, const tt_response *response,
                           const uint32_t *observe);

// client.c
void tt_bus_client_response(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                            const tt_message *message);
void tt_bus_client_empty(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                         const tt_message *message);
void tt_bus_client_advance(tt_bus *bus, tt_time now);
// Gives a call to the own device its answer, or a piece from `offset` on; where more follows, the
// call is taken up again by tt_bus_client_take_local.
void tt_bus_client_local(tt_bus *bus, tt_time now, tt_call *call, const tt_response *response,
                         size_t offset, bool final);
size_t tt_bus_client_count_local(const tt_bus *bus);
tt_call *tt_bus_client_take_local(tt_bus *bus); // the next call to the own device, or NULL
void tt_bus_client_cancel(tt_bus *bus, tt_time now, tt_call *call);
bool tt_bus_client_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                            size_t *length);
tt_time tt_bus_client_deadline(const tt_bus *bus);
void tt_bus_client_forget(tt_bus *bus, tt_time now, const tt_endpoint *peer);

// reply.c: what is repeated until acknowledged, and observers
tt_bus_reply *tt_bus_reply_new(tt_bus *bus, tt_time now, const tt_endpoint *peer, bool confirmable);
void tt_bus_reply_empty(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                        const tt_message *message);
void tt_bus_reply_advance(tt_bus *bus, tt_time now);
tt_time tt_bus_reply_deadline(const tt_bus *bus);
bool tt_bus_observe(tt_bus *bus, tt_resource *resource, const tt_endpoint *peer,
                    const tt_message *message, tt_call *call);
void tt_bus_unobserve(tt_bus *bus, const tt_endpoint *peer, const tt_bus_token *token);
void tt_bus_drop_observer(tt_bus *bus, tt_bus_observer *observer);

// server.c
void tt_bus_server_request(tt_bus *bus, tt_time now, const tt_endpoint *peer, tt_message *message);
void tt_bus_server_local(tt_bus *bus, tt_time now, tt_call *call);

// links.c: the handler of /.well-known/core
void tt_bus_links_handler(tt_resource *resource, tt_time now, const tt_request *request,
                          tt_response *response);

#endif
