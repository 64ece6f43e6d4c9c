// TIM2, which QEMU lets count at 1 GHz (7.2) or 48 MHz (10) whatever its clock is, at 1 MHz: 32
// bits pass in 71 minutes.

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

// How much it counts while 200,000 instructions pass, of 32 ns each (run_image.sh): 6.4 ms.
static uint32_t count_of_a_while(void)
{
    CONTROL = 1;
    COUNT = 0;
    __asm__ volatile("ldr r0, =100000\n1: subs r0, #1\n bne 1b" ::: "r0", "cc");
    return COUNT;
}

void other_clock_start(void)
{
    DIVIDER = count_of_a_while() > 2000000 ? 999 : 47;
    COUNT = 0;
}

tt_time other_clock_now(void)
{
    return (tt_time)1000 * COUNT;
}
