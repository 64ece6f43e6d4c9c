// What an Ethernet driver gives to the network stack above it.
//
// A driver's struct begins with a tt_ethernet. `send` and `receive` are called from the node's loop
// thread only; interrupts only call `arrived`, so a frame is never handled in one.

#ifndef TUTTI_ETHERNET_H
#define TUTTI_ETHERNET_H

#include <stddef.h>
#include <stdint.h>

#include "tutti/status.h"

#define TT_FRAME_MAX 1514 // bytes of a frame without its checksum

typedef struct tt_ethernet tt_ethernet;

struct tt_ethernet {
    uint8_t mac[6];

    // Hands one whole frame to the device; it is copied. Short frames are padded by the driver with
    // zeros, to the 60 bytes of Ethernet.
    // TT_FULL where the device has no room now (counted), TT_TOO_LARGE beyond TT_FRAME_MAX, TT_IO
    // where the link is gone.
    tt_status (*send)(tt_ethernet *ethernet, const void *frame, size_t length);

    // Takes the next received frame, TT_EMPTY where there is none, TT_DAMAGED where one was
    // dropped (counted). `capacity` is at least TT_FRAME_MAX. A frame of one's own that the network
    // sends back is one like any.
    tt_status (*receive)(tt_ethernet *ethernet, void *frame, size_t capacity, size_t *length);

    // Set by the user of the driver before it starts: called, also from an interrupt handler, when
    // `receive` may have something.
    void (*arrived)(void *context);
    void *arrived_context;

    uint64_t frames_sent, frames_received, frames_dropped;
};

#endif
