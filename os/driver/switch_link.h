// The station's side of the user-space Ethernet switch (tools/switch): an Ethernet driver over a
// unix stream socket. Linux only; the emulated boards have real drivers.

#ifndef TUTTI_OS_DRIVER_SWITCH_LINK_H
#define TUTTI_OS_DRIVER_SWITCH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/ethernet.h"

#define TT_SWITCH_LINK_INPUT_MAX 8192 // bytes; several frames for one system call

typedef struct tt_switch_link {
    tt_ethernet ethernet; // first
    int descriptor;       // non-blocking; readable when `receive` may have something
    bool gone;            // the switch closed the connection, or sent nonsense
    uint8_t input[TT_SWITCH_LINK_INPUT_MAX];
    size_t input_start, input_end;
    uint8_t output[4 + TT_FRAME_MAX]; // the rest of a frame that the socket took in part
    size_t output_start, output_end;
} tt_switch_link;

// Connects to the switch at `path`. TT_NOT_FOUND (nothing listens there), TT_TOO_LARGE (the path is
// too long for a unix socket), TT_IO. It may be called before the kernel runs.
tt_status tt_switch_link_open(tt_switch_link *link, const char *path, const uint8_t mac[6]);

// As open, over a socket that is connected already, such as one inherited from the switch's
// program.
tt_status tt_switch_link_attach(tt_switch_link *link, int descriptor, const uint8_t mac[6]);

#endif
