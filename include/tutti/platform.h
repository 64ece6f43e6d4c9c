// The one seam between Tutti and whatever machine it runs on.
//
// A platform gives a node its clock, randomness, datagrams, workers and a way to sleep. Four
// implement it: platform/device (the kernel and lwIP), platform/switch (a host process and lwIP),
// platform/linux (the host) and sim (virtual time and a faulty network). One thread, the node's
// loop, makes every call here except `wake`.
//
// Each implementation is a struct that begins with a tt_platform; the functions get it back.

#ifndef TUTTI_PLATFORM_H
#define TUTTI_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/endpoint.h"
#include "tutti/status.h"
#include "tutti/time.h"

typedef struct tt_platform tt_platform;
typedef struct tt_work tt_work;

// The largest UDP payload that is sent or received: what fits an Ethernet frame with IPv6.
#define TT_DATAGRAM_MAX 1452
#define TT_ADDRESSES_MAX 8 // own addresses that a platform reports
#define TT_WORKS_MAX 4     // works queued or running at a time

// A piece of long work: `run` is called on a worker thread, one work at a time and in the order of
// the calls, then `done` on the loop's thread with the time of then. The caller owns it and leaves
// it alone from the call of `work` until `done` is called, which may queue it again.
struct tt_work {
    void (*run)(tt_work *work);
    void (*done)(tt_work *work, tt_time now);
    tt_work *next; // the platform's
};

// A UDP port that was opened; small numbers from 0.
typedef unsigned tt_socket;

typedef struct tt_datagram {
    tt_socket socket;  // received on, or to be sent from
    tt_endpoint peer;  // where it came from, or where it goes
    uint8_t hop_limit; // sending: IPv6 hop limit or IPv4 TTL, 0 for the default; receiving: unused
    bool may_wait;  // sending: it need not go before the next `wait`, so that it may go with others
                    // that follow; receiving: unused
    bool multicast; // receiving: it was sent to a group or to everybody; sending: unused
    bool cut; // receiving: it was longer than TT_DATAGRAM_MAX, and this is its beginning; sending:
              // unused
    size_t length; // bytes of data in use
    uint8_t data[TT_DATAGRAM_MAX];
} tt_datagram;

typedef struct tt_platform_operations {
    // The monotonic clock. In the simulator it is the node's own, skewed, virtual clock.
    tt_time (*now)(tt_platform *platform);

    // Unpredictable where the machine has entropy; reproducible in the simulator.
    void (*random)(tt_platform *platform, void *bytes, size_t length);

    // Opens a UDP port on every interface, IPv4 and IPv6, and joins the multicast `groups` (of
    // which interface and port are ignored). Without groups it hears what is sent to this device
    // alone: nothing that went to a group or to everybody. Port 0 takes a free one. TT_FULL,
    // TT_BUSY (the port is taken), TT_INVALID (a group that is none), TT_IO; then nothing is open.
    tt_status (*open)(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                      size_t group_count, tt_socket *socket);

    // Opens a port that hears what is sent to the multicast `groups`, one of each family at most,
    // and nothing else: all of it is told as multicast. Others may hear the same beside, this
    // platform's own sockets too. Nothing is sent from it. NULL: this platform cannot; else as
    // `open`.
    tt_status (*open_groups)(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                             size_t group_count, tt_socket *socket);

    // The port that an open socket has.
    uint16_t (*port)(tt_platform *platform, tt_socket socket);

    // Sends one datagram; to a multicast group with interface 0 means on every interface.
    // TT_OK is no promise of arrival. TT_UNREACHABLE, TT_FULL (no buffer now), TT_TOO_LARGE. Of one
    // that may wait, TT_OK says that it was taken: it goes in the order of the calls, by the next
    // `wait` at the latest.
    tt_status (*send)(tt_platform *platform, const tt_datagram *datagram);

    // Takes the next datagram that has arrived, without waiting, of each port in turn where several
    // have one: TT_EMPTY where there is none, or none that was there when `wait` last returned. Of
    // one longer than TT_DATAGRAM_MAX the beginning is given, and `cut` says so.
    //
    // TT_UNREACHABLE instead: a datagram sent from `socket` to `peer` came to a machine where
    // nothing listens at that port, as its ICMP error says; `length` is 0, and more may follow. It
    // is a hint: it may be lost, a platform may never give it, and whoever can put a frame on the
    // network can forge it. Only errors that quote this machine's own address and this socket's
    // port are given; whether something was sent to `peer` at all is for the caller to know.
    tt_status (*receive)(tt_platform *platform, tt_datagram *datagram);

    // The node's own unicast addresses, port 0; returns how many (at most `capacity`). They can
    // change while running (link-local addresses take seconds to be ready): then `wait` returns.
    // A caller that waits asks after each wait: until it has asked, `wait` goes on returning.
    size_t (*addresses)(tt_platform *platform, tt_endpoint *addresses, size_t capacity);

    // Sleeps until a datagram can be received, the own addresses change, a work is done, `wake` is
    // called or `deadline` passes; runs the `done` of finished works before it returns. A deadline
    // in the past only polls.
    void (*wait)(tt_platform *platform, tt_time deadline);

    // Makes a present or the next `wait` return. From any thread or interrupt handler.
    void (*wake)(tt_platform *platform);

    // Queues work for a worker thread. TT_FULL beyond TT_WORKS_MAX.
    tt_status (*work)(tt_platform *platform, tt_work *work);
} tt_platform_operations;

struct tt_platform {
    const tt_platform_operations *operations;
};

#endif
