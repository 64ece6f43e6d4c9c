// What the files of the node share.

#ifndef TUTTI_NODE_INTERNAL_H
#define TUTTI_NODE_INTERNAL_H

#include "tutti/node.h"

// node.c: sends node->datagram, of which peer, data and length are set, from the bus's port.
void tt_node_send(tt_node *node);

// What a node does that looks for others and watches over them (presence.c).
typedef struct tt_node_finding {
    tt_status (*begin)(tt_node *node, tt_time now, const tt_discovery_options *self);
    // A datagram came to the bus's port. True: it answers a ping, and is no concern of the bus.
    bool (*receive)(tt_node *node, tt_time now, const tt_datagram *datagram);
    // Pings and asks whom it concerns, declares gone who stays silent.
    void (*advance)(tt_node *node, tt_time now);
} tt_node_finding;

// node.c: the start of both kinds; `finding`: NULL for one that looks for nobody.
tt_status tt_node_set_up(tt_node *node, tt_platform *platform, const tt_node_options *options,
                         const tt_node_finding *finding);

// life.c: adds the resource that tells others of this life.
void tt_life_init(tt_node *node);
tt_time tt_life_sleep_of(const tt_peer *peer); // how long its silence means nothing

// What presence.c and strangers.c share.
// Sends a ping and returns its id, which is not 0.
uint16_t tt_presence_ping(tt_node *node, const tt_endpoint *endpoint);

// strangers.c
// A datagram came from an endpoint; `id`: it is an answer to a ping, else 0. True: to one of these.
bool tt_strangers_heard(tt_node *node, tt_time now, const tt_endpoint *endpoint, uint16_t id);
// Watches over those who are observed by their address; returns when they are looked at next.
tt_time tt_strangers_advance(tt_node *node, tt_time now);

// timers.c: calls the timers that are due, and when the next one will be.
void tt_timers_advance(tt_node *node, tt_time now);
tt_time tt_timers_deadline(const tt_node *node);

#endif
