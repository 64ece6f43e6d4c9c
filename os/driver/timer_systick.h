// SysTick of a Cortex-M as the kernel's clock and alarm.

#ifndef TUTTI_OS_DRIVER_TIMER_SYSTICK_H
#define TUTTI_OS_DRIVER_TIMER_SYSTICK_H

#include <stdint.h>

// Once, before tt_kernel_start: the rate of its external reference, whole megahertz from 1 to 255.
void tt_timer_systick_init(uint32_t hertz);

void tt_timer_systick_interrupt(void); // by tt_cm_systick (arch/cortex-m4/systick.S)

#endif
