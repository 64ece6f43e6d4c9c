// The CMSDK APB watchdog.

#ifndef TUTTI_OS_DRIVER_WATCHDOG_CMSDK_H
#define TUTTI_OS_DRIVER_WATCHDOG_CMSDK_H

#include <stdint.h>

#include "tutti/time.h"

// Starts it, once: not fed within `period` (at most 2^32 ticks of its clock) it raises its
// interrupt, not fed within another period it resets the machine.
void tt_watchdog_cmsdk_start(uintptr_t base, uint32_t hertz, tt_time period);
void tt_watchdog_cmsdk_feed(void);

#endif
