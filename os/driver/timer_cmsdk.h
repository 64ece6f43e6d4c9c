// The CMSDK timers as the kernel's clock and alarm.

#ifndef TUTTI_OS_DRIVER_TIMER_CMSDK_H
#define TUTTI_OS_DRIVER_TIMER_CMSDK_H

void tt_timer_cmsdk_init(void); // once, before tt_kernel_start

#endif
