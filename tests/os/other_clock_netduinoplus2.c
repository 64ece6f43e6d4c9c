// TIM2, which QEMU lets count at 1 GHz whatever its clock is, by 1000: 32 bits pass in 71 minutes.

#include <stdint.h>

#include "tests/os/other_clock.h"

#define TIM2 0x40000000u
#define CONTROL (*(volatile uint32_t *)(TIM2 + 0x00))
#define COUNT (*(volatile uint32_t *)(TIM2 + 0x24))
#define DIVIDER (*(volatile uint32_t *)(TIM2 + 0x28))

// An emulator that skips idle time skips the end of a period for that of the next: its CPU is busy.
const other_clock_plan other_clock = {.idle = TT_SECONDS(4),
                                      .busy = TT_SECONDS(4),
                                      .sleep = TT_SECONDS(4),
                                      .tolerance = TT_MS(1) / 4,
                                      .lets_sleep = false};

void other_clock_start(void)
{
    DIVIDER = 999;
    CONTROL = 1;
    COUNT = 0;
}

tt_time other_clock_now(void)
{
    return (tt_time)1000 * COUNT;
}
