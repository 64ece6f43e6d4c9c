// A station of the virtual Ethernet that passes datagrams between ports of this machine's loopback
// interface and devices, so that programs which know nothing of the switch reach them, without
// root.
//
//     client 127.0.0.1:40000  ->  127.0.0.1:PORT | a port of the station  ->  the device
//
// Each client, which is an address and port, has a port of the station to itself: the device tells
// clients by where a datagram comes from. Only what comes from the device itself goes back. Nothing
// is read inside datagrams, so block-wise transfers and observations work as they are; a datagram
// that finds no room or no device yet is lost, as on any network.

#ifndef TUTTI_PLATFORM_SWITCH_FORWARD_H
#define TUTTI_PLATFORM_SWITCH_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "os/driver/switch_link.h"
#include "tutti/platform.h"

#define TT_FORWARDS_MAX 16
#define TT_FORWARD_CLIENTS_MAX 256       // of all forwards together
#define TT_FORWARD_IDLE TT_SECONDS(600)  // a client that was silent for so long is forgotten
#define TT_FORWARD_YIELDS TT_SECONDS(30) // in a full table, the one silent longest, if so long

typedef struct tt_forward_client {
    bool used;
    unsigned forward;
    tt_endpoint endpoint; // on the loopback interface
    tt_socket socket;     // its port of the station
    tt_time active_at;    // when a datagram last went either way
} tt_forward_client;

typedef struct tt_forward {
    uint16_t port;
    int descriptors[2]; // bound to 127.0.0.1 and [::1]; -1: none
    tt_endpoint device; // port 0: not known yet
} tt_forward;

typedef struct tt_forwarder {
    tt_switch_link link;
    tt_forward forwards[TT_FORWARDS_MAX];
    unsigned count;
    tt_forward_client clients[TT_FORWARD_CLIENTS_MAX];
    tt_datagram datagram;
    uint64_t turned_away; // datagrams of new clients that found the table full
} tt_forwarder;

// Binds `port` of 127.0.0.1 and [::1] for one more forward; its number is `count` before the call.
// TT_BUSY (the port is taken), TT_DENIED (not permitted: below 1024), TT_FULL, TT_IO.
tt_status tt_forwarder_add(tt_forwarder *forwarder, uint16_t port);

// Joins the switch at `socket_path`. One a process, which has no other station: lwIP is global
// state. As tt_switch_link_open.
tt_status tt_forwarder_start(tt_forwarder *forwarder, const char *socket_path, uint64_t seed);

// Where the device of a forward is, from now on. Clients keep their ports.
void tt_forwarder_aim(tt_forwarder *forwarder, unsigned forward, const tt_endpoint *device);

// Passes on what has come, and waits for more until `deadline` or until `other` (a descriptor, or
// -1) is readable. False where the switch has gone.
bool tt_forwarder_turn(tt_forwarder *forwarder, int other, tt_time deadline);

// Closes the ports on the loopback interface.
void tt_forwarder_close(tt_forwarder *forwarder);

#endif
