// The CMSDK timers as the kernel's clock and alarm.

#ifndef TUTTI_OS_DRIVER_TIMER_CMSDK_H
#define TUTTI_OS_DRIVER_TIMER_CMSDK_H

#include <stdint.h>

// Once, before tt_kernel_start: the registers of two timers, the interrupt of the second, their
// clock.
void tt_timer_cmsdk_init(uintptr_t clock, uintptr_t alarm, unsigned alarm_line, uint32_t hertz);

#endif
