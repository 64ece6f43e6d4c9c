// SMSC LAN9118, the Ethernet controller of the MPS2 boards.

#ifndef TUTTI_OS_DRIVER_LAN9118_H
#define TUTTI_OS_DRIVER_LAN9118_H

#include <stdint.h>

#include "tutti/ethernet.h"

typedef struct tt_lan9118 {
    tt_ethernet ethernet; // first
    uintptr_t base;
} tt_lan9118;

// Resets the controller at `base` and starts it, its interrupt not yet asked for; takes the
// hardware address from it. TT_NOT_FOUND where there is none, TT_TIMED_OUT where it does not come
// out of reset, or its MAC does not answer.
tt_status tt_lan9118_init(tt_lan9118 *device, uintptr_t base);

// To be called from the handler of its interrupt. It calls `arrived` and keeps quiet until
// `receive` has found nothing more.
void tt_lan9118_interrupt(tt_lan9118 *device);

#endif
