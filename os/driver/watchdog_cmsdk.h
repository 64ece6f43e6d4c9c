// The CMSDK APB watchdog.

#ifndef TUTTI_OS_DRIVER_WATCHDOG_CMSDK_H
#define TUTTI_OS_DRIVER_WATCHDOG_CMSDK_H

#include <stdint.h>

#include "tutti/time.h"

// Starts it, once: not fed within `period` (at most 2^32 ticks of its clock) it raises its
// interrupt. It resets nothing yet: of a machine that stood still for several periods it would not
// be known whether the interrupt could have been served.
void tt_watchdog_cmsdk_start(uintptr_t base, uint32_t hertz, tt_time period);
void tt_watchdog_cmsdk_feed(void);

// From now on, not fed within two periods, it resets the machine.
void tt_watchdog_cmsdk_reset_next(void);

#endif
