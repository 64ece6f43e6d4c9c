// A line of a USART as an Ethernet: frames as os/driver/slip.h has them, in both directions at
// once.

#ifndef TUTTI_OS_DRIVER_USART_SLIP_H
#define TUTTI_OS_DRIVER_USART_SLIP_H

#include <stdint.h>

#include "os/driver/slip.h"
#include "tutti/ethernet.h"

#define TT_USART_SLIP_BYTES                                                                        \
    4096 // of each ring; a power of two. Two frames of full length, or many short ones

// Frames one behind the other, each after its length in two bytes.
typedef struct tt_frame_ring {
    uint8_t bytes[TT_USART_SLIP_BYTES];
    volatile uint32_t first, end; // count on for ever: of whole frames
} tt_frame_ring;

typedef struct tt_usart_slip {
    tt_ethernet ethernet; // first
    uintptr_t base;
    tt_frame_ring received, sending;
    tt_slip_reader reader;
    uint32_t coming;         // bytes of the frame that comes, behind the whole ones
    volatile uint32_t lost;  // frames that came and were none, or found no room
    uint32_t lost_told;      // of these
    uint32_t leaving;        // what is left of the frame that goes, its closing END included
    uint8_t leaving_next;    // the second byte of an escape, or 0
    volatile bool is_asking; // for the interrupt when more can be sent
} tt_usart_slip;

// Starts the USART at `base`, which has its clock and its pins, with the hardware address `mac`.
// `divider`: of its clock, to the baud rate.
void tt_usart_slip_init(tt_usart_slip *device, uintptr_t base, uint32_t divider,
                        const uint8_t mac[6]);

// To be called from the handler of its interrupt.
void tt_usart_slip_interrupt(tt_usart_slip *device);

#endif
