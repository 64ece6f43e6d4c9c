// Who is reached at an address: from an endpoint, a device's own or a group's, to the sockets that
// hear what is sent there, without a look at any other.

#ifndef TUTTI_SIM_ADDRESSES_H
#define TUTTI_SIM_ADDRESSES_H

#include <stddef.h>

#include "tutti/endpoint.h"

// One socket of one node.
typedef struct tt_sim_listener {
    uint16_t node, socket;
} tt_sim_listener;

typedef struct tt_sim_place {
    tt_endpoint at; // port 0: none
    tt_sim_listener *listeners;
    unsigned count, room;
} tt_sim_place;

typedef struct tt_sim_addresses {
    tt_sim_place *places; // by hash; `room` is a power of two
    size_t count, room;
} tt_sim_addresses;

// An index that is all zero is empty.
void tt_sim_addresses_free(tt_sim_addresses *index);

// From now on `listener` hears what is sent to `at`, of which the interface does not matter; a
// device's own address has one listener, a group's any number, which keep their order.
void tt_sim_addresses_add(tt_sim_addresses *index, const tt_endpoint *at, tt_sim_listener listener);
// And no longer; where it did not, nothing happens.
void tt_sim_addresses_remove(tt_sim_addresses *index, const tt_endpoint *at,
                             tt_sim_listener listener);
// NULL where nobody listens. Good until the next call that changes the index.
const tt_sim_place *tt_sim_addresses_find(const tt_sim_addresses *index, const tt_endpoint *at);

#endif
