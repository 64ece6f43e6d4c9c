// The network half of the seam (tutti/platform.h) over any Ethernet driver, by lwIP.
//
// It has no thread, no clock and no allocation of its own: the platform that uses it gives the
// clock, calls from one thread, and sleeps until tt_stack_deadline or until the driver says
// `arrived`. lwIP is global state, so there is one stack a process and it has no handle.

#ifndef TUTTI_PLATFORM_LWIP_STACK_H
#define TUTTI_PLATFORM_LWIP_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/lwip/stack_limits.h"
#include "tutti/ethernet.h"
#include "tutti/platform.h"

#define TT_STACK_GROUPS_MAX 4   // multicast groups of each family, one of them the stack's own
#define TT_STACK_RECEIVED_MAX 8 // datagrams that wait for tt_stack_receive
#define TT_STACK_INTERFACE 1    // the number of the one interface

typedef struct tt_stack_options {
    tt_ethernet *ethernet;         // with its address set
    tt_time (*now)(void *context); // the monotonic clock
    void *context;                 // for `now`
    uint64_t seed;                 // for the random delays of the protocols
    bool optimistic; // use the IPv6 address without asking first whether another has it
} tt_stack_options;

typedef struct tt_stack_counters {
    uint64_t frames_sent, frames_received;
    uint64_t frames_refused;    // to send, and the driver had no room
    uint64_t frames_dropped;    // received: damaged, own, too short, or no buffer was free
    uint64_t datagrams_dropped; // received, but nobody took those before them in time, or too long
} tt_stack_counters;

// Starts the interface: an IPv6 link-local address after duplicate detection (RFC 4862, about 1.2
// s; at once where that is left out), an IPv4 link-local one after its probes (RFC 3927, 5 to 9 s).
void tt_stack_start(const tt_stack_options *options);

// Does what the protocols have due. tt_stack_receive does it too.
void tt_stack_advance(void);

// When the stack wants to be called again: the next time that a protocol may have to say something
// (TT_FOREVER: not before the next frame), or a time in the past while the driver may have frames
// that were not looked at, or the addresses have changed since tt_stack_addresses.
tt_time tt_stack_deadline(void);

// As the operations of tt_platform with the same names.
tt_status tt_stack_open(uint16_t port, const tt_endpoint *groups, size_t group_count,
                        tt_socket *socket);
tt_status tt_stack_send(const tt_datagram *datagram);
tt_status tt_stack_receive(tt_datagram *datagram);
size_t tt_stack_addresses(tt_endpoint *addresses, size_t capacity);

// Gives a socket back, with what was received on it; its number may be given again. The groups that
// it joined stay joined.
void tt_stack_close(tt_socket socket);

// The port that a socket is bound to.
uint16_t tt_stack_port(tt_socket socket);

const tt_stack_counters *tt_stack_counters_get(void);

#endif
