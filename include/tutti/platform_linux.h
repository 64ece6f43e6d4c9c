// The platform on a Linux host's own sockets.
//
// Until the bus is secured it is confined to the loopback interface: ports are bound to 127.0.0.1
// and ::1. A port with multicast groups, which are joined there, is shared with other programs of
// the host (it is never TT_BUSY for them) and drops what comes in by another interface. A host
// without IPv6 does with IPv4.
//
// What comes is taken many at a time, and what may wait (tt_datagram.may_wait) is sent so: runs of
// datagrams of one length by UDP_GRO and UDP_SEGMENT where the kernel has them, else by recvmmsg
// and sendmmsg. While there is something to take only one wait in four asks the kernel what else
// has come.

#ifndef TUTTI_PLATFORM_LINUX_H
#define TUTTI_PLATFORM_LINUX_H

#include "tutti/language.h"
#include "tutti/platform.h"
#include "tutti/platform_host.h"

TT_C_BEGIN

#define TT_PLATFORM_LINUX_SOCKETS_MAX 3

typedef struct tt_platform_linux {
    tt_platform platform; // first
    tt_host host;
    int descriptors[2 * TT_PLATFORM_LINUX_SOCKETS_MAX]; // of each socket: IPv4, IPv6; -1: none
    unsigned sockets;
    struct tt_linux_inbox *inboxes[2 * TT_PLATFORM_LINUX_SOCKETS_MAX]; // what came to each
    struct tt_linux_run *run; // what waits to be sent with more of its kind
    bool without_runs;        // set before the ports are opened: does as on a kernel without
                              // UDP_SEGMENT and UDP_GRO
    bool cuts;                // the kernel has UDP_SEGMENT
    unsigned unasked;         // waits since the kernel was asked what is ready
    unsigned turn;    // which descriptor is read next: one after another, so that none starves
    unsigned ready;   // bit i: descriptor i may have something to read
    uint64_t dropped; // from other interfaces
    uint64_t lost;    // that waited for others and could not be sent
} tt_platform_linux;

// Prepares the platform in the caller's storage. TT_IO where the system gives no descriptor.
tt_status tt_platform_linux_init(tt_platform_linux *platform);

TT_C_END

#endif
